// A replica without a model: it answers a prompt of text with `max_tokens` chunks "0 1 2 …", each
// when there is credit, then Finished. What it holds can be looked at, so that a test sees nothing
// stay behind. Prompts that do something else: "refuse" (an error instead of Admitted), "never" (no
// answer at all).
#pragma once

#include <atomic>
#include <memory>

#include "actors/messages.h"

namespace conduit::testing {

struct EchoCounts {
  std::atomic<int> open{0};       // streams admitted and neither finished nor cancelled
  std::atomic<int> cancelled{0};  // by a Cancel
  std::atomic<int> chunks{0};     // sent
};

actors::ReplicaActor spawn_echo_replica(caf::actor_system& system,
                                        std::shared_ptr<EchoCounts> counts);

}  // namespace conduit::testing
