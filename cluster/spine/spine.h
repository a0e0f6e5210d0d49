// The spine of a node: what ties its actors to those of other nodes. Start it beside a router, and
// the ready replicas of every other node appear at that router as if they were here, while this
// node's appear at theirs. The idea: one bound socket in, one connection to each peer out, one
// actor (membership) that says who is there, and a stand-in actor for whatever lives elsewhere.
// Not here: which replica answers (actors/router), and keys: a node listens on loopback only.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "actors/messages.h"
#include "cluster/spine/membership.h"
#include "cluster/spine/timing.h"
#include "mdl/base/result.h"

namespace conduit::cluster {

struct SpineOptions {
  std::string listen = "tcp://127.0.0.1:*";  // `*` or 0: a free port
  std::vector<std::string> join;             // endpoints of nodes to join; tried until they answer
  Timing timing;
};

class Spine {
 public:
  // Errors: invalid_argument (an endpoint that is malformed or not loopback), unavailable (port
  // taken). Joining goes on in the background: a peer that is not there yet is no error.
  static Result<std::unique_ptr<Spine>> start(caf::actor_system& system,
                                              const actors::RouterActor& router,
                                              SpineOptions options);
  ~Spine();  // stops

  const MembershipActor& membership() const;  // null once stopped
  const std::string& endpoint() const;        // with the port that was found
  // Blocks until the first of `join` has answered and its replicas are at the router. Error:
  // unavailable, with the endpoints.
  Status wait_joined(std::chrono::milliseconds timeout);
  // Says Goodbye, ends the stand-ins of other nodes (their open streams get Finished{error}) and
  // the requests that others run here. Returns within `timing.farewell`. Drain before it.
  void stop();

 private:
  struct Parts;
  explicit Spine(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace conduit::cluster
