// The engine as its caller sees it: what it refuses, what it gives out, and when.
#include "kernels/engine/engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/kernels/engine/tiny_engine.h"

namespace conduit::kernels {
namespace {

using ::testing::HasSubstr;

class EngineTest : public testing::TinyEngineTest {
 protected:
  // The error of add; and nothing was kept.
  static Error refusal(Engine& engine, SequenceSpec spec) {
    const int before = engine.stats().waiting;
    const Status status = engine.add(std::move(spec));
    EXPECT_FALSE(status);
    EXPECT_EQ(engine.stats().waiting, before);
    return status ? Error{} : status.error();
  }
  Error creation_error(const EngineOptions& options) {
    const auto made = Engine::create(*device_, model_, options);
    EXPECT_FALSE(made);
    return made ? Error{} : made.error();
  }
};

TEST_F(EngineTest, GeneratesMaxTokensAndSaysSo) {
  auto engine = this->engine();
  ASSERT_TRUE(engine->add(spec(4, 5, 3)));
  const Outputs outputs = run(*engine);
  const std::vector<SequenceOutput>& mine = outputs.at(4);
  ASSERT_EQ(mine.size(), 3u);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(mine[i].index, i);
  EXPECT_EQ(mine[1].reason, FinishReason::none);
  EXPECT_EQ(mine[2].reason, FinishReason::length);
  EXPECT_EQ(engine->stats().kv_pages_used, 0);
}

TEST_F(EngineTest, NothingToDoIsNever) {
  auto engine = this->engine();
  const Clock::time_point now = Clock::now();
  EXPECT_EQ(engine->next_step(now), Clock::time_point::max());
  EXPECT_TRUE(engine->step(now).empty());
  EXPECT_EQ(engine->stats().steps, 0u);
}

TEST_F(EngineTest, StopIdEndsTheAnswerAndIsItsLastToken) {
  auto engine = this->engine();
  ASSERT_TRUE(engine->add(spec(1, 5, 8)));
  const TokenId third = run(*engine).at(1)[2].token;
  SequenceSpec stopped = spec(1, 5, 8);
  stopped.stop_ids = {third};
  ASSERT_TRUE(engine->add(std::move(stopped)));
  const std::vector<SequenceOutput> mine = run(*engine).at(1);
  EXPECT_EQ(mine.back().token, third);
  EXPECT_EQ(mine.back().reason, FinishReason::stop);
  EXPECT_LE(mine.size(), 3u);
}

TEST_F(EngineTest, StopIdsAreNotSampledBeforeMinTokens) {
  auto engine = this->engine();
  SequenceSpec eager = spec(1, 5, 12);
  eager.min_tokens = 6;
  for (TokenId id = 0; id < 280; ++id) eager.stop_ids.push_back(id);  // nearly all end it
  eager.stop_ids.push_back(-1);  // nobody's tokens are harmless
  eager.stop_ids.push_back(1 << 30);
  ASSERT_TRUE(engine->add(std::move(eager)));
  const std::vector<SequenceOutput> mine = run(*engine).at(1);
  ASSERT_GE(mine.size(), 6u);
  for (std::size_t i = 0; i < 6; ++i) EXPECT_GE(mine[i].token, 280);
}

TEST_F(EngineTest, AnAnswerThatMayNotEndAndHasNoOtherTokenIsAnError) {
  auto engine = this->engine();
  SequenceSpec impossible = spec(1, 5, 12);
  impossible.min_tokens = 6;
  for (TokenId id = 0; id < 288; ++id) impossible.stop_ids.push_back(id);
  ASSERT_TRUE(engine->add(std::move(impossible)));
  const std::vector<SequenceOutput> mine = run(*engine).at(1);
  ASSERT_EQ(mine.size(), 1u);
  EXPECT_EQ(mine[0].reason, FinishReason::error);
  EXPECT_EQ(engine->stats().kv_pages_used, 0);
}

TEST_F(EngineTest, LogprobsAreOfTheLogitsBeforeMaskAndTemperature) {
  auto engine = this->engine();
  SequenceSpec plain = spec(1, 5, 1);
  plain.sampling.logprobs = 3;
  ASSERT_TRUE(engine->add(plain));
  const SequenceOutput free = run(*engine).at(1)[0];
  ASSERT_EQ(free.logprobs.size(), 4u);
  EXPECT_EQ(free.logprobs[0].id, free.token);
  EXPECT_EQ(free.logprobs[1].id, free.token) << "greedy: the chosen is the best";
  EXPECT_GE(free.logprobs[1].logprob, free.logprobs[2].logprob);

  plain.min_tokens = 1;
  plain.stop_ids = {free.token, free.token};  // twice: must come back from the mask all the same
  plain.sampling.temperature = 0.7F;
  plain.sampling.top_k = 1;
  ASSERT_TRUE(engine->add(plain));
  const SequenceOutput masked = run(*engine).at(1)[0];
  EXPECT_EQ(masked.token, free.logprobs[2].id) << "the second best was chosen";
  EXPECT_EQ(masked.logprobs[0].logprob, free.logprobs[2].logprob);
  EXPECT_EQ(masked.logprobs[1].logprob, free.logprobs[1].logprob);
}

TEST_F(EngineTest, NoLogprobsUnlessAskedFor) {
  auto engine = this->engine();
  ASSERT_TRUE(engine->add(spec(1, 5, 1)));
  EXPECT_TRUE(run(*engine).at(1)[0].logprobs.empty());
}

TEST_F(EngineTest, CancelledSequenceGivesNoOutputAndFreesItsPagesAtOnce) {
  auto engine = this->engine();
  ASSERT_TRUE(engine->add(spec(1, 5, 50)));
  ASSERT_TRUE(engine->add(spec(2, 5, 4)));
  const Clock::time_point now = Clock::now();
  EXPECT_EQ(engine->step(now).size(), 2u);
  const std::int64_t both = engine->stats().kv_pages_used;
  engine->cancel(1);
  engine->cancel(77);
  EXPECT_LT(engine->stats().kv_pages_used, both);
  const Outputs rest = run(*engine);
  EXPECT_EQ(rest.count(1), 0u);
  EXPECT_EQ(rest.at(2).size(), 3u);
  EXPECT_EQ(engine->stats().kv_pages_used, 0);
}

TEST_F(EngineTest, CancelledIdCanBeUsedAgain) {
  auto engine = this->engine();
  ASSERT_TRUE(engine->add(spec(1)));
  engine->cancel(1);
  EXPECT_TRUE(engine->add(spec(1)));
}

TEST_F(EngineTest, PausedSequenceGoesOnWhereItStood) {
  auto engine = this->engine();
  ASSERT_TRUE(engine->add(spec(1, 5, 8)));
  const std::vector<SequenceOutput> whole = run(*engine).at(1);
  ASSERT_TRUE(engine->add(spec(1, 5, 8)));
  const Clock::time_point now = Clock::now();
  engine->step(now);
  engine->pause(1);
  engine->pause(77);
  EXPECT_EQ(engine->next_step(now), Clock::time_point::max());
  EXPECT_TRUE(engine->step(now).empty());
  EXPECT_GT(engine->stats().kv_pages_used, 0);
  engine->resume(1);
  engine->resume(77);
  const std::vector<SequenceOutput> rest = run(*engine).at(1);
  ASSERT_EQ(rest.size(), 7u);
  for (std::size_t i = 0; i < rest.size(); ++i) EXPECT_EQ(rest[i].token, whole[i + 1].token);
}

TEST_F(EngineTest, BatchWaitsToFillButNotBeyondTheTimeout) {
  auto engine = this->engine({.max_concurrency = 2, .batch_execute_timeout_ms = 10'000});
  ASSERT_TRUE(engine->add(spec(1)));
  const Clock::time_point now = Clock::now();
  const Clock::time_point due = engine->next_step(now);
  EXPECT_GT(due, now);
  EXPECT_LE(due, now + std::chrono::seconds(10));
  EXPECT_TRUE(engine->step(now).empty());
  EXPECT_EQ(engine->step(due).size(), 1u);
  engine->cancel(1);
  ASSERT_TRUE(engine->add(spec(1)));
  ASSERT_TRUE(engine->add(spec(2)));
  EXPECT_EQ(engine->step(now).size(), 2u) << "a full batch does not wait";
}

TEST_F(EngineTest, RefusesWhatItCannotRead) {
  auto engine = this->engine();
  EXPECT_EQ(refusal(*engine, spec(1, 0)).code, Code::invalid_argument);
  SequenceSpec foreign = spec(1);
  foreign.prompt[2] = 288;
  EXPECT_THAT(refusal(*engine, foreign).message, HasSubstr("288"));
  foreign.prompt[2] = -1;
  EXPECT_EQ(refusal(*engine, foreign).code, Code::invalid_argument);
  EXPECT_EQ(refusal(*engine, spec(1, 5, 0)).code, Code::invalid_argument);
  ASSERT_TRUE(engine->add(spec(1)));
  EXPECT_THAT(refusal(*engine, spec(1)).message, HasSubstr("already"));
}

TEST_F(EngineTest, RefusesSamplingOutOfRange) {
  auto engine = this->engine();
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  for (const Sampling& sampling :
       {Sampling{.temperature = -1}, Sampling{.temperature = kNan},
        Sampling{.temperature = HUGE_VALF}, Sampling{.top_k = -1}, Sampling{.top_p = 0},
        Sampling{.top_p = 1.5F}, Sampling{.top_p = kNan}, Sampling{.min_p = -0.1F},
        Sampling{.min_p = kNan}, Sampling{.logprobs = -2}}) {
    SequenceSpec wrong = spec(1);
    wrong.sampling = sampling;
    EXPECT_EQ(refusal(*engine, wrong).code, Code::invalid_argument);
  }
}

TEST_F(EngineTest, RefusesWhatCanNeverFit) {
  auto engine = this->engine({.max_model_len = 64, .page_size = 8});
  EXPECT_TRUE(engine->add(spec(1, 60, 4)));
  const Error long_prompt = refusal(*engine, spec(2, 60, 5));
  EXPECT_EQ(long_prompt.code, Code::exhausted);
  EXPECT_THAT(long_prompt.message, HasSubstr("65"));
  EXPECT_THAT(long_prompt.message, HasSubstr("max_model_len is 64"));
  EXPECT_EQ(refusal(*engine, spec(2, 5, std::numeric_limits<int>::max())).code, Code::exhausted);

  const std::int64_t all = engine->options().kv_bytes;
  const std::int64_t page = all / engine->stats().kv_pages_total;
  auto small = this->engine({.max_model_len = 64, .page_size = 8, .kv_bytes = 3 * page});
  EXPECT_EQ(small->stats().kv_pages_total, 3);
  EXPECT_TRUE(small->add(spec(1, 20, 4)));
  EXPECT_THAT(refusal(*small, spec(2, 20, 5)).message, HasSubstr("24 tokens (kv_bytes)"));
}

TEST_F(EngineTest, RefusesOneMoreThanTheQueueHolds) {
  auto engine = this->engine({.max_concurrency = 2, .max_waiting = 1});
  for (SequenceId id : {1, 2, 3}) ASSERT_TRUE(engine->add(spec(id)));
  const Error full = refusal(*engine, spec(4));
  EXPECT_EQ(full.code, Code::exhausted);
  EXPECT_THAT(full.message, HasSubstr("max_waiting"));
}

TEST_F(EngineTest, FillsInDefaults) {
  auto engine = this->engine();
  EXPECT_EQ(engine->options().max_model_len, 512) << "the model's own";
  EXPECT_EQ(engine->stats().kv_pages_total, 16 * 512 / 32);
  EXPECT_GT(engine->device_bytes(), static_cast<std::size_t>(engine->options().kv_bytes));
}

TEST_F(EngineTest, DefaultLengthIsWhatTheCacheHolds) {
  const std::int64_t page = engine()->options().kv_bytes / engine()->stats().kv_pages_total;
  EXPECT_EQ(engine({.kv_bytes = 5 * page + 1})->options().max_model_len, 5 * 32);
}

TEST_F(EngineTest, Float32CacheTakesTwiceTheMemory) {
  EXPECT_EQ(engine({.precision = Precision::f32})->options().kv_bytes,
            2 * engine({.precision = Precision::fast})->options().kv_bytes);
}

TEST_F(EngineTest, NamesTheOptionThatIsOutOfRange) {
  EXPECT_THAT(creation_error({.max_concurrency = 0}).message, HasSubstr("max_concurrency is 0"));
  EXPECT_THAT(creation_error({.prefill_chunk = 0}).message, HasSubstr("prefill_chunk is 0"));
  EXPECT_THAT(creation_error({.page_size = -1}).message, HasSubstr("page_size is -1"));
  EXPECT_THAT(creation_error({.max_waiting = -1}).message, HasSubstr("max_waiting is -1"));
  EXPECT_THAT(creation_error({.max_model_len = 513}).message, HasSubstr("512 positions"));
  EXPECT_EQ(creation_error({.kv_bytes = -1}).code, Code::invalid_argument);
}

TEST_F(EngineTest, ItemisesTheMemoryThatIsMissing) {
  const Error large = creation_error({.kv_bytes = std::int64_t{1} << 43});
  EXPECT_EQ(large.code, Code::exhausted);
  for (const char* part : {"weights ", "cache 8796093022208", "activations ", "cpu"}) {
    EXPECT_THAT(large.message, HasSubstr(part));
  }
  const Error small = creation_error({.kv_bytes = 100});
  EXPECT_EQ(small.code, Code::exhausted);
  EXPECT_THAT(small.message, HasSubstr("100 bytes (kv_bytes)"));
}

TEST_F(EngineTest, CountsWhatItComputes) {
  auto engine = this->engine({.prefill_chunk = 4});
  ASSERT_TRUE(engine->add(spec(1, 10, 3)));
  run(*engine);
  const EngineStats stats = engine->stats();
  EXPECT_EQ(stats.prompt_tokens, 10u);
  EXPECT_EQ(stats.generated_tokens, 3u);
  EXPECT_EQ(stats.steps, 5u) << "three chunks, the last with the first token, then two";
  EXPECT_EQ(stats.running + stats.waiting, 0);
}

TEST_F(EngineTest, BrokenWeightsEndTheSequenceWithAnErrorAndNothingElse) {
  const std::vector<float> nan(64, std::numeric_limits<float>::quiet_NaN());
  auto broken = std::make_shared<Model>(*model_);
  broken->tensors.at("model.norm.weight") = {
      reinterpret_cast<const std::byte*>(nan.data()), DType::f32, {64}};
  model_ = broken;
  auto engine = this->engine();
  ASSERT_TRUE(engine->add(spec(1)));
  const std::vector<SequenceOutput> mine = run(*engine).at(1);
  ASSERT_EQ(mine.size(), 1u);
  EXPECT_EQ(mine[0].reason, FinishReason::error);
  EXPECT_EQ(engine->stats().kv_pages_used, 0);
  EXPECT_TRUE(engine->add(spec(1)));
}

}  // namespace
}  // namespace conduit::kernels
