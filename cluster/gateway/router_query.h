// One question to the router from outside the actors: a small actor asks, hands over the reply or
// the error, and ends.
#pragma once

#include <chrono>
#include <functional>
#include <utility>

#include "actors/errors.h"
#include "actors/messages.h"
#include "mdl/base/result.h"

namespace conduit::cluster {

// Tokenizing the largest body takes a few seconds; a replica that is busy loading takes longer.
inline constexpr std::chrono::milliseconds kQueryTimeout{30'000};

// `on_reply` is called once, from an actor's thread.
template <class Reply, class Query>
void ask_router(caf::actor_system& system, const actors::RouterActor& router, Query query,
                std::function<void(Result<Reply>)> on_reply,
                std::chrono::milliseconds timeout = kQueryTimeout) {
  system.spawn([router, query = std::move(query), on_reply = std::move(on_reply),
                timeout](caf::event_based_actor* self) {
    actors::ask(self, router, timeout, query)
        .then([on_reply](const Reply& reply) { on_reply(reply); },
              [on_reply](const caf::error& error) { on_reply(actors::from_caf(error)); });
  });
}

}  // namespace conduit::cluster
