// Admission → chunks → the one Finished.
#include "actors/stream.h"

#include <algorithm>
#include <chrono>
#include <random>

#include "actors/errors.h"

namespace conduit::actors {

namespace {

using std::chrono::milliseconds;

// The router's own patience with a replica is shorter, so its error comes first.
constexpr std::chrono::minutes kAdmissionTimeout{15};
// The replica ends an answer at its deadline; should it be silent, the stream does so this much
// later. Also what admission may take beyond the deadline.
constexpr milliseconds kDeadlineGrace{2000};

std::uint64_t random_id() {
  // Random, since replicas serve streams of many nodes.
  thread_local std::mt19937_64 numbers{(std::uint64_t{std::random_device{}()} << 32) |
                                       std::random_device{}()};
  return std::max<std::uint64_t>(numbers(), 1);
}

class StreamState {
 public:
  explicit StreamState(StreamActor::pointer self) : self_(self) {}
  ~StreamState();

  void start(const RouterActor& router, GenerateRequest request, StreamHandlers handlers);
  void chunk(const TokenChunk& chunk);
  void finish(const Finished& finished);
  void cancel();
  void grant(std::uint32_t chunks);
  void down(const caf::actor_addr& source, const caf::error& reason);
  void deadline();

 private:
  void routed(const RouteTo& route);
  void deliver(const Finished& finished);
  void fail(const Error& error) { finish(failure(error)); }
  Finished failure(const Error& error) const;
  Finished end(wire::FinishReason reason) const;

  StreamActor::pointer self_;
  std::uint64_t id_ = 0;
  std::uint32_t deadline_ms_ = 0;
  StreamHandlers handlers_;
  RouterActor router_;
  ReplicaActor replica_;             // null until admitted
  std::uint32_t granted_early_ = 0;  // before admission
  std::uint32_t prompt_tokens_ = 0;
  std::uint32_t completion_tokens_ = 0;
  bool is_finished_ = false;
};

// However the actor ended, its asker is told.
StreamState::~StreamState() { deliver(failure({Code::unavailable, "the node is shutting down"})); }

void StreamState::start(const RouterActor& router, GenerateRequest request,
                        StreamHandlers handlers) {
  id_ = request.id;
  deadline_ms_ = request.deadline_ms;
  handlers_ = std::move(handlers);
  router_ = router;
  self_->monitor(router_);
  const milliseconds patience =
      deadline_ms_ == 0 ? kAdmissionTimeout : milliseconds(deadline_ms_) + kDeadlineGrace;
  ask(self_, router_, patience, std::move(request), TokenSink(caf::actor_cast<StreamActor>(self_)))
      .then([this](const RouteTo& route) { routed(route); },
            [this](const caf::error& error) { fail(from_caf(error)); });
}

void StreamState::routed(const RouteTo& route) {
  replica_ = route.replica;
  prompt_tokens_ = route.admitted.prompt_tokens;
  self_->demonitor(router_.address());
  self_->monitor(replica_);
  if (granted_early_ > 0) grant(std::exchange(granted_early_, 0));
  if (deadline_ms_ != 0)
    tell_later(self_, milliseconds(deadline_ms_) + kDeadlineGrace,
               caf::actor_cast<StreamActor>(self_), StreamDeadline{});
}

void StreamState::chunk(const TokenChunk& chunk) {
  if (is_finished_) return;
  completion_tokens_ = chunk.first_index + static_cast<std::uint32_t>(chunk.tokens.size());
  if (handlers_.on_chunk) handlers_.on_chunk(chunk);
}

void StreamState::deliver(const Finished& finished) {
  if (std::exchange(is_finished_, true)) return;
  if (handlers_.on_finished) handlers_.on_finished(finished);
}

void StreamState::finish(const Finished& finished) {
  deliver(finished);
  self_->quit();
}

void StreamState::cancel() {
  if (replica_ && !is_finished_) {
    Cancel message;
    message.id = id_;
    tell(self_, replica_, std::move(message));
  }
  finish(end(wire::FinishReason::cancelled));
}

void StreamState::grant(std::uint32_t chunks) {
  if (!replica_) {
    granted_early_ += chunks;
    return;
  }
  Credit message;
  message.id = id_;
  message.chunks = chunks;
  tell(self_, replica_, std::move(message));
}

void StreamState::down(const caf::actor_addr& source, const caf::error& reason) {
  if (replica_ && source == replica_.address())
    fail({Code::unavailable, "the replica that answered is gone: " + from_caf(reason).message});
  else if (!replica_)
    fail({Code::unavailable, "the router is gone: " + from_caf(reason).message});
}

void StreamState::deadline() {
  fail({Code::unavailable, "nothing was heard from the replica by the deadline of " +
                               std::to_string(deadline_ms_) + " ms"});
}

Finished StreamState::failure(const Error& error) const {
  Finished message = end(wire::FinishReason::error);
  message.error_code = static_cast<std::uint8_t>(error.code);
  message.error_message = error.message;
  return message;
}

Finished StreamState::end(wire::FinishReason reason) const {
  Finished message;
  message.id = id_;
  message.reason = reason;
  message.prompt_tokens = prompt_tokens_;
  message.completion_tokens = completion_tokens_;
  return message;
}

StreamActor::behavior_type stream(StreamActor::stateful_pointer<StreamState> self,
                                  const RouterActor& router, const GenerateRequest& request,
                                  const StreamHandlers& handlers) {
  StreamState& state = self->state;
  self->set_down_handler(
      [&state](const caf::down_msg& message) { state.down(message.source, message.reason); });
  state.start(router, request, handlers);
  return {
      [&state](const TokenChunk& chunk) { state.chunk(chunk); },
      [&state](const Finished& finished) { state.finish(finished); },
      [&state](const Cancel&) { state.cancel(); },
      [&state](const Credit& credit) { state.grant(credit.chunks); },
      [&state](const StreamDeadline&) { state.deadline(); },
  };
}

}  // namespace

Stream Stream::start(caf::actor_system& system, const RouterActor& router, GenerateRequest request,
                     StreamHandlers handlers) {
  request.id = random_id();
  const std::uint64_t id = request.id;
  return Stream(id, system.spawn(stream, router, std::move(request), std::move(handlers)));
}

void Stream::cancel() {
  Cancel message;
  message.id = id_;
  tell_anonymously(actor_, std::move(message));
}

void Stream::grant(std::uint32_t chunks) {
  Credit message;
  message.id = id_;
  message.chunks = chunks;
  tell_anonymously(actor_, std::move(message));
}

}  // namespace conduit::actors
