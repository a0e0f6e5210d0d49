// Frames → messages to the replica; its answers and chunks → frames.
#include "cluster/spine/served_replica.h"

#include <algorithm>
#include <compare>
#include <limits>
#include <map>
#include <optional>
#include <random>
#include <unordered_map>
#include <utility>

#include "actors/errors.h"
#include "mdl/base/log.h"

namespace conduit::cluster {

namespace {

using namespace actors;  // the names of the messages
using std::chrono::milliseconds;

// A stream as its asker knows it.
struct StreamKey {
  NodeId node = 0;
  ActorId actor = 0;
  std::uint64_t id = 0;  // that it chose for its request

  auto operator<=>(const StreamKey&) const = default;
};

StreamKey key_of(const wire::EnvelopeT& envelope) {
  return {envelope.source_node, envelope.source_actor, envelope.stream};
}

struct ServedStream {
  StreamKey asker;
  std::optional<wire::EnvelopeT> request;  // without its body, until it is answered
  std::uint64_t sent = 0;                  // frames, so also the next one's sequence
  std::uint64_t credit_total = 0;          // granted since the beginning
};

class Served {
 public:
  explicit Served(ServedReplica::pointer self) : self_(self) {}

  void start(std::shared_ptr<Registry> registry, const ReplicaActor& replica,
             const Timing& timing) {
    registry_ = std::move(registry);
    replica_ = replica;
    timing_ = timing;
    self_->monitor(replica_);
  }

  void receive(Inbound& frame);
  void chunk(TokenChunk& chunk);
  void finished(Finished& finished);
  void peer_lost(const PeerLost& lost);
  void replica_down();

 private:
  using Streams = std::unordered_map<std::uint64_t, ServedStream>;

  void generate(wire::EnvelopeT& envelope, GenerateRequest request);
  void admitted(std::uint64_t id, Admitted admitted);
  void refused(std::uint64_t id, const Error& error);
  void cancel(const wire::EnvelopeT& envelope);
  void credit(const wire::EnvelopeT& envelope);
  template <class Reply, class Query>
  void forward(wire::EnvelopeT& envelope, Query query);

  bool has_room(const wire::EnvelopeT& envelope);
  Streams::iterator find(const wire::EnvelopeT& envelope);
  Status send_part(ServedStream& stream, wire::EnvelopeT part);
  void cancel_at_replica(std::uint64_t id);
  void close_one(NodeId node);
  void forget(Streams::iterator stream);

  ServedReplica::pointer self_;
  std::shared_ptr<Registry> registry_;
  ReplicaActor replica_;
  Timing timing_;
  Streams streams_;  // by the id that the replica knows
  std::map<StreamKey, std::uint64_t> by_asker_;
  std::map<NodeId, std::size_t> open_;  // requests and queries of each node
  // From a random beginning, so that no asker of this node has chosen the same.
  std::uint64_t next_id_ = std::uint64_t{std::random_device{}()} << 32;
};

// --- frames come

void Served::receive(Inbound& frame) {
  wire::EnvelopeT& envelope = frame.envelope;
  if (auto* request = body_of<GenerateRequest>(envelope)) {
    generate(envelope, std::move(*request));
  } else if (body_of<Cancel>(envelope) != nullptr) {
    cancel(envelope);
  } else if (body_of<Credit>(envelope) != nullptr) {
    credit(envelope);
  } else if (auto* tokenize = body_of<TokenizeRequest>(envelope)) {
    forward<TokenizeReply>(envelope, std::move(*tokenize));
  } else if (auto* detokenize = body_of<DetokenizeRequest>(envelope)) {
    forward<DetokenizeReply>(envelope, std::move(*detokenize));
  } else if (auto* pool = body_of<PoolRequest>(envelope)) {
    forward<PoolReply>(envelope, std::move(*pool));
  } else if (body_of<StatusQuery>(envelope) != nullptr) {
    forward<ReplicaStatus>(envelope, StatusQuery{});
  } else {
    (void)rejected("addressee", "a replica takes no message of this type");
  }
}

milliseconds limit_of(const wire::EnvelopeT& envelope, const Timing& timing) {
  return envelope.remaining_ms != 0 ? milliseconds(envelope.remaining_ms) : timing.answer;
}

bool Served::has_room(const wire::EnvelopeT& envelope) {
  const auto open = open_.find(envelope.source_node);
  if (open == open_.end() || open->second < kMaxOpenPerPeer) return true;
  registry_->reply_failure(
      envelope, Error{Code::exhausted, "a node has at most " + std::to_string(kMaxOpenPerPeer) +
                                           " requests open at one replica of another"});
  return false;
}

void Served::generate(wire::EnvelopeT& envelope, GenerateRequest request) {
  if (!has_room(envelope)) return;
  const StreamKey key = key_of(envelope);
  if (by_asker_.contains(key))
    return registry_->reply_failure(
        envelope, Error{Code::invalid_argument,
                        "request id " + std::to_string(envelope.stream) + " is already in use"});
  const milliseconds limit = limit_of(envelope, timing_);
  const std::uint64_t id = next_id_++;
  request.id = id;
  envelope.body.Reset();
  streams_.emplace(id, ServedStream{key, std::move(envelope), 0, request.credit});
  by_asker_.emplace(key, id);
  ++open_[key.node];
  ask(self_, replica_, limit, std::move(request), caf::actor_cast<TokenSink>(self_))
      .then([this, id](Admitted& message) { admitted(id, message); },
            [this, id](const caf::error& error) { refused(id, from_caf(error)); });
}

void Served::admitted(std::uint64_t id, Admitted message) {
  const auto stream = streams_.find(id);
  if (stream == streams_.end()) return cancel_at_replica(id);  // its asker has gone meanwhile
  if (!stream->second.request) return;
  message.id = stream->second.asker.id;
  registry_->reply(*stream->second.request, message);
  stream->second.request.reset();
}

void Served::refused(std::uint64_t id, const Error& error) {
  cancel_at_replica(id);  // after a time-out it may have begun all the same
  const auto stream = streams_.find(id);
  if (stream == streams_.end()) return;
  if (stream->second.request) registry_->reply_failure(*stream->second.request, error);
  forget(stream);
}

Served::Streams::iterator Served::find(const wire::EnvelopeT& envelope) {
  const auto known = by_asker_.find(key_of(envelope));
  return known == by_asker_.end() ? streams_.end() : streams_.find(known->second);
}

void Served::cancel(const wire::EnvelopeT& envelope) {
  // It is forgotten when the replica says Finished, which goes to the asker.
  if (const auto stream = find(envelope); stream != streams_.end())
    cancel_at_replica(stream->first);
}

// A grant, or a probe (one that expects an answer): see peer.h.
void Served::credit(const wire::EnvelopeT& envelope) {
  const bool is_probe = envelope.correlation != 0;
  const auto found = find(envelope);
  if (found == streams_.end()) {
    if (is_probe)
      registry_->reply_failure(envelope, Error{Code::unavailable, "that answer is over here"});
    return;
  }
  ServedStream& stream = found->second;
  if (envelope.credit > stream.credit_total) {
    Credit grant;
    grant.id = found->first;
    grant.chunks = static_cast<std::uint32_t>(std::min<std::uint64_t>(
        envelope.credit - stream.credit_total, std::numeric_limits<std::uint32_t>::max()));
    stream.credit_total += grant.chunks;
    tell(self_, replica_, grant);
  }
  if (!is_probe) return;
  Credit standing;
  standing.id = envelope.stream;
  auto reply = envelope_around(standing);
  reply.sequence = stream.sent;
  registry_->reply_with(envelope, std::move(reply), Priority::bulk);
}

template <class Reply, class Query>
void Served::forward(wire::EnvelopeT& envelope, Query query) {
  if (!has_room(envelope)) return;
  const milliseconds limit = limit_of(envelope, timing_);
  const NodeId node = envelope.source_node;
  envelope.body.Reset();
  ++open_[node];
  ask(self_, replica_, limit, std::move(query))
      .then(
          [this, node, envelope](Reply& reply) {
            close_one(node);
            registry_->reply(envelope, std::move(reply));
          },
          [this, node, envelope](const caf::error& error) {
            close_one(node);
            registry_->reply_failure(envelope, from_caf(error));
          });
}

// --- the answer goes

void Served::chunk(TokenChunk& chunk) {
  const auto stream = streams_.find(chunk.id);
  if (stream == streams_.end()) return;  // cancelled while this was on its way
  const std::uint64_t id = chunk.id;
  chunk.id = stream->second.asker.id;
  const Status sent = send_part(stream->second, envelope_around(std::move(chunk)));
  if (sent) return;
  // The connection is full or gone. The asker learns of it when it asks where the stream stands.
  log::warning("answer to another node given up", {{"reason", sent.error().message}});
  cancel_at_replica(id);
  forget(stream);
}

void Served::finished(Finished& finished) {
  const auto stream = streams_.find(finished.id);
  if (stream == streams_.end()) return;
  finished.id = stream->second.asker.id;
  if (auto sent = send_part(stream->second, envelope_around(std::move(finished))); !sent)
    log::warning("end of an answer not sent", {{"reason", sent.error().message}});
  forget(stream);
}

Status Served::send_part(ServedStream& stream, wire::EnvelopeT part) {
  part.target_actor = stream.asker.actor;
  part.stream = stream.asker.id;
  part.sequence = stream.sent++;
  return registry_->send(stream.asker.node, std::move(part), Priority::bulk);
}

// --- other ends

void Served::peer_lost(const PeerLost& lost) {
  for (auto stream = streams_.begin(); stream != streams_.end();) {
    const auto next = std::next(stream);
    if (stream->second.asker.node == lost.node) {
      cancel_at_replica(stream->first);
      forget(stream);
    }
    stream = next;
  }
}

void Served::replica_down() {
  const Error gone{Code::unavailable, "the replica has ended"};
  while (!streams_.empty()) {
    const auto stream = streams_.begin();
    if (stream->second.request) {
      registry_->reply_failure(*stream->second.request, gone);
      forget(stream);
      continue;
    }
    Finished message;
    message.id = stream->first;
    message.reason = wire::FinishReason::error;
    message.error_code = static_cast<std::uint8_t>(gone.code);
    message.error_message = gone.message;
    finished(message);
  }
  self_->quit();
}

void Served::cancel_at_replica(std::uint64_t id) {
  Cancel message;
  message.id = id;
  tell(self_, replica_, message);
}

void Served::close_one(NodeId node) {
  const auto open = open_.find(node);
  if (--open->second == 0) open_.erase(open);
}

void Served::forget(Streams::iterator stream) {
  close_one(stream->second.asker.node);
  by_asker_.erase(stream->second.asker);
  streams_.erase(stream);
}

ServedReplica::behavior_type served(ServedReplica::stateful_pointer<Served> self,
                                    std::shared_ptr<Registry> registry, const ReplicaActor& replica,
                                    const Timing& timing) {
  Served& state = self->state;
  self->set_down_handler([&state](const caf::down_msg&) { state.replica_down(); });
  state.start(std::move(registry), replica, timing);
  return {
      [&state](TokenChunk& part) { state.chunk(part); },
      [&state](Finished& message) { state.finished(message); },
      [&state](Inbound& frame) { state.receive(frame); },
      [&state](const PeerLost& lost) { state.peer_lost(lost); },
  };
}

}  // namespace

ServedReplica spawn_served_replica(caf::actor_system& system, std::shared_ptr<Registry> registry,
                                   const ReplicaActor& replica, const Timing& timing) {
  return system.spawn(served, std::move(registry), replica, timing);
}

}  // namespace conduit::cluster
