// Float32 → blocks → float32: how far off, against what llama.cpp's encoders reach; and the bits.
#include "kernels/model/quantise.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "kernels/dequantise.h"
#include "kernels/model/block_bits.h"
#include "tests/support/quantise.h"

namespace conduit::kernels {
namespace {

constexpr DType kQuantised[] = {DType::q8_0, DType::q4_0, DType::q4_1, DType::q5_0,
                                DType::q5_1, DType::q4_k, DType::q5_k, DType::q6_k};

std::string name_of(DType dtype) { return std::string(traits(dtype).name); }

std::vector<float> there_and_back(DType dtype, std::span<const float> values) {
  std::vector<std::byte> bytes(
      static_cast<std::size_t>(bytes_of(dtype, static_cast<std::int64_t>(values.size()))));
  quantise(dtype, values, bytes.data());
  std::vector<float> back(values.size());
  dequantise(dtype, bytes.data(), static_cast<std::int64_t>(values.size()), back.data());
  return back;
}

// Root of the mean square of what is lost, relative to the values' own.
double loss(DType dtype, std::span<const float> values) {
  const std::vector<float> back = there_and_back(dtype, values);
  double errors = 0, squares = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    errors += std::pow(double(back[i]) - values[i], 2);
    squares += std::pow(double(values[i]), 2);
  }
  return std::sqrt(errors / squares);
}

constexpr std::size_t kValues = 1 << 18;

// As most weights are, by the sum of twelve: the same on every machine.
std::vector<float> normal_values(unsigned seed) {
  std::mt19937 random(seed);
  std::vector<float> values(kValues);
  for (float& value : values) {
    double sum = -6;
    for (int i = 0; i < 12; ++i) sum += double(random()) / 4294967296.0;
    value = static_cast<float>(0.02 * sum);
  }
  return values;
}

// Few are large: a cubed normal.
std::vector<float> heavy_values(unsigned seed) {
  std::vector<float> values = normal_values(seed);
  for (float& value : values) value = value * value * value * 1000;
  return values;
}

struct Reference {
  DType dtype;
  double normal, heavy;  // what ggml-quants.c (llama.cpp, 2026) loses of the same values
};

TEST(QuantiseTest, LosesNoMoreThanLlamaCpp) {
  constexpr Reference kReferences[] = {
      {DType::q8_0, 0.005269, 0.008614}, {DType::q4_0, 0.084751, 0.110397},
      {DType::q4_1, 0.077372, 0.113603}, {DType::q5_0, 0.042013, 0.059705},
      {DType::q5_1, 0.037535, 0.054776}, {DType::q4_k, 0.070560, 0.089887},
      {DType::q5_k, 0.035746, 0.049621}, {DType::q6_k, 0.017505, 0.024216},
  };
  for (const Reference& reference : kReferences) {
    SCOPED_TRACE(name_of(reference.dtype));
    EXPECT_LE(loss(reference.dtype, normal_values(1)), 1.02 * reference.normal);
    EXPECT_LE(loss(reference.dtype, heavy_values(2)), 1.02 * reference.heavy);
  }
}

TEST(QuantiseTest, BlocksTakenApartAndWrittenAgainAreTheSame) {
  for (DType dtype : kQuantised) {
    const auto block_bytes = static_cast<std::size_t>(traits(dtype).block_bytes);
    constexpr std::int64_t kBlocks = 64;
    const std::string bytes =
        testing::random_weights(dtype, kBlocks * traits(dtype).block_elements, 7);
    for (std::size_t at = 0; at < bytes.size(); at += block_bytes) {
      const auto* file = reinterpret_cast<const std::byte*>(bytes.data() + at);
      QuantBlock block;
      read_block(dtype, file, block);
      std::vector<std::byte> again(block_bytes);
      write_block(dtype, block, again.data());
      ASSERT_EQ(std::memcmp(file, again.data(), block_bytes), 0) << name_of(dtype);
    }
  }
}

TEST(QuantiseTest, ZerosStayZeros) {
  const std::vector<float> zeros(512, 0.0F);
  for (DType dtype : kQuantised)
    for (float value : there_and_back(dtype, zeros)) ASSERT_EQ(value, 0) << name_of(dtype);
}

TEST(QuantiseTest, ConstantsOutliersAndTinyValuesStayFinite) {
  std::vector<std::vector<float>> rows(6, std::vector<float>(256, 0.0F));
  for (float& value : rows[0]) value = 0.37F;
  for (float& value : rows[1]) value = -2;
  rows[2][17] = 65504;
  rows[3][200] = -65504;
  for (float& value : rows[4]) value = 1e-30F;
  for (std::size_t i = 0; i < 256; ++i) rows[5][i] = i % 2 == 0 ? 65504.0F : -65504.0F;
  for (DType dtype : kQuantised)
    for (const auto& row : rows)
      for (float value : there_and_back(dtype, row))
        ASSERT_TRUE(std::isfinite(value)) << name_of(dtype) << " row " << &row - rows.data();
}

// A block is its values' own affair: threads may cut a matrix anywhere.
TEST(QuantiseTest, PiecesGiveTheSameBytesAsTheWhole) {
  const std::vector<float> values = normal_values(3);
  for (DType dtype : kQuantised) {
    const std::span<const float> few(values.data(), 2048);
    const std::vector<float> whole = there_and_back(dtype, few);
    for (std::size_t at = 0; at < few.size(); at += 256) {
      const std::vector<float> piece = there_and_back(dtype, few.subspan(at, 256));
      ASSERT_EQ(std::memcmp(piece.data(), whole.data() + at, 256 * sizeof(float)), 0)
          << name_of(dtype);
    }
  }
}

TEST(QuantiseTest, PlainTypesRoundToNearest) {
  const std::vector<float> values{1, -0.3333F, 65504, 1e-8F, 3.14159F};
  EXPECT_EQ(there_and_back(DType::f32, values), values);
  for (std::size_t i = 0; i < values.size(); ++i) {
    EXPECT_EQ(there_and_back(DType::f16, values)[i], half_to_float(float_to_half(values[i])));
    EXPECT_EQ(there_and_back(DType::bf16, values)[i], bf16_to_float(float_to_bf16(values[i])));
  }
}

}  // namespace
}  // namespace conduit::kernels
