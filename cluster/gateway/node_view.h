// What a node can say of itself and of what it knows: GET /status, and whether anything is stuck.
// The idea: the router knows every replica, each replica how it stands; a look asks them all at
// once and waits for nobody longer than a replica needs to find out that its device is stuck. The
// watch looks each second, so /health answers at once and still tells within five seconds. Not
// here: how a replica finds out (actors/replica.cc).
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "actors/messages.h"
#include "cluster/spine/membership.h"
#include "mdl/base/json.h"
#include "mdl/base/result.h"

namespace conduit::cluster {

struct ReplicaSeen {
  actors::ReplicaReady ready;
  std::optional<actors::ReplicaStatus> status;  // nothing: it did not answer in time
};

struct NodeSeen {
  std::vector<actors::ModelEntry> models;
  std::vector<ReplicaSeen> replicas;  // one for each model that it answers for: adapters have names
  Members members;                    // other nodes
};

// Who this node is.
struct NodeFacts {
  std::string name;
  std::string endpoint;  // for other nodes; empty: none
  std::string version;
  std::chrono::steady_clock::time_point started = std::chrono::steady_clock::now();
};

enum class Whom : std::uint8_t { local_replicas, everybody };

// `membership` may be null. `on_seen` is called once, from an actor's thread. Error: unavailable,
// when the router does not answer.
void look_at_node(caf::actor_system& system, const actors::RouterActor& router,
                  const MembershipActor& membership, Whom whom,
                  std::function<void(Result<NodeSeen>)> on_seen);

// The JSON of GET /status. What cannot be known is null.
json::Value status_object(const NodeFacts& facts, const NodeSeen& seen);

class HealthWatch {
 public:
  HealthWatch(caf::actor_system& system, const actors::RouterActor& router);
  ~HealthWatch();
  HealthWatch(const HealthWatch&) = delete;
  HealthWatch& operator=(const HealthWatch&) = delete;

  // Models of this node's replicas that have work and make no progress, or do not answer.
  std::vector<std::string> stuck_models() const;

 private:
  struct Noted;
  std::shared_ptr<Noted> noted_;
  caf::actor watch_;
};

}  // namespace conduit::cluster
