// Panels: how the CPU device stores a weight matrix.
// The idea: 16 outputs (rows of the file) are multiplied at a time, one per lane of a vector, so
// their weights are interleaved into one linear stream that a product reads once from front to
// back. All instruction sets share the layout; a matrix used as embedding and as output head is
// stored once. By dtype, with l = lane 0 … 15:
//   f32, f16:  [cols][l]
//   bf16:      [pairs of cols][l][2], an odd last column paired with zero
//   quantised: pairs of 32-blocks, so that every part starts on a cache line; an odd last block
//              leaves half a pair unused:
//              f16 d[2][l], q4_1: f16 m[2][l], then per block its values q[group][l][4]:
//     q8_0:    8 groups of 4 columns, stored unsigned (q + 128), as the dot product wants it
//     q4_*:    4 groups of bytes: byte i of group g holds columns 4 g + i (low nibble) and
//              16 + 4 g + i (high)
// Rows beyond the last are zeros: computed, never stored to a result.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/device.h"
#include "kernels/tensor.h"

namespace conduit::kernels::cpu {

inline constexpr int kPanelRows = 16;
inline constexpr int kBlock = 32;  // columns of a quantised block

constexpr bool is_quantised(DType dtype) { return traits(dtype).block_elements == kBlock; }
// Bytes of one block's scales and of its values, for 16 rows.
constexpr std::int64_t block_head_bytes(DType dtype) { return dtype == DType::q4_1 ? 64 : 32; }
constexpr std::int64_t block_value_bytes(DType dtype) { return dtype == DType::q8_0 ? 512 : 256; }
constexpr std::int64_t block_pair_bytes(DType dtype) {
  return 2 * (block_head_bytes(dtype) + block_value_bytes(dtype));
}
std::int64_t panel_bytes(DType dtype, std::int64_t cols);
constexpr std::int64_t panel_count(std::int64_t rows) {
  return (rows + kPanelRows - 1) / kPanelRows;
}

// Where block `block` of a quantised panel keeps the 16 scales, minima (q4_1) and its values.
constexpr std::int64_t scales_offset(DType dtype, std::int64_t block) {
  return block / 2 * block_pair_bytes(dtype) + block % 2 * 32;
}
constexpr std::int64_t minima_offset(DType dtype, std::int64_t block) {
  return scales_offset(dtype, block) + 64;
}
constexpr std::int64_t values_offset(DType dtype, std::int64_t block) {
  return block / 2 * block_pair_bytes(dtype) + 2 * block_head_bytes(dtype) +
         block % 2 * block_value_bytes(dtype);
}

// Rows [16 * panel, 16 * panel + 16) of `file` → `out`: panel_bytes, zeroed before.
void pack_panel(const TensorView& file, std::int64_t panel, std::byte* out);
// Row `row` of a packed matrix, dequantised: out [cols].
void unpack_row(const Matrix& matrix, std::int64_t row, float* out);

}  // namespace conduit::kernels::cpu
