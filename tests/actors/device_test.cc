// The device actor with real engines, stepped by hand.
#include "actors/device.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "mdl/base/metrics.h"
#include "tests/support/actor_models.h"
#include "tests/support/shared_dir.h"
#include "tests/support/test_system.h"

namespace conduit::actors {
namespace {

using ::testing::HasSubstr;

// Tokens that a test waits for, and those that may follow a control message: in the sink's mailbox,
// and of the step that was due before it.
constexpr std::size_t kSeen = 3;
constexpr std::size_t kUnderWay = 3;

struct Outputs {
  std::vector<std::vector<kernels::SequenceOutput>> steps;
  std::vector<std::uint64_t> unloaded;
  std::size_t tokens() const {
    std::size_t count = 0;
    for (const auto& step : steps) count += step.size();
    return count;
  }
};

class DeviceTest : public ::testing::Test {
 protected:
  DeviceTest() {
    auto cpu = kernels::make_cpu_device({.threads = 1, .instructions = "scalar"});
    DeviceOptions options;
    options.thread = DeviceThread::shared;
    options.now = [this] { return now_ += std::chrono::milliseconds(1); };  // every step takes it
    device_ = test_.keep(spawn_device(test_.system(), *std::move(cpu), options));
    path_ = conduit::testing::write_tiny_hf_model(folder_.path() / "tiny").string();
  }
  StepSink make_sink(std::shared_ptr<Outputs> outputs) {
    return test_.keep(test_.system().spawn([outputs](StepSink::pointer) {
      return StepSink::behavior_type{
          [outputs](const StepOutputs& step) { outputs->steps.push_back(step.outputs); },
          [outputs](const EngineUnloaded& message) {
            outputs->unloaded.push_back(message.engine);
          }};
    }));
  }
  ModelLoaded load(const StepSink& sink, const std::string& name = "tiny",
                   kernels::EngineOptions options = {}) {
    options.max_model_len = 64;
    const auto loaded = test_.ask<ModelLoaded>(device_, LoadModel{{name, path_, options}}, sink);
    EXPECT_TRUE(loaded) << loaded.error().message;
    if (loaded) tell_anonymously(device_, ModelTaken{loaded->engine});
    return loaded.value_or(ModelLoaded{});
  }
  static AddSequence sequence(std::uint64_t engine, kernels::SequenceId id, int max_tokens) {
    AddSequence message;
    message.engine = engine;
    message.spec.id = id;
    message.spec.prompt = conduit::testing::byte_tokens("Hi");
    message.spec.max_tokens = max_tokens;
    message.spec.sampling.temperature = 0;
    return message;
  }
  kernels::EngineStats stats(std::uint64_t engine) {
    return *test_.ask<kernels::EngineStats>(device_, EngineStatsQuery{engine});
  }
  void control(std::uint64_t engine, kernels::SequenceId id, SequenceAction action) {
    tell_anonymously(device_, ControlSequence{engine, id, action});
  }

  conduit::testing::TemporaryDir folder_;
  std::string path_;
  std::chrono::steady_clock::time_point now_{};
  conduit::testing::TestSystem test_;
  DeviceActor device_;
};

TEST_F(DeviceTest, StepsUntilTheSequenceIsFinishedAndThenRests) {
  const auto outputs = std::make_shared<Outputs>();
  const ModelLoaded loaded = load(make_sink(outputs));
  EXPECT_EQ(loaded.options.max_model_len, 64);
  ASSERT_TRUE(test_.ask<SequenceAdded>(device_, sequence(loaded.engine, 1, 5)));
  EXPECT_EQ(outputs->tokens(), 5u);
  EXPECT_EQ(outputs->steps.back()[0].reason, kernels::FinishReason::length);
  EXPECT_EQ(stats(loaded.engine).kv_pages_used, 0);
  EXPECT_FALSE(test_.run_one());
}

TEST_F(DeviceTest, ModelThatIsNotThereIsAnErrorAndTheDeviceGoesOn) {
  const auto sink = make_sink(std::make_shared<Outputs>());
  const auto loaded = test_.ask<ModelLoaded>(device_, LoadModel{{"x", path_ + "/no", {}}}, sink);
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code, Code::not_found);
  load(sink);
}

TEST_F(DeviceTest, MessagesForEnginesThatAreGoneDoNoHarm) {
  EXPECT_EQ(test_.ask<SequenceAdded>(device_, sequence(42, 1, 1)).error().code, Code::not_found);
  EXPECT_EQ(test_.ask<kernels::EngineStats>(device_, EngineStatsQuery{42}).error().code,
            Code::not_found);
  control(42, 1, SequenceAction::pause);
  tell_anonymously(device_, UnloadModel{42});
  tell_anonymously(device_, StepDue{42});
  test_.run();
}

TEST_F(DeviceTest, CancelBetweenTwoStepsFreesThePagesBeforeTheNext) {
  const auto outputs = std::make_shared<Outputs>();
  const ModelLoaded loaded = load(make_sink(outputs));
  auto added = test_.ask_later<SequenceAdded>(device_, sequence(loaded.engine, 1, 50));
  while (outputs->tokens() < kSeen) ASSERT_TRUE(test_.run_one());
  control(loaded.engine, 1, SequenceAction::cancel);
  test_.run();
  EXPECT_LE(outputs->tokens(), kSeen + kUnderWay);
  EXPECT_EQ(stats(loaded.engine).kv_pages_used, 0);
  EXPECT_EQ(metrics::gauge("conduit_kv_pages_used", "", {{"model", "tiny"}}).value(), 0);
}

TEST_F(DeviceTest, PausedSequenceKeepsItsPagesAndMakesNoTokens) {
  const auto outputs = std::make_shared<Outputs>();
  const ModelLoaded loaded = load(make_sink(outputs));
  auto added = test_.ask_later<SequenceAdded>(device_, sequence(loaded.engine, 1, 20));
  while (outputs->tokens() < kSeen) ASSERT_TRUE(test_.run_one());
  control(loaded.engine, 1, SequenceAction::pause);
  test_.run();
  EXPECT_LT(outputs->tokens(), 20u);
  EXPECT_GT(stats(loaded.engine).kv_pages_used, 0);
  control(loaded.engine, 1, SequenceAction::resume);
  test_.run();
  EXPECT_EQ(outputs->tokens(), 20u);
}

TEST_F(DeviceTest, EnginesTakeTurns) {
  const auto first = std::make_shared<Outputs>();
  const auto second = std::make_shared<Outputs>();
  const ModelLoaded one = load(make_sink(first), "one");
  const ModelLoaded two = load(make_sink(second), "two");
  auto added_first = test_.ask_later<SequenceAdded>(device_, sequence(one.engine, 1, 30));
  auto added_second = test_.ask_later<SequenceAdded>(device_, sequence(two.engine, 1, 30));
  while (first->tokens() < 10 || second->tokens() < 10) {
    ASSERT_TRUE(test_.run_one());
    EXPECT_LE(first->tokens(), second->tokens() + 4);
    EXPECT_LE(second->tokens(), first->tokens() + 4);
  }
}

TEST_F(DeviceTest, RequestsThatArriveTogetherShareTheirSteps) {
  const auto outputs = std::make_shared<Outputs>();
  const ModelLoaded loaded = load(make_sink(outputs));
  for (kernels::SequenceId id = 1; id <= 4; ++id)
    tell_anonymously(device_, sequence(loaded.engine, id, 6));
  test_.run();
  EXPECT_EQ(outputs->tokens(), 24u);
  EXPECT_LE(stats(loaded.engine).steps, 9u);  // 24 one by one
}

TEST_F(DeviceTest, BatchWaitsToFillAndIsFullAtItsConcurrency) {
  const auto outputs = std::make_shared<Outputs>();
  kernels::EngineOptions options;
  options.max_concurrency = 2;
  options.batch_execute_timeout_ms = 3'600'000;  // never within a test
  const ModelLoaded loaded = load(make_sink(outputs), "tiny", options);
  ASSERT_TRUE(test_.ask<SequenceAdded>(device_, sequence(loaded.engine, 1, 3)));
  EXPECT_EQ(outputs->tokens(), 0u);
  ASSERT_TRUE(test_.ask<SequenceAdded>(device_, sequence(loaded.engine, 2, 3)));
  EXPECT_EQ(outputs->tokens(), 6u);
}

TEST_F(DeviceTest, EngineGoesWithTheActorThatLoadedIt) {
  const StepSink sink = make_sink(std::make_shared<Outputs>());
  const ModelLoaded loaded = load(sink, "going");
  metrics::Gauge& total = metrics::gauge("conduit_kv_pages_total", "", {{"model", "going"}});
  EXPECT_GT(total.value(), 0);
  test_.kill(sink);
  test_.run();
  EXPECT_EQ(test_.ask<kernels::EngineStats>(device_, EngineStatsQuery{loaded.engine}).error().code,
            Code::not_found);
  EXPECT_EQ(total.value(), 0);
}

TEST_F(DeviceTest, UnloadedEngineFinishesWhatItHasAndTakesNoMore) {
  const auto outputs = std::make_shared<Outputs>();
  const ModelLoaded loaded = load(make_sink(outputs));
  auto added = test_.ask_later<SequenceAdded>(device_, sequence(loaded.engine, 1, 20));
  while (outputs->tokens() < kSeen) ASSERT_TRUE(test_.run_one());
  tell_anonymously(device_, UnloadModel{loaded.engine});
  auto late = test_.ask_later<SequenceAdded>(device_, sequence(loaded.engine, 2, 20));
  test_.run();
  EXPECT_EQ(outputs->tokens(), 20u);
  EXPECT_EQ(outputs->unloaded, std::vector{loaded.engine});
  ASSERT_TRUE(*late);
  EXPECT_EQ((**late).error().code, Code::not_found);
}

TEST_F(DeviceTest, TokensAndStepsAreCounted) {
  const ModelLoaded loaded = load(make_sink(std::make_shared<Outputs>()), "counted");
  const metrics::Labels labels = {{"model", "counted"}};
  ASSERT_TRUE(test_.ask<SequenceAdded>(device_, sequence(loaded.engine, 1, 5)));
  EXPECT_EQ(metrics::counter("conduit_generation_tokens_total", "", labels).value(), 5);
  EXPECT_EQ(metrics::counter("conduit_prompt_tokens_total", "", labels).value(), 2);
  EXPECT_EQ(metrics::gauge("conduit_requests_running", "", labels).value(), 0);
  EXPECT_THAT(metrics::text(), HasSubstr("conduit_step_seconds_count{model=\"counted\"} 5"));
}

}  // namespace
}  // namespace conduit::actors
