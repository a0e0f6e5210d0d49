// The distribution each request draws from, and that draws follow it.
#include "kernels/engine/sampler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <random>

namespace conduit::kernels {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

// Logits of which the softmax at temperature 1 is `probabilities`.
std::vector<float> logits_of(const std::vector<double>& probabilities) {
  std::vector<float> logits;
  for (double probability : probabilities) {
    logits.push_back(static_cast<float>(std::log(probability)));
  }
  return logits;
}

std::vector<TokenId> support(const std::vector<float>& logits, const Sampling& sampling) {
  std::vector<TokenId> ids;
  for (const TokenProbability& token : distribution(logits, sampling)) ids.push_back(token.id);
  std::sort(ids.begin(), ids.end());
  return ids;
}

double probability(const std::vector<float>& logits, const Sampling& sampling, TokenId id) {
  for (const TokenProbability& token : distribution(logits, sampling)) {
    if (token.id == id) return token.probability;
  }
  return 0;
}

std::vector<float> random_logits(std::size_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0, 3);
  std::vector<float> logits(count);
  for (float& logit : logits) logit = normal(random);
  return logits;
}

using Ids = std::vector<TokenId>;

TEST(SamplerTest, GreedyTakesTheLowestIdOfEqualLogits) {
  const std::vector<float> logits = {1, 5, 2, 5, 5};
  EXPECT_EQ(sample(logits, {.temperature = 0}, 3), 1);
  EXPECT_EQ(support(logits, {.temperature = 0}), (Ids{1}));
}

TEST(SamplerTest, GreedyDoesNotLookAtTheSeed) {
  const std::vector<float> logits = random_logits(100, 1);
  const std::optional<TokenId> token = sample(logits, {.temperature = 0, .seed = 1}, 0);
  for (std::uint64_t seed = 2; seed < 20; ++seed) {
    EXPECT_EQ(sample(logits, {.temperature = 0, .seed = seed}, seed), token);
  }
}

TEST(SamplerTest, TemperatureSharpensAndFlattens) {
  const std::vector<float> logits = logits_of({0.8, 0.2});
  EXPECT_NEAR(probability(logits, {}, 0), 0.8, 1e-7);
  EXPECT_NEAR(probability(logits, {.temperature = 0.5}, 0), 0.64 / 0.68, 1e-7);
  EXPECT_NEAR(probability(logits, {.temperature = 2}, 0), 2.0 / 3, 1e-7);
}

TEST(SamplerTest, TinyTemperatureIsGreedyAndDoesNotOverflow) {
  const std::vector<float> logits = {3, 90, -90, 89.9F};
  for (float temperature : {1e-6F, 1e-30F, std::numeric_limits<float>::denorm_min()}) {
    EXPECT_EQ(sample(logits, {.temperature = temperature, .seed = 5}, 0), 1);
    EXPECT_NEAR(probability(logits, {.temperature = temperature}, 1), 1, 1e-12);
  }
}

TEST(SamplerTest, TopKKeepsTiesAtTheLastPlace) {
  const std::vector<float> logits = {1, 3, 2, 2, 0};
  EXPECT_EQ(support(logits, {.top_k = 1}), (Ids{1}));
  EXPECT_EQ(support(logits, {.top_k = 2}), (Ids{1, 2, 3}));
  EXPECT_EQ(support(logits, {.top_k = 0}), (Ids{0, 1, 2, 3, 4}));
  EXPECT_EQ(support(logits, {.top_k = 50}), (Ids{0, 1, 2, 3, 4}));
}

TEST(SamplerTest, TopPKeepsTheSmallestSetThatReachesIt) {
  const std::vector<float> logits = logits_of({0.1, 0.4, 0.2, 0.3});
  EXPECT_EQ(support(logits, {.top_p = 0.35F}), (Ids{1}));
  EXPECT_EQ(support(logits, {.top_p = 0.65F}), (Ids{1, 3}));
  EXPECT_EQ(support(logits, {.top_p = 0.75F}), (Ids{1, 2, 3}));
  EXPECT_EQ(support(logits, {.top_p = 1}), (Ids{0, 1, 2, 3}));
  EXPECT_EQ(support(logits, {.top_p = 1e-9F}), (Ids{1})) << "the top token stays";
  EXPECT_NEAR(probability(logits, {.top_p = 0.65F}, 1), 0.4 / 0.7, 1e-6);
}

TEST(SamplerTest, TopPIsOfWhatTopKLeft) {
  const std::vector<float> logits = logits_of({0.4, 0.3, 0.2, 0.1});
  EXPECT_EQ(support(logits, {.top_k = 2, .top_p = 0.55F}), (Ids{0}));  // 0.4 / 0.7 reaches it
}

TEST(SamplerTest, MinPIsRelativeToTheLargestThatIsLeft) {
  const std::vector<float> logits = logits_of({0.5, 0.3, 0.15, 0.05});
  EXPECT_EQ(support(logits, {.min_p = 0.25F}), (Ids{0, 1, 2}));
  EXPECT_EQ(support(logits, {.min_p = 1}), (Ids{0}));
  EXPECT_EQ(support(logits, {.top_p = 0.9F, .min_p = 0.5F}), (Ids{0, 1}));
}

// Surprise of the first: 0.69 nats, expected 1.21; the nearest to that is 0.25's 1.39.
TEST(SamplerTest, TypicalPKeepsTheTokensNearestToTheExpectedSurprise) {
  const std::vector<float> logits = logits_of({0.5, 0.25, 0.125, 0.125});
  EXPECT_EQ(support(logits, {.typical_p = 0.2F}), (Ids{1}));
  EXPECT_EQ(support(logits, {.typical_p = 0.3F}), (Ids{0, 1}));
  EXPECT_EQ(support(logits, {.typical_p = 0.8F}), (Ids{0, 1, 2, 3})) << "ties stay together";
  EXPECT_EQ(support(logits, {.typical_p = 1}), (Ids{0, 1, 2, 3}));
}

TEST(SamplerTest, TypicalPIsOfWhatTopKLeft) {
  const std::vector<float> logits = logits_of({0.5, 0.25, 0.125, 0.125});
  EXPECT_EQ(support(logits, {.top_k = 2, .typical_p = 0.5F}), (Ids{0}));  // 2/3 and 1/3 are left
}

TEST(SamplerTest, TypicalPOfEqualTokensKeepsAll) {
  EXPECT_EQ(support({1, 1, 1}, {.typical_p = 0.1F}), (Ids{0, 1, 2}));
}

// Against the definition written down plainly, with a sort of everything.
TEST(SamplerTest, NucleusOfALargeVocabularyIsThatOfAFullSort) {
  for (unsigned seed = 0; seed < 8; ++seed) {
    const std::vector<float> logits = random_logits(20'000, seed);
    std::vector<TokenId> order(logits.size());
    std::iota(order.begin(), order.end(), 0);
    std::sort(order.begin(), order.end(), [&](TokenId a, TokenId b) {
      return logits[a] > logits[b] || (logits[a] == logits[b] && a < b);
    });
    double total = 0;
    for (float logit : logits) total += std::exp(double{logit});
    for (float top_p : {0.1F, 0.5F, 0.9F, 0.99F, 0.99999F}) {
      double mass = 0;
      std::size_t kept = 0;
      while (mass < double{top_p} * total) mass += std::exp(double{logits[order[kept++]]});
      Ids expected(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(kept));
      std::sort(expected.begin(), expected.end());
      EXPECT_EQ(support(logits, {.top_p = top_p}), expected) << "top_p " << top_p;
    }
  }
}

// Where nothing is filtered, tokens are drawn without a list of candidates, in blocks.
TEST(SamplerTest, UnfilteredDrawsAreThoseOfTheWholeDistribution) {
  std::mt19937_64 engine(5);
  std::normal_distribution<float> normal(0, 4);
  for (std::size_t vocab : {1, 2, 63, 64, 65, 1000}) {
    std::vector<float> logits(vocab);
    for (float& logit : logits) logit = normal(engine);
    if (vocab > 2) logits[1] = -kInfinity, logits.back() = -5000;
    const Sampling sampling{.temperature = 1.3f, .seed = 11};
    const auto candidates = distribution(logits, sampling);
    for (std::uint64_t index = 0; index < 200; ++index) {
      double left = uniform_draw(11, index);
      const auto drawn = std::find_if(candidates.begin(), candidates.end(), [&](const auto& token) {
        return (left -= token.probability) < 0;
      });
      ASSERT_EQ(sample(logits, sampling, index), drawn->id) << index << " of " << vocab;
    }
  }
}

TEST(SamplerTest, ProbabilitiesAreTheSoftmax) {
  std::mt19937_64 engine(6);
  std::normal_distribution<float> normal(0, 100);
  std::vector<float> logits(777);
  for (float& logit : logits) logit = normal(engine);
  const double largest = *std::max_element(logits.begin(), logits.end());
  double total = 0;
  for (float logit : logits) total += std::exp(double{logit} - largest);
  const auto all = distribution(logits, {});
  ASSERT_EQ(all.size(), logits.size());
  for (const TokenProbability& token : all) {
    const double expected = std::exp(double{logits[static_cast<std::size_t>(token.id)]} - largest);
    EXPECT_NEAR(token.probability, expected / total, 1e-14 * expected / total);
  }
}

TEST(SamplerTest, DistributionSumsToOne) {
  const std::vector<float> logits = random_logits(5000, 9);
  for (const Sampling& sampling :
       {Sampling{}, Sampling{.temperature = 0.3F}, Sampling{.top_k = 40}, Sampling{.top_p = 0.9F},
        Sampling{.temperature = 1.5F, .top_k = 100, .top_p = 0.8F, .min_p = 0.05F}}) {
    double sum = 0;
    for (const TokenProbability& token : distribution(logits, sampling)) sum += token.probability;
    EXPECT_NEAR(sum, 1, 1e-12);
  }
}

TEST(SamplerTest, MaskedTokensAreNeverDrawn) {
  std::vector<float> logits = random_logits(50, 2);
  for (std::size_t id = 0; id < logits.size(); id += 2) logits[id] = -kInfinity;
  EXPECT_EQ(support(logits, {}).size(), 25u);
  EXPECT_EQ(support(logits, {.top_k = 40}).size(), 25u);
  for (std::uint64_t index = 0; index < 500; ++index) {
    EXPECT_EQ(*sample(logits, {.temperature = 100}, index) % 2, 1);
  }
}

TEST(SamplerTest, BrokenLogitsGiveNoToken) {
  for (const std::vector<float>& logits :
       {std::vector<float>{1, kNan, 2}, {kNan, kNan}, {1, kInfinity}, {-kInfinity, -kInfinity}}) {
    EXPECT_EQ(sample(logits, {}, 0), std::nullopt);
    EXPECT_EQ(sample(logits, {.temperature = 0}, 0), std::nullopt);
    EXPECT_TRUE(distribution(logits, {.top_k = 1, .top_p = 0.5F, .min_p = 0.5F}).empty());
  }
}

// The first 53 bits of the published vectors (Random123, tests/kat_vectors, philox4x32 10).
TEST(UniformDrawTest, IsPhilox) {
  EXPECT_EQ(uniform_draw(0, 0), static_cast<double>(0x6627E8D5E169C58DULL >> 11) * 0x1p-53);
}

TEST(UniformDrawTest, LiesInTheUnitIntervalAndIsEvenlySpread) {
  constexpr int kDraws = 200'000;
  std::array<int, 10> tenths{};
  for (std::uint64_t i = 0; i < kDraws; ++i) {
    const double draw = uniform_draw(i % 7, i);
    ASSERT_GE(draw, 0);
    ASSERT_LT(draw, 1);
    ++tenths[static_cast<std::size_t>(draw * 10)];
  }
  for (int count : tenths) EXPECT_NEAR(count, kDraws / 10, 600);  // over four standard deviations
}

TEST(UniformDrawTest, NeighbouringSeedsAndIndicesAreUnrelated) {
  double seeds = 0;
  double indices = 0;
  constexpr int kPairs = 20'000;
  for (std::uint64_t i = 0; i < kPairs; ++i) {
    seeds += (uniform_draw(i, 3) - 0.5) * (uniform_draw(i + 1, 3) - 0.5);
    indices += (uniform_draw(3, i) - 0.5) * (uniform_draw(3, i + 1) - 0.5);
  }
  // One standard deviation of the mean product is 1 / 12 / sqrt(20000), 0.0006.
  EXPECT_NEAR(seeds / kPairs, 0, 0.0025);
  EXPECT_NEAR(indices / kPairs, 0, 0.0025);
}

// Chi-square of draws against the exact distribution, over seeds at one index as well as over
// indices of one seed: the first is many requests, the second one long answer.
class DrawTest : public ::testing::TestWithParam<Sampling> {};

TEST_P(DrawTest, FollowsTheDistribution) {
  constexpr int kDraws = 40'000;
  const std::vector<float> logits = random_logits(60, 4);
  const std::vector<TokenProbability> expected = distribution(logits, GetParam());
  for (bool over_seeds : {true, false}) {
    std::map<TokenId, int> drawn;
    for (int i = 0; i < kDraws; ++i) {
      Sampling sampling = GetParam();
      sampling.seed = over_seeds ? static_cast<std::uint64_t>(i) : 99;
      ++drawn[*sample(logits, sampling, over_seeds ? 5 : static_cast<std::uint64_t>(i))];
    }
    double chi_square = 0;
    double cells = 0;
    double rare = kDraws;  // tokens expected below 10 times are one cell together
    int rare_drawn = kDraws;
    for (const TokenProbability& token : expected) {
      const double mean = token.probability * kDraws;
      if (mean < 10) continue;
      chi_square += (drawn[token.id] - mean) * (drawn[token.id] - mean) / mean;
      rare -= mean;
      rare_drawn -= drawn[token.id];
      ++cells;
    }
    if (rare >= 10) chi_square += (rare_drawn - rare) * (rare_drawn - rare) / rare;
    // Mean cells, variance 2 · cells: five standard deviations and some for few cells.
    EXPECT_LT(chi_square, cells + 5 * std::sqrt(2 * cells) + 5);
    for (const auto& [id, count] : drawn) {
      EXPECT_GT(count * probability(logits, GetParam(), id), 0) << id << " is outside the support";
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Samplings, DrawTest,
    ::testing::Values(Sampling{}, Sampling{.temperature = 0.5F}, Sampling{.temperature = 2},
                      Sampling{.top_k = 8}, Sampling{.top_p = 0.8F}, Sampling{.min_p = 0.1F},
                      Sampling{.typical_p = 0.7F},
                      Sampling{.temperature = 1.3F, .top_k = 20, .top_p = 0.95F, .min_p = 0.02F}));

TEST(LogprobsTest, AreTheLogSoftmaxOfTheChosenThenTheBest) {
  const std::vector<float> logits = logits_of({0.1, 0.4, 0.2, 0.3});
  const std::vector<TokenLogprob> found = logprobs(logits, 0, 2);
  ASSERT_EQ(found.size(), 3u);
  EXPECT_EQ(found[0].id, 0);
  EXPECT_NEAR(found[0].logprob, std::log(0.1), 1e-6);
  EXPECT_EQ(found[1].id, 1);
  EXPECT_NEAR(found[1].logprob, std::log(0.4), 1e-6);
  EXPECT_EQ(found[2].id, 3);
  EXPECT_NEAR(found[2].logprob, std::log(0.3), 1e-6);
}

TEST(LogprobsTest, OfTheChosenAloneWhenNoneIsAskedFor) {
  EXPECT_EQ(logprobs(std::vector<float>{1, 2}, 1, 0).size(), 1u);
}

TEST(LogprobsTest, LowestIdsFirstAmongEqualOnes) {
  const std::vector<TokenLogprob> found = logprobs(std::vector<float>{2, 5, 5, 5, 1}, 3, 2);
  EXPECT_EQ(found[1].id, 1);
  EXPECT_EQ(found[2].id, 2);
}

TEST(LogprobsTest, AtMostTheWholeVocabulary) {
  EXPECT_EQ(logprobs(std::vector<float>{1, 2, 3}, 0, 20).size(), 4u);
}

TEST(LogprobsTest, RankCountsWhatIsAtLeastAsLikely) {
  const std::vector<float> logits = {2, 5, 5, 1};
  EXPECT_EQ(rank(logits, 0), 3);
  EXPECT_EQ(rank(logits, 1), 2);
  EXPECT_EQ(rank(logits, 3), 4);
}

TEST(LogprobsTest, LargeLogitsDoNotOverflow) {
  const std::vector<TokenLogprob> found = logprobs(std::vector<float>{3e38F, -3e38F}, 0, 1);
  EXPECT_FLOAT_EQ(found[0].logprob, 0);
}

}  // namespace
}  // namespace conduit::kernels
