// File rows into panels, and single rows back.
#include "kernels/cpu/panels.h"

#include <algorithm>
#include <cstring>

#include "kernels/dequantise.h"
#include "kernels/half.h"

namespace conduit::kernels::cpu {
namespace {

template <class T>
void store(std::byte* at, T value) {
  std::memcpy(at, &value, sizeof value);
}

// --- plain values

int size_of(DType dtype) { return dtype == DType::f32 ? 4 : 2; }
int columns_together(DType dtype) { return dtype == DType::bf16 ? 2 : 1; }

// Where a column's value of a lane lies, in elements.
constexpr std::int64_t slot_of(int together, std::int64_t col, int lane) {
  return (col / together * kPanelRows + lane) * together + col % together;
}

template <class Bits, int together>
void pack_plain(const std::byte* row, std::int64_t cols, int lane, std::byte* panel) {
  constexpr std::int64_t kSize = sizeof(Bits);
  for (std::int64_t col = 0; col < cols; ++col)
    store(panel + slot_of(together, col, lane) * kSize, blocks::load<Bits>(row + col * kSize));
}

template <float (*decode)(std::uint8_t)>
void pack_f8(const std::byte* row, std::int64_t cols, int lane, std::byte* panel) {
  for (std::int64_t col = 0; col < cols; ++col)
    store(panel + slot_of(2, col, lane) * 2,
          float_to_bf16(decode(blocks::load<std::uint8_t>(row + col))));
}

// --- blocks

constexpr std::uint32_t kNibbles = 0x0F0F0F0F, kPairs = 0x03030303, kSingles = 0x01010101;

void add_bits(std::byte* at, std::uint32_t bits) {
  store(at, blocks::load<std::uint32_t>(at) | bits);
}

// Four integers of vector `vector` into their planes; `values`: the block's, at the lane.
void pack_vector(DType dtype, std::uint32_t four, int vector, std::byte* values) {
  const Planes planes = planes_of(dtype);
  if (form_of(dtype).bits == 8) return store(values + vector * kVectorBytes, four);
  if (planes.nibbles >= 0)
    add_bits(values + planes.nibbles + vector % 4 * kVectorBytes, (four & kNibbles)
                                                                      << (vector / 4 * 4));
  if (planes.pairs >= 0)
    add_bits(values + planes.pairs + vector / 4 * kVectorBytes,
             (four >> planes.pairs_shift & kPairs) << (vector % 4 * 2));
  if (planes.singles >= 0)
    add_bits(values + planes.singles, (four >> planes.singles_shift & kSingles) << vector);
}

std::uint32_t unpack_vector(DType dtype, const std::byte* values, int vector) {
  const Planes planes = planes_of(dtype);
  const auto word = [&](std::int64_t at) { return blocks::load<std::uint32_t>(values + at); };
  if (form_of(dtype).bits == 8) return word(vector * kVectorBytes);
  std::uint32_t four = 0;
  if (planes.nibbles >= 0)
    four |= word(planes.nibbles + vector % 4 * kVectorBytes) >> (vector / 4 * 4) & kNibbles;
  if (planes.pairs >= 0)
    four |= (word(planes.pairs + vector / 4 * kVectorBytes) >> (vector % 4 * 2) & kPairs)
            << planes.pairs_shift;
  if (planes.singles >= 0)
    four |= (word(planes.singles) >> vector & kSingles) << planes.singles_shift;
  return four;
}

// Block `block` of 32 columns from part `part` of a file's block.
void pack_block(DType dtype, const QuantBlock& file, int part, std::int64_t block, int lane,
                std::byte* panel) {
  const BlockOffsets at = block_offsets(unit_layout(dtype), block);
  const bool has_minimum = form_of(dtype).has_minimum;
  store(panel + at.d + lane * 2, file.d);
  if (has_minimum) store(panel + at.m + lane * 2, file.m);
  for (int i = 0; i < scales_per_block(dtype); ++i) {
    const auto from = static_cast<std::size_t>(part * scales_per_block(dtype) + i);
    const int to = i * kPanelRows + lane;
    if (shares_scale_bytes(dtype)) {
      store(panel + at.scales + to,
            static_cast<std::uint8_t>(file.scales[from] | file.minima[from] << 4));
      continue;
    }
    store(panel + at.scales + to, file.scales[from]);
    if (has_minimum) store(panel + at.minima + to, file.minima[from]);
  }
  for (int vector = 0; vector < kBlock / 4; ++vector) {
    std::uint32_t four = 0;
    std::memcpy(&four, file.q.data() + part * kBlock + vector * 4, 4);
    pack_vector(dtype, four, vector, panel + at.values + lane * 4);
  }
}

void pack_quantised(DType dtype, const std::byte* row, std::int64_t cols, int lane,
                    std::byte* panel) {
  const DTypeTraits format = traits(dtype);
  const int parts = static_cast<int>(format.block_elements) / kBlock;
  QuantBlock block;
  for (std::int64_t i = 0; i < cols / format.block_elements; ++i) {
    read_block(dtype, row + i * format.block_bytes, block);
    for (int part = 0; part < parts; ++part)
      pack_block(panel_dtype(dtype), block, part, i * parts + part, lane, panel);
  }
}

void pack_row(DType dtype, const std::byte* row, std::int64_t cols, int lane, std::byte* panel) {
  switch (dtype) {
    case DType::f32: return pack_plain<std::uint32_t, 1>(row, cols, lane, panel);
    case DType::f16: return pack_plain<std::uint16_t, 1>(row, cols, lane, panel);
    case DType::bf16: return pack_plain<std::uint16_t, 2>(row, cols, lane, panel);
    case DType::f8_e4m3: return pack_f8<e4m3_to_float>(row, cols, lane, panel);
    case DType::f8_e5m2: return pack_f8<e5m2_to_float>(row, cols, lane, panel);
    default: return pack_quantised(dtype, row, cols, lane, panel);
  }
}

QuantTerms read_terms(DType dtype, const std::byte* panel, const BlockOffsets& at, int group,
                      int lane) {
  const auto d = blocks::load<std::uint16_t>(panel + at.d + lane * 2);
  const auto m = blocks::load<std::uint16_t>(panel + at.m + lane * 2);
  if (scales_per_block(dtype) == 0) return quant_terms(dtype, d, m, 0, 0);
  const int from = group * kPanelRows + lane;
  if (shares_scale_bytes(dtype)) {
    const int both = blocks::byte_at(panel + at.scales, from);
    return quant_terms(dtype, d, m, both & 15, both >> 4);
  }
  return quant_terms(dtype, d, m, blocks::load<std::int8_t>(panel + at.scales + from),
                     blocks::load<std::int8_t>(panel + at.minima + from));
}

}  // namespace

PanelBlock read_panel_block(DType dtype, const std::byte* panel, std::int64_t block, int lane) {
  const BlockOffsets at = block_offsets(unit_layout(dtype), block);
  PanelBlock read;
  read.terms[0] = read_terms(dtype, panel, at, 0, lane);
  read.terms[1] = groups_per_block(dtype) == 2 ? read_terms(dtype, panel, at, 1, lane)  //
                                               : read.terms[0];
  for (int vector = 0; vector < kBlock / 4; ++vector) {
    const std::uint32_t four = unpack_vector(dtype, panel + at.values + lane * 4, vector);
    std::memcpy(read.q.data() + vector * 4, &four, 4);
  }
  return read;
}

std::int64_t panel_bytes(DType dtype, std::int64_t cols) {
  const DType kept = panel_dtype(dtype);
  if (is_quantised(kept)) {
    const UnitLayout unit = unit_layout(kept);
    const int unit_cols = unit.blocks * kBlock;
    return (cols + unit_cols - 1) / unit_cols * unit.bytes;
  }
  const int together = columns_together(kept);
  return (cols + together - 1) / together * together * kPanelRows * size_of(kept);
}

void pack_panel(const TensorView& file, std::int64_t panel, std::byte* out) {
  const std::int64_t rows = file.shape[0];
  const std::int64_t cols = file.shape[1];
  const std::int64_t row_bytes = bytes_of(file.dtype, cols);
  const std::int64_t end = std::min(rows, (panel + 1) * kPanelRows);
  for (std::int64_t row = panel * kPanelRows; row < end; ++row)
    pack_row(file.dtype, file.data + row * row_bytes, cols, static_cast<int>(row % kPanelRows),
             out);
}

void unpack_row(const Matrix& matrix, std::int64_t row, float* out) {
  const DType dtype = panel_dtype(matrix.dtype);
  const std::byte* panel = matrix.storage.data + row / kPanelRows * panel_bytes(dtype, matrix.cols);
  const int lane = static_cast<int>(row % kPanelRows);
  if (!is_quantised(dtype)) {
    for (std::int64_t col = 0; col < matrix.cols; ++col)
      dequantise(dtype, panel + slot_of(columns_together(dtype), col, lane) * size_of(dtype), 1,
                 out + col);
    return;
  }
  for (std::int64_t block = 0; block < matrix.cols / kBlock; ++block) {
    const PanelBlock read = read_panel_block(dtype, panel, block, lane);
    for (std::size_t i = 0; i < kBlock; ++i)
      out[block * kBlock + static_cast<std::int64_t>(i)] =
          quant_value(dtype, read.terms[i / (kBlock / 2)], read.q[i]);
  }
}

}  // namespace conduit::kernels::cpu
