// Busy or idle, and until when.
#include "actors/loaded_engine.h"

#include <utility>

namespace conduit::actors {

LoadedEngine::LoadedEngine(std::uint64_t name, ModelSpec wanted, StepSink to,
                           std::shared_ptr<const kernels::Model> opened,
                           std::shared_ptr<kernels::Engine> loaded)
    : id(name),
      spec(std::move(wanted)),
      sink(std::move(to)),
      model(std::move(opened)),
      engine(std::move(loaded)),
      metrics(spec.name, bytes()) {
  metrics.update(engine->stats());
}

bool LoadedEngine::is_busy() const {
  const kernels::EngineStats stats = engine->stats();
  return !is_taken || stats.running + stats.waiting > 0;
}

LoadedEngine::TimePoint LoadedEngine::idle_end() const {
  if (is_stopped) return last_used;
  const Residency& wish = spec.residency;
  if (wish.is_pinned || !wish.keep_alive) return TimePoint::max();
  return last_used + *wish.keep_alive;
}

Resident LoadedEngine::resident(bool is_asked_for) const {
  const Residency& wish = spec.residency;
  const bool is_kept = wish.is_pinned || (wish.is_eager && !is_asked_for);
  return {id, spec.name, bytes(), last_used, is_kept, is_busy()};
}

}  // namespace conduit::actors
