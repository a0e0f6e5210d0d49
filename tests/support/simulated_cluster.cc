// CAF's test scheduler and the simulated network, taking turns.
#include "tests/support/simulated_cluster.h"

#include <caf/scheduler/test_coordinator.hpp>
#include <utility>

#include "actors/router.h"
#include "mdl/base/check.h"

namespace conduit::testing {

namespace {

caf::scheduler::test_coordinator& scheduler(caf::actor_system& system) {
  return dynamic_cast<caf::scheduler::test_coordinator&>(system.scheduler());
}

}  // namespace

SimulatedCluster::Config::Config() { set("scheduler.policy", caf::atom("testing")); }

SimulatedCluster::SimulatedCluster() : system_(config_) {}

SimulatedCluster::~SimulatedCluster() {
  for (SimulatedNode& node : nodes_) {
    crash(node);
    caf::anon_send_exit(node.router, caf::exit_reason::kill);
  }
  for (const caf::actor& actor : to_end_) caf::anon_send_exit(actor, caf::exit_reason::kill);
  for (actors::Stream& stream : streams_) stream.cancel();
  streams_.clear();
  nodes_.clear();
  run();
}

SimulatedNode SimulatedCluster::start_node(const std::string& endpoint,
                                           std::vector<std::string> join) {
  SimulatedNode node;
  node.endpoint = endpoint;
  node.router = actors::spawn_router(system_);
  const cluster::NodeId id = nodes_.size() + 1;
  node.registry = std::make_shared<cluster::Registry>(id, network.listen(endpoint));
  node.membership =
      cluster::spawn_membership(system_, node.registry, node.router, std::move(join), timing);
  node.registry->add(cluster::kMembership, node.membership);
  node.registry->start();
  nodes_.push_back(node);
  run();
  return node;
}

void SimulatedCluster::crash(SimulatedNode& node) {
  node.registry->close();  // first, so that its farewells reach nobody
  actors::tell_anonymously(node.membership, cluster::LeaveCluster{});
  run();
}

actors::ReplicaActor SimulatedCluster::start_replica(const SimulatedNode& node,
                                                     const std::string& model) {
  auto replica = spawn_echo_replica(system_, counts);
  to_end_.push_back(caf::actor_cast<caf::actor>(replica));
  actors::tell_anonymously(node.router, actors::ReplicaReady{model, replica, true});
  run();
  return replica;
}

void SimulatedCluster::kill(const actors::ReplicaActor& replica) {
  caf::anon_send_exit(replica, caf::exit_reason::kill);
  run();
}

void SimulatedCluster::run() {
  do {
    scheduler(system_).run();
  } while (network.deliver() > 0);
}

void SimulatedCluster::advance(std::chrono::milliseconds time) {
  run();
  scheduler(system_).advance_time(time);
  run();
}

void SimulatedCluster::beat(int heartbeats) {
  for (int i = 0; i < heartbeats; ++i) advance(timing.heartbeat);
}

std::shared_ptr<Answer> SimulatedCluster::ask(const SimulatedNode& node, const std::string& prompt,
                                              int length, std::uint32_t credit,
                                              std::uint32_t deadline_ms) {
  auto answer = std::make_shared<Answer>();
  actors::GenerateRequest request;
  request.model = "echo";
  request.prompt_kind = wire::PromptKind::text;
  request.prompt = prompt;
  request.max_tokens = length;
  request.credit = credit;
  request.deadline_ms = deadline_ms;
  actors::StreamHandlers handlers;
  handlers.on_chunk = [answer](const actors::TokenChunk& chunk) {
    answer->text += chunk.text;
    ++answer->chunks;
  };
  handlers.on_finished = [answer](const actors::Finished& finished) {
    answer->finished = finished;
    ++answer->finishes;
  };
  streams_.push_back(
      actors::Stream::start(system_, node.router, std::move(request), std::move(handlers)));
  return answer;
}

template <class Reply, class Target, class Query>
Reply SimulatedCluster::query(const Target& target, Query query) {
  caf::scoped_actor self{system_};
  auto response = actors::ask(self.ptr(), target, std::chrono::hours(1), std::move(query));
  run();
  Reply reply;
  response.receive([&](Reply& received) { reply = std::move(received); },
                   [](const caf::error&) { CONDUIT_CHECK(false, "no answer to a query"); });
  return reply;
}

cluster::Members SimulatedCluster::members(const SimulatedNode& node) {
  return query<cluster::Members>(node.membership, cluster::MembersQuery{});
}

std::vector<actors::ModelEntry> SimulatedCluster::models(const SimulatedNode& node) {
  return query<actors::ModelsReply>(node.router, actors::ModelsQuery{}).models;
}

}  // namespace conduit::testing
