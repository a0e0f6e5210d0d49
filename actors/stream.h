// A stream: one request as its asker sees it, for code outside the actors (the gateway, the client
// library). The idea: a small actor is the request's TokenSink; it asks the router, watches the
// replica that took the request, and turns whatever happens (an error at admission, a replica that
// dies, a peer that is lost, a deadline) into exactly one Finished.
#pragma once

#include <cstdint>
#include <functional>

#include "actors/messages.h"

namespace conduit::actors {

struct StreamHandlers {
  std::function<void(const TokenChunk&)>
      on_chunk;  // in order, from an actor's thread: do not block
  std::function<void(const Finished&)> on_finished;  // exactly once, and nothing after it
};

class Stream {
 public:
  // `request.id` is chosen here. Chunks come as `request.credit` allows; the reader grants more as
  // it takes them.
  static Stream start(caf::actor_system& system, const RouterActor& router, GenerateRequest request,
                      StreamHandlers handlers);

  void cancel();  // ends with Finished{cancelled}, unless it has finished
  void grant(std::uint32_t chunks);

 private:
  explicit Stream(caf::actor sink) : sink_(std::move(sink)) {}
  caf::actor sink_;
};

}  // namespace conduit::actors
