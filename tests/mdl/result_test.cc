// Result and the two macros that pass errors on.
#include "mdl/base/result.h"

#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <string>

namespace conduit {
namespace {

Result<int> half(int number) {
  if (number % 2 != 0) return Error{Code::invalid_argument, "odd: " + std::to_string(number)};
  return number / 2;
}

Result<int> quarter(int number) {
  CONDUIT_TRY(const int once, half(number));
  CONDUIT_TRY(const int twice, half(once));
  return twice;
}

Status check(int number) {
  CONDUIT_TRY_STATUS(quarter(number));
  return ok();
}

TEST(ResultTest, HoldsAValueOrAnError) {
  const Result<int> value = half(4);
  ASSERT_TRUE(value);
  EXPECT_TRUE(value.has_value());
  EXPECT_EQ(*value, 2);
  const Result<int> error = half(3);
  ASSERT_FALSE(error);
  EXPECT_EQ(error.error(), (Error{Code::invalid_argument, "odd: 3"}));
}

TEST(ResultTest, TryPassesTheErrorOnAsItCame) {
  EXPECT_EQ(*quarter(8), 2);
  EXPECT_EQ(quarter(7).error().message, "odd: 7");
  EXPECT_EQ(quarter(6).error().message, "odd: 3");
  EXPECT_TRUE(check(8));
  EXPECT_EQ(check(6).error().message, "odd: 3");
}

TEST(ResultTest, FallbackStandsForAnError) {
  EXPECT_EQ(half(4).value_or(9), 2);
  EXPECT_EQ(half(3).value_or(9), 9);
}

TEST(ResultTest, ValueThatOnlyMovesCanBeTakenOut) {
  Result<std::unique_ptr<int>> made = std::make_unique<int>(5);
  ASSERT_TRUE(made);
  const std::unique_ptr<int> taken = *std::move(made);
  EXPECT_EQ(*taken, 5);
}

TEST(ResultTest, MembersOfTheValueAreReachedByArrow) {
  const Result<std::string> text = std::string("fine");
  ASSERT_TRUE(text);
  EXPECT_EQ(text->size(), 4u);
}

TEST(ResultTest, EveryCodeHasANameOfItsOwn) {
  std::set<std::string_view> names;
  for (Code code : {Code::invalid_argument, Code::not_found, Code::exhausted, Code::unavailable,
                    Code::corrupt, Code::cancelled, Code::internal})
    names.insert(to_string(code));
  EXPECT_EQ(names.size(), 7u);
  EXPECT_EQ(to_string(Code::not_found), "not_found");
}

}  // namespace
}  // namespace conduit
