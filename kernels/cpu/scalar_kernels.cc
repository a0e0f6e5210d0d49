// The scalar reference of every kernel, in plain C++ for any CPU.
// The idea: the shortest text that says what is meant, sums in double; all other kernels are
// tested against it. It reads and writes the same layouts as they do.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "kernels/cpu/kernels.h"
#include "kernels/dequantise.h"
#include "kernels/half.h"

namespace conduit::kernels::cpu {
namespace {

constexpr int kTallestTile = 4;

// --- matrix product

template <class T>
void store(std::byte* at, T value) {
  std::memcpy(at, &value, sizeof value);
}

void pack_f32(const float* x, std::int64_t stride, int rows, std::int64_t cols, std::byte* tile) {
  for (std::int64_t col = 0; col < cols; ++col)
    for (int row = 0; row < rows; ++row)
      store(tile + (col * rows + row) * 4, x[row * stride + col]);
}

void pack_q8(const float* x, std::int64_t stride, int rows, std::int64_t cols, std::byte* tile) {
  for (std::int64_t block = 0; block < cols / kBlock; ++block, tile += rows * kQ8RowBytes) {
    std::byte* scales = tile + rows * kBlock;
    for (int row = 0; row < rows; ++row) {
      const float* values = x + row * stride + block * kBlock;
      float largest = 0;
      for (int i = 0; i < kBlock; ++i) largest = std::max(largest, std::fabs(values[i]));
      const float scale = largest / 127;
      const float inverse = largest > 0 ? 127 / largest : 0;
      std::int32_t sum = 0;
      for (int i = 0; i < kBlock; ++i) {
        const auto rounded = static_cast<std::int8_t>(std::lrint(values[i] * inverse));
        store(tile + row * kBlock + i, rounded);
        sum += rounded;
      }
      store(scales + row * 4, scale);
      store(scales + (rows + row) * 4, -8 * sum);
      store(scales + (2 * rows + row) * 4, scale * static_cast<float>(sum));
    }
  }
}

void store_result(const TileTask& task, int panel, int lane, int row, double value) {
  const int col = panel * kPanelRows + lane;
  if (col >= task.out_cols) return;
  float& out = task.out[row * task.out_stride + col];
  out = static_cast<float>(value) + (task.is_added ? out : 0.0f);
}

// Weights dequantised, tokens in float32.
template <DType dtype>
struct F32Tile {
  template <int rows>
  static void run(const TileTask& task);
};

template <DType dtype>
template <int rows>
void F32Tile<dtype>::run(const TileTask& task) {
  Matrix panel{kPanelRows, task.cols, dtype, 0, {}};
  std::vector<float> weights(static_cast<std::size_t>(task.cols));
  for (int p = 0; p < task.panels; ++p) {
    panel.storage.data = const_cast<std::byte*>(task.weight + p * task.panel_bytes);
    for (int lane = 0; lane < kPanelRows; ++lane) {
      unpack_row(panel, lane, weights.data());
      double sums[rows] = {};
      for (std::int64_t col = 0; col < task.cols; ++col)
        for (int row = 0; row < rows; ++row)
          sums[row] += double{weights[static_cast<std::size_t>(col)]} *
                       double{blocks::load<float>(task.x + (col * rows + row) * 4)};
      for (int row = 0; row < rows; ++row) store_result(task, p, lane, row, sums[row]);
    }
  }
}

// The stored integer of column `col` of a block, as it stands: q + 128 (q8_0) or 0 … 15.
template <DType dtype>
int stored_integer(const std::byte* values, int lane, int col) {
  const auto byte_at = [&](int i) {
    return std::to_integer<int>(values[i / 4 * kPanelRows * 4 + lane * 4 + i % 4]);
  };
  if constexpr (dtype == DType::q8_0) return byte_at(col);
  return col < kBlock / 2 ? byte_at(col) & 15 : byte_at(col - kBlock / 2) >> 4;
}

// Quantised weights times tokens rounded to 8 bits: integer sums per block, then the scales.
template <DType dtype>
struct Q8Tile {
  template <int rows>
  static void run(const TileTask& task);
};

template <DType dtype>
template <int rows>
void Q8Tile<dtype>::run(const TileTask& task) {
  constexpr int kZero = dtype == DType::q8_0 ? 128 : dtype == DType::q4_0 ? 8 : 0;
  for (int p = 0; p < task.panels; ++p) {
    const std::byte* panel = task.weight + p * task.panel_bytes;
    for (int lane = 0; lane < kPanelRows; ++lane) {
      double sums[rows] = {};
      for (std::int64_t block = 0; block < task.cols / kBlock; ++block) {
        const std::byte* x = task.x + block * rows * kQ8RowBytes;
        const std::byte* values = panel + values_offset(dtype, block);
        const auto half_at = [&](std::int64_t offset) {
          return half_to_float(blocks::load<std::uint16_t>(panel + offset + lane * 2));
        };
        const float scale = half_at(scales_offset(dtype, block));
        const float minimum = dtype == DType::q4_1 ? half_at(minima_offset(dtype, block)) : 0.0f;
        for (int row = 0; row < rows; ++row) {
          std::int32_t dot = 0;
          for (int i = 0; i < kBlock; ++i)
            dot += (stored_integer<dtype>(values, lane, i) - kZero) *
                   blocks::load<std::int8_t>(x + row * kBlock + i);
          const std::byte* scales = x + rows * kBlock;
          sums[row] += double{scale} * double{blocks::load<float>(scales + row * 4)} * dot +
                       double{minimum} * double{blocks::load<float>(scales + (2 * rows + row) * 4)};
        }
      }
      for (int row = 0; row < rows; ++row) store_result(task, p, lane, row, sums[row]);
    }
  }
}

template <DType dtype>
MatmulKernel f32_kernel() {
  return {InputFormat::f32, 1, functions_by_height<F32Tile<dtype>, TileTask, kTallestTile>()};
}

template <DType dtype>
MatmulKernel q8_kernel() {
  return {InputFormat::q8, 1, functions_by_height<Q8Tile<dtype>, TileTask, kTallestTile>()};
}

// --- attention

float element(const std::byte* data, bool is_half, std::int64_t index) {
  if (is_half) return half_to_float(blocks::load<std::uint16_t>(data + index * 2));
  return blocks::load<float>(data + index * 4);
}

void attend_row(const AttentionTask& task, const float* q, float* out, std::int64_t seen) {
  const KvLayout& layout = *task.layout;
  const auto page_of = [&](std::int64_t token) { return task.pages[token / layout.page_size]; };
  std::vector<double> weights(static_cast<std::size_t>(seen));
  double largest = -INFINITY;
  for (std::int64_t token = 0; token < seen; ++token) {
    const std::byte* keys = task.layer + layout.keys_offset(page_of(token), task.kv_head);
    const std::int64_t slot = token % layout.page_size;
    double score = 0;
    for (std::int64_t i = 0; i < layout.head_dim; ++i)
      score += double{q[i]} * double{element(keys, layout.is_half, i * layout.slots + slot)};
    weights[static_cast<std::size_t>(token)] = score * double{task.scale};
    largest = std::max(largest, weights[static_cast<std::size_t>(token)]);
  }
  double total = 0;
  for (double& weight : weights) total += weight = std::exp(weight - largest);
  std::vector<double> sums(static_cast<std::size_t>(layout.head_dim));
  for (std::int64_t token = 0; token < seen; ++token) {
    const std::byte* values = task.layer + layout.values_offset(page_of(token), task.kv_head);
    const std::int64_t first = token % layout.page_size * layout.padded_dim;
    for (std::size_t i = 0; i < sums.size(); ++i)
      sums[i] += weights[static_cast<std::size_t>(token)] *
                 double{element(values, layout.is_half, first + static_cast<std::int64_t>(i))};
  }
  for (std::size_t i = 0; i < sums.size(); ++i) out[i] = static_cast<float>(sums[i] / total);
}

struct Attend {
  template <int rows>
  static void run(const AttentionTask& task) {
    for (std::size_t row = 0; row < rows; ++row)
      attend_row(task, task.q[row], task.out[row], task.seen[row]);
  }
};

// --- one row at a time

void rms_norm(float* out, const float* x, const float* weight, std::int64_t cols, float eps) {
  double squares = 0;
  for (std::int64_t i = 0; i < cols; ++i) squares += double{x[i]} * double{x[i]};
  const double mean = squares / static_cast<double>(cols);
  const auto factor = static_cast<float>(1 / std::sqrt(mean + double{eps}));
  for (std::int64_t i = 0; i < cols; ++i) out[i] = x[i] * factor * weight[i];
}

void silu_mul(float* out, const float* gate, const float* up, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) out[i] = gate[i] / (1 + std::exp(-gate[i])) * up[i];
}

void add(float* x, const float* y, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) x[i] += y[i];
}

void rotate(float* head, const float* cosines, const float* sines, std::int64_t pairs,
            bool is_interleaved) {
  const std::int64_t step = is_interleaved ? 2 : 1;
  const std::int64_t distance = is_interleaved ? 1 : pairs;
  for (std::int64_t i = 0; i < pairs; ++i) {
    float& a = head[i * step];
    float& b = head[i * step + distance];
    const float rotated = a * cosines[i] - b * sines[i];
    b = b * cosines[i] + a * sines[i];
    a = rotated;
  }
}

void to_half(std::uint16_t* out, const float* x, std::int64_t count) {
  constexpr float kLargest = 65504;
  for (std::int64_t i = 0; i < count; ++i)
    out[i] = float_to_half(x[i] > kLargest ? kLargest : x[i] < -kLargest ? -kLargest : x[i]);
}

Kernels make_table() {
  Kernels table;
  table.name = "scalar";
  table.tallest_tile = kTallestTile;
  table.matmul = {{{f32_kernel<DType::f32>(), f32_kernel<DType::f32>()},
                   {f32_kernel<DType::f16>(), f32_kernel<DType::f16>()},
                   {f32_kernel<DType::bf16>(), f32_kernel<DType::bf16>()},
                   {q8_kernel<DType::q8_0>(), f32_kernel<DType::q8_0>()},
                   {q8_kernel<DType::q4_0>(), f32_kernel<DType::q4_0>()},
                   {q8_kernel<DType::q4_1>(), f32_kernel<DType::q4_1>()}}};
  table.pack = {pack_f32, nullptr, pack_q8};
  table.attention = functions_by_height<Attend, AttentionTask, kTallestTile>();
  table.rms_norm = rms_norm;
  table.silu_mul = silu_mul;
  table.add = add;
  table.rotate = rotate;
  table.to_half = to_half;
  return table;
}

}  // namespace

const Kernels& scalar_kernels() {
  static const Kernels table = make_table();
  return table;
}

}  // namespace conduit::kernels::cpu
