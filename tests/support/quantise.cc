// Encoders, and random blocks.
#include "tests/support/quantise.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>

#include "kernels/half.h"
#include "mdl/base/check.h"

namespace conduit::testing {
namespace {

using kernels::DType;
using Block = std::span<const float>;

template <class T>
void append(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

// The scale is what the reader will see: rounded to half before it divides.
float append_half(std::string& out, float value) {
  const std::uint16_t half = kernels::float_to_half(value);
  append(out, half);
  return kernels::half_to_float(half);
}

int rounded_quotient(float value, float scale, int low, int high) {
  if (scale == 0.0f) return std::clamp(0, low, high);
  return std::clamp(static_cast<int>(std::lround(value / scale)), low, high);
}

void append_nibbles(std::string& out, Block block, float minimum, float scale, int zero) {
  const auto code = [&](float value) {
    return rounded_quotient(value - minimum, scale, -zero, 15 - zero) + zero;
  };
  for (std::size_t i = 0; i < 16; ++i)
    out.push_back(static_cast<char>(code(block[i]) | (code(block[i + 16]) << 4)));
}

void append_q8_0(std::string& out, Block block) {
  float largest = 0;
  for (float value : block) largest = std::max(largest, std::fabs(value));
  const float scale = append_half(out, largest / 127);
  for (float value : block)
    out.push_back(static_cast<char>(rounded_quotient(value, scale, -127, 127)));
}

void append_q4_0(std::string& out, Block block) {
  // The value of largest magnitude, with its sign, becomes code -8, the far end of the range.
  const float extreme = *std::max_element(
      block.begin(), block.end(), [](float a, float b) { return std::fabs(a) < std::fabs(b); });
  append_nibbles(out, block, 0, append_half(out, extreme / -8), 8);
}

void append_q4_1(std::string& out, Block block) {
  const auto [low, high] = std::minmax_element(block.begin(), block.end());
  const float scale = append_half(out, (*high - *low) / 15);
  append_nibbles(out, block, append_half(out, *low), scale, 0);
}

void append_number(std::string& out, DType dtype, std::mt19937_64& random, float value) {
  if (random() % 2 == 0) value = -value;
  switch (dtype) {
    case DType::f32: return append(out, value);
    case DType::f16: append_half(out, value); return;
    case DType::bf16: return append(out, kernels::float_to_bf16(value));
    // Up to 1, of either sign.
    case DType::f8_e4m3: return out.push_back(static_cast<char>(random() % 2 << 7 | random() % 57));
    case DType::f8_e5m2: return out.push_back(static_cast<char>(random() % 2 << 7 | random() % 61));
    default: CONDUIT_CHECK(false, "no weight");
  }
}

// Where a block keeps its scale and minimum, and the largest that its other integers make of one.
struct ScalePlaces {
  std::size_t d = 0, m = 0;  // m 0: there is none
  float largest = 1;
};
ScalePlaces scale_places(DType dtype) {
  switch (dtype) {
    case DType::q8_0: return {0, 0, 128};
    case DType::q4_0: return {0, 0, 8};
    case DType::q4_1: return {0, 2, 15};
    case DType::q5_0: return {0, 0, 16};
    case DType::q5_1: return {0, 2, 31};
    case DType::q2_k: return {80, 82, 15 * 3};
    case DType::q3_k: return {108, 0, 32 * 4};
    case DType::q4_k: return {0, 2, 63 * 15};
    case DType::q5_k: return {0, 2, 63 * 31};
    case DType::q6_k: return {208, 0, 128 * 32};
    case DType::iq4_nl: return {0, 0, 127};
    case DType::iq4_xs: return {0, 0, 32 * 127};
    case DType::tq1_0: return {52, 0, 1};
    case DType::tq2_0: return {64, 0, 2};
    default: return {};
  }
}

// scale, minimum: of a largest value of 1.
void set_scales(DType dtype, char* block, float scale, float minimum) {
  if (dtype == DType::mxfp4) {
    *block = static_cast<char>(scale < 0 ? 124 : 125);  // 12 steps of 2^-4 or 2^-3
    return;
  }
  const ScalePlaces places = scale_places(dtype);
  const std::uint16_t d = kernels::float_to_half(scale / places.largest);
  const std::uint16_t m = kernels::float_to_half(minimum / (dtype == DType::q2_k ? 15 : 63));
  std::memcpy(block + places.d, &d, sizeof d);
  if (places.m != 0) std::memcpy(block + places.m, &m, sizeof m);
}

}  // namespace

std::string quantise(DType dtype, std::span<const float> values) {
  const auto step = static_cast<std::size_t>(kernels::traits(dtype).block_elements);
  CONDUIT_CHECK(values.size() % step == 0, "a block cannot be cut");
  std::string out;
  for (std::size_t i = 0; i < values.size(); i += step) {
    switch (dtype) {
      case DType::f32: append(out, values[i]); break;
      case DType::f16: append_half(out, values[i]); break;
      case DType::bf16: append(out, kernels::float_to_bf16(values[i])); break;
      case DType::q8_0: append_q8_0(out, values.subspan(i, step)); break;
      case DType::q4_0: append_q4_0(out, values.subspan(i, step)); break;
      case DType::q4_1: append_q4_1(out, values.subspan(i, step)); break;
      default: CONDUIT_CHECK(false, "no encoder");
    }
  }
  return out;
}

bool can_quantise(DType dtype) {
  return dtype == DType::f32 || dtype == DType::f16 || dtype == DType::bf16 ||
         dtype == DType::q8_0 || dtype == DType::q4_0 || dtype == DType::q4_1;
}

std::string random_weights(DType dtype, std::int64_t elements, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::uniform_real_distribution<float> uniform(0.5f, 1.0f);
  if (!kernels::is_quantised(dtype)) {
    std::string out;
    for (std::int64_t i = 0; i < elements; ++i) append_number(out, dtype, random, uniform(random));
    return out;
  }
  std::string out(static_cast<std::size_t>(kernels::bytes_of(dtype, elements)), '\0');
  for (char& byte : out) byte = static_cast<char>(random());
  const auto step = static_cast<std::size_t>(kernels::traits(dtype).block_bytes);
  for (std::size_t block = 0; block < out.size(); block += step) {
    const float sign = random() % 2 == 0 ? 1.0f : -1.0f;
    set_scales(dtype, out.data() + block, sign * uniform(random), uniform(random));
  }
  return out;
}

}  // namespace conduit::testing
