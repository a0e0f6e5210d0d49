// Requests, streams and their ends across two nodes, over a network that loses what the test says.
#include "cluster/spine/peer.h"

#include <gtest/gtest.h>

#include "actors/errors.h"
#include "actors/router.h"
#include "cluster/spine/served_replica.h"
#include "tests/support/simulated_cluster.h"

namespace conduit::cluster {
namespace {

using testing::SimulatedCluster;
using testing::SimulatedNode;

constexpr const char* kHere = "tcp://127.0.0.1:1";
constexpr const char* kThere = "tcp://127.0.0.1:2";

// Two nodes; the only replica is on the other one.
class PeerTest : public ::testing::Test {
 protected:
  PeerTest() {
    here = cluster.start_node(kHere);
    there = cluster.start_node(kThere, {kHere});
    replica = cluster.start_replica(there, "echo");
    cluster.beat();
  }

  // Loses the next `count` frames with this body.
  void lose(wire::Body body, int count = 1) {
    cluster.network.lose = [body, left = count](const std::string&,
                                                const wire::EnvelopeT& envelope) mutable {
      return envelope.body.type == body && left-- > 0;
    };
  }

  Code code_of_end(const testing::Answer& answer) {
    EXPECT_EQ(answer.finished.reason, wire::FinishReason::error);
    return code_of(answer.finished.error_code);
  }

  SimulatedCluster cluster;
  SimulatedNode here;
  SimulatedNode there;
  actors::ReplicaActor replica;
};

TEST_F(PeerTest, ARemoteReplicaAnswersLikeALocalOne) {
  const auto answer = cluster.ask(here, "hello", 5);
  cluster.run();
  EXPECT_EQ(answer->text, "0 1 2 3 4 ");
  EXPECT_EQ(answer->finishes, 1);
  EXPECT_EQ(answer->finished.reason, wire::FinishReason::length);
  EXPECT_EQ(answer->finished.completion_tokens, 5u);
  EXPECT_EQ(cluster.counts->open, 0);
}

TEST_F(PeerTest, RequestsTakeTurnsOverLocalAndRemoteReplicas) {
  cluster.start_replica(here, "echo");
  int remote_frames = 0;
  cluster.network.lose = [&](const std::string& to, const wire::EnvelopeT& envelope) {
    remote_frames += to == kThere && envelope.body.type == wire::Body::GenerateRequest;
    return false;
  };
  for (int i = 0; i < 6; ++i) {
    const auto answer = cluster.ask(here, "hello", 2);
    cluster.run();
    EXPECT_EQ(answer->text, "0 1 ");
  }
  EXPECT_EQ(remote_frames, 3);
}

TEST_F(PeerTest, AnErrorAtAdmissionCrossesAsItIs) {
  const auto answer = cluster.ask(here, "refuse", 5);
  cluster.run();
  EXPECT_EQ(answer->finishes, 1);
  EXPECT_EQ(code_of_end(*answer), Code::exhausted);
  EXPECT_EQ(answer->finished.error_message, "the echo takes nothing more");
}

TEST_F(PeerTest, CreditBoundsWhatIsUnderWay) {
  const auto answer = cluster.ask(here, "hello", 100, 3);
  cluster.beat(20);  // however long it takes the reader, nothing more is sent
  EXPECT_EQ(answer->chunks, 3);
  EXPECT_EQ(cluster.counts->chunks, 3);
  cluster.last_stream().grant(2);
  cluster.run();
  EXPECT_EQ(answer->chunks, 5);
  cluster.last_stream().grant(1000);
  cluster.run();
  EXPECT_EQ(answer->chunks, 100);
  EXPECT_EQ(answer->finished.reason, wire::FinishReason::length);
}

TEST_F(PeerTest, ASlowReaderDoesNotSlowAnother) {
  const auto slow = cluster.ask(here, "hello", 100, 1);
  const auto quick = cluster.ask(here, "hello", 100);
  cluster.run();
  EXPECT_EQ(slow->chunks, 1);
  EXPECT_EQ(quick->chunks, 100);
  EXPECT_EQ(quick->finishes, 1);
}

TEST_F(PeerTest, ALostGrantIsMadeGood) {
  const auto answer = cluster.ask(here, "hello", 10, 1);
  cluster.run();
  lose(wire::Body::Credit);
  cluster.last_stream().grant(9);
  cluster.run();
  EXPECT_EQ(answer->chunks, 1);
  cluster.beat(2);
  EXPECT_EQ(answer->chunks, 10);
  EXPECT_EQ(answer->finished.reason, wire::FinishReason::length);
}

TEST_F(PeerTest, CancelFreesWhatTheRequestHeld) {
  const auto answer = cluster.ask(here, "hello", 100, 1);
  cluster.run();
  ASSERT_EQ(cluster.counts->open, 1);
  cluster.last_stream().cancel();
  cluster.run();
  EXPECT_EQ(cluster.counts->open, 0);
  EXPECT_EQ(answer->finishes, 1);
  EXPECT_EQ(answer->finished.reason, wire::FinishReason::cancelled);
}

TEST_F(PeerTest, ALostChunkEndsTheStreamInsteadOfBreakingTheText) {
  lose(wire::Body::TokenChunk);
  const auto answer = cluster.ask(here, "hello", 5);
  cluster.run();
  EXPECT_EQ(answer->text, "");
  EXPECT_EQ(answer->finishes, 1);
  EXPECT_EQ(code_of_end(*answer), Code::unavailable);
  EXPECT_EQ(cluster.counts->open, 0);
}

TEST_F(PeerTest, ALostEndIsNoticed) {
  lose(wire::Body::Finished);
  const auto answer = cluster.ask(here, "hello", 5);
  cluster.run();
  EXPECT_EQ(answer->finishes, 0);
  cluster.beat(2);
  EXPECT_EQ(answer->finishes, 1);
  EXPECT_EQ(code_of_end(*answer), Code::unavailable);
}

TEST_F(PeerTest, ALostChunkBeforeAStandstillIsNoticed) {
  lose(wire::Body::TokenChunk);
  const auto answer = cluster.ask(here, "hello", 5, 1);  // no other follows to show the gap
  cluster.beat(2);
  EXPECT_EQ(answer->finishes, 1);
  EXPECT_EQ(code_of_end(*answer), Code::unavailable);
  EXPECT_EQ(cluster.counts->open, 0);
}

TEST_F(PeerTest, ALostRequestIsNoticed) {
  lose(wire::Body::GenerateRequest);
  const auto answer = cluster.ask(here, "hello", 5);
  cluster.beat(2);
  EXPECT_EQ(answer->finishes, 1);
  EXPECT_EQ(code_of_end(*answer), Code::unavailable);
}

TEST_F(PeerTest, AnAnswerThatHasBegunIsNotBegunAnewElsewhere) {
  cluster.start_replica(there, "echo");
  cluster.beat();
  lose(wire::Body::Admitted);
  const auto answer = cluster.ask(here, "hello", 5, 1);
  cluster.advance(cluster.timing.answer);
  EXPECT_EQ(answer->text, "0 ");
  EXPECT_EQ(answer->finishes, 1);
  EXPECT_EQ(code_of_end(*answer), Code::unavailable);
  EXPECT_EQ(cluster.counts->open, 0);
}

TEST_F(PeerTest, AnAnswerThatDoesNotComeIsAnErrorAtItsDeadline) {
  const auto answer = cluster.ask(here, "never", 5, 256, 3000);
  cluster.advance(std::chrono::milliseconds(2900));
  EXPECT_EQ(answer->finishes, 0);
  cluster.advance(std::chrono::milliseconds(200));
  EXPECT_EQ(answer->finishes, 1);
  EXPECT_EQ(code_of_end(*answer), Code::unavailable);
}

TEST_F(PeerTest, AStreamPastItsDeadlineEnds) {
  const auto answer = cluster.ask(here, "hello", 5, 1, 3000);
  cluster.beat(6);
  EXPECT_EQ(answer->finishes, 1);
  EXPECT_EQ(code_of_end(*answer), Code::unavailable);
  EXPECT_EQ(cluster.counts->open, 0);
}

TEST_F(PeerTest, ALostNodeEndsItsStreams) {
  const auto answer = cluster.ask(here, "hello", 5, 1);
  cluster.run();
  cluster.crash(there);
  cluster.beat(cluster.timing.leave_after + 1);
  EXPECT_EQ(answer->finishes, 1);
  EXPECT_EQ(code_of_end(*answer), Code::unavailable);
  for (const auto& model : cluster.models(here)) EXPECT_EQ(model.ready, 0);
}

TEST_F(PeerTest, ALostAskersRequestsAreCancelled) {
  cluster.ask(here, "hello", 100, 1);
  cluster.run();
  ASSERT_EQ(cluster.counts->open, 1);
  cluster.crash(here);
  cluster.beat(cluster.timing.leave_after + 1);
  EXPECT_EQ(cluster.counts->open, 0);
  EXPECT_EQ(cluster.counts->cancelled, 1);
}

TEST_F(PeerTest, AReplicaThatEndsTellsItsRemoteAskers) {
  const auto answer = cluster.ask(here, "hello", 5, 1);
  cluster.run();
  cluster.kill(replica);
  EXPECT_EQ(answer->finishes, 1);
  EXPECT_EQ(code_of_end(*answer), Code::unavailable);
}

TEST_F(PeerTest, ARequestToAReplicaThatIsGoneGoesToAnother) {
  cluster.start_replica(there, "echo");
  cluster.beat();
  lose(wire::Body::Hello, 100);  // so that the other node does not learn that one is gone
  cluster.kill(replica);
  for (int i = 0; i < 2; ++i) {
    const auto answer = cluster.ask(here, "hello", 2);
    cluster.run();
    EXPECT_EQ(answer->text, "0 1 ");
  }
}

TEST_F(PeerTest, AFullConnectionEndsTheStreamAtBothEnds) {
  const auto answer = cluster.ask(here, "hello", 1000, 1);
  cluster.run();
  cluster.network.max_waiting = 10;
  cluster.last_stream().grant(1000);
  cluster.run();
  EXPECT_EQ(cluster.counts->open, 0);
  cluster.network.max_waiting = 100'000;
  cluster.beat(2);
  EXPECT_EQ(answer->finishes, 1);
  EXPECT_EQ(code_of_end(*answer), Code::unavailable);
  EXPECT_LE(answer->chunks, 11);
}

TEST_F(PeerTest, TextsToEmbedCross) {
  caf::scoped_actor self{cluster.system()};
  actors::PoolRequest question;
  question.model = "echo";
  question.prompt = "abc";
  auto response = actors::ask(self.ptr(), here.router, std::chrono::hours(1), question);
  cluster.run();
  std::vector<float> embedding;
  response.receive([&](const actors::PoolReply& reply) { embedding = reply.embedding; },
                   [](const caf::error&) {});
  EXPECT_EQ(embedding, std::vector<float>{3});
}

TEST_F(PeerTest, QueriesCross) {
  caf::scoped_actor self{cluster.system()};
  actors::TokenizeRequest question;
  question.model = "echo";
  question.prompt = "abc";
  auto response = actors::ask(self.ptr(), here.router, std::chrono::hours(1), question);
  cluster.run();
  std::vector<int> tokens;
  response.receive([&](const actors::TokenizeReply& reply) { tokens = reply.tokens; },
                   [](const caf::error& error) { FAIL() << actors::from_caf(error).message; });
  EXPECT_EQ(tokens, (std::vector<int>{'a', 'b', 'c'}));
}

// --- one stand-in alone, its other node played by the test

class StandInTest : public ::testing::Test {
 protected:
  StandInTest() {
    other = cluster.network.listen(kThere);
    other->start([this](wire::EnvelopeT envelope, std::size_t) {
      received.push_back(std::move(envelope));
      return ok();
    });
    EXPECT_TRUE(other->connect(kHere));
    registry = std::make_shared<Registry>(1, cluster.network.listen(kHere));
    registry->start();
    EXPECT_TRUE(registry->transport().connect(kThere));
    registry->add_peer(2, kThere);
    stand_in = spawn_remote_replica(cluster.system(), registry, {2, 17, kThere}, cluster.timing);
    cluster.run();
  }
  ~StandInTest() override {
    caf::anon_send_exit(stand_in, caf::exit_reason::kill);
    cluster.run();
    registry->close();
  }

  // The question's answer, after `play` had its say.
  template <class Play>
  Result<actors::ReplicaStatus> ask_status(Play play) {
    caf::scoped_actor self{cluster.system()};
    auto response = actors::ask(self.ptr(), stand_in, std::chrono::hours(1), actors::StatusQuery{});
    cluster.run();
    play();
    cluster.run();
    Result<actors::ReplicaStatus> answer = Error{};
    response.receive([&](actors::ReplicaStatus& status) { answer = status; },
                     [&](const caf::error& error) { answer = actors::from_caf(error); });
    return answer;
  }

  template <class Body>
  void reply(Body body, NodeId node = 2) {
    auto envelope = envelope_around(std::move(body));
    envelope.source_node = node;
    envelope.target_node = 1;
    envelope.target_actor = received.back().source_actor;
    envelope.correlation = received.back().correlation;
    envelope.is_reply = true;
    EXPECT_TRUE(other->send(kHere, *pack(envelope), Priority::bulk));
  }

  SimulatedCluster cluster;
  std::unique_ptr<Transport> other;
  std::vector<wire::EnvelopeT> received;
  std::shared_ptr<Registry> registry;
  RemoteReplica stand_in;
};

TEST_F(StandInTest, AQuestionIsAddressedAndNumbered) {
  actors::ReplicaStatus status;
  status.model = "m";
  const auto answer = ask_status([&] { reply(status); });
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->model, "m");
  ASSERT_EQ(received.size(), 1u);
  EXPECT_EQ(received[0].source_node, 1u);
  EXPECT_EQ(received[0].target_node, 2u);
  EXPECT_EQ(received[0].target_actor, 17u);
  EXPECT_EQ(received[0].remaining_ms, 60'000u);
}

TEST_F(StandInTest, AReplyOfTheWrongTypeIsAnError) {
  const auto answer = ask_status([&] { reply(actors::DetokenizeReply{}); });
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Code::corrupt);
}

TEST_F(StandInTest, AnotherNodeCannotAnswerInItsName) {
  registry->add_peer(3, "tcp://127.0.0.1:3");
  const auto answer = ask_status([&] {
    reply(actors::ReplicaStatus{}, 3);
    cluster.run();
    wire::FailureT failure;
    failure.code = static_cast<std::uint8_t>(Code::exhausted);
    reply(failure);
  });
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Code::exhausted);
}

TEST_F(StandInTest, SilenceIsUnavailableAtTheDeadline) {
  const auto answer = ask_status([&] { cluster.advance(cluster.timing.answer); });
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Code::unavailable);
}

TEST_F(StandInTest, OneThatIsKilledLeavesNobodyWaiting) {
  const auto answer = ask_status([&] { caf::anon_send_exit(stand_in, caf::exit_reason::kill); });
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Code::unavailable);
}

TEST_F(StandInTest, APeerThatSendsMoreThanItsCreditIsCutOff) {
  SimulatedNode node;
  node.router = actors::spawn_router(cluster.system());
  actors::tell_anonymously(node.router, actors::ReplicaReady{"echo", stand_in, false});
  const auto answer = cluster.ask(node, "hello", 5, 2);
  cluster.run();
  const auto question = received.back();
  reply(actors::Admitted{});
  for (std::uint64_t i = 0; i < 3; ++i) {
    auto part = envelope_around(actors::TokenChunk{});
    part.source_node = 2;
    part.target_node = 1;
    part.target_actor = question.source_actor;
    part.stream = question.stream;
    part.sequence = i;
    EXPECT_TRUE(other->send(kHere, *pack(part), Priority::bulk));
  }
  cluster.run();
  EXPECT_EQ(answer->chunks, 2);
  EXPECT_EQ(answer->finishes, 1);
  EXPECT_EQ(code_of(answer->finished.error_code), Code::corrupt);
  EXPECT_EQ(received.back().body.type, wire::Body::Cancel);
  caf::anon_send_exit(node.router, caf::exit_reason::kill);
}

}  // namespace
}  // namespace conduit::cluster
