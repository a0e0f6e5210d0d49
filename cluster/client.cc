// An actor system, a router and a spine of its own; a blocking reader over a stream.
#include "cluster/client.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <limits>
#include <mutex>
#include <utility>

#include "actors/errors.h"
#include "actors/router.h"
#include "actors/stream.h"
#include "cluster/spine/frame.h"
#include "cluster/spine/spine.h"
#include "mdl/base/json.h"

namespace conduit {

namespace {

// Messages are all they handle; the work is done elsewhere.
constexpr int kThreads = 2;
// Of a question to the router in this process.
constexpr std::chrono::seconds kRouterTimeout{10};
// Chunks that may wait for a slow on_text.
constexpr std::uint32_t kCredit = 64;

struct Config : caf::actor_system_config {
  Config() { actors::configure(*this, kThreads); }
};

// What the stream's actor puts down and the calling thread takes.
class Inbox {
 public:
  void put(const actors::TokenChunk& chunk) {
    std::lock_guard lock(mutex_);
    texts_.push_back(chunk.text);
    changed_.notify_one();
  }
  void finish(const actors::Finished& finished) {
    std::lock_guard lock(mutex_);
    finished_ = finished;
    changed_.notify_one();
  }

  // The next piece of text; nothing: it is finished.
  std::optional<std::string> take() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return !texts_.empty() || finished_; });
    if (texts_.empty()) return std::nullopt;
    std::string text = std::move(texts_.front());
    texts_.pop_front();
    return text;
  }
  actors::Finished finished() {
    std::lock_guard lock(mutex_);
    return *finished_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::string> texts_;
  std::optional<actors::Finished> finished_;
};

actors::GenerateRequest request_of(const std::string& model, const std::string& messages_json,
                                   const ChatOptions& options) {
  actors::GenerateRequest request;
  request.model = model;
  request.prompt_kind = wire::PromptKind::chat;
  request.messages_json = messages_json;
  request.max_tokens = options.max_tokens;
  request.temperature = options.temperature;
  request.top_k = options.top_k;
  request.top_p = options.top_p;
  request.min_p = options.min_p;
  request.seed = options.seed.value_or(0);
  request.has_seed = options.seed.has_value();
  request.stop = options.stop;
  request.deadline_ms = static_cast<std::uint32_t>(std::clamp<std::int64_t>(
      options.deadline.count(), 0, std::numeric_limits<std::uint32_t>::max()));
  request.credit = kCredit;
  return request;
}

Result<ChatAnswer> answer_of(std::string text, const actors::Finished& finished) {
  ChatAnswer answer;
  switch (finished.reason) {
    case wire::FinishReason::stop: answer.finish_reason = "stop"; break;
    case wire::FinishReason::length: answer.finish_reason = "length"; break;
    case wire::FinishReason::cancelled: return Error{Code::cancelled, "the answer was cancelled"};
    default: return Error{cluster::code_of(finished.error_code), finished.error_message};
  }
  answer.text = std::move(text);
  answer.prompt_tokens = finished.prompt_tokens;
  answer.completion_tokens = finished.completion_tokens;
  return answer;
}

}  // namespace

struct Client::Parts {
  Parts() : system(config), router(actors::spawn_router(system)) {}
  ~Parts() {
    spine.reset();
    caf::anon_send_exit(router, caf::exit_reason::user_shutdown);
  }

  Config config;
  caf::actor_system system;
  actors::RouterActor router;
  std::unique_ptr<cluster::Spine> spine;
};

Client::Client(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;
Client::~Client() = default;

Result<Client> Client::connect(const std::string& endpoint, std::chrono::milliseconds timeout) {
  auto parts = std::make_unique<Parts>();
  cluster::SpineOptions options;
  options.join = {endpoint};
  CONDUIT_TRY(parts->spine, cluster::Spine::start(parts->system, parts->router, options));
  CONDUIT_TRY_STATUS(parts->spine->wait_joined(timeout));
  return Client(std::move(parts));
}

Result<std::vector<std::string>> Client::models() const {
  caf::scoped_actor self{parts_->system};
  Result<std::vector<std::string>> names = std::vector<std::string>{};
  actors::ask(self.ptr(), parts_->router, kRouterTimeout, actors::ModelsQuery{})
      .receive(
          [&](const actors::ModelsReply& reply) {
            for (const actors::ModelEntry& model : reply.models)
              if (model.ready > 0) names->push_back(model.name);
          },
          [&](const caf::error& error) { names = actors::from_caf(error); });
  return names;
}

Result<ChatAnswer> Client::chat(const std::string& model, const std::vector<ChatMessage>& messages,
                                const ChatOptions& options, const OnText& on_text) const {
  json::Array array;
  for (const ChatMessage& message : messages)
    array.push_back(json::Object{{"role", message.role}, {"content", message.content}});
  return chat_json(model, json::dump(std::move(array)), options, on_text);
}

Result<ChatAnswer> Client::chat_json(const std::string& model, const std::string& messages_json,
                                     const ChatOptions& options, const OnText& on_text) const {
  // Shared with the stream's actor, which may speak once more after this call has returned.
  auto inbox = std::make_shared<Inbox>();
  actors::StreamHandlers handlers;
  handlers.on_chunk = [inbox](const actors::TokenChunk& chunk) { inbox->put(chunk); };
  handlers.on_finished = [inbox](const actors::Finished& finished) { inbox->finish(finished); };
  actors::Stream stream =
      actors::Stream::start(parts_->system, parts_->router,
                            request_of(model, messages_json, options), std::move(handlers));
  const std::stop_callback on_cancel(options.cancel, [&stream] { stream.cancel(); });

  std::string text;
  while (auto piece = inbox->take()) {
    if (on_text && !piece->empty()) on_text(*piece);
    text += *piece;
    stream.grant(1);
  }
  return answer_of(std::move(text), inbox->finished());
}

}  // namespace conduit
