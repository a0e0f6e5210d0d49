// The supervisor: what should run against what runs, on this node.
// The idea: it starts a replica for every model that is wanted and watches it; one that ends is
// started again after a pause that doubles, and has all its patience back once it stayed healthy
// for a while. A model that could never be loaded is not tried again: whoever waits for the node
// gets its error.
// What is wanted may change: a model that no longer is gets no new requests, and ends when it has
// answered those it had. One that changes but its residency is replaced that way.
// The device actor is made anew, by the factory it was given, when it has ended.
#pragma once

#include <chrono>
#include <functional>
#include <vector>

#include "actors/messages.h"

namespace conduit::actors {

struct RestartPolicy {
  std::chrono::milliseconds first_pause{1'000};     // doubles with each restart …
  std::chrono::milliseconds longest_pause{60'000};  // … up to this
  std::chrono::milliseconds healthy_after{60'000};  // ready for so long: it counts from the start
  int budget = 16;      // restarts in a row, about ten minutes; then the model is given up
  double jitter = 0.2;  // each pause is this share longer or shorter, by chance, so that replicas
                        // that fell together do not rise together
};

using DeviceFactory = std::function<Result<DeviceActor>()>;

SupervisorActor spawn_supervisor(caf::actor_system& system, DeviceFactory make_device,
                                 const RouterActor& router, std::vector<ModelSpec> models,
                                 RestartPolicy policy = {});

}  // namespace conduit::actors
