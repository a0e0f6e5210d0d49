// Membership over a simulated network: who learns of whom, and what becomes of the lost.
#include "cluster/spine/membership.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/simulated_cluster.h"

namespace conduit::cluster {
namespace {

using testing::SimulatedCluster;
using testing::SimulatedNode;

constexpr const char* kFirst = "tcp://127.0.0.1:1";
constexpr const char* kSecond = "tcp://127.0.0.1:2";
constexpr const char* kThird = "tcp://127.0.0.1:3";

std::vector<std::string> endpoints(const Members& members) {
  std::vector<std::string> names;
  for (const Member& member : members.members) names.push_back(member.endpoint);
  return names;
}

int ready(SimulatedCluster& cluster, const SimulatedNode& node) {
  int replicas = 0;
  for (const auto& model : cluster.models(node)) replicas += model.ready;
  return replicas;
}

TEST(MembershipTest, TwoNodesLearnOfEachOtherFromOneHello) {
  SimulatedCluster cluster;
  const auto first = cluster.start_node(kFirst);
  const auto second = cluster.start_node(kSecond, {kFirst});
  EXPECT_THAT(endpoints(cluster.members(first)), ::testing::ElementsAre(kSecond));
  EXPECT_THAT(endpoints(cluster.members(second)), ::testing::ElementsAre(kFirst));
}

TEST(MembershipTest, WhoJoinsOneLearnsOfAll) {
  SimulatedCluster cluster;
  const auto first = cluster.start_node(kFirst);
  const auto second = cluster.start_node(kSecond, {kFirst});
  const auto third = cluster.start_node(kThird, {kFirst});
  EXPECT_THAT(endpoints(cluster.members(third)), ::testing::UnorderedElementsAre(kFirst, kSecond));
  EXPECT_THAT(endpoints(cluster.members(second)), ::testing::UnorderedElementsAre(kFirst, kThird));
}

TEST(MembershipTest, AReadyReplicaIsAtEveryRouterAHeartbeatLater) {
  SimulatedCluster cluster;
  const auto first = cluster.start_node(kFirst);
  const auto second = cluster.start_node(kSecond, {kFirst});
  cluster.start_replica(first, "echo");
  EXPECT_EQ(ready(cluster, first), 1);
  cluster.beat();
  EXPECT_EQ(ready(cluster, second), 1);
  EXPECT_EQ(ready(cluster, first), 1);  // its own, not once more as its peer's
}

TEST(MembershipTest, AReplicaThatWasThereBeforeIsKnownOnJoining) {
  SimulatedCluster cluster;
  const auto first = cluster.start_node(kFirst);
  cluster.start_replica(first, "echo");
  cluster.beat();
  const auto second = cluster.start_node(kSecond, {kFirst});
  EXPECT_EQ(ready(cluster, second), 1);
}

TEST(MembershipTest, AReplicaThatEndsIsForgottenEverywhere) {
  SimulatedCluster cluster;
  const auto first = cluster.start_node(kFirst);
  const auto second = cluster.start_node(kSecond, {kFirst});
  const auto replica = cluster.start_replica(first, "echo");
  cluster.beat();
  cluster.kill(replica);
  EXPECT_EQ(ready(cluster, second), 0);
  EXPECT_THAT(endpoints(cluster.members(second)), ::testing::ElementsAre(kFirst));
}

TEST(MembershipTest, ASilentNodeIsSuspectedAndThenLeft) {
  SimulatedCluster cluster;
  auto first = cluster.start_node(kFirst);
  const auto second = cluster.start_node(kSecond, {kFirst});
  cluster.start_replica(first, "echo");
  cluster.beat(2);
  ASSERT_EQ(ready(cluster, second), 1);
  cluster.crash(first);
  cluster.beat(cluster.timing.suspect_after + 1);
  ASSERT_EQ(cluster.members(second).members.size(), 1u);
  EXPECT_TRUE(cluster.members(second).members[0].is_suspected);
  EXPECT_EQ(ready(cluster, second), 1);
  cluster.beat(cluster.timing.leave_after - cluster.timing.suspect_after);
  EXPECT_TRUE(cluster.members(second).members.empty());
  EXPECT_EQ(ready(cluster, second), 0);
}

TEST(MembershipTest, WhoLeftIsToldOfUntilItComesBack) {
  SimulatedCluster cluster;
  auto first = cluster.start_node(kFirst);
  const auto second = cluster.start_node(kSecond, {kFirst});
  cluster.start_replica(first, "echo");
  cluster.beat(2);
  EXPECT_TRUE(cluster.members(second).departed.empty());
  cluster.crash(first);
  cluster.beat(cluster.timing.leave_after + 2);
  const auto departed = cluster.members(second).departed;
  ASSERT_EQ(departed.size(), 1u);
  EXPECT_EQ(departed[0].endpoint, kFirst);
  EXPECT_EQ(departed[0].reason, "does not answer");
  cluster.start_node(kFirst, {kSecond});
  EXPECT_TRUE(cluster.members(second).departed.empty());
}

TEST(MembershipTest, AProgramThatOnlyAskedIsNotMissed) {
  SimulatedCluster cluster;
  const auto first = cluster.start_node(kFirst);
  const auto second = cluster.start_node(kSecond, {kFirst});
  caf::scoped_actor self{cluster.system()};
  self->send(second.membership, LeaveCluster{});
  cluster.run();
  EXPECT_TRUE(cluster.members(first).members.empty());
  EXPECT_TRUE(cluster.members(first).departed.empty());
}

TEST(MembershipTest, ANodeThatAnswersAgainIsNotSuspectedAnyMore) {
  SimulatedCluster cluster;
  const auto first = cluster.start_node(kFirst);
  const auto second = cluster.start_node(kSecond, {kFirst});
  cluster.network.lose = [](const std::string&, const wire::EnvelopeT&) { return true; };
  cluster.beat(cluster.timing.suspect_after + 1);
  EXPECT_TRUE(cluster.members(second).members.at(0).is_suspected);
  cluster.network.lose = nullptr;
  cluster.beat();
  EXPECT_FALSE(cluster.members(second).members.at(0).is_suspected);
}

TEST(MembershipTest, NodesThatLostEachOtherFindEachOtherAgain) {
  SimulatedCluster cluster;
  const auto first = cluster.start_node(kFirst);
  const auto second = cluster.start_node(kSecond, {kFirst});
  cluster.start_replica(first, "echo");
  cluster.network.lose = [](const std::string&, const wire::EnvelopeT&) { return true; };
  cluster.beat(cluster.timing.leave_after + 1);
  ASSERT_TRUE(cluster.members(first).members.empty());
  ASSERT_TRUE(cluster.members(second).members.empty());
  cluster.network.lose = nullptr;
  cluster.beat();
  EXPECT_EQ(cluster.members(first).members.size(), 1u);
  EXPECT_EQ(ready(cluster, second), 1);
}

TEST(MembershipTest, ARestartedNodeIsAnotherNode) {
  SimulatedCluster cluster;
  auto first = cluster.start_node(kFirst);
  const auto second = cluster.start_node(kSecond, {kFirst});
  cluster.start_replica(first, "echo");
  cluster.beat();
  const auto former = cluster.members(second).members.at(0).node;
  cluster.crash(first);
  const auto reborn = cluster.start_node(kFirst, {kSecond});
  ASSERT_EQ(cluster.members(second).members.size(), 1u);
  EXPECT_NE(cluster.members(second).members[0].node, former);
  EXPECT_EQ(ready(cluster, second), 0);  // the old one's replica is gone at once
  cluster.start_replica(reborn, "echo");
  cluster.beat();
  EXPECT_EQ(ready(cluster, second), 1);
}

TEST(MembershipTest, GoodbyeIsBelievedAtOnce) {
  SimulatedCluster cluster;
  const auto first = cluster.start_node(kFirst);
  const auto second = cluster.start_node(kSecond, {kFirst});
  cluster.start_replica(first, "echo");
  cluster.beat();
  caf::scoped_actor self{cluster.system()};
  self->send(first.membership, LeaveCluster{});
  cluster.run();
  EXPECT_TRUE(cluster.members(second).members.empty());
  EXPECT_EQ(ready(cluster, second), 0);
}

TEST(MembershipTest, JoiningGoesOnUntilSomebodyIsThere) {
  SimulatedCluster cluster;
  const auto second = cluster.start_node(kSecond, {kFirst});
  cluster.beat(20);
  EXPECT_TRUE(cluster.members(second).members.empty());
  const auto first = cluster.start_node(kFirst);
  cluster.beat();
  EXPECT_THAT(endpoints(cluster.members(first)), ::testing::ElementsAre(kSecond));
}

TEST(MembershipTest, JoiningOneselfIsNothing) {
  SimulatedCluster cluster;
  const auto first = cluster.start_node(kFirst, {kFirst});
  cluster.beat(3);
  EXPECT_TRUE(cluster.members(first).members.empty());
}

// --- what a stranger may say

class Stranger {
 public:
  Stranger(SimulatedCluster& cluster, NodeId node, const std::string& endpoint)
      : cluster_(cluster), node_(node), transport_(cluster.network.listen(endpoint)) {
    transport_->start([](wire::EnvelopeT, std::size_t) { return ok(); });
    EXPECT_TRUE(transport_->connect(kFirst));
  }
  template <class Body>
  void say(Body body, NodeId target = 0) {
    auto envelope = envelope_around(std::move(body));
    envelope.source_node = node_;
    envelope.target_node = target;
    EXPECT_TRUE(transport_->send(kFirst, *pack(envelope), Priority::control));
    cluster_.run();
  }

 private:
  SimulatedCluster& cluster_;
  const NodeId node_;
  std::unique_ptr<Transport> transport_;
};

wire::HelloT hello(NodeId node, const std::string& endpoint) {
  wire::HelloT hello;
  hello.node = node;
  hello.endpoint = endpoint;
  return hello;
}

TEST(MembershipTest, AHelloInAnotherNodesNameIsRefused) {
  SimulatedCluster cluster;
  const auto first = cluster.start_node(kFirst);
  Stranger stranger(cluster, 99, kThird);
  stranger.say(hello(98, kThird));
  EXPECT_TRUE(cluster.members(first).members.empty());
}

TEST(MembershipTest, AHelloCannotSendANodeOffTheMachine) {
  SimulatedCluster cluster;
  const auto first = cluster.start_node(kFirst);
  Stranger stranger(cluster, 99, kThird);
  stranger.say(hello(99, "tcp://192.0.2.1:80"));
  EXPECT_TRUE(cluster.members(first).members.empty());
}

TEST(MembershipTest, FramesOfStrangersAreDropped) {
  SimulatedCluster cluster;
  const auto first = cluster.start_node(kFirst);
  Stranger stranger(cluster, 99, kThird);
  stranger.say(wire::HeartbeatT{}, first.registry->self());
  stranger.say(wire::GoodbyeT{}, first.registry->self());
  EXPECT_EQ(cluster.network.rejected, 2u);
}

TEST(MembershipTest, FramesForAFormerLifeAreDropped) {
  SimulatedCluster cluster;
  const auto first = cluster.start_node(kFirst);
  Stranger stranger(cluster, 99, kThird);
  stranger.say(hello(99, kThird));
  ASSERT_EQ(cluster.members(first).members.size(), 1u);
  stranger.say(wire::GoodbyeT{}, first.registry->self() + 1000);
  EXPECT_EQ(cluster.members(first).members.size(), 1u);
  EXPECT_EQ(cluster.network.rejected, 1u);
}

TEST(MembershipTest, MembersAreLimited) {
  SimulatedCluster cluster;
  const auto first = cluster.start_node(kFirst);
  for (std::size_t i = 0; i < kMaxMembers + 10; ++i) {
    Stranger stranger(cluster, 1000 + i, kThird);
    stranger.say(hello(1000 + i, "tcp://127.0.0.1:" + std::to_string(10'000 + i)));
  }
  EXPECT_EQ(cluster.members(first).members.size(), kMaxMembers);
}

}  // namespace
}  // namespace conduit::cluster
