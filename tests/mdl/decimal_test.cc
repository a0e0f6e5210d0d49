// Decimals: compared and divided without rounding.
#include "mdl/decimal.h"

#include <gtest/gtest.h>

namespace conduit::mdl {
namespace {

Decimal of(std::string_view text) { return decimal(*json::parse(text)); }

TEST(DecimalTest, ADoubleIsTheShortestDecimalThatReadsAsIt) {
  const Decimal number = of("-0.0700");
  EXPECT_TRUE(number.is_negative);
  EXPECT_EQ(number.mantissa, 7U);
  EXPECT_EQ(number.exponent, -2);
  EXPECT_EQ(of("-0.0").mantissa, 0U);
  EXPECT_FALSE(of("-0.0").is_negative);
  EXPECT_EQ(of("1200").exponent, 2);
  EXPECT_EQ(of("5e-324").exponent, -324);
  EXPECT_EQ(of("1.7976931348623157e308").mantissa, 17976931348623157U);
}

TEST(DecimalTest, OrderIsThatOfTheNumbers) {
  const char* const rising[] = {"-1e308",
                                "-9223372036854775808",
                                "-2",
                                "-1.5",
                                "-1e-300",
                                "0",
                                "5e-324",
                                "0.1",
                                "0.11",
                                "1",
                                "9",
                                "10",
                                "9007199254740992.0",
                                "9007199254740993",
                                "18446744073709551614",
                                "18446744073709551615",
                                "1e20"};
  for (std::size_t i = 0; i < std::size(rising); ++i)
    for (std::size_t j = 0; j < std::size(rising); ++j)
      EXPECT_EQ(compare(of(rising[i]), of(rising[j])), i <=> j) << rising[i] << " " << rising[j];
}

TEST(DecimalTest, IntegersHaveNoFraction) {
  for (const char* text : {"0", "-3", "2.0", "1e3", "1e308"}) EXPECT_TRUE(of(text).is_integer());
  for (const char* text : {"0.5", "1e-1", "123456.7"}) EXPECT_FALSE(of(text).is_integer());
}

TEST(DecimalTest, MultiplesAreExact) {
  const std::pair<const char*, const char*> multiples[] = {{"0.07", "0.01"},
                                                           {"-4.5", "1.5"},
                                                           {"0", "0.3"},
                                                           {"1e308", "0.01"},
                                                           {"18446744073709551615", "5"}};
  for (const auto& [number, divisor] : multiples)
    EXPECT_TRUE(is_multiple(of(number), of(divisor))) << number << " " << divisor;
  EXPECT_FALSE(is_multiple(of("1e300"), of("7e299")));
  EXPECT_FALSE(is_multiple(of("0.075"), of("0.01")));
  EXPECT_FALSE(is_multiple(of("1e299"), of("1e300")));
  EXPECT_TRUE(is_multiple(of("18446744073709551615"), of("18446744073709551615")));
}

}  // namespace
}  // namespace conduit::mdl
