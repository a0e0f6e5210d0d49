// The registry: whom a frame reaches, and how many may wait.
#include "cluster/spine/registry.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>

#include "tests/support/inbox.h"
#include "tests/support/simulated_transport.h"

namespace conduit::cluster {
namespace {

constexpr NodeId kSelf = 1;
constexpr NodeId kPeer = 2;

class RegistryTest : public ::testing::Test {
 protected:
  RegistryTest() : system(config) {
    MailboxLimits limits;
    limits.frames = 2;
    registry = std::make_shared<Registry>(kSelf, network.listen("tcp://127.0.0.1:1"), limits);
    registry->add_peer(kPeer, "tcp://127.0.0.1:2");
    EXPECT_TRUE(registry->transport().connect("tcp://127.0.0.1:2"));
    peer = network.listen("tcp://127.0.0.1:2");
    peer->start([this](wire::EnvelopeT envelope, std::size_t) {
      at_peer.put(std::move(envelope));
      return ok();
    });
  }
  ~RegistryTest() override { registry->close(); }

  wire::EnvelopeT frame(ActorId target) {
    auto envelope = envelope_around(wire::StatusQueryT{});
    envelope.source_node = kPeer;
    envelope.source_actor = 9;
    envelope.target_node = kSelf;
    envelope.target_actor = target;
    return envelope;
  }

  // An actor that keeps what it gets.
  ActorId keeper() {
    const ActorId number = registry->draw_number();
    auto actor = system.spawn([this](Addressee::pointer) -> Addressee::behavior_type {
      return {[this](const Inbound& inbound) { kept.put(inbound); }};
    });
    // What is attached first runs last: then the registry knows.
    actor->attach_functor([told = ended] { told->put(true); });
    registry->add(number, actor);
    to_end = actor;
    return number;
  }

  caf::actor_system_config config;
  caf::actor_system system;
  testing::SimulatedNetwork network;
  std::unique_ptr<Transport> peer;
  testing::Inbox<wire::EnvelopeT> at_peer;
  testing::Inbox<Inbound> kept;
  // Shared with an actor that may end after the test.
  std::shared_ptr<testing::Inbox<bool>> ended = std::make_shared<testing::Inbox<bool>>();
  std::shared_ptr<Registry> registry;
  Addressee to_end;
};

TEST_F(RegistryTest, AFrameReachesTheActorOfItsNumber) {
  const ActorId number = keeper();
  EXPECT_TRUE(registry->receive(frame(number), 100));
  const auto inbound = kept.take();
  ASSERT_TRUE(inbound);
  EXPECT_EQ(inbound->envelope.source_actor, 9u);
}

TEST_F(RegistryTest, AQuestionToNobodyIsAnsweredWithAFailure) {
  auto question = frame(12345);
  question.correlation = 77;
  question.stream = 5;
  EXPECT_TRUE(registry->receive(question, 100));
  network.deliver();
  auto answer = at_peer.take();
  ASSERT_TRUE(answer);
  const auto* failure = body_of<wire::FailureT>(*answer);
  ASSERT_NE(failure, nullptr);
  EXPECT_EQ(code_of(failure->code), Code::unavailable);
  EXPECT_TRUE(answer->is_reply);
  EXPECT_EQ(answer->correlation, 77u);
  EXPECT_EQ(answer->stream, 5u);
  EXPECT_EQ(answer->target_actor, 9u);
}

TEST_F(RegistryTest, AnActorThatEndedIsNobody) {
  const ActorId number = keeper();
  caf::anon_send_exit(to_end, caf::exit_reason::kill);
  ASSERT_TRUE(ended->take());
  auto question = frame(number);
  question.correlation = 1;
  EXPECT_TRUE(registry->receive(question, 100));
  network.deliver();
  EXPECT_TRUE(at_peer.take());
}

TEST_F(RegistryTest, FramesOfStrangersAndForOthersAreRefused) {
  const ActorId number = keeper();
  auto stranger = frame(number);
  stranger.source_node = 3;
  EXPECT_FALSE(registry->receive(stranger, 100));
  auto for_other = frame(number);
  for_other.target_node = 4;
  EXPECT_FALSE(registry->receive(for_other, 100));
  registry->remove_peer(kPeer);
  EXPECT_FALSE(registry->receive(frame(number), 100));
}

TEST_F(RegistryTest, SendingToANodeThatLeftIsUnavailable) {
  EXPECT_TRUE(registry->send(kPeer, envelope_around(wire::GoodbyeT{}), Priority::control));
  registry->remove_peer(kPeer);
  const Status sent = registry->send(kPeer, envelope_around(wire::GoodbyeT{}), Priority::control);
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().code, Code::unavailable);
}

TEST_F(RegistryTest, NoMoreFramesWaitThanTheLimit) {
  constexpr int kFrames = 200;
  const ActorId number = keeper();
  std::atomic<int> accepted{0};
  std::thread reader([&] {
    for (int i = 0; i < kFrames; ++i) {
      EXPECT_TRUE(registry->receive(frame(number), 100));
      ++accepted;
    }
  });
  for (int released = 0; released < kFrames; ++released) {
    const auto inbound = kept.take();  // its room is given back at the end of this turn
    ASSERT_TRUE(inbound);
    EXPECT_LE(accepted, released + 2);
  }
  reader.join();
}

TEST_F(RegistryTest, ClosingFreesAReaderThatWaitsForRoom) {
  const ActorId number = keeper();
  std::thread reader([&] {
    for (int i = 0; i < 10; ++i) (void)registry->receive(frame(number), 100);
  });
  const auto first = kept.take();
  const auto second = kept.take();  // both kept: there is no room
  ASSERT_TRUE(first && second);
  registry->close();
  reader.join();
}

}  // namespace
}  // namespace conduit::cluster
