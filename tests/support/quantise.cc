// Encoders of every DType.
#include "tests/support/quantise.h"

#include <algorithm>
#include <cmath>
#include <cstring>

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
    }
  }
  return out;
}

}  // namespace conduit::testing
