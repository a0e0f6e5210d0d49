// A stream: one request as its asker sees it, for code outside the actors (the gateway, the client
// library). The idea: a small actor is the request's TokenSink; it asks the router, watches the
// replica that took the request, and turns whatever happens (an error at admission, a replica that
// dies, a peer that is lost, a deadline, an actor system that ends) into exactly one Finished.
// When the actor has ended its replica notices and frees what it held, so nobody has to clean up.
#pragma once

#include <cstdint>
#include <functional>
#include <utility>

#include "actors/messages.h"

namespace conduit::actors {

struct StreamHandlers {
  std::function<void(const TokenChunk&)>
      on_chunk;  // in order, from an actor's thread: do not block
  std::function<void(const Finished&)> on_finished;  // exactly once, and nothing after it
};

// The actor of one stream: the sink of its answer, and what its reader says.
using StreamActor = TokenSink::extend<  //
    caf::reacts_to<Cancel>,             //
    caf::reacts_to<Credit>,             //
    caf::reacts_to<StreamDeadline>>;

class Stream {
 public:
  // Never blocks. `request.id` is chosen here. Chunks come as `request.credit` allows; the reader
  // grants more as it takes them.
  static Stream start(caf::actor_system& system, const RouterActor& router, GenerateRequest request,
                      StreamHandlers handlers);

  void cancel();  // ends with Finished{cancelled}, unless it has finished
  void grant(std::uint32_t chunks);
  std::uint64_t id() const { return id_; }

 private:
  Stream(std::uint64_t id, StreamActor actor) : id_(id), actor_(std::move(actor)) {}
  std::uint64_t id_;
  StreamActor actor_;
};

}  // namespace conduit::actors
