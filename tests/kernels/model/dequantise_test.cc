// Half floats and blocks: every bit pattern of a half, rounding at its edges, each block format by
// hand, and the way there and back of tests/support/quantise.
#include "kernels/dequantise.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/quantise.h"

namespace conduit::kernels {
namespace {

using conduit::testing::quantise;

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// What the bits of a half mean, by the definition of IEEE 754.
double value_of_half(std::uint16_t half) {
  const int exponent = (half >> 10) & 31, fraction = half & 1023;
  const double sign = (half & 0x8000) != 0 ? -1 : 1;
  if (exponent == 31) return fraction == 0 ? sign * kInfinity : std::nan("");
  if (exponent == 0) return sign * std::ldexp(fraction, -24);
  return sign * std::ldexp(1024 + fraction, exponent - 25);
}

std::vector<float> decoded(DType dtype, const std::string& bytes) {
  const DTypeTraits format = traits(dtype);
  const auto elements =
      static_cast<std::int64_t>(bytes.size()) / format.block_bytes * format.block_elements;
  std::vector<float> values(static_cast<std::size_t>(elements));
  dequantise(dtype, reinterpret_cast<const std::byte*>(bytes.data()), elements, values.data());
  return values;
}

std::string little_endian(std::uint16_t value) {
  return {static_cast<char>(value & 0xFF), static_cast<char>(value >> 8)};
}

TEST(HalfTest, EveryBitPatternMeansWhatIeeeSaysAndComesBack) {
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    const float value = half_to_float(half);
    if (std::isnan(value_of_half(half))) {
      EXPECT_TRUE(std::isnan(value)) << bits;
      EXPECT_TRUE(std::isnan(half_to_float(float_to_half(value)))) << bits;
    } else {
      ASSERT_EQ(static_cast<double>(value), value_of_half(half)) << bits;
      ASSERT_EQ(float_to_half(value), half) << bits;
    }
  }
}

TEST(HalfTest, RoundsToNearestAndTiesToEven) {
  for (std::uint32_t bits = 0; bits < 0x7BFF; ++bits) {  // the neighbours are bits and bits + 1
    const auto half = static_cast<std::uint16_t>(bits);
    const float low = half_to_float(half);
    const float high = half_to_float(static_cast<std::uint16_t>(half + 1));
    const float middle = low + (high - low) / 2;  // exact: a half has 11 bits, a float 24
    ASSERT_EQ(float_to_half(middle), half + (half & 1)) << bits;
    ASSERT_EQ(float_to_half(std::nextafter(middle, 0.0f)), half) << bits;
    ASSERT_EQ(float_to_half(std::nextafter(middle, kInfinity)), half + 1) << bits;
    ASSERT_EQ(float_to_half(-middle), 0x8000 + half + (half & 1)) << bits;
  }
}

TEST(HalfTest, BecomesInfiniteFromHalfwayAboveTheLargest) {
  EXPECT_EQ(float_to_half(65519.996f), 0x7BFF);
  EXPECT_EQ(float_to_half(65520.0f), 0x7C00);
  EXPECT_EQ(float_to_half(-kInfinity), 0xFC00);
  EXPECT_EQ(float_to_half(1e-30f), 0);
  EXPECT_EQ(float_to_half(-1e-30f), 0x8000);
}

TEST(Bf16Test, KeepsTheUpperBitsAndRoundsToEven) {
  EXPECT_EQ(bf16_to_float(0x3F80), 1.0f);
  EXPECT_EQ(float_to_bf16(1.0f), 0x3F80);
  EXPECT_EQ(float_to_bf16(std::bit_cast<float>(0x3F808000u)), 0x3F80);  // tie, even stays
  EXPECT_EQ(float_to_bf16(std::bit_cast<float>(0x3F818000u)), 0x3F82);  // tie, odd goes up
  EXPECT_EQ(float_to_bf16(std::bit_cast<float>(0x3F808001u)), 0x3F81);
  EXPECT_EQ(float_to_bf16(kInfinity), 0x7F80);
  EXPECT_EQ(float_to_bf16(std::numeric_limits<float>::max()), 0x7F80);
  // A NaN whose upper bits alone would read as infinity.
  EXPECT_TRUE(std::isnan(bf16_to_float(float_to_bf16(std::bit_cast<float>(0x7F800001u)))));
}

// What the bits of an 8-bit float mean, by the definition of its format.
double value_of_f8(int bits, int fraction_bits, int bias, bool has_infinity) {
  const int exponent = (bits & 127) >> fraction_bits;
  const int fraction = bits & ((1 << fraction_bits) - 1);
  const double sign = bits >= 128 ? -1 : 1;
  if (has_infinity && exponent == 31) return fraction == 0 ? sign * kInfinity : std::nan("");
  if (!has_infinity && (bits & 127) == 127) return std::nan("");
  if (exponent == 0) return sign * std::ldexp(fraction, 1 - bias - fraction_bits);
  return sign * std::ldexp((1 << fraction_bits) + fraction, exponent - bias - fraction_bits);
}

TEST(Float8Test, EveryBitPatternMeansWhatItsFormatSaysAndFitsABf16) {
  for (int bits = 0; bits < 256; ++bits) {
    const std::pair<float, double> pairs[] = {
        {e4m3_to_float(static_cast<std::uint8_t>(bits)), value_of_f8(bits, 3, 7, false)},
        {e5m2_to_float(static_cast<std::uint8_t>(bits)), value_of_f8(bits, 2, 15, true)}};
    for (const auto& [value, expected] : pairs) {
      if (std::isnan(expected)) {
        EXPECT_TRUE(std::isnan(value)) << bits;
        continue;
      }
      EXPECT_EQ(double{value}, expected) << bits;
      EXPECT_EQ(std::signbit(value), bits >= 128) << bits;
      EXPECT_EQ(bf16_to_float(float_to_bf16(value)), value) << bits;
    }
  }
  EXPECT_EQ(e4m3_to_float(0x7E), 448.0f);
  EXPECT_EQ(e5m2_to_float(0x7B), 57344.0f);
}

TEST(DequantiseTest, Q8BlockIsScaleTimesSignedBytes) {
  std::string block = little_endian(float_to_half(0.5f));
  for (int i = 0; i < 32; ++i) block.push_back(static_cast<char>(i * 8 - 128));
  const std::vector<float> values = decoded(DType::q8_0, block);
  for (std::size_t i = 0; i < 32; ++i)
    EXPECT_EQ(values[i], 0.5f * (static_cast<float>(i) * 8 - 128)) << i;
}

TEST(DequantiseTest, NibblesAreLowHalvesThenHighHalves) {
  std::string codes;
  for (int i = 0; i < 16; ++i) codes.push_back(static_cast<char>(i | ((15 - i) << 4)));
  const std::string scale = little_endian(float_to_half(-0.25f));
  const std::string minimum = little_endian(float_to_half(3.0f));
  const std::vector<float> q4_0 = decoded(DType::q4_0, scale + codes);
  const std::vector<float> q4_1 = decoded(DType::q4_1, scale + minimum + codes);
  for (std::size_t i = 0; i < 16; ++i) {
    const auto code = static_cast<float>(i);
    EXPECT_EQ(q4_0[i], -0.25f * (code - 8)) << i;
    EXPECT_EQ(q4_0[i + 16], -0.25f * (7 - code)) << i;
    EXPECT_EQ(q4_1[i], -0.25f * code + 3) << i;
    EXPECT_EQ(q4_1[i + 16], -0.25f * (15 - code) + 3) << i;
  }
}

const std::string kOne = little_endian(float_to_half(1.0f));
const std::string kTwo = little_endian(float_to_half(2.0f));

std::string bytes_with(std::size_t count, std::initializer_list<std::pair<std::size_t, int>> set) {
  std::string bytes(count, '\0');
  for (const auto& [at, value] : set) bytes[at] = static_cast<char>(value);
  return bytes;
}

// Blocks with few bits set, and the columns they must show up in; `last` is the last column's.
TEST(DequantiseTest, BitsOfEachFormatReachTheirColumns) {
  struct Case {
    DType dtype;
    std::string block;
    std::vector<std::pair<std::size_t, float>> values;
    float last;
  };
  const Case cases[] = {
      // The fifth bits: of columns 1 and 17.
      {DType::q5_0, kOne + bytes_with(20, {{0, 2}, {2, 2}, {5, 0x73}}), {{1, 3}, {17, 7}}, -16},
      {DType::q5_1, kOne + kTwo + bytes_with(20, {{0, 2}, {5, 0x73}}), {{1, 21}, {17, 9}}, 2},
      // Scale 3 and minimum 1 of columns 16 to 31; the second pair of byte 16 is column 48.
      {DType::q2_k,
       bytes_with(80, {{1, 0x13}, {3, 5}, {16 + 16, 0x0E}}) + kOne + kTwo,
       {{16, 4}, {48, 15}},
       0},
      // All third bits are set; scale 33 - 32 of columns 0 to 15.
      {DType::q3_k,
       std::string(32, '\xff') + bytes_with(76, {{0, 1}, {64, 1}, {72, 2}}) + kOne,
       {{0, 1}},
       0},
      // Scale and minimum of the fifth 32 columns take bits from two places each.
      {DType::q4_k,
       kOne + kTwo + bytes_with(12, {{0, 0x40}, {4, 0x80}, {8, 0x21}}) + bytes_with(128, {{64, 3}}),
       {{128, 17 * 3 - 2 * 34}, {129, -2 * 34}},
       0},
      {DType::q5_k,
       kOne + kTwo + bytes_with(12, {{0, 1}, {1, 1}}) + bytes_with(160, {{0, 2}, {32, 0x54}}),
       {{0, 4}, {32, 16 + 5}},
       0},
      {DType::q6_k,
       bytes_with(128, {{64 + 32, 0xA0}}) + bytes_with(64, {{32, 0x40}}) +
           bytes_with(16, {{14, -2}}) + kOne,
       {{224, -2 * (10 + 16 - 32)}, {225, -2 * -32}},
       0},
      {DType::iq4_nl, kTwo + bytes_with(16, {{3, 0xF7}}), {{3, -20}, {19, 226}}, -254},
      {DType::mxfp4, "\x80" + bytes_with(16, {{3, 0xF7}}), {{3, 12}, {19, -12}}, 0},
      {DType::tq2_0,
       bytes_with(64, {{33, 0x24}}) + kTwo,
       {{128 + 32 + 1, 0}, {128 + 64 + 1, 2}},
       -2},
  };
  for (const Case& c : cases) {
    const std::vector<float> values = decoded(c.dtype, c.block);
    for (const auto& [i, value] : c.values)
      EXPECT_EQ(values.at(i), value) << traits(c.dtype).name << " " << i;
    EXPECT_EQ(values.back(), c.last) << traits(c.dtype).name;
  }
}

TEST(DequantiseTest, TernaryBytesHoldFiveDigits) {
  // Digits 2 1 0 2 1 of base 3: 2·81 + 27 + 6 + 1, rounded up to a fraction of 243 in 256ths.
  const int code = (196 * 256 + 242) / 243;
  const std::vector<float> values = decoded(DType::tq1_0, bytes_with(52, {{7, code}}) + kOne);
  const float expected[] = {1, 0, -1, 1, 0};
  for (std::size_t digit = 0; digit < 5; ++digit)
    EXPECT_EQ(values[digit * 32 + 7], expected[digit]) << digit;
}

TEST(DequantiseTest, SecondBlockHasItsOwnScaleAndNeedsNoAlignment) {
  std::string bytes = "x";  // one byte off
  for (float scale : {1.0f, 2.0f})
    bytes += little_endian(float_to_half(scale)) + std::string(32, '\x01');
  std::vector<float> values(64);
  dequantise(DType::q8_0, reinterpret_cast<const std::byte*>(bytes.data()) + 1, 64, values.data());
  EXPECT_EQ(values[0], 1.0f);
  EXPECT_EQ(values[32], 2.0f);
}

// How far a value may lie from its code: half a step, and what the rounded scale adds.
TEST(QuantiseTest, ComesBackWithinHalfAStep) {
  std::mt19937 random(7);
  std::vector<float> values(320);
  for (float& value : values) value = static_cast<float>(random() % 2001) / 1000 - 1;
  const std::pair<DType, float> bounds[] = {{DType::f32, 0.0f},         {DType::f16, 0x1p-12f},
                                            {DType::bf16, 0x1p-9f},     {DType::q8_0, 0.6f / 127},
                                            {DType::q4_1, 0.6f / 7.5f}, {DType::q4_0, 1.1f / 8}};
  for (const auto& [dtype, bound] : bounds) {
    const std::vector<float> back = decoded(dtype, quantise(dtype, values));
    ASSERT_EQ(back.size(), values.size());
    for (std::size_t i = 0; i < values.size(); ++i)
      ASSERT_NEAR(back[i], values[i], bound) << traits(dtype).name << " " << i;
  }
}

}  // namespace
}  // namespace conduit::kernels
