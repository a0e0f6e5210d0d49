// Weights as they lie in a file → float32, whatever their DType.
// The idea: the one plain statement of what a file's bytes mean (blocks: kernels/quant_block.h);
// the scalar reference, the f32 mode and the tests stand on it, and fast kernels are tested against
// it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "kernels/half.h"
#include "kernels/quant_block.h"
#include "kernels/tensor.h"
#include "mdl/base/check.h"

namespace conduit::kernels {

inline void dequantise_blocks(DType dtype, const std::byte* data, std::int64_t count, float* out) {
  const DTypeTraits format = traits(dtype);
  const auto elements = static_cast<int>(format.block_elements);
  const int together = form_of(dtype).scale_columns == 0 ? elements : form_of(dtype).scale_columns;
  QuantBlock block;
  for (std::int64_t i = 0; i < count; ++i, data += format.block_bytes, out += elements) {
    read_block(dtype, data, block);
    for (int first = 0; first < elements; first += together) {
      const auto group = static_cast<std::size_t>(first / together);
      const QuantTerms terms =
          quant_terms(dtype, block.d, block.m, block.scales[group], block.minima[group]);
      for (int col = first; col < first + together; ++col)
        out[col] = quant_value(dtype, terms, block.q[static_cast<std::size_t>(col)]);
    }
  }
}

// `dtype` is one of a weight, `elements` a whole number of its blocks; out: [elements].
inline void dequantise(DType dtype, const std::byte* data, std::int64_t elements, float* out) {
  CONDUIT_CHECK(is_weight(dtype), "no weight");
  CONDUIT_CHECK(elements % traits(dtype).block_elements == 0, "a block cannot be cut");
  const auto each = [&]<class Bits>(float (*decode)(Bits)) {
    for (std::int64_t i = 0; i < elements; ++i)
      out[i] = decode(blocks::load<Bits>(data + i * std::int64_t{sizeof(Bits)}));
  };
  switch (dtype) {
    case DType::f32: std::memcpy(out, data, static_cast<std::size_t>(elements) * 4); return;
    case DType::f16: return each(half_to_float);
    case DType::bf16: return each(bf16_to_float);
    case DType::f8_e4m3: return each(e4m3_to_float);
    case DType::f8_e5m2: return each(e5m2_to_float);
    default: break;
  }
  dequantise_blocks(dtype, data, elements / traits(dtype).block_elements, out);
}

}  // namespace conduit::kernels
