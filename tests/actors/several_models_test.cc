// Several models in one device's memory, through all actors and real engines.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <random>
#include <utility>

#include "actors/device.h"
#include "actors/router.h"
#include "actors/stream.h"
#include "actors/supervisor.h"
#include "mdl/base/metrics.h"
#include "tests/support/actor_models.h"
#include "tests/support/shared_dir.h"
#include "tests/support/test_system.h"

namespace conduit::actors {
namespace {

using ::conduit::testing::ReceivedAnswer;
using ::conduit::testing::text_request;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;

using Received = std::shared_ptr<ReceivedAnswer>;

double gauge(const std::string& name, const std::string& model) {
  return metrics::gauge(name, "", {{"model", model}}).value();
}
std::int64_t bytes_of(const std::string& model) {
  return static_cast<std::int64_t>(gauge("conduit_model_bytes", model));
}
bool is_loaded(const std::string& model) { return gauge("conduit_model_loaded", model) > 0; }
double unloads(const std::string& model, const std::string& reason) {
  return metrics::counter("conduit_model_unloads_total", "", {{"model", model}, {"reason", reason}})
      .value();
}

class SeveralModelsTest : public ::testing::Test {
 protected:
  SeveralModelsTest() { options_.thread = DeviceThread::shared; }

  // Of models that differ in their weights and in nothing else.
  ModelSpec& add(const std::string& name, bool is_eager = false) {
    conduit::testing::TinyModelOptions tiny;
    tiny.seed = 10 + specs_.size();
    tiny.vocab = 288;
    const auto path = conduit::testing::write_tiny_hf_model(folder_.path() / name, tiny);
    ModelSpec spec{name, path.string(), {}, {}};
    spec.engine.max_model_len = 64;
    spec.engine.max_concurrency = 4;
    spec.engine.precision = kernels::Precision::f32;
    spec.residency.is_eager = is_eager;
    specs_.push_back(std::move(spec));
    return specs_.back();
  }
  void start() {
    supervisor_ = test_.keep(spawn_supervisor(
        test_.system(),
        [this]() -> Result<DeviceActor> {
          CONDUIT_TRY(auto cpu, kernels::make_cpu_device({.threads = 1, .instructions = "scalar"}));
          return spawn_device(test_.system(), std::move(cpu), options_);
        },
        router_, specs_));
    ready_ = test_.ask<AllReady>(supervisor_, WaitReady{});
  }
  // Models that fit `count` at a time.
  void start_with_room_for(int count) {
    const ModelSpec spec = specs_.at(0);
    auto cpu = kernels::make_cpu_device({.threads = 1, .instructions = "scalar"});
    auto model = kernels::open_model(spec.path);
    auto engine = kernels::Engine::create(**cpu, *model, spec.engine);
    model_bytes_ = static_cast<std::int64_t>((*engine)->device_bytes());
    options_.budget.bytes = count * model_bytes_;
    start();
    ASSERT_TRUE(ready_) << ready_.error().message;
  }
  static GenerateRequest request(const std::string& model, std::uint32_t tokens = 6) {
    GenerateRequest made = text_request(0);
    made.model = model;
    made.max_tokens = tokens;
    made.ignore_eos = true;
    return made;
  }
  Stream stream(GenerateRequest made, const Received& received) {
    return Stream::start(
        test_.system(), router_, std::move(made),
        {[received](const TokenChunk& chunk) { received->chunks.push_back(chunk); },
         [received](const Finished& finished) { received->finished.push_back(finished); }});
  }
  ReceivedAnswer answer_to(GenerateRequest made) {
    const auto received = std::make_shared<ReceivedAnswer>();
    stream(std::move(made), received);
    test_.run();
    return *received;
  }
  // Of a model whose answer could be given; otherwise its error.
  std::string outcome(const std::string& model) {
    const ReceivedAnswer answer = answer_to(request(model));
    if (answer.finished.size() != 1) return "no end";
    return answer.finished[0].reason == wire::FinishReason::length
               ? "answered"
               : answer.finished[0].error_message;
  }
  std::int64_t loaded_bytes() const {
    std::int64_t sum = 0;
    for (const ModelSpec& spec : specs_) sum += bytes_of(spec.name);
    return sum;
  }

  conduit::testing::TemporaryDir folder_;
  conduit::testing::TestSystem test_;
  DeviceOptions options_;
  std::vector<ModelSpec> specs_;
  std::int64_t model_bytes_ = 0;
  RouterActor router_ = test_.keep(spawn_router(test_.system()));
  SupervisorActor supervisor_;
  Result<AllReady> ready_ = AllReady{};
};

TEST_F(SeveralModelsTest, ModelIsLoadedByItsFirstRequestAndGoesWhenItWasIdleForLongEnough) {
  add("first").residency.keep_alive = seconds(60);
  start_with_room_for(1);
  EXPECT_FALSE(is_loaded("first"));
  EXPECT_EQ(outcome("first"), "answered");
  EXPECT_TRUE(is_loaded("first"));
  EXPECT_EQ(bytes_of("first"), model_bytes_);
  test_.advance(seconds(40));
  EXPECT_EQ(outcome("first"), "answered");  // its time begins anew
  test_.advance(seconds(40));
  EXPECT_TRUE(is_loaded("first"));
  test_.advance(seconds(20));
  EXPECT_FALSE(is_loaded("first"));
  EXPECT_EQ(bytes_of("first"), 0);
  EXPECT_EQ(outcome("first"), "answered");
}

TEST_F(SeveralModelsTest, ADraftModelTakesItsPartOfTheMemory) {
  ModelSpec& spec = add("drafted");
  spec.draft = spec.path;
  start_with_room_for(3);
  EXPECT_EQ(outcome("drafted"), "answered");
  EXPECT_GT(bytes_of("drafted"), model_bytes_ * 3 / 2);
}

TEST_F(SeveralModelsTest, AModelThatFitsWithoutItsDraftAloneIsRefused) {
  ModelSpec& spec = add("too_large");
  spec.draft = spec.path;
  start_with_room_for(1);
  EXPECT_THAT(outcome("too_large"), HasSubstr("too_large needs"));
}

TEST_F(SeveralModelsTest, ModelThatIsNotKeptGoesAfterEachAnswer) {
  add("brief").residency.keep_alive = milliseconds(0);
  start_with_room_for(1);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(outcome("brief"), "answered");
    EXPECT_FALSE(is_loaded("brief"));
  }
}

TEST_F(SeveralModelsTest, WhoWasNotUsedForLongestMakesRoom) {
  for (const char* name : {"one", "two", "three"}) add(name);
  start_with_room_for(2);
  EXPECT_EQ(outcome("one"), "answered");
  test_.advance(seconds(1));
  EXPECT_EQ(outcome("two"), "answered");
  test_.advance(seconds(1));
  EXPECT_EQ(outcome("one"), "answered");
  test_.advance(seconds(1));
  EXPECT_EQ(outcome("three"), "answered");
  EXPECT_TRUE(is_loaded("one"));
  EXPECT_FALSE(is_loaded("two"));
  EXPECT_TRUE(is_loaded("three"));
}

TEST_F(SeveralModelsTest, NoMoreModelsAreLoadedThanTheirNumberAllows) {
  for (const char* name : {"few_a", "few_b"}) add(name);
  options_.budget.models = 1;
  start();
  EXPECT_EQ(outcome("few_a"), "answered");
  EXPECT_EQ(outcome("few_b"), "answered");
  EXPECT_FALSE(is_loaded("few_a"));
}

TEST_F(SeveralModelsTest, PinnedModelStaysAndTheErrorTellsWhoHoldsTheMemory) {
  add("pinned", true).residency.is_pinned = true;
  add("other");
  start_with_room_for(1);
  const std::string error = outcome("other");
  EXPECT_THAT(error, HasSubstr("other needs " + std::to_string(model_bytes_)));
  EXPECT_THAT(error, HasSubstr("device_memory is " + std::to_string(model_bytes_)));
  EXPECT_THAT(error, HasSubstr("pinned " + std::to_string(model_bytes_) + " bytes (stays)"));
  EXPECT_EQ(outcome("pinned"), "answered");
}

TEST_F(SeveralModelsTest, EagerModelMakesRoomForARequestAndComesBackWithItsOwn) {
  add("eager", true);
  add("asked");
  start_with_room_for(1);
  EXPECT_TRUE(is_loaded("eager"));
  EXPECT_EQ(outcome("asked"), "answered");
  EXPECT_FALSE(is_loaded("eager"));
  EXPECT_EQ(outcome("eager"), "answered");
}

TEST_F(SeveralModelsTest, EagerModelsThatDoNotFitTogetherAreToldAtTheStart) {
  add("fits", true);
  add("too_much", true);
  options_.budget.models = 1;
  start();
  ASSERT_FALSE(ready_);
  EXPECT_THAT(ready_.error().message, HasSubstr("max_loaded_models"));
}

TEST_F(SeveralModelsTest, RunningAnswerIsFinishedBeforeItsModelGoes) {
  add("running");
  add("waiting");
  start_with_room_for(1);
  const auto running = std::make_shared<ReceivedAnswer>();
  stream(request("running", 30), running);
  while (running->tokens().size() < 3) ASSERT_TRUE(test_.run_one());
  const auto waiting = std::make_shared<ReceivedAnswer>();
  stream(request("waiting"), waiting);
  const auto late = std::make_shared<ReceivedAnswer>();
  bool is_late_asked = false;
  while (!is_loaded("waiting")) {
    EXPECT_LT(running->finished.size() + late->chunks.size(), 2u);
    ASSERT_TRUE(test_.run_one());
    // Comes while its model is about to go: it waits for its next turn.
    if (running->tokens().size() >= 15 && !std::exchange(is_late_asked, true))
      stream(request("running", 8), late);
  }
  EXPECT_TRUE(late->chunks.empty());
  test_.run();
  EXPECT_EQ(running->tokens().size(), 30u);
  EXPECT_EQ(waiting->tokens().size(), 6u);
  EXPECT_EQ(late->tokens().size(), 8u);
  EXPECT_EQ(unloads("running", "room"), 1);
  EXPECT_EQ(unloads("waiting", "room"), 1);
}

TEST_F(SeveralModelsTest, LoadThatWaitsTooLongFailsAndWhoHeldTheMemoryGoesOn) {
  options_.memory_wait = seconds(5);
  add("holding");
  add("refused");
  start_with_room_for(1);
  GenerateRequest slow = request("holding", 20);
  slow.credit = 1;  // its reader takes nothing more
  const auto holding = std::make_shared<ReceivedAnswer>();
  Stream held = stream(slow, holding);
  test_.run();
  const auto refused = std::make_shared<ReceivedAnswer>();
  stream(request("refused"), refused);
  test_.run();
  const auto late = std::make_shared<ReceivedAnswer>();
  stream(request("holding"), late);  // its model is about to go
  test_.run();
  EXPECT_TRUE(late->chunks.empty());
  test_.advance(seconds(5));
  ASSERT_EQ(refused->finished.size(), 1u);
  EXPECT_THAT(refused->finished[0].error_message, HasSubstr("memory_wait_ms"));
  EXPECT_THAT(refused->finished[0].error_message, HasSubstr("(answering)"));
  EXPECT_EQ(late->tokens().size(), 6u);
  held.grant(100);
  test_.run();
  EXPECT_EQ(holding->tokens().size(), 20u);
  EXPECT_EQ(outcome("refused"), "answered");  // no pause: it was not the model's fault
}

TEST_F(SeveralModelsTest, FailedLoadIsToldAndTriedAgainAfterAPauseAndOthersAreServed) {
  const std::string path = add("broken").path;
  add("sound");
  start_with_room_for(2);
  std::filesystem::rename(path, path + ".away");
  EXPECT_THAT(outcome("broken"), HasSubstr("could not be loaded"));
  EXPECT_EQ(outcome("sound"), "answered");
  std::filesystem::rename(path + ".away", path);
  EXPECT_THAT(outcome("broken"), HasSubstr("not tried again for another 1 s"));
  test_.advance(seconds(1));
  EXPECT_EQ(outcome("broken"), "answered");
}

TEST_F(SeveralModelsTest, ModelThatDoesNotExistIsToldAtTheStart) {
  add("missing").path += "/no";
  start();
  ASSERT_FALSE(ready_);
  EXPECT_THAT(ready_.error().message, HasSubstr("does not exist"));
}

TEST_F(SeveralModelsTest, TokenizingLoadsAModelThatMayThenGo) {
  add("words").residency.keep_alive = seconds(1);
  start_with_room_for(1);
  TokenizeRequest tokenize;
  tokenize.model = "words";
  tokenize.prompt_kind = wire::PromptKind::text;
  tokenize.prompt = "xyz";
  const auto tokens = test_.ask<TokenizeReply>(router_, tokenize);
  ASSERT_TRUE(tokens) << tokens.error().message;
  EXPECT_EQ(tokens->tokens, conduit::testing::byte_tokens("xyz"));
  test_.advance(seconds(1));
  EXPECT_FALSE(is_loaded("words"));
}

TEST_F(SeveralModelsTest, RequestCancelledWhileItsModelIsLoadedIsNotRun) {
  add("unwanted");
  start_with_room_for(1);
  const auto received = std::make_shared<ReceivedAnswer>();
  Stream cancelled = stream(request("unwanted"), received);
  cancelled.cancel();
  test_.run();
  ASSERT_EQ(received->finished.size(), 1u);
  EXPECT_EQ(received->finished[0].reason, wire::FinishReason::cancelled);
  EXPECT_TRUE(received->chunks.empty());
  EXPECT_EQ(outcome("unwanted"), "answered");
}

// Whatever the order of requests, readers and clocks: four models in the memory of two.
TEST_F(SeveralModelsTest, AnswersAreThoseOfEachModelAloneAndNothingIsLeftBehind) {
  const std::vector<std::string> names = {"a", "b", "c", "d"};
  for (const std::string& name : names) add(name).residency.keep_alive = seconds(30);
  start_with_room_for(2);
  std::map<std::string, std::vector<std::int32_t>> alone;
  const auto key = [](const GenerateRequest& made) {
    return made.model + "/" + made.prompt + "/" + std::to_string(made.max_tokens);
  };
  const auto draw = [&](std::mt19937& chance) {
    GenerateRequest made = request(names[chance() % names.size()], 1 + chance() % 12);
    made.prompt = std::string(1 + chance() % 3, 'a');
    return made;
  };
  for (std::uint32_t seed = 1; seed <= 6; ++seed) {
    std::mt19937 chance(seed);
    std::vector<std::pair<GenerateRequest, Received>> asked;
    while (asked.size() < 40) {
      asked.emplace_back(draw(chance), std::make_shared<ReceivedAnswer>());
      stream(asked.back().first, asked.back().second);
      for (std::uint32_t i = chance() % 60; i > 0 && test_.run_one(); --i)
        ASSERT_LE(loaded_bytes(), options_.budget.bytes);
      if (chance() % 16 == 0) test_.advance(seconds(chance() % 40));
    }
    test_.run();
    for (const auto& [made, received] : asked) {
      ASSERT_EQ(received->finished.size(), 1u);
      ASSERT_EQ(received->finished[0].error_message, "") << "seed " << seed;
      std::vector<std::int32_t>& expected = alone[key(made)];
      if (expected.empty()) expected = answer_to(made).tokens();
      EXPECT_EQ(received->tokens(), expected) << "seed " << seed << " " << key(made);
    }
    for (const std::string& name : names) EXPECT_EQ(gauge("conduit_kv_pages_used", name), 0);
  }
  EXPECT_GT(unloads("a", "room") + unloads("b", "room"), 0);
  test_.advance(seconds(30));
  EXPECT_EQ(loaded_bytes(), 0);
}

}  // namespace
}  // namespace conduit::actors
