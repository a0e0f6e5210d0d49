// Which replica gets a request, and that the asker always hears something.
#include "actors/router.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/actor_models.h"
#include "tests/support/test_system.h"

namespace conduit::actors {
namespace {

using ::conduit::testing::FakeReplica;
using ::conduit::testing::ReceivedAnswer;
using ::conduit::testing::text_request;
using ::testing::HasSubstr;

class RouterTest : public ::testing::Test {
 protected:
  std::shared_ptr<FakeReplica> add_replica(const std::string& model = "tiny",
                                           bool is_local = true) {
    auto fake = std::make_shared<FakeReplica>();
    handles_.push_back(spawn_fake_replica(test_, fake));
    tell_anonymously(router_, ReplicaReady{model, handles_.back(), is_local});
    test_.run();
    return fake;
  }
  Result<RouteTo> route(const GenerateRequest& request) {
    return test_.ask<RouteTo>(router_, request, sink_);
  }

  conduit::testing::TestSystem test_;
  RouterActor router_ = test_.keep(spawn_router(test_.system()));
  TokenSink sink_ = spawn_sink(test_, std::make_shared<ReceivedAnswer>());
  std::vector<ReplicaActor> handles_;
};

TEST_F(RouterTest, ReplicasTakeTurnsLocalAndRemoteAlike) {
  const auto first = add_replica("tiny", true);
  const auto second = add_replica("tiny", false);
  for (std::uint64_t id = 1; id <= 4; ++id) ASSERT_TRUE(route(text_request(id)));
  EXPECT_EQ(first->requests.size(), 2u);
  EXPECT_EQ(second->requests.size(), 2u);
}

TEST_F(RouterTest, AskerLearnsWhichReplicaTookTheRequest) {
  add_replica();
  const auto routed = route(text_request(5));
  ASSERT_TRUE(routed) << routed.error().message;
  EXPECT_EQ(routed->replica, handles_[0]);
  EXPECT_EQ(routed->admitted.id, 5u);
}

TEST_F(RouterTest, UnknownModelIsNotFoundAndTheOthersAreNamed) {
  add_replica("tiny");
  add_replica("large");
  GenerateRequest request = text_request(1);
  request.model = "missing";
  const auto routed = route(request);
  ASSERT_FALSE(routed);
  EXPECT_EQ(routed.error().code, Code::not_found);
  EXPECT_THAT(routed.error().message, HasSubstr("large, tiny"));
}

TEST_F(RouterTest, ExpectedModelIsUnavailableUntilItIsReady) {
  tell_anonymously(router_, ExpectModel{"tiny"});
  test_.run();
  EXPECT_EQ(route(text_request(1)).error().code, Code::unavailable);
  add_replica();
  EXPECT_TRUE(route(text_request(2)));
}

TEST_F(RouterTest, ReplicaThatEndedIsForgotten) {
  tell_anonymously(router_, ExpectModel{"expected"});
  add_replica("expected");
  add_replica("other");
  for (const ReplicaActor& handle : handles_) test_.kill(handle);
  test_.run();
  const auto models = test_.ask<ModelsReply>(router_, ModelsQuery{});
  ASSERT_EQ(models->models.size(), 1u);  // the one that nobody expects is gone altogether
  EXPECT_EQ(models->models[0].name, "expected");
  EXPECT_EQ(models->models[0].ready, 0);
}

TEST_F(RouterTest, ReplicaThatIsGoneAtAdmissionCostsNothing) {
  const auto dying = add_replica();
  const auto living = add_replica();
  // Its mailbox closes before the router hears of it.
  auto routed = test_.ask_later<RouteTo>(router_, text_request(1), sink_);
  dying->is_silent = true;
  test_.run();
  ASSERT_EQ(dying->requests.size(), 1u);
  test_.kill(handles_[0]);
  test_.run();
  ASSERT_TRUE(*routed);
  ASSERT_TRUE(**routed) << (**routed).error().message;
  EXPECT_EQ(living->requests.size(), 1u);
}

TEST_F(RouterTest, ReplicaThatAnswersUnavailableIsPassedOver) {
  const auto busy = add_replica();
  const auto living = add_replica();
  busy->on_generate = [](const GenerateRequest&) { return Error{Code::unavailable, "leaving"}; };
  for (std::uint64_t id = 1; id <= 4; ++id) EXPECT_TRUE(route(text_request(id)));
  EXPECT_EQ(living->requests.size(), 4u);
}

TEST_F(RouterTest, EachReplicaIsAskedOnceAndTheLastErrorIsTold) {
  const auto first = add_replica();
  const auto second = add_replica();
  first->on_generate = second->on_generate = [](const GenerateRequest&) {
    return Error{Code::unavailable, "leaving"};
  };
  EXPECT_EQ(route(text_request(1)).error(), (Error{Code::unavailable, "leaving"}));
  EXPECT_EQ(first->requests.size(), 1u);
  EXPECT_EQ(second->requests.size(), 1u);
}

TEST_F(RouterTest, RefusalOfAReplicaIsNotTriedElsewhere) {
  const auto first = add_replica();
  const auto second = add_replica();
  first->on_generate = second->on_generate = [](const GenerateRequest&) {
    return Error{Code::invalid_argument, "top_k is -1"};
  };
  EXPECT_EQ(route(text_request(1)).error().message, "top_k is -1");
  EXPECT_EQ(first->requests.size() + second->requests.size(), 1u);
}

TEST_F(RouterTest, AskerHearsOfARouterThatEnds) {
  const auto silent = add_replica();
  silent->is_silent = true;
  auto routed = test_.ask_later<RouteTo>(router_, text_request(1), sink_);
  test_.run();
  EXPECT_FALSE(*routed);
  test_.kill(router_);
  test_.run();
  ASSERT_TRUE(*routed);
  EXPECT_EQ((**routed).error().code, Code::unavailable);
}

TEST_F(RouterTest, TokenizeAndDetokenizeReachAReplica) {
  add_replica();
  TokenizeRequest tokenize;
  tokenize.model = "tiny";
  tokenize.prompt = "ab";
  EXPECT_EQ(test_.ask<TokenizeReply>(router_, tokenize)->tokens,
            (std::vector<std::int32_t>{'a', 'b'}));
  DetokenizeRequest detokenize;
  detokenize.model = "tiny";
  detokenize.tokens = {'a'};
  EXPECT_EQ(test_.ask<DetokenizeReply>(router_, detokenize)->text, "a");
  detokenize.model = "missing";
  EXPECT_EQ(test_.ask<DetokenizeReply>(router_, detokenize).error().code, Code::not_found);
}

TEST_F(RouterTest, PeersAreToldOfLocalReplicasOnly) {
  add_replica("here", true);
  add_replica("there", false);
  const auto local = test_.ask<LocalReplicas>(router_, LocalReplicasQuery{});
  ASSERT_EQ(local->replicas.size(), 1u);
  EXPECT_EQ(local->replicas[0].model, "here");
}

TEST_F(RouterTest, ReplicaThatReportsTwiceCountsOnce) {
  add_replica();
  tell_anonymously(router_, ReplicaReady{"tiny", handles_[0], true});
  test_.run();
  EXPECT_EQ(test_.ask<ModelsReply>(router_, ModelsQuery{})->models[0].ready, 1);
}

}  // namespace
}  // namespace conduit::actors
