// Medians of runs.
#include "bench/spread.h"

#include <gtest/gtest.h>

namespace conduit::bench {
namespace {

TEST(SpreadTest, TheMedianOfAnEvenNumberLiesBetween) {
  const Spread spread = spread_of({4, 1, 2, 8});
  EXPECT_EQ(spread.median, 3);
  EXPECT_EQ(spread.least, 1);
  EXPECT_EQ(spread.most, 8);
}

TEST(SpreadTest, TheMedianOfAnOddNumberIsTheMiddleOne) {
  EXPECT_EQ(spread_of({9, 1, 5}).median, 5);
}

}  // namespace
}  // namespace conduit::bench
