// File rows into panels, and single rows back.
#include "kernels/cpu/panels.h"

#include <algorithm>
#include <cstring>

#include "kernels/dequantise.h"
#include "kernels/half.h"

namespace conduit::kernels::cpu {
namespace {

// Plain values of `size` bytes, `together` of them beside each other per lane (bf16: 2).
void pack_plain(const std::byte* row, std::int64_t cols, int lane, int size, int together,
                std::byte* panel) {
  for (std::int64_t col = 0; col < cols; ++col) {
    const std::int64_t slot = (col / together * kPanelRows + lane) * together + col % together;
    std::memcpy(panel + slot * size, row + col * size, static_cast<std::size_t>(size));
  }
}

void pack_block(DType dtype, const std::byte* source, std::int64_t block, int lane,
                std::byte* panel) {
  std::memcpy(panel + scales_offset(dtype, block) + lane * 2, source, 2);
  source += 2;
  if (dtype == DType::q4_1) {
    std::memcpy(panel + minima_offset(dtype, block) + lane * 2, source, 2);
    source += 2;
  }
  std::byte* values = panel + values_offset(dtype, block) + lane * 4;
  const int groups = static_cast<int>(block_value_bytes(dtype)) / (kPanelRows * 4);
  for (int group = 0; group < groups; ++group) {
    std::uint32_t four = blocks::load<std::uint32_t>(source + group * 4);
    if (dtype == DType::q8_0) four ^= 0x80808080u;  // + 128 in each byte
    std::memcpy(values + group * kPanelRows * 4, &four, 4);
  }
}

void unpack_block(DType dtype, const std::byte* panel, std::int64_t block, int lane, float* out) {
  // A panel's block is a file's block with its parts apart: put together, it is read as one.
  std::byte whole[34];
  std::size_t at = 2;
  std::memcpy(whole, panel + scales_offset(dtype, block) + lane * 2, 2);
  if (dtype == DType::q4_1) {
    std::memcpy(whole + 2, panel + minima_offset(dtype, block) + lane * 2, 2);
    at = 4;
  }
  const std::byte* values = panel + values_offset(dtype, block) + lane * 4;
  const int groups = static_cast<int>(block_value_bytes(dtype)) / (kPanelRows * 4);
  for (int group = 0; group < groups; ++group, at += 4) {
    std::uint32_t four = blocks::load<std::uint32_t>(values + group * kPanelRows * 4);
    if (dtype == DType::q8_0) four ^= 0x80808080u;
    std::memcpy(whole + at, &four, 4);
  }
  dequantise(dtype, whole, kBlock, out);
}

int size_of(DType dtype) { return dtype == DType::f32 ? 4 : 2; }
int columns_together(DType dtype) { return dtype == DType::bf16 ? 2 : 1; }

}  // namespace

std::int64_t panel_bytes(DType dtype, std::int64_t cols) {
  if (is_quantised(dtype)) return (cols / kBlock + 1) / 2 * block_pair_bytes(dtype);
  const int together = columns_together(dtype);
  return (cols + together - 1) / together * together * kPanelRows * size_of(dtype);
}

void pack_panel(const TensorView& file, std::int64_t panel, std::byte* out) {
  const std::int64_t rows = file.shape[0];
  const std::int64_t cols = file.shape[1];
  const std::int64_t row_bytes = bytes_of(file.dtype, cols);
  const std::int64_t block_bytes = traits(file.dtype).block_bytes;
  const std::int64_t end = std::min(rows, (panel + 1) * kPanelRows);
  for (std::int64_t row = panel * kPanelRows; row < end; ++row) {
    const std::byte* source = file.data + row * row_bytes;
    const int lane = static_cast<int>(row % kPanelRows);
    if (!is_quantised(file.dtype)) {
      pack_plain(source, cols, lane, size_of(file.dtype), columns_together(file.dtype), out);
      continue;
    }
    for (std::int64_t block = 0; block < cols / kBlock; ++block)
      pack_block(file.dtype, source + block * block_bytes, block, lane, out);
  }
}

void unpack_row(const Matrix& matrix, std::int64_t row, float* out) {
  const DType dtype = matrix.dtype;
  const std::byte* panel = matrix.storage.data + row / kPanelRows * panel_bytes(dtype, matrix.cols);
  const int lane = static_cast<int>(row % kPanelRows);
  if (is_quantised(dtype)) {
    for (std::int64_t block = 0; block < matrix.cols / kBlock; ++block)
      unpack_block(dtype, panel, block, lane, out + block * kBlock);
    return;
  }
  const int together = columns_together(dtype);
  for (std::int64_t col = 0; col < matrix.cols; ++col) {
    const std::int64_t slot = (col / together * kPanelRows + lane) * together + col % together;
    dequantise(dtype, panel + slot * size_of(dtype), 1, out + col);
  }
}

}  // namespace conduit::kernels::cpu
