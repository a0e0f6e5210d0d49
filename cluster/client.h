// A program's way into a cluster: connect to any node, and every model that any node serves is
// there to be asked. Installed as <conduit/client.h>.
// The idea: the program becomes a member of the cluster, one without replicas, so its requests go
// straight to the replica that answers, and a node that dies is one model less for a moment and not
// a lost connection. Calls block the calling thread and may come from several at once; the answer's
// text is handed over as it is made. In the namespace that a user writes, not in the folder's.
//
//   auto client = conduit::Client::connect("tcp://127.0.0.1:7070");
//   if (!client) return fail(client.error().message);
//   auto answer = client->chat("smollm2", {{"user", "Why is the sky blue?"}}, {},
//                              [](std::string_view text) { std::cout << text << std::flush; });
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "mdl/base/result.h"

namespace conduit {

struct ChatMessage {
  std::string role;  // "system", "user", "assistant", or what else the model's template knows
  std::string content;
};

struct ChatOptions {
  int max_tokens = 0;     // 0: as many as the model has room for
  float temperature = 1;  // 0: always the likeliest token
  int top_k = 0;          // 0: all
  float top_p = 1;
  float min_p = 0;
  std::optional<std::uint64_t> seed;      // the same seed, the same answer
  std::vector<std::string> stop;          // ends before the first of these
  std::chrono::milliseconds deadline{0};  // for the whole answer; 0: none
  std::stop_token cancel;                 // request_stop() from any thread ends the answer
};

struct ChatAnswer {
  std::string text;
  std::string finish_reason;  // "stop" or "length"
  std::uint32_t prompt_tokens = 0;
  std::uint32_t completion_tokens = 0;
};

class Client {
 public:
  // A piece of the answer, whole characters only; on the calling thread. One that takes its time
  // slows the answer down, and nobody else's.
  using OnText = std::function<void(std::string_view text)>;

  // `endpoint`: a node's --listen. Errors: invalid_argument, unavailable (nobody answers there).
  static Result<Client> connect(const std::string& endpoint,
                                std::chrono::milliseconds timeout = std::chrono::seconds(5));
  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;
  ~Client();  // no call may be under way

  // The names of the models that are ready somewhere.
  Result<std::vector<std::string>> models() const;

  // Errors: not_found (no such model), unavailable (none of its replicas, now), exhausted,
  // invalid_argument, cancelled. What was handed to `on_text` by then stays said.
  Result<ChatAnswer> chat(const std::string& model, const std::vector<ChatMessage>& messages,
                          const ChatOptions& options = {}, const OnText& on_text = {}) const;
  // The same with the messages as a JSON array, for what ChatMessage has no field for.
  Result<ChatAnswer> chat_json(const std::string& model, const std::string& messages_json,
                               const ChatOptions& options = {}, const OnText& on_text = {}) const;

 private:
  struct Parts;
  explicit Client(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace conduit
