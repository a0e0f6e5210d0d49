// Hidden states → embeddings and scores, by numbers one can check by hand.
#include "kernels/engine/pooling.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace conduit::kernels {
namespace {

using ::testing::ElementsAre;
using ::testing::FloatEq;

// Three tokens, hidden 2, pooled in parts of `part` tokens.
std::vector<float> embedding_of(Pooling pooling, bool normalise, std::int64_t part) {
  std::vector<float> hidden = {1, 2, 3, 4, 5, 12};
  ModelConfig config;
  config.pooling = pooling;
  config.normalise_embedding = normalise;
  std::vector<float> pooled;
  for (std::int64_t row = 0; row < 3; row += part)
    pool(pooled, {hidden.data() + row * 2, std::min<std::int64_t>(part, 3 - row), 2}, pooling);
  return embedding(std::move(pooled), 3, config);
}

TEST(PoolingTest, TakesTheLastTheFirstOrTheMeanHoweverTheTextCame) {
  for (std::int64_t part : {1, 2, 3}) {
    EXPECT_THAT(embedding_of(Pooling::last, false, part), ElementsAre(5, 12));
    EXPECT_THAT(embedding_of(Pooling::cls, false, part), ElementsAre(1, 2));
    EXPECT_THAT(embedding_of(Pooling::mean, false, part), ElementsAre(3, 6));
  }
}

TEST(PoolingTest, NormalisedEmbeddingsHaveLengthOne) {
  EXPECT_THAT(embedding_of(Pooling::last, true, 3),
              ElementsAre(FloatEq(5 / 13.0f), FloatEq(12 / 13.0f)));
}

TEST(PoolingTest, AnEmbeddingOfNothingButZerosStaysZero) {
  ModelConfig config;
  config.pooling = Pooling::last;
  config.normalise_embedding = true;
  EXPECT_THAT(embedding({0, 0}, 1, config), ElementsAre(0, 0));
}

TEST(PoolingTest, YesIsWeighedAgainstNoAlone) {
  const std::vector<float> logits = {100, 1, -3, 2};
  const double yes = std::exp(2.0), no = std::exp(1.0);
  EXPECT_NEAR(yes_probability(logits, 1, 3), yes / (yes + no), 1e-6);
  EXPECT_NEAR(yes_probability(logits, 3, 1), no / (yes + no), 1e-6);
  EXPECT_EQ(yes_probability(std::vector<float>{300, -300}, 0, 1), 0);
  EXPECT_EQ(yes_probability(std::vector<float>{-300, 300}, 0, 1), 1);
}

}  // namespace
}  // namespace conduit::kernels
