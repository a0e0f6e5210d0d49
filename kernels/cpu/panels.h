// Panels: how the CPU device stores a weight matrix.
// The idea: 16 outputs (rows of the file) are multiplied at a time, one per lane of a vector, so
// their weights are interleaved into one linear stream that a product reads once from front to
// back. All instruction sets share the layout; a matrix used as embedding and as output head is
// stored once. By dtype, with l = lane 0 … 15:
//   f32, f16:  [cols][l]
//   bf16:      [pairs of cols][l][2], an odd last column paired with zero; 8-bit floats become
//   bf16,
//              which holds every value of theirs
//   quantised: units of 64 columns, or of 256 where the file's blocks have as many; each part
//              starts on a cache line, an unfinished last unit leaves the rest unused:
//     heads:   f16 d[blocks of the file in a unit][l], then f16 m likewise where there is one
//              (MXFP4's d: bf16)
//     scales:  s8 [blocks of 32 columns][32 / columns per scale][l], then minima likewise; Q2_K's
//              share a byte, the minimum above
//     values:  per block of 32 columns the stored integers (kernels/quant_block.h) in planes of 4,
//              2 and 1 bits, the lowest bits in the first plane a format has. An integer's vector
//              i = 0 … 7 and byte k of lane l is column 4 i + k, and lies
//                8 bits: in byte k of u32 [i][l]
//                4 bits: in byte k of u32 [i % 4][l], the low half for i < 4
//                2 bits: in byte k of u32 [i / 4][l], shifted up by 2 * (i % 4)
//                1 bit:  in byte k of u32 [l], shifted up by i
// Rows beyond the last are zeros: computed, never stored to a result.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "kernels/device.h"
#include "kernels/quant_block.h"
#include "kernels/tensor.h"

namespace conduit::kernels::cpu {

inline constexpr int kPanelRows = 16;
inline constexpr int kBlock = 32;  // columns of a panel's quantised block
inline constexpr int kVectorBytes = kPanelRows * 4;

// Types whose values another type holds just as well have no panels of their own.
constexpr DType panel_dtype(DType dtype) {
  switch (dtype) {
    case DType::f8_e4m3:
    case DType::f8_e5m2: return DType::bf16;
    case DType::tq1_0: return DType::tq2_0;
    default: return dtype;
  }
}

// --- quantised panels, of a panel_dtype

// Where a block keeps each of its planes; -1 for a plane the format lacks.
struct Planes {
  int nibbles = -1, pairs = -1, singles = -1;
  int pairs_shift = 0, singles_shift = 0;  // of their bits within the integer
};
constexpr Planes planes_of(DType dtype) {
  switch (form_of(dtype).bits) {
    case 2: return {.pairs = 0};
    case 3: return {.pairs = 0, .singles = 2 * kVectorBytes, .singles_shift = 2};
    case 4: return {.nibbles = 0};
    case 5: return {.nibbles = 0, .singles = 4 * kVectorBytes, .singles_shift = 4};
    case 6: return {.nibbles = 0, .pairs = 4 * kVectorBytes, .pairs_shift = 4};
    default: return {};
  }
}

// Scales of one block of 32 columns: 0 where its d is all there is.
constexpr int scales_per_block(DType dtype) {
  return form_of(dtype).scale_columns == 0 ? 0 : kBlock / form_of(dtype).scale_columns;
}
// Groups of a block's columns that differ in scale.
constexpr int groups_per_block(DType dtype) { return scales_per_block(dtype) == 2 ? 2 : 1; }
constexpr bool shares_scale_bytes(DType dtype) { return dtype == DType::q2_k; }

// Where a unit keeps its parts, and how far on the next block's lie.
struct UnitLayout {
  int blocks = 0;  // of 32 columns
  int bytes = 0;
  int d_step = 0, m = 0;
  int scales = 0, minima = 0, scale_step = 0;
  int values = 0, value_step = 0;
};
constexpr UnitLayout unit_layout(DType dtype) {
  const QuantForm form = form_of(dtype);
  const bool is_large = traits(dtype).block_elements == 256;
  UnitLayout unit;
  unit.blocks = is_large ? 8 : 2;
  unit.d_step = is_large ? 0 : kPanelRows * 2;
  unit.m = is_large ? kPanelRows * 2 : 64;
  unit.scales = form.has_minimum && !is_large ? 128 : 64;
  unit.scale_step = scales_per_block(dtype) * kPanelRows;
  const bool has_minima = form.has_minimum && !shares_scale_bytes(dtype);
  unit.minima = unit.scales + (has_minima ? unit.blocks * unit.scale_step : 0);
  unit.values = unit.minima + unit.blocks * unit.scale_step;
  unit.value_step = form.bits * kVectorBytes;
  unit.bytes = unit.values + unit.blocks * unit.value_step;
  return unit;
}

// The parts of block `block` of a panel, for lane 0.
struct BlockOffsets {
  std::int64_t d = 0, m = 0;
  std::int64_t scales = 0, minima = 0;
  std::int64_t values = 0;
};
// Inlined whatever the compiler thinks: within kernels all but `block` is a constant.
[[gnu::always_inline]] constexpr BlockOffsets block_offsets(const UnitLayout& unit,
                                                            std::int64_t block) {
  const auto index = static_cast<std::uint64_t>(block);
  const auto blocks = static_cast<std::uint64_t>(unit.blocks);
  const auto start = static_cast<std::int64_t>(index / blocks) * unit.bytes;
  const auto within = static_cast<std::int64_t>(index % blocks);
  const std::int64_t d = start + within * unit.d_step;
  const std::int64_t scale = start + within * unit.scale_step;
  return {d, d + unit.m, scale + unit.scales, scale + unit.minima,
          start + unit.values + within * unit.value_step};
}

// One row's part of a block, as the scalar code reads it.
struct PanelBlock {
  std::array<QuantTerms, 2> terms;  // of the first and the second 16 columns
  std::array<std::uint8_t, kBlock> q;
};
PanelBlock read_panel_block(DType dtype, const std::byte* panel, std::int64_t block, int lane);

// --- all panels

std::int64_t panel_bytes(DType dtype, std::int64_t cols);
constexpr std::int64_t panel_count(std::int64_t rows) {
  return (rows + kPanelRows - 1) / kPanelRows;
}
// What a matrix of a file's dtype takes on the device.
inline std::int64_t matrix_bytes(DType dtype, std::int64_t rows, std::int64_t cols) {
  return panel_count(rows) * panel_bytes(dtype, cols);
}

// Rows [16 * panel, 16 * panel + 16) of `file` → `out`: panel_bytes, zeroed before.
void pack_panel(const TensorView& file, std::int64_t panel, std::byte* out);
// Row `row` of a packed matrix, dequantised: out [cols].
void unpack_row(const Matrix& matrix, std::int64_t row, float* out);

}  // namespace conduit::kernels::cpu
