// load → warm up → ready; then per request: prepare → admit → outputs → chunks → Finished.
// A model that is unloaded meanwhile is loaded again by the next request, which waits for it.
#include "actors/replica.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <caf/exit_reason.hpp>
#include <filesystem>
#include <unordered_map>
#include <utility>

#include "actors/answer.h"
#include "actors/constraints.h"
#include "actors/errors.h"
#include "actors/grammars.h"
#include "actors/load_queue.h"
#include "actors/pooling.h"
#include "actors/prompt.h"
#include "kernels/progress.h"
#include "mdl/base/log.h"

namespace conduit::actors {

namespace {

using kernels::SequenceId;
using std::chrono::milliseconds;

// Others' grammars may be compiled first, each for a bounded time.
constexpr std::chrono::minutes kCompileTimeout{10};
// Other models may be loaded first, large ones from slow disks; then something is broken.
constexpr std::chrono::hours kReadyTimeout{1};
// A device answers between two steps, and one of a long prompt takes seconds on a slow machine.
constexpr std::chrono::minutes kDeviceTimeout{10};
// A device that is silent for so long computes a long step, or is stuck …
constexpr milliseconds kStatusPatience{2'000};
// … and within this time one that computes shows it. Together well below the five seconds in which
// /health tells of it.
constexpr milliseconds kProgressPatience{1'000};
// Of the token that proves the replica ready; those of requests follow.
constexpr SequenceId kWarmUp = 0;

struct Running {
  Running(TokenSink to, Answer first, const ModelLoaded& by)
      : engine(by.engine), model(by.model), sink(std::move(to)), answer(std::move(first)) {}

  std::uint64_t engine;
  std::shared_ptr<const kernels::Model> model;  // the answer uses its tokenizer
  TokenSink sink;
  Answer answer;
  std::uint64_t request = 0;
  std::uint32_t deadline_ms = 0;
  std::shared_ptr<mdl::TokenGrammar> grammar{};  // or null
  bool is_in_engine = true;
  bool is_paused = false;
};

// A request whose grammar is being compiled.
struct Compiling {
  std::shared_ptr<std::atomic<bool>> stop;
  caf::actor_addr sink;
};

// A text that becomes an embedding or a score.
struct Pooled {
  std::uint64_t engine = 0;
  PoolRequest request;
  std::uint32_t prompt_tokens = 0;
  Promise<PoolReply> promise;
};

// Which of the model's adapters a request's model is; 0: the model itself.
kernels::AdapterId adapter_of(const std::string& name, const kernels::EngineOptions& options) {
  for (std::size_t i = 0; i < options.adapters.size(); ++i)
    if (options.adapters[i].name == name) return static_cast<kernels::AdapterId>(i + 1);
  return 0;
}

class Replica {
 public:
  explicit Replica(LocalReplica::pointer self)
      : self_(self), grammars_(spawn_grammars(self->system())) {}
  ~Replica();

  void start(const DeviceActor& device, const ReadySink& ready, const ModelSpec& spec);
  caf::result<Admitted> generate(GenerateRequest& request, const TokenSink& sink);
  void unloaded(const EngineUnloaded& message);
  void set_residency(const Residency& residency);
  void outputs(const StepOutputs& step);
  void cancel(const Cancel& message);
  void credit(const Credit& message);
  void timer(const RequestTimer& message);
  void down(const caf::down_msg& message);
  template <class Reply, class Request>
  caf::result<Reply> answer_when_loaded(const Request& request);
  caf::result<PoolReply> pool(PoolRequest& request);
  caf::result<ReplicaStatus> status();

 private:
  using Requests = std::unordered_map<SequenceId, Running>;

  void announce();
  void load();
  void loaded(const ModelLoaded& loaded);
  void load_failed(const caf::error& error);
  void warm_up();
  void warmed_up(const kernels::SequenceOutput& output);
  void when_loaded(LoadQueue::Waiting waiting);
  void admit_when_loaded(GenerateRequest request, const TokenSink& sink,
                         const Promise<Admitted>& promise);
  void admit(GenerateRequest& request, const TokenSink& sink, const Promise<Admitted>& promise);
  void compile(GenerateRequest& request, kernels::SequenceSpec& spec, const TokenSink& sink,
               const Promise<Admitted>& promise);
  void enter(GenerateRequest& request, kernels::SequenceSpec spec, const TokenSink& sink,
             const Promise<Admitted>& promise);
  void refused(SequenceId sequence, GenerateRequest& request, const Promise<Admitted>& promise,
               caf::error& error);
  void pool_when_loaded(PoolRequest request, const Promise<PoolReply>& promise);
  void add_pooled(PoolRequest& request, const Promise<PoolReply>& promise);
  void pool_refused(SequenceId sequence, caf::error& error);
  bool take_pooled(const kernels::SequenceOutput& output);
  ReplicaStatus own_status() const;
  ReplicaStatus status_with(const kernels::EngineStats& stats) const;
  void ask_device(std::chrono::milliseconds patience,
                  std::optional<std::uint64_t> progress_before = std::nullopt);
  void device_silent(std::optional<std::uint64_t> progress_before);
  void answer_status(const ReplicaStatus& status);
  Result<TokenizeReply> answer(const TokenizeRequest& request) const;
  Result<DetokenizeReply> answer(const DetokenizeRequest& request) const;
  void set_deadline(SequenceId sequence, std::uint32_t deadline_ms);
  void pump(Requests::iterator request);
  void finish(Requests::iterator request, Finished finished);
  void fail(Requests::iterator request, const Error& error);
  void leave_engine(Requests::iterator request);
  void drop(Requests::iterator request);
  void control(Requests::iterator request, SequenceAction action);
  Requests::iterator find_request(std::uint64_t id);
  LocalReplica self_handle() const { return caf::actor_cast<LocalReplica>(self_); }

  LocalReplica::pointer self_;
  GrammarsActor grammars_;
  DeviceActor device_;
  ReadySink ready_;
  ModelSpec spec_;
  ModelLoaded model_;
  wire::ReplicaState state_ = wire::ReplicaState::unloaded;
  bool is_served_ = false;  // requests may come: they wait while the model is not loaded
  LoadQueue queue_;
  Requests requests_;  // by sequence: ids that this replica chose, so never used twice
  std::unordered_map<std::uint64_t, SequenceId> sequences_;  // by request id
  std::unordered_map<std::uint64_t, Compiling> compiling_;   // by request id
  std::unordered_map<SequenceId, Pooled> pooled_;
  std::vector<Promise<ReplicaStatus>> status_asked_;  // one question to the device answers all
  kernels::EngineStats last_stats_;
  SequenceId next_sequence_ = kWarmUp + 1;
};

Replica::~Replica() {
  for (auto& [id, compiling] : compiling_) *compiling.stop = true;
  caf::anon_send_exit(grammars_, caf::exit_reason::user_shutdown);
}

// --- from start to ready

void Replica::start(const DeviceActor& device, const ReadySink& ready, const ModelSpec& spec) {
  device_ = device;
  ready_ = ready;
  spec_ = spec;
  self_->monitor(device_);
  if (spec_.residency.is_eager) return load();
  if (std::error_code error; !std::filesystem::exists(spec_.path, error))
    return self_->quit(to_caf({Code::not_found, spec_.path + " does not exist"}));
  is_served_ = true;
  announce();
}

// Under its own name and those of its adapters.
void Replica::announce() {
  tell(self_, ready_, ReplicaReady{spec_.name, self_handle(), true});
  for (const auto& adapter : spec_.engine.adapters)
    tell(self_, ready_, ReplicaReady{adapter.name, self_handle(), true});
}

void Replica::load() {
  state_ = wire::ReplicaState::loading;
  ask(self_, device_, kReadyTimeout, LoadModel{spec_, is_served_}, StepSink(self_handle()))
      .then([this](const ModelLoaded& message) { loaded(message); },
            [this](const caf::error& error) { load_failed(error); });
}

void Replica::loaded(const ModelLoaded& message) {
  model_ = message;
  if (is_served_) {
    state_ = wire::ReplicaState::ready;
    queue_.loaded();
  } else {
    state_ = wire::ReplicaState::warming;
    warm_up();
  }
  tell(self_, device_, ModelTaken{message.engine});
}

// At the start it is the supervisor's affair, later that of who waits.
void Replica::load_failed(const caf::error& error) {
  if (!is_served_) return self_->quit(error);
  state_ = wire::ReplicaState::unloaded;
  const Error reason = from_caf(error);
  log::warning("model not loaded", {{"model", spec_.name}, {"reason", reason.message}});
  // Unavailable whatever it was: no asker's fault, and another node may have the model.
  queue_.failed(
      {Code::unavailable, "model " + spec_.name + " could not be loaded: " + reason.message},
      self_->clock().now(), reason.code != Code::exhausted);
}

void Replica::unloaded(const EngineUnloaded& message) {
  if (message.engine != model_.engine) return;
  model_ = {};
  last_stats_ = {};
  if (state_ == wire::ReplicaState::ready) state_ = wire::ReplicaState::unloaded;
}

void Replica::set_residency(const Residency& residency) {
  spec_.residency = residency;
  tell(self_, device_, SetResidency{model_.engine, residency});
}

void Replica::warm_up() {
  AddSequence warm_up;
  warm_up.engine = model_.engine;
  warm_up.spec = warm_up_of(*model_.model);
  warm_up.spec.id = kWarmUp;
  ask(self_, device_, kDeviceTimeout, std::move(warm_up))
      .then([](SequenceAdded) {}, [this](const caf::error& error) { self_->quit(error); });
}

void Replica::warmed_up(const kernels::SequenceOutput& output) {
  if (output.reason == kernels::FinishReason::error) {
    self_->quit(to_caf({Code::corrupt, spec_.name + ": the model gave no usable probabilities"}));
    return;
  }
  state_ = wire::ReplicaState::ready;
  is_served_ = true;
  announce();
}

void Replica::when_loaded(LoadQueue::Waiting waiting) {
  if (state_ == wire::ReplicaState::ready) return waiting.task(ok());
  if (!is_served_)
    return waiting.task(Error{Code::unavailable, "model " + spec_.name + " is still being loaded"});
  const auto most = static_cast<std::size_t>(spec_.engine.max_waiting);
  if (auto room = queue_.check(self_->clock().now(), most); !room) return waiting.task(room);
  if (waiting.sink) self_->monitor(waiting.sink);
  queue_.push(std::move(waiting));
  if (state_ == wire::ReplicaState::unloaded) load();
}

// --- a request comes

caf::result<Admitted> Replica::generate(GenerateRequest& request, const TokenSink& sink) {
  const Promise<Admitted> promise(self_);
  admit_when_loaded(std::move(request), sink, promise);
  return promise;
}

void Replica::admit_when_loaded(GenerateRequest request, const TokenSink& sink,
                                const Promise<Admitted>& promise) {
  const std::uint64_t id = request.id;
  if (sequences_.contains(id) || compiling_.contains(id) || queue_.has(id))
    return promise.deliver(
        to_caf({Code::invalid_argument, fmt::format("request id {} is already in use", id)}));
  const auto task = [this, sink, promise,
                     request = std::move(request)](const Status& loaded) mutable {
    if (!loaded) return promise.deliver(to_caf(loaded.error()));
    admit(request, sink, promise);
  };
  when_loaded({task, id, sink.address()});
}

void Replica::admit(GenerateRequest& request, const TokenSink& sink,
                    const Promise<Admitted>& promise) {
  auto spec = prepare(request, *model_.model, model_.options.max_model_len);
  if (!spec) return promise.deliver(to_caf(spec.error()));
  if (request.constraint_kind == wire::ConstraintKind::none)
    return enter(request, *std::move(spec), sink, promise);
  compile(request, *spec, sink, promise);
}

void Replica::compile(GenerateRequest& request, kernels::SequenceSpec& spec, const TokenSink& sink,
                      const Promise<Admitted>& promise) {
  auto constraint = constraint_of(request, *model_.model);
  if (!constraint) return promise.deliver(to_caf(constraint.error()));
  const std::uint64_t id = request.id;
  const auto stop = std::make_shared<std::atomic<bool>>(false);
  compiling_.emplace(id, Compiling{stop, sink.address()});
  self_->monitor(sink);
  const auto model = model_.model;
  ask(self_, grammars_, kCompileTimeout, CompileGrammar{model, *std::move(constraint), stop})
      .then(
          [this, model, stop, sink, promise, request = std::move(request),
           spec = std::move(spec)](const CompiledGrammar& compiled) mutable {
            compiling_.erase(request.id);
            if (*stop)
              return promise.deliver(to_caf({Code::cancelled, "the request was cancelled"}));
            // It was unloaded meanwhile.
            if (model_.model != model) return admit_when_loaded(std::move(request), sink, promise);
            spec.grammar = compiled.grammar;
            enter(request, std::move(spec), sink, promise);
          },
          [this, id, promise](caf::error& error) {
            compiling_.erase(id);
            promise.deliver(std::move(error));
          });
}

void Replica::enter(GenerateRequest& request, kernels::SequenceSpec spec, const TokenSink& sink,
                    const Promise<Admitted>& promise) {
  const SequenceId sequence = next_sequence_++;
  spec.id = sequence;
  spec.adapter = adapter_of(request.model, model_.options);
  Admitted admitted;
  admitted.id = request.id;
  admitted.prompt_tokens = static_cast<std::uint32_t>(spec.prompt.size());
  const auto& tokenizer = model_.model->tokenizer;
  Running running(sink,
                  Answer(request, tokenizer ? &*tokenizer : nullptr, spec.prompt.size(),
                         reasoning_of(request, *model_.model, spec.prompt),
                         tool_calls_of(request, *model_.model)),
                  model_);
  running.grammar = spec.grammar;
  running.request = request.id;
  running.deadline_ms = request.deadline_ms;
  sequences_.emplace(request.id, sequence);
  // Before the device is asked: the first outputs may be here as soon as its answer.
  requests_.emplace(sequence, std::move(running));
  self_->monitor(sink);

  ask(self_, device_, kDeviceTimeout, AddSequence{model_.engine, std::move(spec)})
      .then(
          [this, promise, sequence, admitted](SequenceAdded) mutable {
            if (auto request = requests_.find(sequence); request != requests_.end()) {
              set_deadline(sequence, request->second.deadline_ms);
              pump(request);
            }
            promise.deliver(std::move(admitted));
          },
          [this, promise, sequence, request = std::move(request)](caf::error& error) mutable {
            refused(sequence, request, promise, error);
          });
}

void Replica::refused(SequenceId sequence, GenerateRequest& request,
                      const Promise<Admitted>& promise, caf::error& error) {
  const auto running = requests_.find(sequence);
  if (running == requests_.end()) return promise.deliver(std::move(error));  // cancelled meanwhile
  if (from_caf(error).code != Code::not_found) {
    leave_engine(running);  // it may have been added after all, past the time-out
    drop(running);
    return promise.deliver(std::move(error));
  }
  // The engine went, or is about to, while this was on its way.
  const TokenSink sink = running->second.sink;
  const bool is_last = running->second.engine == model_.engine;
  drop(running);
  if (is_last && state_ == wire::ReplicaState::ready) state_ = wire::ReplicaState::unloaded;
  admit_when_loaded(std::move(request), sink, promise);
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
    if (take_pooled(output)) continue;
    auto request = requests_.find(output.id);
    if (request == requests_.end()) continue;  // cancelled while this was on its way
    Running& running = request->second;
    running.answer.push(output);
    if (output.reason != kernels::FinishReason::none) running.is_in_engine = false;
    if (output.reason == kernels::FinishReason::error && running.grammar)
      tell(self_, grammars_, ForgetGrammar{running.grammar});
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
    control(request, is_starved ? SequenceAction::pause : SequenceAction::resume);
  // One per grant, and for the few tokens that were made before the pause took effect.
  if (is_starved)
    tell_later(self_, kStreamStallLimit, self_handle(),
               RequestTimer{request->first, RequestTimer::Kind::stall, running.answer.granted()});
}

// --- what else may happen to a request

void Replica::cancel(const Cancel& message) {
  queue_.cancel(message.id);
  if (auto found = compiling_.find(message.id); found != compiling_.end())
    *found->second.stop = true;
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
  queue_.cancel_all_of(message.source);
  for (auto& [id, compiling] : compiling_)
    if (compiling.sink == message.source) *compiling.stop = true;
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
  if (std::exchange(request->second.is_in_engine, false)) control(request, SequenceAction::cancel);
}

void Replica::drop(Requests::iterator request) {
  sequences_.erase(request->second.request);
  requests_.erase(request);
}

void Replica::control(Requests::iterator request, SequenceAction action) {
  tell(self_, device_, ControlSequence{request->second.engine, request->first, action});
}

Replica::Requests::iterator Replica::find_request(std::uint64_t id) {
  auto sequence = sequences_.find(id);
  return sequence == sequences_.end() ? requests_.end() : requests_.find(sequence->second);
}

// --- questions

template <class Reply, class Request>
caf::result<Reply> Replica::answer_when_loaded(const Request& request) {
  const Promise<Reply> promise(self_);
  when_loaded({[this, promise, request](const Status& loaded) {
    if (!loaded) return promise.deliver(to_caf(loaded.error()));
    auto reply = answer(request);
    if (!reply) return promise.deliver(to_caf(reply.error()));
    promise.deliver(*std::move(reply));
  }});
  return promise;
}

Result<TokenizeReply> Replica::answer(const TokenizeRequest& request) const {
  TokenizeReply reply;
  CONDUIT_TRY(reply.tokens, actors::tokenize(request, *model_.model, model_.options.max_model_len));
  reply.max_model_len = static_cast<std::uint32_t>(model_.options.max_model_len);
  return reply;
}

Result<DetokenizeReply> Replica::answer(const DetokenizeRequest& request) const {
  if (!model_.model->tokenizer)
    return Error{Code::invalid_argument, "model " + spec_.name + " has no tokenizer"};
  DetokenizeReply reply;
  reply.text = model_.model->tokenizer->decode(request.tokens);
  return reply;
}

// --- texts that are pooled

caf::result<PoolReply> Replica::pool(PoolRequest& request) {
  const Promise<PoolReply> promise(self_);
  pool_when_loaded(std::move(request), promise);
  return promise;
}

void Replica::pool_when_loaded(PoolRequest request, const Promise<PoolReply>& promise) {
  when_loaded({[this, promise, request = std::move(request)](const Status& loaded) mutable {
    if (!loaded) return promise.deliver(to_caf(loaded.error()));
    add_pooled(request, promise);
  }});
}

void Replica::add_pooled(PoolRequest& request, const Promise<PoolReply>& promise) {
  auto spec = prepare_pooling(request, spec_.name, *model_.model, model_.options);
  if (!spec) return promise.deliver(to_caf(spec.error()));
  const SequenceId sequence = next_sequence_++;
  spec->id = sequence;
  spec->adapter = adapter_of(request.model, model_.options);
  const auto tokens = static_cast<std::uint32_t>(spec->prompt.size());
  pooled_.emplace(sequence, Pooled{model_.engine, std::move(request), tokens, promise});
  ask(self_, device_, kDeviceTimeout, AddSequence{model_.engine, *std::move(spec)})
      .then([](SequenceAdded) {},
            [this, sequence](caf::error& error) { pool_refused(sequence, error); });
}

void Replica::pool_refused(SequenceId sequence, caf::error& error) {
  auto found = pooled_.extract(sequence);
  if (found.empty()) return;
  Pooled& pooled = found.mapped();
  if (from_caf(error).code != Code::not_found) return pooled.promise.deliver(std::move(error));
  // The engine went, or is about to, while this was on its way.
  const bool is_last = pooled.engine == model_.engine;
  if (is_last && state_ == wire::ReplicaState::ready) state_ = wire::ReplicaState::unloaded;
  pool_when_loaded(std::move(pooled.request), pooled.promise);
}

bool Replica::take_pooled(const kernels::SequenceOutput& output) {
  auto found = pooled_.extract(output.id);
  if (found.empty()) return false;
  const Pooled& pooled = found.mapped();
  if (output.reason != kernels::FinishReason::stop) {
    pooled.promise.deliver(
        to_caf({Code::internal, "the model gave no usable numbers for this text"}));
    return true;
  }
  PoolReply reply;
  reply.embedding = output.embedding;
  reply.score = output.score;
  reply.prompt_tokens = pooled.prompt_tokens;
  pooled.promise.deliver(std::move(reply));
  return true;
}

// --- how it stands

ReplicaStatus Replica::own_status() const {
  ReplicaStatus reply;
  reply.model = spec_.name;
  reply.state = state_;
  reply.running = static_cast<std::uint32_t>(requests_.size() + pooled_.size());
  reply.waiting = static_cast<std::uint32_t>(queue_.size());
  if (!model_.model) return reply;
  reply.max_model_len = static_cast<std::uint32_t>(model_.options.max_model_len);
  reply.task = task_of(spec_.name, *model_.model);
  reply.bytes = static_cast<std::uint64_t>(model_.bytes);
  reply.kv_bytes = static_cast<std::uint64_t>(model_.options.kv_bytes);
  reply.device_budget = static_cast<std::uint64_t>(model_.device_budget);
  if (model_.device) reply.device = model_.device->name();
  return reply;
}

ReplicaStatus Replica::status_with(const kernels::EngineStats& stats) const {
  ReplicaStatus reply = own_status();
  // An answer whose reader has not taken all of it runs on, also without the engine.
  const auto waiting = std::min(reply.running, static_cast<std::uint32_t>(stats.waiting));
  reply.waiting += waiting;
  reply.running -= waiting;
  reply.kv_pages_used = static_cast<std::uint64_t>(stats.kv_pages_used);
  reply.kv_pages_total = static_cast<std::uint64_t>(stats.kv_pages_total);
  reply.prompt_tokens = stats.prompt_tokens;
  reply.generated_tokens = stats.generated_tokens;
  return reply;
}

caf::result<ReplicaStatus> Replica::status() {
  if (!model_.model) return own_status();
  const Promise<ReplicaStatus> promise(self_);
  status_asked_.push_back(promise);
  if (status_asked_.size() == 1) ask_device(kStatusPatience);
  return promise;
}

void Replica::ask_device(milliseconds patience, std::optional<std::uint64_t> progress_before) {
  ask(self_, device_, patience, EngineStatsQuery{model_.engine})
      .then(
          [this](const kernels::EngineStats& stats) {
            last_stats_ = stats;
            answer_status(status_with(stats));
          },
          [this, progress_before](const caf::error& error) {
            if (error == caf::sec::request_timeout) return device_silent(progress_before);
            // The engine went meanwhile: what was said holds without it.
            answer_status(own_status());
          });
}

// Asked once more, it computes meanwhile, or is stuck. In a long step the numbers are those before.
void Replica::device_silent(std::optional<std::uint64_t> progress_before) {
  const std::uint64_t progress = kernels::chunks_computed.load();
  if (!progress_before) return ask_device(kProgressPatience, progress);
  ReplicaStatus status = status_with(last_stats_);
  status.is_stuck = progress == *progress_before;
  answer_status(status);
}

void Replica::answer_status(const ReplicaStatus& status) {
  for (const auto& promise : std::exchange(status_asked_, {})) promise.deliver(status);
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
      [&state](const TokenizeRequest& request) {
        return state.answer_when_loaded<TokenizeReply>(request);
      },
      [&state](const DetokenizeRequest& request) {
        return state.answer_when_loaded<DetokenizeReply>(request);
      },
      [&state](PoolRequest& request) { return state.pool(request); },
      [&state](const StatusQuery&) { return state.status(); },
      [&state](const StepOutputs& step) { state.outputs(step); },
      [&state](const EngineUnloaded& message) { state.unloaded(message); },
      [&state](const Residency& residency) { state.set_residency(residency); },
      [&state](const RequestTimer& message) { state.timer(message); },
  };
}

}  // namespace

LocalReplica spawn_replica(caf::actor_system& system, const DeviceActor& device,
                           const ReadySink& ready, const ModelSpec& spec) {
  return system.spawn(replica, device, ready, spec);
}

}  // namespace conduit::actors
