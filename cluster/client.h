// A program's way into a cluster: connect to any node, or hold one, and every model that any node
// serves is there to be asked. Installed as <conduit/client.h>.
// The idea: the program becomes a member of the cluster, so its requests go straight to the replica
// that answers, and a node that dies is one model less for a moment and not a lost connection. Each
// call is there twice: one that blocks and hands text over on the calling thread, and one that
// returns a Call at once. Any number may be under way, from any threads. In the namespace that a
// user writes, not in the folder's.
//
//   auto client = conduit::Client::connect("tcp://127.0.0.1:7070");
//   if (!client) return fail(client.error().message);
//   auto answer = client->chat("smollm2", {{"user", "Why is the sky blue?"}}, {},
//                              [](std::string_view text) { std::cout << text << std::flush; });
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mdl/base/result.h"
#include "mdl/describe.h"

namespace conduit {

struct ChatMessage {
  std::string role;  // "system", "user", "assistant", or what else the model's template knows
  std::string content;
};

struct ChatOptions {      // of completions too
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

struct Embeddings {
  std::vector<std::vector<float>> vectors;  // [texts][hidden], each of length one
  std::uint32_t prompt_tokens = 0;
};

// A call that is under way: a std::future that can be cancelled. One that is dropped is cancelled.
template <class T>
class [[nodiscard]] Call {
 public:
  Call(std::future<Result<T>> result, std::stop_source cancel)
      : result_(std::move(result)), cancel_(std::move(cancel)) {}
  Call(Call&&) noexcept = default;
  Call& operator=(Call&& other) noexcept {
    cancel_.request_stop();
    result_ = std::move(other.result_);
    cancel_ = std::move(other.cancel_);
    return *this;
  }
  ~Call() { cancel_.request_stop(); }

  // Blocks until there is a result, and takes it: once.
  Result<T> get() { return result_.get(); }
  // True: get() will not block.
  bool wait_for(std::chrono::milliseconds time) const {
    return result_.wait_for(time) == std::future_status::ready;
  }
  // Any thread; the result is Code::cancelled unless it was there before.
  void cancel() { cancel_.request_stop(); }

 private:
  std::future<Result<T>> result_;
  std::stop_source cancel_;  // moved from, it stops nothing
};

struct NodeOptions {
  std::vector<std::string> models = {};  // as conduit-node's --model: [NAME=]PATH
  // Its other flags by their keys (configs/local.toml), as {"threads", "4"} or {"join", ENDPOINT}.
  // HTTP is off and the log tells warnings alone, unless `http` and `log_level` say otherwise.
  std::map<std::string, std::string, std::less<>> settings = {};
};

class Client {
 public:
  // A piece of the answer, whole characters only. A blocking call calls it on its own thread, where
  // it may take its time: that slows this answer down and nobody else's. That of a Call is called
  // on a thread of the client's, and must not block.
  using OnText = std::function<void(std::string_view text)>;

  // `endpoint`: a node's --listen. Errors: invalid_argument, unavailable (nobody answers there).
  static Result<Client> connect(const std::string& endpoint,
                                std::chrono::milliseconds timeout = std::chrono::seconds(5));
  // A node inside this program; returns when its models can answer. Errors: invalid_argument (a
  // setting, by its key), and why a model cannot be served.
  static Result<Client> embed_node(const NodeOptions& options);
  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;
  // Ends the Calls under way with an error; no blocking call may be.
  ~Client();

  // The names of the models that are ready somewhere; known here, so told at once.
  Result<std::vector<std::string>> models() const;

  // Errors: not_found (no such model), unavailable (none of its replicas, now), exhausted,
  // invalid_argument, cancelled. What was handed to `on_text` by then stays said.
  Result<ChatAnswer> chat(const std::string& model, const std::vector<ChatMessage>& messages,
                          const ChatOptions& options = {}, const OnText& on_text = {}) const;
  Call<ChatAnswer> chat_async(const std::string& model, const std::vector<ChatMessage>& messages,
                              const ChatOptions& options = {}, OnText on_text = {}) const;
  // The same with the messages as a JSON array, for what ChatMessage has no field for.
  Result<ChatAnswer> chat_json(const std::string& model, const std::string& messages_json,
                               const ChatOptions& options = {}, const OnText& on_text = {}) const;
  Call<ChatAnswer> chat_json_async(const std::string& model, const std::string& messages_json,
                                   const ChatOptions& options = {}, OnText on_text = {}) const;

  // The answer as a T, a struct that MDL can say (mdl/describe.h): the question is sent with T's
  // hint, the model can write nothing but a T, and what comes is validated. A question that is a
  // struct itself is validated and sent as JSON. Errors: chat()'s; invalid_argument, a question
  // that does not fit its own limits; corrupt, an answer that does not fit (by a node that does not
  // know constraints), both with path, what was expected and what came.
  template <class T>
  Result<T> ask(const std::string& model, const std::string& question,
                const ChatOptions& options = {}) const {
    CONDUIT_TRY(const json::Value answer, ask_json(model, question, mdl::type_of<T>(), options));
    return mdl::from_json<T>(answer);
  }
  template <class T, mdl::codec::Struct Question>
  Result<T> ask(const std::string& model, const Question& question,
                const ChatOptions& options = {}) const {
    CONDUIT_TRY(const json::Value json, mdl::to_valid_json(question));
    return ask<T>(model, json::dump(json), options);
  }
  // The same for a type that is known at run time.
  Result<json::Value> ask_json(const std::string& model, const std::string& question,
                               const mdl::Type& type, const ChatOptions& options = {}) const;

  // A text continued, without the model's chat template.
  Result<ChatAnswer> complete(const std::string& model, const std::string& prompt,
                              const ChatOptions& options = {}, const OnText& on_text = {}) const;
  Call<ChatAnswer> complete_async(const std::string& model, const std::string& prompt,
                                  const ChatOptions& options = {}, OnText on_text = {}) const;

  // Texts as vectors, by an embedding model. A cancelled Call is left at once; texts that the model
  // has already are finished.
  Result<Embeddings> embed(const std::string& model, const std::vector<std::string>& texts) const;
  Call<Embeddings> embed_async(const std::string& model,
                               const std::vector<std::string>& texts) const;
  // How well each document answers the query, from 0 to 1, by a reranker.
  Result<std::vector<float>> rank(const std::string& model, const std::string& query,
                                  const std::vector<std::string>& documents) const;
  Call<std::vector<float>> rank_async(const std::string& model, const std::string& query,
                                      const std::vector<std::string>& documents) const;

 private:
  struct Parts;
  explicit Client(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace conduit
