// Which expert gets which row.
#include "kernels/engine/routing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

namespace conduit::kernels {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

ModelConfig config_of(int experts, int per_token, bool normalise) {
  ModelConfig config;
  config.experts = experts;
  config.experts_per_token = per_token;
  config.normalise_experts = normalise;
  return config;
}

Tensor rows_of(std::vector<float>& values, std::int64_t cols) {
  return {values.data(), static_cast<std::int64_t>(values.size()) / cols, cols};
}

TEST(RoutingTest, TheLargestOfEachRowAreChosenWithTheirShareOfAllExperts) {
  Routing routing(config_of(3, 2, false));
  std::vector<float> logits = {std::log(1.0f), std::log(5.0f), std::log(2.0f),  //
                               std::log(4.0f), std::log(1.0f), std::log(3.0f)};
  routing.choose(rows_of(logits, 3));
  const auto& shares = routing.shares();
  EXPECT_THAT(shares[0].rows, ElementsAre(1));
  EXPECT_THAT(shares[1].rows, ElementsAre(0));
  EXPECT_THAT(shares[2].rows, ElementsAre(0, 1));
  EXPECT_NEAR(shares[0].factors[0], 4.0 / 8, 1e-6);
  EXPECT_NEAR(shares[1].factors[0], 5.0 / 8, 1e-6);
  EXPECT_NEAR(shares[2].factors[0], 2.0 / 8, 1e-6);
  EXPECT_NEAR(shares[2].factors[1], 3.0 / 8, 1e-6);
}

TEST(RoutingTest, NormalisedSharesSumToOne) {
  Routing routing(config_of(3, 2, true));
  std::vector<float> logits = {std::log(1.0f), std::log(5.0f), std::log(2.0f)};
  routing.choose(rows_of(logits, 3));
  EXPECT_NEAR(routing.shares()[1].factors[0], 5.0 / 7, 1e-6);
  EXPECT_NEAR(routing.shares()[2].factors[0], 2.0 / 7, 1e-6);
}

TEST(RoutingTest, TheLowerNumberWinsATie) {
  Routing routing(config_of(4, 2, false));
  std::vector<float> logits = {0, 1, 1, 1};
  routing.choose(rows_of(logits, 4));
  EXPECT_THAT(routing.shares()[1].rows, ElementsAre(0));
  EXPECT_THAT(routing.shares()[2].rows, ElementsAre(0));
  EXPECT_THAT(routing.shares()[3].rows, IsEmpty());
}

TEST(RoutingTest, AChoiceDoesNotDependOnTheOtherRowsOrOnTheStepBefore) {
  std::vector<float> both = {3, 1, 2, 0, 5, 4};
  std::vector<float> second(both.begin() + 3, both.end());
  Routing together(config_of(3, 1, true)), alone(config_of(3, 1, true));
  together.choose(rows_of(both, 3));
  EXPECT_THAT(together.shares()[1].rows, ElementsAre(1));
  alone.choose(rows_of(both, 3));
  alone.choose(rows_of(second, 3));
  EXPECT_THAT(alone.shares()[0].rows, IsEmpty());
  EXPECT_THAT(alone.shares()[1].rows, ElementsAre(0));
  EXPECT_EQ(alone.shares()[1].factors, together.shares()[1].factors);
}

// Broken weights: any choice, but one that the logits will show.
TEST(RoutingTest, NanChoosesAndStaysNan) {
  Routing routing(config_of(3, 2, true));
  const float nan = std::numeric_limits<float>::quiet_NaN();
  std::vector<float> logits = {nan, 1, nan};
  routing.choose(rows_of(logits, 3));
  std::size_t chosen = 0;
  for (const Routing::Share& share : routing.shares()) {
    chosen += share.rows.size();
    for (float factor : share.factors) EXPECT_TRUE(std::isnan(factor));
  }
  EXPECT_EQ(chosen, 2u);
}

}  // namespace
}  // namespace conduit::kernels
