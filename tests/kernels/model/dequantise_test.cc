// Half floats and blocks: every bit pattern of a half, rounding at its edges, each block format by
// hand, and the way there and back of tests/support/quantise.
#include "kernels/dequantise.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <string>
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
