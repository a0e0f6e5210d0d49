// The loop: StepDue → one step of the engine whose turn it is → outputs to its replica → StepDue.
#include "actors/device.h"

#include <algorithm>
#include <utility>

#include "actors/device_metrics.h"
#include "actors/errors.h"
#include "mdl/base/log.h"

namespace conduit::actors {

namespace {

using kernels::Engine;
using Clock = Engine::Clock;

struct LoadedEngine {
  LoadedEngine(std::uint64_t name, std::string model_name, StepSink to,
               std::unique_ptr<Engine> loaded)
      : id(name),
        model(std::move(model_name)),
        sink(std::move(to)),
        engine(std::move(loaded)),
        metrics(model) {
    metrics.update(engine->stats());
  }

  std::uint64_t id;
  std::string model;
  StepSink sink;
  std::unique_ptr<Engine> engine;
  DeviceMetrics metrics;
};

class DeviceState {
 public:
  explicit DeviceState(DeviceActor::pointer self) : self_(self) {}

  void start(std::unique_ptr<kernels::Device> device) { device_ = std::move(device); }
  caf::result<ModelLoaded> load(const ModelSpec& spec, const StepSink& sink);
  void unload(std::uint64_t id);
  void unload_all_of(const caf::actor_addr& sink);
  caf::result<SequenceAdded> add(AddSequence& message);
  void control(const ControlSequence& message);
  caf::result<kernels::EngineStats> stats(std::uint64_t id);
  void step(const StepDue& message);

 private:
  LoadedEngine* find(std::uint64_t id);
  LoadedEngine* next_in_turn(Clock::time_point now);
  void schedule();

  DeviceActor::pointer self_;
  std::unique_ptr<kernels::Device> device_;  // outlives the engines
  std::vector<std::unique_ptr<LoadedEngine>> engines_;
  std::uint64_t next_id_ = 1;
  std::size_t turn_ = 0;  // index of the engine that is asked first
  std::uint64_t step_number_ = 0;
  Clock::time_point due_ = Clock::time_point::max();  // of the StepDue under way; max: none
};

caf::result<ModelLoaded> DeviceState::load(const ModelSpec& spec, const StepSink& sink) {
  auto model = kernels::open_model(spec.path);
  if (!model) return to_caf(model.error());
  auto engine = Engine::create(*device_, *model, spec.engine);
  if (!engine) return to_caf(engine.error());
  const kernels::EngineOptions options = (*engine)->options();
  log::info("model loaded", {{"model", spec.name},
                             {"device", device_->name()},
                             {"device_mb", (*engine)->device_bytes() >> 20},
                             {"max_model_len", options.max_model_len}});
  self_->monitor(sink);
  engines_.push_back(std::make_unique<LoadedEngine>(next_id_, spec.name, sink, *std::move(engine)));
  return ModelLoaded{next_id_++, *std::move(model), options};
}

LoadedEngine* DeviceState::find(std::uint64_t id) {
  for (auto& loaded : engines_)
    if (loaded->id == id) return loaded.get();
  return nullptr;
}

void DeviceState::unload(std::uint64_t id) {
  LoadedEngine* loaded = find(id);
  if (loaded == nullptr) return;
  self_->demonitor(loaded->sink.address());
  unload_all_of(loaded->sink.address());
}

void DeviceState::unload_all_of(const caf::actor_addr& sink) {
  std::erase_if(engines_, [&](const auto& loaded) {
    if (loaded->sink.address() != sink) return false;
    log::info("model unloaded", {{"model", loaded->model}});
    return true;
  });
  turn_ = 0;
}

caf::result<SequenceAdded> DeviceState::add(AddSequence& message) {
  LoadedEngine* loaded = find(message.engine);
  if (loaded == nullptr) return to_caf({Code::not_found, "the model is no longer loaded"});
  auto added = loaded->engine->add(std::move(message.spec));
  if (!added) return to_caf(added.error());
  loaded->metrics.update(loaded->engine->stats());
  schedule();
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
  loaded->metrics.update(loaded->engine->stats());
  schedule();  // a place in the batch, or work, may have come free
}

caf::result<kernels::EngineStats> DeviceState::stats(std::uint64_t id) {
  LoadedEngine* loaded = find(id);
  if (loaded == nullptr) return to_caf({Code::not_found, "the model is no longer loaded"});
  return loaded->engine->stats();
}

void DeviceState::step(const StepDue& message) {
  if (message.number != step_number_) return;
  due_ = Clock::time_point::max();
  const Clock::time_point begin = Clock::now();
  if (LoadedEngine* loaded = next_in_turn(begin)) {
    StepOutputs outputs{loaded->engine->step(begin)};
    loaded->metrics.observe_step(Clock::now() - begin);
    loaded->metrics.update(loaded->engine->stats());
    if (!outputs.outputs.empty()) tell(self_, loaded->sink, std::move(outputs));
  }
  schedule();
}

// The first engine from `turn_` on that has work; the turn passes to the one behind it.
LoadedEngine* DeviceState::next_in_turn(Clock::time_point now) {
  for (std::size_t i = 0; i < engines_.size(); ++i) {
    const std::size_t index = (turn_ + i) % engines_.size();
    if (engines_[index]->engine->next_step(now) > now) continue;
    turn_ = (index + 1) % engines_.size();
    return engines_[index].get();
  }
  return nullptr;
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
                                  std::shared_ptr<std::unique_ptr<kernels::Device>> owned) {
  DeviceState& state = self->state;
  state.start(std::move(*owned));
  self->set_down_handler([&state](caf::down_msg& down) { state.unload_all_of(down.source); });
  return {
      [&state](const ModelSpec& spec, const StepSink& sink) { return state.load(spec, sink); },
      [&state](const UnloadModel& message) { state.unload(message.engine); },
      [&state](AddSequence& message) { return state.add(message); },
      [&state](const ControlSequence& message) { state.control(message); },
      [&state](const EngineStatsQuery& query) { return state.stats(query.engine); },
      [&state](const StepDue& message) { state.step(message); },
  };
}

}  // namespace

DeviceActor spawn_device(caf::actor_system& system, std::unique_ptr<kernels::Device> device_memory,
                         DeviceThread thread) {
  // Arguments of an actor must be copyable.
  auto owned = std::make_shared<std::unique_ptr<kernels::Device>>(std::move(device_memory));
  if (thread == DeviceThread::own) return system.spawn<caf::detached>(device, std::move(owned));
  return system.spawn(device, std::move(owned));
}

}  // namespace conduit::actors
