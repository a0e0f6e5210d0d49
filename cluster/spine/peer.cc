// Questions out, answers in; streams with their sequence and credit.
#include "cluster/spine/peer.h"

#include <algorithm>
#include <optional>
#include <unordered_map>
#include <utility>

#include "actors/errors.h"
#include "cluster/spine/question.h"

namespace conduit::cluster {

namespace {

using namespace actors;  // the names of the messages
using std::chrono::milliseconds;

struct Asked {
  Question question;
  std::optional<std::uint64_t> stream;  // that it asked to open
};

struct OpenStream {
  TokenSink sink;
  std::uint64_t correlation = 0;   // of the request
  std::uint64_t next = 0;          // the sequence of the next frame
  std::uint64_t credit_left = 0;   // chunks that may still come
  std::uint64_t credit_total = 0;  // granted since the beginning
  std::uint32_t deadline_ms = 0;
  bool was_silent = false;  // since the last look
};

class StandIn {
 public:
  explicit StandIn(RemoteReplica::pointer self) : self_(self) {}
  ~StandIn() { finish_all("the stand-in of the replica has ended"); }

  void start(std::shared_ptr<Registry> registry, const ReplicaAddress& replica,
             const Timing& timing);

  caf::result<Admitted> generate(GenerateRequest& request, const TokenSink& sink);
  template <class Reply, class Request>
  caf::result<Reply> forward(Request& request);
  void cancel(const Cancel& message);
  void credit(const Credit& message);

  void receive(Inbound& frame);
  void answer_due(const AnswerDue& due);
  void stream_due(const StreamDue& due);
  void probe_silent_streams();
  void sink_down(const caf::actor_addr& sink);
  void peer_lost(const PeerLost& lost);

 private:
  using Streams = std::unordered_map<std::uint64_t, OpenStream>;

  // A question's envelope, numbered; its time is `limit`.
  template <class Request>
  wire::EnvelopeT question(Request& request, milliseconds limit);
  template <class Reply>
  caf::result<Reply> await(std::uint64_t correlation, milliseconds limit,
                           std::optional<std::uint64_t> stream = std::nullopt);

  void answer(wire::EnvelopeT& envelope);
  void probe_answered(wire::EnvelopeT& envelope);
  void stream_frame(wire::EnvelopeT& envelope);
  void chunk(Streams::iterator stream, TokenChunk& chunk);

  void send_cancel(std::uint64_t stream);
  void probe(std::uint64_t id, const OpenStream& stream);
  Error lost_part() const;
  Streams::iterator find_stream(const Asked& asked);
  void fail(Streams::iterator stream, const Error& error);
  void give_up(Streams::iterator stream, const Error& error);  // and tell the other node
  void forget(Streams::iterator stream);
  void finish(Streams::iterator stream, Finished finished);
  void finish_all(const std::string& reason);
  Status send(wire::EnvelopeT envelope, Priority priority);

  RemoteReplica::pointer self_;
  std::shared_ptr<Registry> registry_;
  ReplicaAddress replica_;
  Timing timing_;
  ActorId number_ = 0;
  std::uint64_t last_correlation_ = 0;
  std::unordered_map<std::uint64_t, Asked> questions_;  // by correlation
  Streams streams_;                                     // by request id
  bool is_probing_ = false;                             // a ProbeDue is under way
};

void StandIn::start(std::shared_ptr<Registry> registry, const ReplicaAddress& replica,
                    const Timing& timing) {
  registry_ = std::move(registry);
  replica_ = replica;
  timing_ = timing;
  number_ = registry_->draw_number();
  registry_->add(number_, caf::actor_cast<Addressee>(self_));
}

// --- what it is asked

template <class Request>
wire::EnvelopeT StandIn::question(Request& request, milliseconds limit) {
  auto envelope = envelope_around(std::move(request));
  envelope.correlation = ++last_correlation_;
  envelope.remaining_ms = static_cast<std::uint32_t>(limit.count());
  return envelope;
}

template <class Reply>
caf::result<Reply> StandIn::await(std::uint64_t correlation, milliseconds limit,
                                  std::optional<std::uint64_t> stream) {
  Promise<Reply> promise(self_);
  questions_.emplace(correlation, Asked{Question(promise), stream});
  tell_later(self_, limit, self_, AnswerDue{correlation});
  return promise;
}

caf::result<Admitted> StandIn::generate(GenerateRequest& request, const TokenSink& sink) {
  const std::uint64_t id = request.id;
  if (streams_.contains(id))
    return to_caf(
        {Code::invalid_argument, "request id " + std::to_string(id) + " is already in use"});
  if (streams_.size() >= kMaxStreamsPerReplica)
    return to_caf({Code::exhausted, std::to_string(streams_.size()) +
                                        " requests are open at this replica, which is the limit"});
  OpenStream stream;
  stream.sink = sink;
  stream.credit_left = stream.credit_total = request.credit;
  stream.deadline_ms = request.deadline_ms;
  milliseconds limit = timing_.answer;
  if (request.deadline_ms != 0) limit = std::min(limit, milliseconds(request.deadline_ms));

  auto envelope = question(request, limit);
  envelope.stream = id;
  envelope.credit = stream.credit_total;
  stream.correlation = envelope.correlation;
  if (auto sent = send(std::move(envelope), Priority::bulk); !sent) return to_caf(sent.error());
  self_->monitor(sink);
  streams_.emplace(id, stream);
  if (!std::exchange(is_probing_, true)) tell_later(self_, timing_.heartbeat, self_, ProbeDue{});
  return await<Admitted>(stream.correlation, limit, id);
}

template <class Reply, class Request>
caf::result<Reply> StandIn::forward(Request& request) {
  auto envelope = question(request, timing_.answer);
  const std::uint64_t correlation = envelope.correlation;
  if (auto sent = send(std::move(envelope), Priority::bulk); !sent) return to_caf(sent.error());
  return await<Reply>(correlation, timing_.answer);
}

void StandIn::cancel(const Cancel& message) {
  if (const auto stream = streams_.find(message.id); stream != streams_.end())
    send_cancel(message.id);  // its Finished says when it is done
}

// Bulk, behind the request: a cancel that overtook it would cancel nothing.
void StandIn::send_cancel(std::uint64_t stream) {
  Cancel body;
  body.id = stream;
  auto envelope = envelope_around(body);
  envelope.stream = stream;
  if (auto sent = send(std::move(envelope), Priority::bulk); sent) return;
  // The other node cancels what it cannot deliver; here the stream is over.
  if (const auto found = streams_.find(stream); found != streams_.end())
    fail(found, Error{Code::cancelled, "cancelled, though the other node could not be told"});
}

void StandIn::credit(const Credit& message) {
  const auto found = streams_.find(message.id);
  if (found == streams_.end()) return;
  OpenStream& stream = found->second;
  stream.credit_left += message.chunks;
  stream.credit_total += message.chunks;
  auto envelope = envelope_around(message);
  envelope.stream = message.id;
  envelope.credit = stream.credit_total;
  // Should it be lost, the next grant or probe carries the same sum.
  (void)send(std::move(envelope), Priority::control);
}

// --- what comes back

void StandIn::receive(Inbound& frame) {
  wire::EnvelopeT& envelope = frame.envelope;
  if (envelope.source_node != replica_.node) return;  // a number of ours, guessed by a third node
  if (envelope.is_reply)
    answer(envelope);
  else
    stream_frame(envelope);
}

void StandIn::answer(wire::EnvelopeT& envelope) {
  const auto asked = questions_.find(envelope.correlation);
  if (asked == questions_.end()) return probe_answered(envelope);
  const auto stream = find_stream(asked->second);
  const auto* failure = body_of<wire::FailureT>(envelope);
  if (stream != streams_.end() && failure != nullptr)
    return fail(stream, Error{code_of(failure->code), failure->message});
  const bool was_granted = asked->second.question.settle(envelope);
  questions_.erase(asked);
  if (stream == streams_.end()) return;
  if (!was_granted) return forget(stream);
  // The replica keeps the deadline; a heartbeat later its word is overdue.
  if (stream->second.deadline_ms != 0)
    tell_later(self_, milliseconds(stream->second.deadline_ms) + timing_.heartbeat, self_,
               StreamDue{stream->first, stream->second.correlation});
}

StandIn::Streams::iterator StandIn::find_stream(const Asked& asked) {
  return asked.stream ? streams_.find(*asked.stream) : streams_.end();
}

void StandIn::stream_frame(wire::EnvelopeT& envelope) {
  const auto stream = streams_.find(envelope.stream);
  if (stream == streams_.end()) return;  // given up here while this was on its way
  if (envelope.sequence != stream->second.next) return give_up(stream, lost_part());
  ++stream->second.next;
  stream->second.was_silent = false;
  if (auto* part = body_of<TokenChunk>(envelope)) {
    chunk(stream, *part);
  } else if (auto* finished = body_of<Finished>(envelope)) {
    finished->id = stream->first;
    finish(stream, std::move(*finished));
  }
}

void StandIn::chunk(Streams::iterator stream, TokenChunk& chunk) {
  if (stream->second.credit_left == 0) {
    give_up(stream, Error{Code::corrupt, replica_.endpoint + " sent more than it had credit for"});
    return;
  }
  --stream->second.credit_left;
  chunk.id = stream->first;
  tell(self_, stream->second.sink, std::move(chunk));
}

// --- time, and other ends

void StandIn::answer_due(const AnswerDue& due) {
  const auto asked = questions_.find(due.correlation);
  if (asked == questions_.end()) return;
  const Error late{Code::unavailable, replica_.endpoint + " did not answer in time"};
  if (const auto stream = find_stream(asked->second); stream != streams_.end())
    return give_up(stream, late);
  asked->second.question.fail(late);
  questions_.erase(asked);
}

void StandIn::stream_due(const StreamDue& due) {
  const auto stream = streams_.find(due.stream);
  if (stream == streams_.end() || stream->second.correlation != due.correlation) return;
  give_up(stream, Error{Code::unavailable, "the answer from " + replica_.endpoint +
                                               " was not finished within its deadline of " +
                                               std::to_string(stream->second.deadline_ms) + " ms"});
}

void StandIn::probe_silent_streams() {
  is_probing_ = !streams_.empty();
  if (!is_probing_) return;
  for (auto& [id, stream] : streams_)
    if (std::exchange(stream.was_silent, true)) probe(id, stream);
  tell_later(self_, timing_.heartbeat, self_, ProbeDue{});
}

// A grant of nothing that wants an answer. Bulk both ways: it follows the request there, and the
// answer follows the stream's frames back, so whatever either does not know of is lost.
void StandIn::probe(std::uint64_t id, const OpenStream& stream) {
  Credit body;
  body.id = id;
  auto envelope = envelope_around(body);
  envelope.correlation = ++last_correlation_;
  envelope.stream = id;
  envelope.acknowledged = stream.next;
  envelope.credit = stream.credit_total;
  (void)send(std::move(envelope), Priority::bulk);  // there is a next time
}

void StandIn::probe_answered(wire::EnvelopeT& envelope) {
  const auto stream = streams_.find(envelope.stream);
  if (stream == streams_.end()) return;
  const bool is_known = body_of<Credit>(envelope) != nullptr;
  if (!is_known || envelope.sequence != stream->second.next) give_up(stream, lost_part());
}

void StandIn::sink_down(const caf::actor_addr& sink) {
  for (auto stream = streams_.begin(); stream != streams_.end();) {
    const auto next = std::next(stream);
    if (stream->second.sink.address() == sink) {
      const std::uint64_t id = stream->first;
      streams_.erase(stream);
      send_cancel(id);
    }
    stream = next;
  }
}

void StandIn::peer_lost(const PeerLost& lost) {
  finish_all(lost.reason);
  self_->quit(caf::exit_reason::remote_link_unreachable);
}

// Who waits to be admitted and has seen nothing is told so and may ask elsewhere. Once a part of
// the answer was handed on it counts as admitted, or the text would begin anew.
void StandIn::fail(Streams::iterator stream, const Error& error) {
  if (auto asked = questions_.extract(stream->second.correlation); !asked.empty()) {
    if (stream->second.next == 0) {
      asked.mapped().question.fail(error);
      return forget(stream);
    }
    Admitted admitted;
    admitted.id = stream->first;
    auto answer = envelope_around(admitted);
    asked.mapped().question.settle(answer);
  }
  Finished finished;
  finished.id = stream->first;
  finished.reason =
      error.code == Code::cancelled ? wire::FinishReason::cancelled : wire::FinishReason::error;
  finished.error_code = static_cast<std::uint8_t>(error.code);
  finished.error_message = error.message;
  finish(stream, std::move(finished));
}

void StandIn::give_up(Streams::iterator stream, const Error& error) {
  const std::uint64_t id = stream->first;
  fail(stream, error);
  send_cancel(id);
}

Error StandIn::lost_part() const {
  return {Code::unavailable, "a part of the answer was lost on its way from " + replica_.endpoint};
}

void StandIn::finish(Streams::iterator stream, Finished finished) {
  tell(self_, stream->second.sink, std::move(finished));
  forget(stream);
}

void StandIn::forget(Streams::iterator stream) {
  const caf::actor_addr sink = stream->second.sink.address();
  streams_.erase(stream);
  for (const auto& [id, other] : streams_)
    if (other.sink.address() == sink) return;  // still watched for another answer
  self_->demonitor(sink);
}

void StandIn::finish_all(const std::string& reason) {
  while (!streams_.empty()) fail(streams_.begin(), {Code::unavailable, reason});
  for (auto& [correlation, asked] : questions_) asked.question.fail({Code::unavailable, reason});
  questions_.clear();
}

Status StandIn::send(wire::EnvelopeT envelope, Priority priority) {
  envelope.source_actor = number_;
  envelope.target_actor = replica_.number;
  return registry_->send(replica_.node, std::move(envelope), priority);
}

RemoteReplica::behavior_type stand_in(RemoteReplica::stateful_pointer<StandIn> self,
                                      std::shared_ptr<Registry> registry,
                                      const ReplicaAddress& replica, const Timing& timing) {
  StandIn& state = self->state;
  self->set_down_handler([&state](const caf::down_msg& down) { state.sink_down(down.source); });
  state.start(std::move(registry), replica, timing);
  return {
      [&state](GenerateRequest& request, const TokenSink& sink) {
        return state.generate(request, sink);
      },
      [&state](const Cancel& message) { state.cancel(message); },
      [&state](const Credit& message) { state.credit(message); },
      [&state](TokenizeRequest& request) { return state.forward<TokenizeReply>(request); },
      [&state](DetokenizeRequest& request) { return state.forward<DetokenizeReply>(request); },
      [&state](PoolRequest& request) { return state.forward<PoolReply>(request); },
      [&state](StatusQuery& query) { return state.forward<ReplicaStatus>(query); },
      [&state](Inbound& frame) { state.receive(frame); },
      [&state](const AnswerDue& due) { state.answer_due(due); },
      [&state](const StreamDue& due) { state.stream_due(due); },
      [&state](const ProbeDue&) { state.probe_silent_streams(); },
      [&state](const PeerLost& lost) { state.peer_lost(lost); },
  };
}

}  // namespace

RemoteReplica spawn_remote_replica(caf::actor_system& system, std::shared_ptr<Registry> registry,
                                   const ReplicaAddress& replica, const Timing& timing) {
  return system.spawn(stand_in, std::move(registry), replica, timing);
}

}  // namespace conduit::cluster
