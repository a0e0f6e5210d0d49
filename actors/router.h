// The router: model name → a ready replica.
// The idea: it only knows handles, so replicas of this node and stand-ins for those of others are
// treated alike; which of several is a plain function. A replica that turns out to be gone at
// admission costs the asker nothing: the next one is asked, each once. Tokens do not pass here.
#pragma once

#include <cstddef>

#include "actors/messages.h"

namespace conduit::actors {

// Which of `ready` replicas (at least one) is asked first; `turn` counts the requests for the
// model.
using RoutingPolicy = std::size_t (*)(std::size_t ready, std::size_t turn);
std::size_t round_robin(std::size_t ready, std::size_t turn);

RouterActor spawn_router(caf::actor_system& system, RoutingPolicy policy = round_robin);

}  // namespace conduit::actors
