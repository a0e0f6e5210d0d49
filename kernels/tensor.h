// A tensor: dtype, shape, pointer. It owns nothing: files, buffers and the KV cache do.
// Rows are contiguous and the last dimension varies fastest, as in safetensors and numpy (GGUF
// lists dimensions the other way round; kernels/model/gguf turns them).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace conduit::kernels {

enum class DType : std::uint8_t { f32, f16, bf16, q8_0, q4_0, q4_1 };

// Quantised types store blocks of 32 values (ggml's block formats: github.com/ggml-org/ggml,
// ggml-common.h):
//   q8_0: f16 d, 32 x s8           value = d * q
//   q4_0: f16 d, 16 x two nibbles  value = d * (q - 8); byte i holds values i (low) and i + 16
//   (high) q4_1: f16 d, f16 m, as q4_0    value = d * q + m
struct DTypeTraits {
  std::string_view name;
  std::int64_t block_elements;
  std::int64_t block_bytes;
};

constexpr DTypeTraits traits(DType dtype) {
  switch (dtype) {
    case DType::f32: return {"F32", 1, 4};
    case DType::f16: return {"F16", 1, 2};
    case DType::bf16: return {"BF16", 1, 2};
    case DType::q8_0: return {"Q8_0", 32, 34};
    case DType::q4_0: return {"Q4_0", 32, 18};
    case DType::q4_1: return {"Q4_1", 32, 20};
  }
  return {"?", 1, 1};
}

// Bytes of `elements` values; elements is a whole number of blocks.
constexpr std::int64_t bytes_of(DType dtype, std::int64_t elements) {
  return elements / traits(dtype).block_elements * traits(dtype).block_bytes;
}

// Read-only bytes of a file, in any dtype. Alignment is not guaranteed: read values with memcpy or
// unaligned loads.
struct TensorView {
  const std::byte* data = nullptr;
  DType dtype = DType::f32;
  std::vector<std::int64_t> shape;

  std::int64_t elements() const {
    std::int64_t count = 1;
    for (std::int64_t extent : shape) count *= extent;
    return count;
  }
  std::int64_t bytes() const { return bytes_of(dtype, elements()); }
};

// Activations on a device: f32, [rows, cols], contiguous.
struct Tensor {
  float* data = nullptr;
  std::int64_t rows = 0;
  std::int64_t cols = 0;

  float* row(std::int64_t index) const { return data + index * cols; }
  Tensor first_rows(std::int64_t count) const { return {data, count, cols}; }
};

}  // namespace conduit::kernels
