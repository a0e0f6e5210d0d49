// Weights as they lie in a file → float32, whatever their DType.
// The idea: the one plain statement of what a block means (formats: kernels/tensor.h); the scalar
// reference, the f32 mode and the tests stand on it, and fast kernels are tested against it.
// Blocks need no alignment, as a file gives none. Little-endian machines only, as the files are.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "kernels/half.h"
#include "kernels/tensor.h"
#include "mdl/base/check.h"

namespace conduit::kernels {

static_assert(std::endian::native == std::endian::little, "weight files are read in place");

namespace blocks {

template <class T>
T load(const std::byte* bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

inline void q8_0(const std::byte* block, float* out) {
  const float scale = half_to_float(load<std::uint16_t>(block));
  for (int i = 0; i < 32; ++i)
    out[i] = scale * static_cast<float>(load<std::int8_t>(block + 2 + i));
}

// Of a 4-bit block's 16 bytes, byte i holds values i (low half) and i + 16 (high half).
inline void nibbles(const std::byte* packed, float scale, int zero, float minimum, float* out) {
  for (int i = 0; i < 16; ++i) {
    const int pair = std::to_integer<int>(packed[i]);
    out[i] = scale * static_cast<float>((pair & 15) - zero) + minimum;
    out[i + 16] = scale * static_cast<float>((pair >> 4) - zero) + minimum;
  }
}

inline void q4_0(const std::byte* block, float* out) {
  nibbles(block + 2, half_to_float(load<std::uint16_t>(block)), 8, 0.0f, out);
}

inline void q4_1(const std::byte* block, float* out) {
  nibbles(block + 4, half_to_float(load<std::uint16_t>(block)), 0,
          half_to_float(load<std::uint16_t>(block + 2)), out);
}

}  // namespace blocks

// `elements` is a whole number of the dtype's blocks; out: [elements].
inline void dequantise(DType dtype, const std::byte* data, std::int64_t elements, float* out) {
  const DTypeTraits format = traits(dtype);
  CONDUIT_CHECK(elements % format.block_elements == 0, "a block cannot be cut");
  const std::int64_t count = elements / format.block_elements;
  const auto each = [&](auto decode) {
    for (std::int64_t i = 0; i < count; ++i)
      decode(data + i * format.block_bytes, out + i * format.block_elements);
  };
  switch (dtype) {
    case DType::f32: std::memcpy(out, data, static_cast<std::size_t>(elements) * 4); return;
    case DType::f16:
      return each([](auto* b, float* o) { *o = half_to_float(blocks::load<std::uint16_t>(b)); });
    case DType::bf16:
      return each([](auto* b, float* o) { *o = bf16_to_float(blocks::load<std::uint16_t>(b)); });
    case DType::q8_0: return each(blocks::q8_0);
    case DType::q4_0: return each(blocks::q4_0);
    case DType::q4_1: return each(blocks::q4_1);
  }
}

}  // namespace conduit::kernels
