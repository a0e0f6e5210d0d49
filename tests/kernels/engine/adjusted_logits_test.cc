// What bias and penalties make of a row, and that it is as before afterwards.
#include "kernels/engine/adjusted_logits.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>

namespace conduit::kernels {
namespace {

using Row = std::vector<float>;

Row adjusted(Row row, const Sampling& sampling, const TokenCounts& counts) {
  const AdjustedLogits logits(row, sampling, counts);
  return {logits.row().begin(), logits.row().end()};
}

TEST(AdjustedLogitsTest, RepetitionDividesWhatIsAboveZeroAndMultipliesTheRest) {
  EXPECT_EQ(adjusted({2, -2, 0, 3}, {.repetition_penalty = 2}, {{0, 0}, {1, 3}, {2, 1}}),
            (Row{1, -4, 0, 3}));
}

TEST(AdjustedLogitsTest, FrequencyCountsTheAnswerAndPresenceLooksAtIt) {
  EXPECT_EQ(adjusted({1, 1, 1}, {.frequency_penalty = 0.5F}, {{0, 0}, {1, 3}}), (Row{1, -0.5F, 1}));
  EXPECT_EQ(adjusted({1, 1, 1}, {.presence_penalty = 0.5F}, {{0, 0}, {1, 3}}), (Row{1, 0.5F, 1}));
}

TEST(AdjustedLogitsTest, BiasComesBeforeRepetition) {
  Sampling sampling{.repetition_penalty = 2};
  sampling.logit_bias = {{0, 3}};
  EXPECT_EQ(adjusted({-1, 4}, sampling, {{0, 1}}), (Row{1, 4}));
}

TEST(AdjustedLogitsTest, ForbiddenTokensStayForbiddenWhateverTheirBias) {
  Sampling sampling;
  sampling.logit_bias = {{1, 100}};
  Row row = {1, 2};
  AdjustedLogits logits(row, sampling, {});
  logits.forbid(std::vector<TokenId>{1});
  EXPECT_EQ(logits.row()[1], -std::numeric_limits<float>::infinity());
}

TEST(AdjustedLogitsTest, IdsOutsideTheVocabularyArePassedOver) {
  Sampling sampling{.presence_penalty = 1};
  sampling.logit_bias = {{-1, 1}, {2, 1}};
  Row row = {1, 2};
  AdjustedLogits logits(row, sampling, {{-5, 1}, {1 << 30, 1}});
  logits.forbid(std::vector<TokenId>{-1, 2});
  EXPECT_EQ(row, (Row{1, 2}));
}

TEST(AdjustedLogitsTest, TheRowIsItselfAgainAfterwards) {
  std::mt19937 random(1);
  std::normal_distribution<float> normal(0, 5);
  for (int round = 0; round < 50; ++round) {
    Row row(32);
    for (float& logit : row) logit = normal(random);
    const Row before = row;
    Sampling sampling{.repetition_penalty = 1.3F, .frequency_penalty = 0.7F, .presence_penalty = 1};
    TokenCounts counts;
    for (int i = 0; i < 40; ++i) {
      sampling.logit_bias.push_back({static_cast<TokenId>(random() % 32), normal(random)});
      ++counts[static_cast<TokenId>(random() % 32)];
    }
    {
      AdjustedLogits logits(row, sampling, counts);
      logits.forbid(std::vector<TokenId>{3, 3, 5});
      EXPECT_NE(row, before);
    }
    EXPECT_EQ(row, before);
  }
}

}  // namespace
}  // namespace conduit::kernels
