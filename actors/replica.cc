// load → warm up → ready; then per request: prepare → admit → outputs → chunks → Finished.
#include "actors/replica.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "actors/answer.h"
#include "actors/errors.h"
#include "actors/prompt.h"
#include "mdl/base/log.h"

namespace conduit::actors {

namespace {

using kernels::SequenceId;
using std::chrono::milliseconds;

// Reading a large model from a slow disk takes minutes; a device that is busy so long is broken.
constexpr std::chrono::hours kLoadTimeout{1};
// A device answers between two steps, yet may be loading another model just then.
constexpr std::chrono::minutes kDeviceTimeout{10};
// Of the token that proves the replica ready; those of requests follow.
constexpr SequenceId kWarmUp = 0;

struct Running {
  Running(TokenSink to, Answer first) : sink(std::move(to)), answer(std::move(first)) {}

  TokenSink sink;
  Answer answer;
  std::uint64_t request = 0;
  std::uint32_t deadline_ms = 0;
  bool is_in_engine = true;
  bool is_paused = false;
};

class Replica {
 public:
  explicit Replica(LocalReplica::pointer self) : self_(self) {}

  void start(const DeviceActor& device, const ReadySink& ready, const ModelSpec& spec);
  caf::result<Admitted> generate(GenerateRequest& request, const TokenSink& sink);
  void outputs(const StepOutputs& step);
  void cancel(const Cancel& message);
  void credit(const Credit& message);
  void timer(const RequestTimer& message);
  void down(const caf::down_msg& message);
  caf::result<TokenizeReply> tokenize(const TokenizeRequest& request) const;
  caf::result<DetokenizeReply> detokenize(const DetokenizeRequest& request) const;
  caf::result<ReplicaStatus> status();

 private:
  using Requests = std::unordered_map<SequenceId, Running>;

  void loaded(const ModelLoaded& loaded);
  void warmed_up(const kernels::SequenceOutput& output);
  Status check_ready() const;
  void set_deadline(SequenceId sequence, std::uint32_t deadline_ms);
  void pump(Requests::iterator request);
  void finish(Requests::iterator request, Finished finished);
  void fail(Requests::iterator request, const Error& error);
  void leave_engine(Requests::iterator request);
  void drop(Requests::iterator request);
  void control(SequenceId sequence, SequenceAction action);
  Requests::iterator find_request(std::uint64_t id);
  LocalReplica self_handle() const { return caf::actor_cast<LocalReplica>(self_); }

  LocalReplica::pointer self_;
  DeviceActor device_;
  ReadySink ready_;
  ModelSpec spec_;
  ModelLoaded model_;
  wire::ReplicaState state_ = wire::ReplicaState::loading;
  Requests requests_;  // by sequence: ids that this replica chose, so never used twice
  std::unordered_map<std::uint64_t, SequenceId> sequences_;  // by request id
  SequenceId next_sequence_ = kWarmUp + 1;
};

// --- from start to ready

void Replica::start(const DeviceActor& device, const ReadySink& ready, const ModelSpec& spec) {
  device_ = device;
  ready_ = ready;
  spec_ = spec;
  self_->monitor(device_);
  ask(self_, device_, kLoadTimeout, spec_, StepSink(self_handle()))
      .then([this](const ModelLoaded& message) { loaded(message); },
            [this](const caf::error& error) { self_->quit(error); });
}

void Replica::loaded(const ModelLoaded& message) {
  model_ = message;
  state_ = wire::ReplicaState::warming;
  AddSequence warm_up;
  warm_up.engine = model_.engine;
  warm_up.spec.id = kWarmUp;
  warm_up.spec.prompt = {std::max(model_.model->config.bos, 0)};
  warm_up.spec.max_tokens = 1;
  warm_up.spec.sampling.temperature = 0;
  ask(self_, device_, kDeviceTimeout, std::move(warm_up))
      .then([](SequenceAdded) {}, [this](const caf::error& error) { self_->quit(error); });
}

void Replica::warmed_up(const kernels::SequenceOutput& output) {
  if (output.reason == kernels::FinishReason::error) {
    self_->quit(to_caf({Code::corrupt, spec_.name + ": the model gave no usable probabilities"}));
    return;
  }
  state_ = wire::ReplicaState::ready;
  tell(self_, ready_, ReplicaReady{spec_.name, self_handle(), true});
}

Status Replica::check_ready() const {
  if (state_ == wire::ReplicaState::ready) return ok();
  return Error{Code::unavailable, "model " + spec_.name + " is still being loaded"};
}

// --- a request comes

caf::result<Admitted> Replica::generate(GenerateRequest& request, const TokenSink& sink) {
  if (auto ready = check_ready(); !ready) return to_caf(ready.error());
  if (sequences_.contains(request.id))
    return to_caf(
        {Code::invalid_argument, fmt::format("request id {} is already in use", request.id)});
  auto spec = prepare(request, *model_.model, model_.options.max_model_len);
  if (!spec) return to_caf(spec.error());

  const SequenceId sequence = next_sequence_++;
  spec->id = sequence;
  Admitted admitted;
  admitted.id = request.id;
  admitted.prompt_tokens = static_cast<std::uint32_t>(spec->prompt.size());
  const auto& tokenizer = model_.model->tokenizer;
  Running running(sink, Answer(request, tokenizer ? &*tokenizer : nullptr, spec->prompt.size()));
  running.request = request.id;
  running.deadline_ms = request.deadline_ms;
  sequences_.emplace(request.id, sequence);
  // Before the device is asked: the first outputs may be here as soon as its answer.
  requests_.emplace(sequence, std::move(running));
  self_->monitor(sink);

  const Promise<Admitted> promise(self_);
  ask(self_, device_, kDeviceTimeout, AddSequence{model_.engine, *std::move(spec)})
      .then(
          [this, promise, sequence, admitted](SequenceAdded) mutable {
            if (auto request = requests_.find(sequence); request != requests_.end()) {
              set_deadline(sequence, request->second.deadline_ms);
              pump(request);
            }
            promise.deliver(std::move(admitted));
          },
          [this, promise, sequence](caf::error& error) mutable {
            if (auto request = requests_.find(sequence); request != requests_.end()) {
              leave_engine(request);  // it may have been added after all, past the time-out
              drop(request);
            }
            promise.deliver(std::move(error));
          });
  return promise;
}

void Replica::set_deadline(SequenceId sequence, std::uint32_t deadline_ms) {
  if (deadline_ms == 0) return;
  tell_later(self_, milliseconds(deadline_ms), self_handle(),
             RequestTimer{sequence, RequestTimer::Kind::deadline, 0});
}

// --- tokens come

void Replica::outputs(const StepOutputs& step) {
  for (const kernels::SequenceOutput& output : step.outputs) {
    if (output.id == kWarmUp) {
      warmed_up(output);
      continue;
    }
    auto request = requests_.find(output.id);
    if (request == requests_.end()) continue;  // cancelled while this was on its way
    Running& running = request->second;
    running.answer.push(output);
    if (output.reason != kernels::FinishReason::none) running.is_in_engine = false;
    if (running.answer.is_complete()) leave_engine(request);  // a stop string
    pump(request);
  }
}

// Sends what credit allows, then keeps the sequence running or paused accordingly.
void Replica::pump(Requests::iterator request) {
  Running& running = request->second;
  while (auto chunk = running.answer.take_chunk()) tell(self_, running.sink, *std::move(chunk));
  if (running.answer.is_complete() && !running.answer.has_pending()) {
    finish(request, running.answer.finished());
    return;
  }
  const bool is_starved = !running.answer.has_credit();
  if (std::exchange(running.is_paused, is_starved) != is_starved && running.is_in_engine)
    control(request->first, is_starved ? SequenceAction::pause : SequenceAction::resume);
  // One per grant, and for the few tokens that were made before the pause took effect.
  if (is_starved)
    tell_later(self_, kStreamStallLimit, self_handle(),
               RequestTimer{request->first, RequestTimer::Kind::stall, running.answer.granted()});
}

// --- what else may happen to a request

void Replica::cancel(const Cancel& message) {
  auto request = find_request(message.id);
  if (request == requests_.end()) return;
  leave_engine(request);
  finish(request, request->second.answer.cancelled());
}

void Replica::credit(const Credit& message) {
  auto request = find_request(message.id);
  if (request == requests_.end()) return;
  request->second.answer.grant(message.chunks);
  pump(request);
}

void Replica::timer(const RequestTimer& message) {
  auto request = requests_.find(message.sequence);
  if (request == requests_.end()) return;
  const Running& running = request->second;
  if (message.kind == RequestTimer::Kind::deadline) {
    fail(request,
         {Code::unavailable, fmt::format("the answer was not finished within its deadline of {} ms",
                                         running.deadline_ms)});
  } else if (running.is_paused && running.answer.granted() == message.grants) {
    fail(request,
         {Code::exhausted, fmt::format("the reader took nothing for {} s (stream_stall_limit)",
                                       kStreamStallLimit.count())});
  }
}

void Replica::down(const caf::down_msg& message) {
  if (message.source == device_.address()) {
    self_->quit(
        to_caf({Code::unavailable, "the device ended: " + from_caf(message.reason).message}));
    return;
  }
  for (auto request = requests_.begin(); request != requests_.end();) {
    auto next = std::next(request);
    if (request->second.sink.address() == message.source) {
      leave_engine(request);
      drop(request);
    }
    request = next;
  }
}

// --- the end of a request

void Replica::fail(Requests::iterator request, const Error& error) {
  leave_engine(request);
  finish(request, request->second.answer.failed(error));
}

void Replica::finish(Requests::iterator request, Finished finished) {
  tell(self_, request->second.sink, std::move(finished));
  const caf::actor_addr sink = request->second.sink.address();
  drop(request);
  for (const auto& [sequence, running] : requests_)
    if (running.sink.address() == sink) return;  // still watched for another request
  self_->demonitor(sink);
}

void Replica::leave_engine(Requests::iterator request) {
  if (std::exchange(request->second.is_in_engine, false))
    control(request->first, SequenceAction::cancel);
}

void Replica::drop(Requests::iterator request) {
  sequences_.erase(request->second.request);
  requests_.erase(request);
}

void Replica::control(SequenceId sequence, SequenceAction action) {
  tell(self_, device_, ControlSequence{model_.engine, sequence, action});
}

Replica::Requests::iterator Replica::find_request(std::uint64_t id) {
  auto sequence = sequences_.find(id);
  return sequence == sequences_.end() ? requests_.end() : requests_.find(sequence->second);
}

// --- questions

caf::result<TokenizeReply> Replica::tokenize(const TokenizeRequest& request) const {
  if (auto ready = check_ready(); !ready) return to_caf(ready.error());
  auto tokens = actors::tokenize(request, *model_.model, model_.options.max_model_len);
  if (!tokens) return to_caf(tokens.error());
  TokenizeReply reply;
  reply.tokens = *std::move(tokens);
  reply.max_model_len = static_cast<std::uint32_t>(model_.options.max_model_len);
  return reply;
}

caf::result<DetokenizeReply> Replica::detokenize(const DetokenizeRequest& request) const {
  if (auto ready = check_ready(); !ready) return to_caf(ready.error());
  if (!model_.model->tokenizer)
    return to_caf({Code::invalid_argument, "model " + spec_.name + " has no tokenizer"});
  DetokenizeReply reply;
  reply.text = model_.model->tokenizer->decode(request.tokens);
  return reply;
}

caf::result<ReplicaStatus> Replica::status() {
  ReplicaStatus reply;
  reply.model = spec_.name;
  reply.state = state_;
  if (state_ == wire::ReplicaState::loading) return reply;
  reply.max_model_len = static_cast<std::uint32_t>(model_.options.max_model_len);
  const Promise<ReplicaStatus> promise(self_);
  ask(self_, device_, kDeviceTimeout, EngineStatsQuery{model_.engine})
      .then(
          [this, promise, reply](const kernels::EngineStats& stats) mutable {
            // An answer whose reader has not taken all of it runs on, also without the engine.
            reply.waiting = static_cast<std::uint32_t>(stats.waiting);
            const auto owed = static_cast<std::uint32_t>(requests_.size());
            reply.running = owed - std::min(owed, reply.waiting);
            reply.kv_pages_used = static_cast<std::uint64_t>(stats.kv_pages_used);
            reply.kv_pages_total = static_cast<std::uint64_t>(stats.kv_pages_total);
            promise.deliver(std::move(reply));
          },
          [promise](caf::error& error) mutable { promise.deliver(std::move(error)); });
  return promise;
}

LocalReplica::behavior_type replica(LocalReplica::stateful_pointer<Replica> self,
                                    const DeviceActor& device, const ReadySink& ready,
                                    const ModelSpec& spec) {
  Replica& state = self->state;
  self->set_down_handler([&state](const caf::down_msg& message) { state.down(message); });
  state.start(device, ready, spec);
  return {
      [&state](GenerateRequest& request, const TokenSink& sink) {
        return state.generate(request, sink);
      },
      [&state](const Cancel& message) { state.cancel(message); },
      [&state](const Credit& message) { state.credit(message); },
      [&state](const TokenizeRequest& request) { return state.tokenize(request); },
      [&state](const DetokenizeRequest& request) { return state.detokenize(request); },
      [&state](const StatusQuery&) { return state.status(); },
      [&state](const StepOutputs& step) { state.outputs(step); },
      [&state](const RequestTimer& message) { state.timer(message); },
  };
}

}  // namespace

LocalReplica spawn_replica(caf::actor_system& system, const DeviceActor& device,
                           const ReadySink& ready, const ModelSpec& spec) {
  return system.spawn(replica, device, ready, spec);
}

}  // namespace conduit::actors
