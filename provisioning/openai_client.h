// OpenAiClient: asks a server that speaks OpenAI's API, such as a node's gateway, for its models
// and for the answer to a chat, which arrives as it is generated.
// The idea: HttpClient brings bytes and EventStream the events in them; what is left is JSON, and
// an error in the server's own words. Blocking; for one thread at a time.
#pragma once

#include <atomic>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mdl/base/json.h"
#include "mdl/base/result.h"
#include "provisioning/http_client.h"

namespace conduit::provisioning {

struct ChatCall {
  std::string model;
  json::Array messages;               // {"role": …, "content": …}
  std::optional<double> temperature;  // absent: the server's
  std::optional<int> max_tokens;
  const std::atomic<bool>* cancelled = nullptr;  // as HttpCall's
};

struct ChatPiece {
  std::string_view text;
  bool is_thought = false;  // reasoning_content: not part of the answer
};

class OpenAiClient {
 public:
  // `url`: http://HOST:PORT, with or without /v1. `api_key`: empty for none.
  OpenAiClient(std::string url, std::string api_key);

  Result<std::vector<std::string>> models();

  // Calls `on_piece` with each piece of the answer. The result is the finish reason: "stop",
  // "length" and so on. Errors: HttpClient's; what the server says, by its status; corrupt, for an
  // answer that is not OpenAI's.
  Result<std::string> chat(const ChatCall& call,
                           const std::function<void(const ChatPiece&)>& on_piece);

 private:
  Result<HttpReply> send(HttpCall call, const HttpSink& sink = {});

  std::string base_;  // ends in /v1
  std::string api_key_;
  HttpClient http_;
};

}  // namespace conduit::provisioning
