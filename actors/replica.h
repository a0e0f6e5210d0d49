// A replica: one model on one device, answering requests.
// The idea: it prepares a request (prompt.h), hands the sequence to its device, and turns what
// comes back into chunks (answer.h). It alone knows the readers: one that is slow has its sequence
// paused, one that is silent too long or gone has it cancelled, so its pages are free within a
// step. Ready means that it has generated a token.
// When its model cannot be loaded, or its device ends, it ends with that error: starting again is
// the supervisor's affair.
#pragma once

#include <chrono>

#include "actors/messages.h"

namespace conduit::actors {

// How long a reader without credit left may grant nothing before its answer is given up: longer
// than any reader needs to think, short enough that abandoned ones do not fill the cache.
inline constexpr std::chrono::seconds kStreamStallLimit{60};

LocalReplica spawn_replica(caf::actor_system& system, const DeviceActor& device,
                           const ReadySink& ready, const ModelSpec& spec);

}  // namespace conduit::actors
