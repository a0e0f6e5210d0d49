// An engine in a device's memory: whose it is, and whether it may go.
// Not here: when it goes (device.cc), and for whom (memory_budget.h).
#pragma once

#include <cstdint>
#include <memory>

#include "actors/device_metrics.h"
#include "actors/memory_budget.h"
#include "actors/messages.h"

namespace conduit::actors {

struct LoadedEngine {
  using TimePoint = caf::actor_clock::time_point;

  LoadedEngine(std::uint64_t name, ModelSpec wanted, StepSink to,
               std::shared_ptr<const kernels::Model> opened,
               std::shared_ptr<kernels::Engine> loaded);

  std::int64_t bytes() const { return static_cast<std::int64_t>(engine->device_bytes()); }
  bool is_busy() const;
  bool is_leaving() const { return is_stopped || makes_room; }
  // Since when it should be gone, or when it will be, provided it is idle from last_used on;
  // TimePoint::max(): never.
  TimePoint idle_end() const;
  // As one that a model may replace; `is_asked_for`: by a request (LoadModel).
  Resident resident(bool is_asked_for) const;

  std::uint64_t id;
  ModelSpec spec;
  StepSink sink;
  std::shared_ptr<const kernels::Model> model;
  std::shared_ptr<kernels::Engine> engine;
  DeviceMetrics metrics;
  TimePoint last_used{};
  bool is_taken = false;    // what it was loaded for has been added
  bool is_stopped = false;  // by its owner
  bool makes_room = false;  // once it is idle; until then the load that waits may be given up
};

}  // namespace conduit::actors
