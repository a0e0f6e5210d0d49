// Restarts: when, how often, and when not.
#include "actors/supervisor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "actors/router.h"
#include "tests/support/actor_models.h"
#include "tests/support/test_system.h"

namespace conduit::actors {
namespace {

using ::conduit::testing::FakeDevice;
using ::conduit::testing::open_tiny_model;
using ::conduit::testing::Pending;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;

class SupervisorTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { model_ = new auto(open_tiny_model()); }
  static void TearDownTestSuite() { delete model_; }

  SupervisorTest() {
    policy_.jitter = 0;
    ModelLoaded loaded{1, *model_, {}};
    loaded.options.max_model_len = 64;
    device_->loaded = loaded;
  }
  void start(std::vector<std::string> models = {"tiny"}) {
    std::vector<ModelSpec> specs;
    for (const std::string& name : models) specs.push_back({name, name + ".gguf", {}});
    supervisor_ = test_.keep(spawn_supervisor(
        test_.system(),
        [this]() -> Result<DeviceActor> {
          ++devices_made_;
          if (device_error_) return *device_error_;
          return device_actor_ = spawn_fake_device(test_, device_);
        },
        router_, specs, policy_));
    ready_ = test_.ask_later<AllReady>(supervisor_, WaitReady{});
    test_.run();
  }
  // The replica that was loaded last generates its first token.
  void warm_up() {
    kernels::SequenceOutput output;
    output.id = device_->added.back().id;
    output.reason = kernels::FinishReason::length;
    tell_anonymously(device_->sink, StepOutputs{{output}});
    test_.run();
  }
  void kill_replica() {
    test_.kill(device_->sink);
    test_.run();
  }
  int ready_replicas(const std::string& model = "tiny") {
    const auto models = test_.ask<ModelsReply>(router_, ModelsQuery{});
    for (const ModelEntry& entry : models->models)
      if (entry.name == model) return entry.ready;
    return -1;
  }

  static inline std::shared_ptr<const kernels::Model>* model_ = nullptr;
  conduit::testing::TestSystem test_;
  RestartPolicy policy_;
  std::shared_ptr<FakeDevice> device_ = std::make_shared<FakeDevice>();
  std::optional<Error> device_error_;
  DeviceActor device_actor_;
  int devices_made_ = 0;
  RouterActor router_ = test_.keep(spawn_router(test_.system()));
  SupervisorActor supervisor_;
  Pending<AllReady> ready_;
};

TEST_F(SupervisorTest, ModelIsExpectedFromTheStartAndServedOnceItGeneratedAToken) {
  start();
  EXPECT_EQ(ready_replicas(), 0);
  EXPECT_FALSE(*ready_);
  warm_up();
  EXPECT_EQ(ready_replicas(), 1);
  ASSERT_TRUE(*ready_);
  EXPECT_TRUE((**ready_).has_value());
}

TEST_F(SupervisorTest, NothingWantedIsReadyAtOnceAndMakesNoDevice) {
  start({});
  ASSERT_TRUE(*ready_);
  EXPECT_TRUE((**ready_).has_value());
  EXPECT_EQ(devices_made_, 0);
}

TEST_F(SupervisorTest, WaitingForAllMeansEveryModel) {
  start({"one", "two"});
  EXPECT_EQ(device_->loads, 2);
  EXPECT_EQ(devices_made_, 1);
  warm_up();  // the second
  EXPECT_FALSE(*ready_);
  EXPECT_EQ(ready_replicas("two"), 1);
}

TEST_F(SupervisorTest, ReplicaThatEndsIsStartedAgainAfterAPause) {
  start();
  warm_up();
  kill_replica();
  EXPECT_EQ(ready_replicas(), 0);
  test_.advance(milliseconds(999));
  EXPECT_EQ(device_->loads, 1);
  test_.advance(milliseconds(1));
  EXPECT_EQ(device_->loads, 2);
  warm_up();
  EXPECT_EQ(ready_replicas(), 1);
}

TEST_F(SupervisorTest, PauseDoublesUpToItsLimitAndTheBudgetEnds) {
  policy_.budget = 8;
  start();
  warm_up();
  int loads = 1;
  for (int pause : {1, 2, 4, 8, 16, 32, 60, 60}) {
    kill_replica();
    test_.advance(seconds(pause) - milliseconds(1));
    EXPECT_EQ(device_->loads, loads);
    test_.advance(milliseconds(1));
    EXPECT_EQ(device_->loads, ++loads);
  }
  kill_replica();
  test_.advance(std::chrono::hours(1));
  EXPECT_EQ(device_->loads, loads);
  const auto ready = test_.ask<AllReady>(supervisor_, WaitReady{});
  ASSERT_FALSE(ready);
  EXPECT_THAT(ready.error().message, HasSubstr("tiny"));
}

TEST_F(SupervisorTest, ReplicaThatWasHealthyLongEnoughStartsFromTheFirstPause) {
  start();
  for (int i = 0; i < 3; ++i) {
    warm_up();
    kill_replica();
    test_.advance(seconds(60));
  }
  warm_up();
  test_.advance(seconds(60));
  const int loads = device_->loads;
  kill_replica();
  test_.advance(seconds(1));
  EXPECT_EQ(device_->loads, loads + 1);
}

TEST_F(SupervisorTest, ModelThatCanNeverBeLoadedIsReportedAndNotTriedAgain) {
  for (Code code : {Code::corrupt, Code::invalid_argument, Code::not_found}) {
    device_->loaded = Error{code, "bad.gguf: truncated"};
    device_->loads = 0;
    start({"bad"});
    ASSERT_TRUE(*ready_);
    ASSERT_FALSE((**ready_).has_value());
    EXPECT_EQ((**ready_).error(), (Error{code, "model bad: bad.gguf: truncated"}));
    test_.advance(std::chrono::hours(1));
    EXPECT_EQ(device_->loads, 1);
  }
}

TEST_F(SupervisorTest, ModelThatOnceRanIsTriedAgainWhateverItsError) {
  start();
  warm_up();
  device_->loaded = Error{Code::not_found, "the disk is away"};
  kill_replica();
  test_.advance(seconds(1));
  EXPECT_EQ(device_->loads, 2);
  device_->loaded = ModelLoaded{1, *model_, {}};
  test_.advance(seconds(2));
  warm_up();
  EXPECT_EQ(ready_replicas(), 1);
}

TEST_F(SupervisorTest, DeviceThatEndsIsMadeAnew) {
  start();
  warm_up();
  test_.kill(device_actor_);
  test_.run();
  EXPECT_EQ(ready_replicas(), 0);
  test_.advance(seconds(1));
  EXPECT_EQ(devices_made_, 2);
  warm_up();
  EXPECT_EQ(ready_replicas(), 1);
}

TEST_F(SupervisorTest, DeviceThatCannotBeMadeIsReported) {
  device_error_ = Error{Code::invalid_argument, "this CPU has no avx512"};
  start();
  ASSERT_TRUE(*ready_);
  EXPECT_THAT((**ready_).error().message, HasSubstr("no avx512"));
}

TEST_F(SupervisorTest, ModelThatIsWantedLaterIsLoadedLater) {
  start();
  warm_up();
  tell_anonymously(supervisor_, WantModel{{"late", "late.gguf", {}}});
  test_.run();
  EXPECT_EQ(device_->loads, 2);
  EXPECT_EQ(ready_replicas("late"), 0);
  warm_up();
  EXPECT_EQ(ready_replicas("late"), 1);
}

TEST_F(SupervisorTest, DroppedModelIsForgottenAndEnds) {
  start();
  warm_up();
  tell_anonymously(supervisor_, DropModel{"tiny"});
  test_.run();
  EXPECT_EQ(ready_replicas(), -1);
  test_.advance(std::chrono::hours(1));
  EXPECT_EQ(device_->loads, 1);
  EXPECT_TRUE(test_.ask<AllReady>(supervisor_, WaitReady{}));
}

TEST_F(SupervisorTest, DroppedModelFinishesItsAnswersFirst) {
  start();
  warm_up();
  const auto received = std::make_shared<conduit::testing::ReceivedAnswer>();
  const TokenSink sink = spawn_sink(test_, received);
  GenerateRequest request = conduit::testing::text_request(7);
  const auto routed = test_.ask<RouteTo>(router_, request, sink);
  ASSERT_TRUE(routed) << routed.error().message;
  tell_anonymously(supervisor_, DropModel{"tiny"});
  test_.advance(seconds(5));
  EXPECT_TRUE(received->finished.empty());
  kernels::SequenceOutput output;
  output.id = device_->added.back().id;
  output.reason = kernels::FinishReason::length;
  tell_anonymously(device_->sink, StepOutputs{{output}});
  test_.run();
  ASSERT_EQ(received->finished.size(), 1u);
  EXPECT_EQ(received->finished[0].reason, wire::FinishReason::length);
  const auto watched = device_->sink;
  test_.advance(seconds(1));
  EXPECT_FALSE(test_.ask<ReplicaStatus>(caf::actor_cast<ReplicaActor>(watched), StatusQuery{}));
}

TEST_F(SupervisorTest, ModelWithAnotherPathIsReplaced) {
  start();
  warm_up();
  tell_anonymously(supervisor_, WantModel{{"tiny", "newer.gguf", {}}});
  test_.run();
  EXPECT_EQ(device_->loads, 2);
  EXPECT_EQ(ready_replicas(), 0);
  warm_up();
  EXPECT_EQ(ready_replicas(), 1);
}

TEST_F(SupervisorTest, ResidencyAloneChangesUnderTheLoadedModel) {
  start();
  warm_up();
  ModelSpec spec{"tiny", "tiny.gguf", {}};
  spec.residency.keep_alive = seconds(3);
  tell_anonymously(supervisor_, WantModel{spec});
  test_.run();
  EXPECT_EQ(device_->loads, 1);
  EXPECT_EQ(ready_replicas(), 1);
  ASSERT_TRUE(device_->residency);
  EXPECT_EQ(device_->residency->keep_alive, seconds(3));
}

TEST_F(SupervisorTest, ModelThatWasGivenUpIsTriedAgainWhenWantedAnew) {
  device_->loaded = Error{Code::corrupt, "bad.gguf: truncated"};
  start({"bad"});
  device_->loaded = ModelLoaded{1, *model_, {}};
  tell_anonymously(supervisor_, WantModel{{"bad", "bad.gguf", {}}});
  test_.run();
  warm_up();
  EXPECT_EQ(ready_replicas("bad"), 1);
}

TEST_F(SupervisorTest, PausesDifferByTheirJitter) {
  policy_.jitter = 0.5;
  start();
  warm_up();
  kill_replica();
  test_.advance(milliseconds(499));
  EXPECT_EQ(device_->loads, 1);
  test_.advance(milliseconds(1001));
  EXPECT_EQ(device_->loads, 2);
}

TEST_F(SupervisorTest, WhatItStartedEndsWithItAndWhoWaitedHears) {
  start();
  test_.kill(supervisor_);
  test_.run();
  ASSERT_TRUE(*ready_);
  EXPECT_EQ((**ready_).error().code, Code::unavailable);
  caf::scoped_actor watcher(test_.system());
  watcher->monitor(device_actor_);
  watcher->receive([](const caf::down_msg&) {});
}

}  // namespace
}  // namespace conduit::actors
