// One request through all actors and a real engine: supervisor, device, replica, router, stream.
#include <gtest/gtest.h>

#include "actors/device.h"
#include "actors/router.h"
#include "actors/stream.h"
#include "actors/supervisor.h"
#include "tests/support/actor_models.h"
#include "tests/support/shared_dir.h"
#include "tests/support/test_system.h"

namespace conduit::actors {
namespace {

using ::conduit::testing::ReceivedAnswer;
using ::conduit::testing::text_request;

class ServingTest : public ::testing::Test {
 protected:
  void start(const conduit::testing::TinyModelOptions& options = {}) {
    const auto path = conduit::testing::write_tiny_hf_model(folder_.path() / "tiny", options);
    ModelSpec spec{"tiny", path.string(), {}};
    spec.engine.max_model_len = 64;
    spec.engine.precision = kernels::Precision::f32;
    supervisor_ = test_.keep(spawn_supervisor(
        test_.system(),
        [this]() -> Result<DeviceActor> {
          CONDUIT_TRY(auto cpu, kernels::make_cpu_device({.threads = 1, .instructions = "scalar"}));
          DeviceOptions by_hand;
          by_hand.thread = DeviceThread::shared;
          return spawn_device(test_.system(), std::move(cpu), by_hand);
        },
        router_, {spec}));
    const auto ready = test_.ask<AllReady>(supervisor_, WaitReady{});
    ASSERT_TRUE(ready) << ready.error().message;
  }
  Stream stream(GenerateRequest request, std::shared_ptr<ReceivedAnswer> received) {
    return Stream::start(
        test_.system(), router_, std::move(request),
        {[received](const TokenChunk& chunk) { received->chunks.push_back(chunk); },
         [received](const Finished& finished) { received->finished.push_back(finished); }});
  }
  ReceivedAnswer answer_to(GenerateRequest request) {
    const auto received = std::make_shared<ReceivedAnswer>();
    stream(std::move(request), received);
    test_.run();
    return *received;
  }
  ReplicaStatus status() {
    const auto local = test_.ask<LocalReplicas>(router_, LocalReplicasQuery{});
    return *test_.ask<ReplicaStatus>(local->replicas.at(0).replica, StatusQuery{});
  }

  conduit::testing::TemporaryDir folder_;
  conduit::testing::TestSystem test_;
  RouterActor router_ = test_.keep(spawn_router(test_.system()));
  SupervisorActor supervisor_;
};

TEST_F(ServingTest, TextComesBackAsTokensAndText) {
  start();
  GenerateRequest request = text_request(0);
  request.max_tokens = 8;
  request.ignore_eos = true;
  const ReceivedAnswer answer = answer_to(request);
  ASSERT_EQ(answer.finished.size(), 1u);
  EXPECT_EQ(answer.finished[0].reason, wire::FinishReason::length)
      << answer.finished[0].error_message;
  EXPECT_EQ(answer.finished[0].prompt_tokens, 2u);
  EXPECT_EQ(answer.finished[0].completion_tokens, 8u);
  ASSERT_EQ(answer.tokens().size(), 8u);

  DetokenizeRequest detokenize;
  detokenize.model = "tiny";
  detokenize.tokens = answer.tokens();
  EXPECT_EQ(test_.ask<DetokenizeReply>(router_, detokenize)->text.empty(), answer.text().empty());
}

TEST_F(ServingTest, StopStringFromTheModelsOwnAnswerCutsIt) {
  start();
  GenerateRequest request = text_request(0);
  request.max_tokens = 24;
  request.ignore_eos = true;
  const std::string whole = answer_to(request).text();
  ASSERT_GE(whole.size(), 6u);
  request.stop = {whole.substr(3, 3)};
  const ReceivedAnswer cut = answer_to(request);
  EXPECT_EQ(cut.text(), whole.substr(0, whole.find(request.stop[0])));
  EXPECT_EQ(cut.finished.at(0).stop_text, request.stop[0]);
  EXPECT_EQ(status().kv_pages_used, 0u);
}

TEST_F(ServingTest, TokensDoNotDependOnTheOthersInTheBatch) {
  start();
  GenerateRequest request = text_request(0);
  request.max_tokens = 12;
  request.temperature = 1;
  request.has_seed = true;
  std::vector<std::vector<std::int32_t>> alone;
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    request.seed = seed;
    request.prompt = std::string(seed * 3, 'a');
    alone.push_back(answer_to(request).tokens());
  }
  std::vector<std::shared_ptr<ReceivedAnswer>> together;
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    request.seed = seed;
    request.prompt = std::string(seed * 3, 'a');
    together.push_back(std::make_shared<ReceivedAnswer>());
    stream(request, together.back());
  }
  test_.run();
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(together[i]->tokens(), alone[i]);
}

TEST_F(ServingTest, CancelledStreamLeavesNoPages) {
  start();
  GenerateRequest request = text_request(0);
  request.ignore_eos = true;
  const auto received = std::make_shared<ReceivedAnswer>();
  Stream running = stream(request, received);
  while (received->tokens().size() < 3) ASSERT_TRUE(test_.run_one());
  running.cancel();
  test_.run();
  EXPECT_EQ(received->finished.size(), 1u);
  EXPECT_LT(received->tokens().size(), 20u);
  EXPECT_EQ(status().kv_pages_used, 0u);
  EXPECT_EQ(status().running, 0u);
}

TEST_F(ServingTest, ReaderWithoutCreditStopsItsStreamAndResumesWhereItStood) {
  start();
  GenerateRequest request = text_request(0);
  request.max_tokens = 20;
  request.ignore_eos = true;
  const std::vector<std::int32_t> whole = answer_to(request).tokens();
  request.credit = 2;
  const auto received = std::make_shared<ReceivedAnswer>();
  Stream slow = stream(request, received);
  test_.run();
  EXPECT_EQ(received->chunks.size(), 2u);
  EXPECT_EQ(status().running, 1u);
  while (received->finished.empty()) {
    slow.grant(1);
    test_.run();
  }
  EXPECT_EQ(received->tokens(), whole);
}

TEST_F(ServingTest, ModelWithoutTokenizerAnswersTokenIdsWithTokenIds) {
  conduit::testing::TinyModelOptions options;
  options.tokenizer = options.chat_template = false;
  start(options);
  GenerateRequest request = text_request(0);
  EXPECT_EQ(answer_to(request).finished.at(0).error_code,
            static_cast<std::uint8_t>(Code::invalid_argument));
  request.prompt_kind = wire::PromptKind::tokens;
  request.prompt_tokens = {70, 71};
  request.max_tokens = 4;
  request.ignore_eos = true;
  const ReceivedAnswer answer = answer_to(request);
  EXPECT_EQ(answer.tokens().size(), 4u);
  EXPECT_EQ(answer.text(), "");
}

TEST_F(ServingTest, AConstrainedAnswerIsOneOfItsChoices) {
  start();
  GenerateRequest request = text_request(0);
  request.constraint_kind = wire::ConstraintKind::choice;
  request.constraint = R"(["yes","no","perhaps"])";
  request.temperature = 1;
  request.has_seed = true;
  request.max_tokens = 7;
  for (request.seed = 0; request.seed < 8; ++request.seed) {
    const ReceivedAnswer answer = answer_to(request);
    const std::string text = answer.text();
    EXPECT_TRUE(text == "yes" || text == "no" || text == "perhaps") << text;
    EXPECT_EQ(answer.finished.at(0).reason, wire::FinishReason::stop);
  }
  request.max_tokens = 1;
  const ReceivedAnswer refused = answer_to(request);
  EXPECT_EQ(refused.finished.at(0).error_code, static_cast<std::uint8_t>(Code::invalid_argument));
  EXPECT_NE(refused.finished.at(0).error_message.find("2 tokens"), std::string::npos)
      << refused.finished.at(0).error_message;
}

}  // namespace
}  // namespace conduit::actors
