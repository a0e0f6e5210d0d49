// Two loops. StepDue → one step of the engine whose turn it is → outputs to its replica → StepDue.
// LoadModel → open → make room, which may have to wait → create → ModelLoaded → the next in line.
#include "actors/device.h"

#include <fmt/format.h>

#include <algorithm>
#include <caf/exit_reason.hpp>
#include <deque>
#include <set>
#include <stop_token>
#include <utility>

#include "actors/device_metrics.h"
#include "actors/errors.h"
#include "actors/fair_turns.h"
#include "actors/loaded_engine.h"
#include "actors/loader.h"
#include "mdl/base/log.h"

namespace conduit::actors {

namespace {

using kernels::Engine;
using Clock = Engine::Clock;
using TimePoint = caf::actor_clock::time_point;

// Reading a large model from a slow disk takes minutes; a loader that is busy so long is broken.
constexpr std::chrono::hours kLoadTimeout{1};

struct Load {
  enum class Stage : std::uint8_t { in_line, opening, making_room, creating };

  std::uint64_t number = 0;
  LoadModel wanted;
  StepSink sink;
  Promise<ModelLoaded> promise;
  Stage stage = Stage::in_line;
  OpenedModel opened{};
  bool is_abandoned = false;  // its sink has ended
};

class DeviceState {
 public:
  explicit DeviceState(DeviceActor::pointer self) : self_(self) {}
  ~DeviceState();

  void start(std::shared_ptr<kernels::Device> device, const DeviceOptions& options);
  caf::result<ModelLoaded> load(LoadModel& wanted, const StepSink& sink);
  void taken(const ModelTaken& message);
  void set_residency(const SetResidency& message);
  void unload(const UnloadModel& message);
  void down(const caf::actor_addr& sink);
  caf::result<SequenceAdded> add(AddSequence& message);
  void control(const ControlSequence& message);
  caf::result<kernels::EngineStats> stats(std::uint64_t id);
  void step(const StepDue& message);
  void settle();
  void load_due(const LoadDue& message);

 private:
  using Stage = Load::Stage;

  LoadedEngine* find(std::uint64_t id);
  LoadedEngine* next_in_turn(Clock::time_point now);
  void schedule();
  void changed(LoadedEngine& loaded);
  void remove(std::uint64_t id, const std::string& reason);
  void remove_idle();

  ModelLoaded describe(const LoadedEngine& loaded) const;
  void answer_loads_of_kept();
  void open_next();
  void opened(const OpenedModel& opened);
  std::vector<Resident> residents(const Load& load) const;
  void make_room();
  void create();
  void created(const CreatedEngine& created);
  void fail(const Error& error);
  void end_load();
  Error no_room(const Load& load, const std::string& why) const;

  DeviceActor::pointer self_;
  DeviceOptions options_;
  std::shared_ptr<kernels::Device> device_;  // engines keep it alive
  LoaderActor loader_;
  std::stop_source stop_opening_;
  std::vector<std::unique_ptr<LoadedEngine>> engines_;
  std::uint64_t next_id_ = 1;
  FairTurns turns_;
  std::uint64_t step_number_ = 0;
  Clock::time_point due_ = Clock::time_point::max();  // of the StepDue under way; max: none
  TimePoint idle_due_ = TimePoint::max();             // of the IdleDue under way; max: none

  std::deque<Load> loads_;  // the first one is under way
  std::uint64_t next_load_ = 1;
  std::set<caf::actor_addr> watched_;
};

void DeviceState::start(std::shared_ptr<kernels::Device> device, const DeviceOptions& options) {
  device_ = std::move(device);
  options_ = options;
  std::int64_t& budget = options_.budget.bytes;
  if (budget == 0) budget = default_budget(static_cast<std::int64_t>(device_->memory_bytes()));
  show_budget(budget);
  loader_ = spawn_loader(self_->system(), device_, options_.thread == DeviceThread::own,
                         stop_opening_.get_token());
}

// A load under way ends early, or the system would wait for it.
DeviceState::~DeviceState() {
  if (!device_) return;
  stop_opening_.request_stop();
  device_->stop_loading();
  caf::anon_send_exit(loader_, caf::exit_reason::user_shutdown);
}

LoadedEngine* DeviceState::find(std::uint64_t id) {
  for (auto& loaded : engines_)
    if (loaded->id == id) return loaded.get();
  return nullptr;
}

// --- from wanted to loaded

caf::result<ModelLoaded> DeviceState::load(LoadModel& wanted, const StepSink& sink) {
  if (watched_.insert(sink.address()).second) self_->monitor(sink);
  const Promise<ModelLoaded> promise(self_);
  loads_.push_back({next_load_++, std::move(wanted), sink, promise});
  answer_loads_of_kept();
  open_next();
  return promise;
}

// What the cache can never hold is refused like what the model cannot: at once.
ModelLoaded DeviceState::describe(const LoadedEngine& loaded) const {
  kernels::EngineOptions options = loaded.engine->options();
  const std::int64_t cached = loaded.engine->stats().kv_pages_total * options.page_size;
  options.max_model_len = static_cast<int>(std::min<std::int64_t>(options.max_model_len, cached));
  return {loaded.id,      loaded.model,          std::move(options),
          loaded.bytes(), options_.budget.bytes, device_};
}

// A model that was to make room may stay after all, while its owner already asks for it again.
void DeviceState::answer_loads_of_kept() {
  std::erase_if(loads_, [this](const Load& load) {
    if (load.stage != Stage::in_line) return false;
    for (const auto& loaded : engines_) {
      if (loaded->sink != load.sink || loaded->is_leaving()) continue;
      loaded->is_taken = false;
      load.promise.deliver(describe(*loaded));
      return true;
    }
    return false;
  });
}

void DeviceState::open_next() {
  if (loads_.empty() || loads_.front().stage != Stage::in_line) return;
  Load& load = loads_.front();
  load.stage = Stage::opening;
  ask(self_, loader_, kLoadTimeout, OpenModel{load.wanted.spec, options_.budget.bytes})
      .then([this](const OpenedModel& message) { opened(message); },
            [this](const caf::error& error) { fail(from_caf(error)); });
}

void DeviceState::opened(const OpenedModel& opened) {
  Load& load = loads_.front();
  if (load.is_abandoned) return end_load();
  load.opened = opened;
  load.stage = Stage::making_room;
  tell_later(self_, options_.memory_wait, caf::actor_cast<DeviceActor>(self_),
             LoadDue{load.number});
  make_room();
}

std::vector<Resident> DeviceState::residents(const Load& load) const {
  std::vector<Resident> all;
  for (const auto& loaded : engines_) all.push_back(loaded->resident(load.wanted.is_asked_for));
  return all;
}

// Unloads whom it must, as soon as all of them are idle.
void DeviceState::make_room() {
  if (loads_.empty() || loads_.front().stage != Stage::making_room) return;
  Load& load = loads_.front();
  const auto going = who_goes(options_.budget, residents(load), load.opened.bytes);
  if (!going) return fail(no_room(load, "the models that stay leave too little"));
  bool must_wait = false;
  for (auto& loaded : engines_) {
    loaded->makes_room = std::ranges::find(*going, loaded->id) != going->end();
    must_wait |= loaded->makes_room && loaded->is_busy();
  }
  answer_loads_of_kept();
  if (must_wait) return;
  for (std::uint64_t id : *going) remove(id, "room");
  create();
}

void DeviceState::load_due(const LoadDue& message) {
  if (loads_.empty()) return;
  const Load& load = loads_.front();
  if (load.number != message.load || load.stage != Stage::making_room) return;
  fail(no_room(load, fmt::format("none of them finished its answers within {} ms (memory_wait_ms)",
                                 options_.memory_wait.count())));
}

Error DeviceState::no_room(const Load& load, const std::string& why) const {
  std::string limit = fmt::format("device_memory is {} bytes", options_.budget.bytes);
  if (options_.budget.models > 0)
    limit += fmt::format(", max_loaded_models {}", options_.budget.models);
  return {Code::exhausted,
          fmt::format("model {} needs {} bytes, {} of them for its cache (max_model_len x "
                      "max_model_concurrency); {}, held by {}: {}",
                      load.wanted.spec.name, load.opened.bytes, load.opened.options.kv_bytes, limit,
                      held_by(residents(load)), why)};
}

void DeviceState::create() {
  Load& load = loads_.front();
  load.stage = Stage::creating;
  ask(self_, loader_, kLoadTimeout, CreateEngine{load.opened})
      .then([this](const CreatedEngine& message) { created(message); },
            [this](const caf::error& error) { fail(from_caf(error)); });
}

void DeviceState::created(const CreatedEngine& created) {
  const Load& load = loads_.front();
  if (load.is_abandoned) return end_load();
  engines_.push_back(std::make_unique<LoadedEngine>(next_id_++, load.wanted.spec, load.sink,
                                                    load.opened.model, created.engine));
  LoadedEngine& loaded = *engines_.back();
  loaded.last_used = self_->clock().now();
  count_load(loaded.spec.name, false);
  log::info("model loaded", {{"model", loaded.spec.name},
                             {"reason", load.wanted.is_asked_for ? "request" : "start"},
                             {"device", device_->name()},
                             {"device_mb", loaded.bytes() >> 20},
                             {"max_model_len", loaded.engine->options().max_model_len}});
  load.promise.deliver(describe(loaded));
  end_load();
}

void DeviceState::fail(const Error& error) {
  const Load& load = loads_.front();
  count_load(load.wanted.spec.name, true);
  load.promise.deliver(to_caf(error));
  end_load();
}

void DeviceState::end_load() {
  loads_.pop_front();
  for (auto& loaded : engines_) loaded->makes_room = false;
  answer_loads_of_kept();
  open_next();
}

// --- from loaded to unloaded

void DeviceState::taken(const ModelTaken& message) {
  LoadedEngine* loaded = find(message.engine);
  if (loaded == nullptr) return;
  loaded->is_taken = true;
  settle();
}

void DeviceState::set_residency(const SetResidency& message) {
  LoadedEngine* loaded = find(message.engine);
  if (loaded == nullptr) return;
  loaded->spec.residency = message.residency;
  settle();
}

void DeviceState::unload(const UnloadModel& message) {
  LoadedEngine* loaded = find(message.engine);
  if (loaded == nullptr) return;
  loaded->is_stopped = loaded->is_taken = true;
  settle();
}

void DeviceState::remove(std::uint64_t id, const std::string& reason) {
  const auto gone = std::ranges::find(engines_, id, [](const auto& loaded) { return loaded->id; });
  const LoadedEngine& loaded = **gone;
  log::info("model unloaded",
            {{"model", loaded.spec.name}, {"reason", reason}, {"device_mb", loaded.bytes() >> 20}});
  count_unload(loaded.spec.name, reason);
  tell(self_, loaded.sink, EngineUnloaded{id});
  turns_.remove(id);
  engines_.erase(gone);
}

// Whatever an actor loaded, or was about to, goes when it ends.
void DeviceState::down(const caf::actor_addr& sink) {
  watched_.erase(sink);
  std::erase_if(loads_, [&](Load& load) {
    if (load.sink.address() != sink) return false;
    load.is_abandoned = true;
    return load.stage == Stage::in_line;
  });
  std::vector<std::uint64_t> gone;
  for (const auto& loaded : engines_)
    if (loaded->sink.address() == sink) gone.push_back(loaded->id);
  for (std::uint64_t id : gone) remove(id, "owner");
  if (!loads_.empty() && loads_.front().is_abandoned && loads_.front().stage == Stage::making_room)
    end_load();
  settle();
}

// After anything that may have left a model idle: it may have to go, or have been waited for.
void DeviceState::settle() {
  remove_idle();
  make_room();
}

void DeviceState::remove_idle() {
  const TimePoint now = self_->clock().now();
  std::vector<std::uint64_t> gone;
  TimePoint next = TimePoint::max();
  for (const auto& loaded : engines_) {
    if (loaded->is_busy()) continue;
    const TimePoint end = loaded->idle_end();
    if (end <= now) gone.push_back(loaded->id);
    if (end > now) next = std::min(next, end);
  }
  for (std::uint64_t id : gone) remove(id, find(id)->is_stopped ? "stopped" : "idle");
  if (next >= idle_due_ && idle_due_ > now) return;  // looked at again by then
  idle_due_ = next;
  if (next == TimePoint::max()) return;
  tell_later(self_, std::chrono::ceil<std::chrono::milliseconds>(next - now),
             caf::actor_cast<DeviceActor>(self_), IdleDue{});
}

// --- sequences

caf::result<SequenceAdded> DeviceState::add(AddSequence& message) {
  LoadedEngine* loaded = find(message.engine);
  if (loaded == nullptr || loaded->is_leaving())
    return to_caf({Code::not_found, "the model is no longer loaded"});
  auto added = loaded->engine->add(std::move(message.spec));
  if (!added) return to_caf(added.error());
  changed(*loaded);
  return SequenceAdded{};
}

void DeviceState::control(const ControlSequence& message) {
  LoadedEngine* loaded = find(message.engine);
  if (loaded == nullptr) return;
  switch (message.action) {
    case SequenceAction::cancel: loaded->engine->cancel(message.id); break;
    case SequenceAction::pause: loaded->engine->pause(message.id); break;
    case SequenceAction::resume: loaded->engine->resume(message.id); break;
  }
  changed(*loaded);  // a place in the batch, or work, may have come free
  settle();
}

void DeviceState::changed(LoadedEngine& loaded) {
  loaded.last_used = self_->clock().now();
  loaded.metrics.observe_use();
  loaded.metrics.update(loaded.engine->stats());
  schedule();
}

caf::result<kernels::EngineStats> DeviceState::stats(std::uint64_t id) {
  LoadedEngine* loaded = find(id);
  if (loaded == nullptr) return to_caf({Code::not_found, "the model is no longer loaded"});
  return loaded->engine->stats();
}

// --- steps

void DeviceState::step(const StepDue& message) {
  if (message.number != step_number_) return;
  due_ = Clock::time_point::max();
  if (LoadedEngine* loaded = next_in_turn(Clock::now())) {
    const auto begin = options_.now();
    StepOutputs outputs{loaded->engine->step(Clock::now())};
    const auto took = options_.now() - begin;
    turns_.charge(loaded->id, took);
    loaded->metrics.observe_step(took);
    if (!outputs.outputs.empty()) tell(self_, loaded->sink, std::move(outputs));
    changed(*loaded);
    settle();
  }
  schedule();
}

LoadedEngine* DeviceState::next_in_turn(Clock::time_point now) {
  std::vector<std::uint64_t> ready;
  for (const auto& loaded : engines_)
    if (loaded->engine->next_step(now) <= now) ready.push_back(loaded->id);
  return ready.empty() ? nullptr : find(turns_.next(ready));
}

// Sends the next StepDue unless one that is early enough is under way.
void DeviceState::schedule() {
  const Clock::time_point now = Clock::now();
  Clock::time_point when = Clock::time_point::max();
  for (const auto& loaded : engines_) when = std::min(when, loaded->engine->next_step(now));
  if (when >= due_) return;
  due_ = when;
  const StepDue next{++step_number_};
  const DeviceActor self = caf::actor_cast<DeviceActor>(self_);
  if (when <= now)
    tell(self_, self, next);
  else  // rounded up: a step before its time would find nothing to do
    tell_later(self_, std::chrono::ceil<std::chrono::milliseconds>(when - now), self, next);
}

DeviceActor::behavior_type device(DeviceActor::stateful_pointer<DeviceState> self,
                                  std::shared_ptr<kernels::Device> owned,
                                  const DeviceOptions& options) {
  DeviceState& state = self->state;
  state.start(std::move(owned), options);
  self->set_down_handler([&state](caf::down_msg& down) { state.down(down.source); });
  return {
      [&state](LoadModel& wanted, const StepSink& sink) { return state.load(wanted, sink); },
      [&state](const ModelTaken& message) { state.taken(message); },
      [&state](const SetResidency& message) { state.set_residency(message); },
      [&state](const UnloadModel& message) { state.unload(message); },
      [&state](AddSequence& message) { return state.add(message); },
      [&state](const ControlSequence& message) { state.control(message); },
      [&state](const EngineStatsQuery& query) { return state.stats(query.engine); },
      [&state](const StepDue& message) { state.step(message); },
      [&state](IdleDue) { state.settle(); },
      [&state](const LoadDue& message) { state.load_due(message); },
  };
}

}  // namespace

DeviceActor spawn_device(caf::actor_system& system, std::unique_ptr<kernels::Device> owned,
                         DeviceOptions options) {
  // Arguments of an actor must be copyable.
  std::shared_ptr<kernels::Device> shared = std::move(owned);
  if (options.thread == DeviceThread::own)
    return system.spawn<caf::detached>(device, std::move(shared), std::move(options));
  return system.spawn(device, std::move(shared), std::move(options));
}

}  // namespace conduit::actors
