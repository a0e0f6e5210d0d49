// Exactly one Finished, whatever happens.
#include "actors/stream.h"

#include <gtest/gtest.h>

#include "actors/router.h"
#include "tests/support/actor_models.h"
#include "tests/support/test_system.h"

namespace conduit::actors {
namespace {

using ::conduit::testing::FakeReplica;
using ::conduit::testing::ReceivedAnswer;
using ::conduit::testing::text_request;
using std::chrono::milliseconds;

class StreamTest : public ::testing::Test {
 protected:
  StreamTest() {
    tell_anonymously(router_, ReplicaReady{"tiny", replica_, true});
    test_.run();
  }
  Stream start(GenerateRequest request = text_request(0)) {
    return Stream::start(
        test_.system(), router_, std::move(request),
        {[this](const TokenChunk& chunk) { received_.chunks.push_back(chunk); },
         [this](const Finished& finished) { received_.finished.push_back(finished); }});
  }
  void send_chunk(const std::string& text) {
    TokenChunk chunk;
    chunk.id = fake_->requests.back().id;
    chunk.first_index = static_cast<std::uint32_t>(received_.tokens().size());
    chunk.tokens = conduit::testing::byte_tokens(text);
    chunk.text = text;
    tell_anonymously(fake_->sinks.back(), std::move(chunk));
    test_.run();
  }
  void send_finished() {
    Finished finished;
    finished.id = fake_->requests.back().id;
    finished.reason = wire::FinishReason::length;
    tell_anonymously(fake_->sinks.back(), std::move(finished));
    test_.run();
  }
  void expect_one_error(Code code) {
    ASSERT_EQ(received_.finished.size(), 1u);
    EXPECT_EQ(received_.finished[0].reason, wire::FinishReason::error);
    EXPECT_EQ(received_.finished[0].error_code, static_cast<std::uint8_t>(code))
        << received_.finished[0].error_message;
  }

  ReceivedAnswer received_;  // outlives the streams, which report to it
  conduit::testing::TestSystem test_;
  std::shared_ptr<FakeReplica> fake_ = std::make_shared<FakeReplica>();
  ReplicaActor replica_ = spawn_fake_replica(test_, fake_);
  RouterActor router_ = test_.keep(spawn_router(test_.system()));
};

TEST_F(StreamTest, ChunksComeInOrderThenOneFinishedAndNothingMore) {
  Stream stream = start();
  test_.run();
  send_chunk("ab");
  send_chunk("c");
  send_finished();
  send_chunk("late");
  send_finished();
  EXPECT_EQ(received_.text(), "abc");
  ASSERT_EQ(received_.finished.size(), 1u);
  EXPECT_EQ(received_.finished[0].reason, wire::FinishReason::length);
}

TEST_F(StreamTest, IdsOfStreamsDiffer) {
  EXPECT_NE(start().id(), start().id());
  test_.run();
  EXPECT_NE(fake_->requests.at(0).id, fake_->requests.at(1).id);
}

TEST_F(StreamTest, TokensMayOvertakeTheAdmission) {
  fake_->is_silent = true;
  Stream stream = start();
  test_.run();
  send_chunk("ab");
  send_finished();
  EXPECT_EQ(received_.text(), "ab");
  EXPECT_EQ(received_.finished.size(), 1u);
}

TEST_F(StreamTest, RefusalIsTheFinish) {
  fake_->on_generate = [](const GenerateRequest&) {
    return Error{Code::invalid_argument, "top_k is -1"};
  };
  Stream stream = start();
  test_.run();
  expect_one_error(Code::invalid_argument);
  EXPECT_EQ(received_.finished[0].error_message, "top_k is -1");
}

TEST_F(StreamTest, ReplicaThatDiesMidwayIsUnavailable) {
  Stream stream = start();
  test_.run();
  send_chunk("ab");
  test_.kill(replica_);
  test_.run();
  expect_one_error(Code::unavailable);
  EXPECT_EQ(received_.finished[0].completion_tokens, 2u);
}

TEST_F(StreamTest, RouterThatDiesBeforeAdmissionIsUnavailable) {
  fake_->is_silent = true;
  Stream stream = start();
  test_.run();
  test_.kill(router_);
  test_.run();
  expect_one_error(Code::unavailable);
}

TEST_F(StreamTest, RouterThatWasGoneBeforeIsUnavailable) {
  test_.kill(router_);
  test_.run();
  Stream stream = start();
  test_.run();
  expect_one_error(Code::unavailable);
}

TEST_F(StreamTest, RouterThatDiesAfterAdmissionDoesNotMatter) {
  Stream stream = start();
  test_.run();
  test_.kill(router_);
  test_.run();
  send_chunk("ab");
  send_finished();
  EXPECT_EQ(received_.text(), "ab");
  ASSERT_EQ(received_.finished.size(), 1u);
  EXPECT_EQ(received_.finished[0].reason, wire::FinishReason::length);
}

TEST_F(StreamTest, CancelTellsTheReplicaAndFinishes) {
  Stream stream = start();
  test_.run();
  send_chunk("ab");
  stream.cancel();
  stream.cancel();
  test_.run();
  ASSERT_EQ(received_.finished.size(), 1u);
  EXPECT_EQ(received_.finished[0].reason, wire::FinishReason::cancelled);
  EXPECT_EQ(received_.finished[0].completion_tokens, 2u);
  EXPECT_EQ(fake_->cancelled, std::vector<std::uint64_t>{stream.id()});
}

TEST_F(StreamTest, CancelBeforeAdmissionFinishesAtOnce) {
  fake_->is_silent = true;
  Stream stream = start();
  test_.run();
  stream.cancel();
  test_.run();
  ASSERT_EQ(received_.finished.size(), 1u);
  EXPECT_EQ(received_.finished[0].reason, wire::FinishReason::cancelled);
}

TEST_F(StreamTest, CreditGrantedBeforeAdmissionIsPassedOnAfterIt) {
  Stream stream = start();
  stream.grant(3);
  stream.grant(4);
  test_.run();
  stream.grant(5);
  test_.run();
  EXPECT_EQ(fake_->granted, 12u);
}

TEST_F(StreamTest, SilenceBeyondTheDeadlineIsUnavailable) {
  GenerateRequest request = text_request(0);
  request.deadline_ms = 1000;
  Stream stream = start(request);
  test_.run();
  test_.advance(milliseconds(2999));
  EXPECT_TRUE(received_.finished.empty());  // the replica's own word comes at the deadline
  test_.advance(milliseconds(1));
  expect_one_error(Code::unavailable);
}

TEST_F(StreamTest, SilenceAtAdmissionEndsAfterTheDeadlineToo) {
  fake_->is_silent = true;
  GenerateRequest request = text_request(0);
  request.deadline_ms = 1000;
  Stream stream = start(request);
  test_.run();
  test_.advance(milliseconds(3000));
  expect_one_error(Code::unavailable);
}

TEST_F(StreamTest, StreamThatIsKilledStillFinishes) {
  Stream stream = start();
  test_.run();
  test_.kill(fake_->sinks.back());
  test_.run();
  expect_one_error(Code::unavailable);
}

}  // namespace
}  // namespace conduit::actors
