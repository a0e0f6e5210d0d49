// Sampling as a request gets it from an engine: penalties over its own history, the exact
// distribution of seeded draws, prompt log-probabilities; alone and in any company.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <string>

#include "kernels/engine/adjusted_logits.h"
#include "kernels/engine/sampler.h"
#include "tests/kernels/engine/tiny_engine.h"

namespace conduit::kernels {
namespace {

constexpr int kVocab = 288;  // of the tiny model
constexpr EngineOptions kExact = {.precision = Precision::f32};

class SamplingTest : public testing::TinyEngineTest {
 protected:
  std::vector<SequenceOutput> answer(Engine& engine, SequenceSpec spec) {
    const SequenceId id = spec.id;
    const Status added = engine.add(std::move(spec));
    EXPECT_TRUE(added) << (added ? "" : added.error().message);
    return run(engine)[id];
  }

  // log p of the whole vocabulary for each token of an answer, by id.
  static std::vector<float> by_id(const SequenceOutput& output) {
    std::vector<float> values(kVocab);
    for (const TokenLogprob& entry : output.logprobs)
      values[static_cast<std::size_t>(entry.id)] = entry.logprob;
    return values;
  }
};

// Softmax does not see a constant, so log-probabilities stand for logits, but for the repetition
// penalty, which sees where zero is.
TEST_F(SamplingTest, GreedyTokensAreTheBestAfterPenaltiesOverTheirOwnHistory) {
  auto engine = this->engine(kExact);
  SequenceSpec request = spec(1, 5, 40);
  request.sampling = {
      .frequency_penalty = 0.8F, .presence_penalty = 0.6F, .temperature = 0, .logprobs = kVocab};
  request.sampling.logit_bias = {{7, 3}, {11, -2}};
  TokenCounts counts;
  int repeated = 0;
  for (const SequenceOutput& output : answer(*engine, request)) {
    std::vector<float> logits = by_id(output);
    const AdjustedLogits adjusted(logits, request.sampling, counts);
    EXPECT_EQ(sample(adjusted.row(), request.sampling, 0), output.token) << output.index;
    repeated += counts[output.token]++ > 0 ? 1 : 0;
  }
  EXPECT_GT(repeated, 0) << "nothing was penalised";
}

TEST_F(SamplingTest, RepetitionPenaltySeesThePromptToo) {
  auto engine = this->engine(kExact);
  SequenceSpec request = spec(1, 1, 1);
  const TokenId greedy = answer(*engine, request)[0].token;
  // The same first token, now behind a prompt that has the greedy one: repelled, it is not drawn.
  request = spec(2, 1, 1);
  request.prompt = {greedy, 1, greedy, 2, greedy};
  const TokenId neutral = answer(*engine, request)[0].token;
  request.prompt[1] = neutral;
  const TokenId again = answer(*engine, request)[0].token;
  request.prompt[3] = again;
  request.sampling.repetition_penalty = 1e6F;
  const TokenId other = answer(*engine, request)[0].token;
  EXPECT_EQ(std::count(request.prompt.begin(), request.prompt.end(), other), 0);
}

TEST_F(SamplingTest, ABannedTokenIsNeverDrawnAndACertainOneAlways) {
  auto engine = this->engine();
  SequenceSpec request = spec(1, 5, 30);
  const TokenId first = answer(*engine, request)[0].token;
  request.sampling.logit_bias = {{first, -100}};
  for (const SequenceOutput& output : answer(*engine, request)) EXPECT_NE(output.token, first);
  request.sampling = {.temperature = 1, .seed = 3};
  request.sampling.logit_bias = {{42, 100}};
  for (const SequenceOutput& output : answer(*engine, request)) EXPECT_EQ(output.token, 42);
}

// Pearson's chi-square over the tokens that are expected often enough.
TEST_F(SamplingTest, SeededDrawsFollowTheExactDistribution) {
  auto engine = this->engine(kExact);
  SequenceSpec request = spec(1, 6, 1);
  request.sampling.logprobs = kVocab;
  std::vector<float> logits = by_id(answer(*engine, request)[0]);
  request.sampling = {.frequency_penalty = 0.5F,
                      .temperature = 1.5F,
                      .top_k = 40,
                      .top_p = 0.9F,
                      .typical_p = 0.95F,
                      .min_p = 0.01F};
  request.sampling.logit_bias = {{5, 2}, {9, -1}};
  const AdjustedLogits adjusted(logits, request.sampling, {});
  const auto exact = distribution(adjusted.row(), request.sampling);
  constexpr int kDraws = 4000;
  std::map<TokenId, int> drawn;
  for (int i = 0; i < kDraws; ++i) {
    request.id = static_cast<SequenceId>(i);
    request.sampling.seed = static_cast<std::uint64_t>(i);
    ASSERT_TRUE(engine->add(request));
    if (i % 500 != 499) continue;
    for (const auto& [id, outputs] : run(*engine)) ++drawn[outputs.at(0).token];
  }
  double chi_square = 0;
  double degrees = -1;
  int counted = 0;
  for (const auto& [id, probability] : exact) {
    counted += drawn[id];
    const double expected = probability * kDraws;
    if (expected < 5) continue;
    chi_square += (drawn[id] - expected) * (drawn[id] - expected) / expected;
    ++degrees;
  }
  EXPECT_EQ(counted, kDraws) << "a token outside the support was drawn";
  ASSERT_GT(degrees, 5);
  // Five standard deviations: chi-square has mean `degrees` and variance twice that.
  EXPECT_LT(chi_square, degrees + 5 * std::sqrt(2 * degrees));
}

TEST_F(SamplingTest, PromptLogprobsAreThoseOfAnAnswerWithTheSameTokens) {
  auto engine = this->engine(kExact);
  SequenceSpec request = spec(1, 3, 9);
  request.sampling.logprobs = 4;
  const auto outputs = answer(*engine, request);
  SequenceSpec whole = spec(2, 3, 1);
  whole.prompt = request.prompt;
  for (const SequenceOutput& output : outputs) whole.prompt.push_back(output.token);
  whole.sampling.prompt_logprobs = 4;
  const PromptLogprobs found = answer(*engine, whole)[0].prompt_logprobs;
  ASSERT_EQ(found.entries.size(), 1 + 11 * 5u);
  ASSERT_EQ(found.ranks.size(), 11u);
  EXPECT_EQ(found.entries[0].id, whole.prompt[0]);
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    EXPECT_EQ(found.ranks[i + 2], 1) << "a greedy token is the best";
    for (std::size_t j = 0; j < 5; ++j) {
      const TokenLogprob& entry = found.entries[1 + (i + 2) * 5 + j];
      EXPECT_EQ(entry.id, outputs[i].logprobs[j].id);
      EXPECT_NEAR(entry.logprob, outputs[i].logprobs[j].logprob, 2e-5);
    }
  }
}

TEST_F(SamplingTest, PromptLogprobsOfAPromptOfOneTokenAreItAlone) {
  auto engine = this->engine();
  SequenceSpec request = spec(1, 1, 2);
  request.sampling.prompt_logprobs = 2;
  const auto outputs = answer(*engine, request);
  EXPECT_EQ(outputs[0].prompt_logprobs.entries.size(), 1u);
  EXPECT_TRUE(outputs[0].prompt_logprobs.ranks.empty());
  EXPECT_TRUE(outputs[1].prompt_logprobs.entries.empty()) << "they come with the first token";
}

// Everything a request can ask for at once.
SequenceSpec rich_request(SequenceSpec made, SequenceId id) {
  made.sampling = {.repetition_penalty = 1.2F,
                   .frequency_penalty = 0.3F,
                   .presence_penalty = 0.2F,
                   .temperature = 1.1F,
                   .top_k = id % 2 == 0 ? 50 : 0,
                   .top_p = 0.95F,
                   .typical_p = id % 3 == 0 ? 0.9F : 1,
                   .min_p = 0.01F,
                   .seed = 77 + id,
                   .logprobs = 1,
                   .prompt_logprobs = id % 2 == 0 ? 2 : -1};
  made.sampling.logit_bias = {{static_cast<TokenId>(id), 1}};
  made.min_tokens = 3;
  made.stop_ids = {1, 2, 3, 4, 5};
  return made;
}

bool is_same(const TokenLogprob& a, const TokenLogprob& b) {
  return a.id == b.id && a.logprob == b.logprob;
}

bool is_same(const SequenceOutput& a, const SequenceOutput& b) {
  const auto are_same = [](const auto& x, const auto& y) {
    return std::equal(x.begin(), x.end(), y.begin(), y.end(),
                      [](const TokenLogprob& p, const TokenLogprob& q) { return is_same(p, q); });
  };
  return a.token == b.token && a.reason == b.reason && are_same(a.logprobs, b.logprobs) &&
         are_same(a.prompt_logprobs.entries, b.prompt_logprobs.entries) &&
         a.prompt_logprobs.ranks == b.prompt_logprobs.ranks;
}

TEST_F(SamplingTest, ARequestsDrawsAreItsOwnInAnyCompany) {
  constexpr SequenceId kRequests = 8;
  auto engine = this->engine({.max_concurrency = 5, .prefill_chunk = 8, .page_size = 4});
  const auto request = [](SequenceId id) {
    return rich_request(spec(id, 1 + static_cast<int>(id * 9 % 31), 12), id);
  };
  std::vector<std::vector<SequenceOutput>> alone;
  for (SequenceId id = 0; id < kRequests; ++id) alone.push_back(answer(*engine, request(id)));
  for (unsigned seed = 0; seed < 40; ++seed) {
    std::mt19937 random(seed);
    std::vector<SequenceId> order(kRequests);
    for (SequenceId id = 0; id < kRequests; ++id) order[id] = id;
    std::shuffle(order.begin(), order.end(), random);
    std::vector<std::size_t> received(kRequests);
    while (!order.empty() || engine->stats().running + engine->stats().waiting > 0) {
      if (!order.empty() && random() % 2 == 0) {
        ASSERT_TRUE(engine->add(request(order.back())));
        order.pop_back();
      }
      for (const SequenceOutput& output : engine->step(Clock::now())) {
        ASSERT_LT(received[output.id], alone[output.id].size());
        ASSERT_TRUE(is_same(output, alone[output.id][received[output.id]++]))
            << "schedule " << seed << ", request " << output.id << ", token " << output.index;
      }
    }
  }
}

// A cut elsewhere adds the same numbers in another order, so the last bits may differ, but no draw.
TEST_F(SamplingTest, TheChunksOfAPromptDoNotChangeItsDraws) {
  std::vector<SequenceOutput> first;
  for (int chunk : {512, 1, 3, 7, 16}) {
    auto engine = this->engine({.precision = Precision::f32, .prefill_chunk = chunk});
    const auto outputs = answer(*engine, rich_request(spec(2, 30, 12), 2));
    if (first.empty()) first = outputs;
    ASSERT_EQ(outputs.size(), first.size()) << "chunk " << chunk;
    for (std::size_t i = 0; i < outputs.size(); ++i)
      EXPECT_EQ(outputs[i].token, first[i].token) << "chunk " << chunk << ", token " << i;
    const auto& entries = outputs[0].prompt_logprobs.entries;
    ASSERT_EQ(entries.size(), first[0].prompt_logprobs.entries.size());
    for (std::size_t i = 0; i < entries.size(); ++i)
      EXPECT_NEAR(entries[i].logprob, first[0].prompt_logprobs.entries[i].logprob, 2e-5);
  }
}

}  // namespace
}  // namespace conduit::kernels
