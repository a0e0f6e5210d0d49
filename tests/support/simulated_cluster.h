// Nodes that meet over a simulated network, in one actor system that is stepped by hand: no
// threads, no clock, no sockets. Each node is a router and a spine's actors; replicas are echoes.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "actors/messages.h"
#include "actors/stream.h"
#include "cluster/spine/membership.h"
#include "cluster/spine/registry.h"
#include "tests/support/echo_replica.h"
#include "tests/support/simulated_transport.h"

namespace conduit::testing {

// What the asker of one request saw.
struct Answer {
  std::string text;
  int chunks = 0;
  int finishes = 0;
  actors::Finished finished;
};

struct SimulatedNode {
  std::string endpoint;
  actors::RouterActor router;
  std::shared_ptr<cluster::Registry> registry;
  cluster::MembershipActor membership;
};

class SimulatedCluster {
 public:
  SimulatedCluster();
  ~SimulatedCluster();

  SimulatedNode start_node(const std::string& endpoint, std::vector<std::string> join = {});
  void crash(SimulatedNode& node);  // no Goodbye: its frames just stop
  actors::ReplicaActor start_replica(const SimulatedNode& node, const std::string& model);
  void kill(const actors::ReplicaActor& replica);

  void run();  // until no actor has a message and no frame is under way
  void advance(std::chrono::milliseconds time);
  void beat(int heartbeats = 1);  // advances by that many

  // A request for `length` words by the node's router; the answer is filled in as the cluster runs.
  std::shared_ptr<Answer> ask(const SimulatedNode& node, const std::string& prompt, int length,
                              std::uint32_t credit = 256, std::uint32_t deadline_ms = 0);
  actors::Stream& last_stream() { return streams_.back(); }

  cluster::Members members(const SimulatedNode& node);
  std::vector<actors::ModelEntry> models(const SimulatedNode& node);

  caf::actor_system& system() { return system_; }
  SimulatedNetwork network;
  cluster::Timing timing;
  std::shared_ptr<EchoCounts> counts = std::make_shared<EchoCounts>();  // of all replicas

 private:
  template <class Reply, class Target, class Query>
  Reply query(const Target& target, Query query);

  struct Config : caf::actor_system_config {
    Config();
  };
  Config config_;
  caf::actor_system system_;
  std::vector<SimulatedNode> nodes_;
  std::vector<caf::actor> to_end_;
  std::vector<actors::Stream> streams_;
};

}  // namespace conduit::testing
