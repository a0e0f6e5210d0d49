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

// First what a weight may be, then what files hold beside weights (`position_ids`): those have a
// name and a size here, no meaning.
enum class DType : std::uint8_t {
  f32,
  f16,
  bf16,
  f8_e4m3,  // OCP 8-bit floats; E4M3 is the one without infinities
  f8_e5m2,
  q8_0,
  q4_0,
  q4_1,
  q5_0,
  q5_1,
  q2_k,
  q3_k,
  q4_k,
  q5_k,
  q6_k,
  iq4_nl,
  iq4_xs,
  mxfp4,
  tq1_0,
  tq2_0,
  f64,
  i64,
  i32,
  i16,
  i8,
  u64,
  u32,
  u16,
  u8,
  boolean,
};

inline constexpr int kDTypes = static_cast<int>(DType::boolean) + 1;
inline constexpr int kWeightDTypes = static_cast<int>(DType::tq2_0) + 1;
// The weights come first, so an index below kWeightDTypes is one.
constexpr bool is_weight(DType dtype) { return static_cast<int>(dtype) < kWeightDTypes; }

// Names as their files' formats spell them: GGUF's types (github.com/ggml-org/ggml, ggml.h), and
// safetensors' dtypes. A quantised type's values come in blocks (kernels/quant_block.h).
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
    case DType::f8_e4m3: return {"F8_E4M3", 1, 1};
    case DType::f8_e5m2: return {"F8_E5M2", 1, 1};
    case DType::q8_0: return {"Q8_0", 32, 34};
    case DType::q4_0: return {"Q4_0", 32, 18};
    case DType::q4_1: return {"Q4_1", 32, 20};
    case DType::q5_0: return {"Q5_0", 32, 22};
    case DType::q5_1: return {"Q5_1", 32, 24};
    case DType::q2_k: return {"Q2_K", 256, 84};
    case DType::q3_k: return {"Q3_K", 256, 110};
    case DType::q4_k: return {"Q4_K", 256, 144};
    case DType::q5_k: return {"Q5_K", 256, 176};
    case DType::q6_k: return {"Q6_K", 256, 210};
    case DType::iq4_nl: return {"IQ4_NL", 32, 18};
    case DType::iq4_xs: return {"IQ4_XS", 256, 136};
    case DType::mxfp4: return {"MXFP4", 32, 17};
    case DType::tq1_0: return {"TQ1_0", 256, 54};
    case DType::tq2_0: return {"TQ2_0", 256, 66};
    case DType::f64: return {"F64", 1, 8};
    case DType::i64: return {"I64", 1, 8};
    case DType::i32: return {"I32", 1, 4};
    case DType::i16: return {"I16", 1, 2};
    case DType::i8: return {"I8", 1, 1};
    case DType::u64: return {"U64", 1, 8};
    case DType::u32: return {"U32", 1, 4};
    case DType::u16: return {"U16", 1, 2};
    case DType::u8: return {"U8", 1, 1};
    case DType::boolean: return {"BOOL", 1, 1};
  }
  return {"?", 1, 1};
}

constexpr bool is_quantised(DType dtype) { return traits(dtype).block_elements > 1; }

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
