// Equality of values, and a hash that keeps to it.
#include "mdl/json_equality.h"

#include <gtest/gtest.h>

namespace conduit::mdl {
namespace {

bool are_equal(std::string_view a, std::string_view b) {
  const json::Value left = *json::parse(a), right = *json::parse(b);
  const bool equal = is_equal(left, right);
  std::size_t steps = 0;
  if (equal) {
    EXPECT_EQ(equality_hash(left, steps), equality_hash(right, steps)) << a << " " << b;
  }
  EXPECT_EQ(is_equal(right, left), equal);
  return equal;
}

TEST(JsonEqualityTest, NumbersAreEqualByValue) {
  EXPECT_TRUE(are_equal("1", "1.0"));
  EXPECT_TRUE(are_equal("0", "-0.0"));
  EXPECT_TRUE(are_equal("1e3", "1000"));
  EXPECT_FALSE(are_equal("9007199254740993", "9007199254740992.0"));
  EXPECT_FALSE(are_equal("18446744073709551615", "-1"));
  EXPECT_FALSE(are_equal("1", "true"));
  EXPECT_FALSE(are_equal("0", "null"));
}

TEST(JsonEqualityTest, MembersAreEqualInAnyOrderAndTheLastOfEqualKeysCounts) {
  EXPECT_TRUE(are_equal(R"({"a": [1, {}], "b": 2})", R"({"b": 2.0, "a": [1.0, {}]})"));
  EXPECT_TRUE(are_equal(R"({"a": 1, "a": 2})", R"({"a": 2})"));
  EXPECT_FALSE(are_equal(R"({"a": 1, "a": 2})", R"({"a": 1})"));
  EXPECT_FALSE(are_equal(R"({"a": 1})", R"({"a": 1, "b": null})"));
  EXPECT_FALSE(are_equal("[1, 2]", "[2, 1]"));
  EXPECT_FALSE(are_equal("[1]", "[1, 1]"));
}

}  // namespace
}  // namespace conduit::mdl
