// File rows into panels, and single rows back.
#include "kernels/cpu/panels.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>
#include <vector>

#include "kernels/dequantise.h"
#include "kernels/half.h"

namespace conduit::kernels::cpu {
namespace {

template <class T>
void store(std::byte* at, T value) {
  std::memcpy(at, &value, sizeof value);
}

// The rows of one panel: those beyond the matrix's last are zeros.
using FileRows = std::array<const std::byte*, kPanelRows>;

// --- plain values

int size_of(DType dtype) { return dtype == DType::f32 ? 4 : 2; }
int columns_together(DType dtype) { return dtype == DType::bf16 ? 2 : 1; }

// Where a column's value of a lane lies, in elements.
constexpr std::int64_t slot_of(int together, std::int64_t col, int lane) {
  return (col / together * kPanelRows + lane) * together + col % together;
}

// Words [first, end) of each row, a word of all rows after the other. So few at a time that what
// is written stays in the nearest cache until all rows have been there.
template <class Word>
void interleave(const FileRows& rows, std::int64_t words, std::byte* panel) {
  constexpr std::int64_t kSize = sizeof(Word), kTogether = 64 / kSize;
  for (std::int64_t first = 0; first < words; first += kTogether) {
    const std::int64_t end = std::min(first + kTogether, words);
    for (std::size_t lane = 0; lane < kPanelRows; ++lane)
      for (std::int64_t word = first; word < end; ++word)
        store(panel + (word * kPanelRows + static_cast<std::int64_t>(lane)) * kSize,
              blocks::load<Word>(rows[lane] + word * kSize));
  }
}

void pack_bf16(const FileRows& rows, std::int64_t cols, std::byte* panel) {
  interleave<std::uint32_t>(rows, cols / 2, panel);
  if (cols % 2 == 0) return;
  for (int lane = 0; lane < kPanelRows; ++lane)
    store(panel + slot_of(2, cols - 1, lane) * 2,
          blocks::load<std::uint16_t>(rows[static_cast<std::size_t>(lane)] + (cols - 1) * 2));
}

template <float (*decode)(std::uint8_t)>
void pack_f8(const FileRows& rows, std::int64_t cols, std::byte* panel) {
  for (int lane = 0; lane < kPanelRows; ++lane)
    for (std::int64_t col = 0; col < cols; ++col)
      store(panel + slot_of(2, col, lane) * 2, float_to_bf16(decode(blocks::load<std::uint8_t>(
                                                   rows[static_cast<std::size_t>(lane)] + col))));
}

// --- blocks

constexpr std::uint32_t kNibbles = 0x0F0F0F0F, kPairs = 0x03030303, kSingles = 0x01010101;

using LaneWords = std::array<std::uint32_t, kPanelRows>;  // four integers of each lane
using LaneBlocks = std::array<QuantBlock, kPanelRows>;

// Plane word `word` of a block: `bits` of the integers of `count` vectors, from `first` on and
// `step` apart, each further up by `width`.
struct PlaneWord {
  std::uint32_t mask = 0;
  int shift = 0, width = 0;
  int first = 0, step = 0, count = 0;
};
void store_plane_word(const std::array<LaneWords, kBlock / 4>& vectors, PlaneWord plane,
                      std::byte* out) {
  LaneWords words{};
  for (int i = 0; i < plane.count; ++i) {
    const LaneWords& vector = vectors[static_cast<std::size_t>(plane.first + i * plane.step)];
    for (std::size_t lane = 0; lane < kPanelRows; ++lane)
      words[lane] |= (vector[lane] >> plane.shift & plane.mask) << (i * plane.width);
  }
  store(out, words);
}

// The integers of 32 columns from `part` of the file's blocks on; `values`: the block's.
template <DType dtype>
void pack_values(const LaneBlocks& lanes, int part, std::byte* values) {
  constexpr Planes planes = planes_of(dtype);
  std::array<LaneWords, kBlock / 4> vectors;
  for (std::size_t lane = 0; lane < kPanelRows; ++lane)
    for (std::size_t i = 0; i < vectors.size(); ++i)
      std::memcpy(&vectors[i][lane], lanes[lane].q.data() + part * kBlock + i * 4, 4);
  if constexpr (form_of(dtype).bits == 8) store(values, vectors);
  if constexpr (planes.nibbles >= 0)
    for (int i = 0; i < 4; ++i)
      store_plane_word(vectors, {kNibbles, 0, 4, i, 4, 2},
                       values + planes.nibbles + i * kVectorBytes);
  if constexpr (planes.pairs >= 0)
    for (int i = 0; i < 2; ++i)
      store_plane_word(vectors, {kPairs, planes.pairs_shift, 2, i * 4, 1, 4},
                       values + planes.pairs + i * kVectorBytes);
  if constexpr (planes.singles >= 0)
    store_plane_word(vectors, {kSingles, planes.singles_shift, 1, 0, 1, 8},
                     values + planes.singles);
}

template <DType dtype>
void pack_scales(const QuantBlock& file, int part, int lane, const BlockOffsets& at,
                 std::byte* panel) {
  constexpr bool has_minimum = form_of(dtype).has_minimum;
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
}

template <DType dtype>
void pack_quantised(const FileRows& rows, std::int64_t cols, std::byte* panel) {
  constexpr DTypeTraits format = traits(dtype);
  constexpr DType kept = panel_dtype(dtype);
  constexpr int kParts = static_cast<int>(format.block_elements) / kBlock;
  LaneBlocks lanes;
  for (std::int64_t i = 0; i < cols / format.block_elements; ++i) {
    for (std::size_t lane = 0; lane < kPanelRows; ++lane)
      read_block(dtype, rows[lane] + i * format.block_bytes, lanes[lane]);
    for (int part = 0; part < kParts; ++part) {
      const BlockOffsets at = block_offsets(unit_layout(kept), i * kParts + part);
      for (int lane = 0; lane < kPanelRows; ++lane)
        pack_scales<kept>(lanes[static_cast<std::size_t>(lane)], part, lane, at, panel);
      pack_values<kept>(lanes, part, panel + at.values);
    }
  }
}

template <DType dtype>
void pack_rows(const FileRows& rows, std::int64_t cols, std::byte* panel) {
  if constexpr (dtype == DType::f32) return interleave<std::uint32_t>(rows, cols, panel);
  if constexpr (dtype == DType::f16) return interleave<std::uint16_t>(rows, cols, panel);
  if constexpr (dtype == DType::bf16) return pack_bf16(rows, cols, panel);
  if constexpr (dtype == DType::f8_e4m3) return pack_f8<e4m3_to_float>(rows, cols, panel);
  if constexpr (dtype == DType::f8_e5m2) return pack_f8<e5m2_to_float>(rows, cols, panel);
  if constexpr (is_quantised(dtype)) pack_quantised<dtype>(rows, cols, panel);
}

// One per type of weights, so that everything about a type is a constant within its loops.
constexpr auto kPackers = []<std::size_t... dtype>(std::index_sequence<dtype...>) {
  return std::array{&pack_rows<static_cast<DType>(dtype)>...};
}
(std::make_index_sequence<static_cast<std::size_t>(kWeightDTypes)>());

// --- back

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
  const std::int64_t cols = file.shape[1];
  const std::int64_t row_bytes = bytes_of(file.dtype, cols);
  const std::int64_t first = panel * kPanelRows;
  const std::int64_t count = std::min<std::int64_t>(file.shape[0] - first, kPanelRows);
  std::vector<std::byte> zeros(count < kPanelRows ? static_cast<std::size_t>(row_bytes) : 0);
  FileRows rows;
  for (std::int64_t i = 0; i < kPanelRows; ++i)
    rows[static_cast<std::size_t>(i)] =
        i < count ? file.data + (first + i) * row_bytes : zeros.data();
  kPackers[static_cast<std::size_t>(file.dtype)](rows, cols, out);
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
