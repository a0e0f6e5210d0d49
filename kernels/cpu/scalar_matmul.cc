// The scalar reference of matrix products.
// The idea: as scalar_kernels.cc, the shortest text that says what is meant, sums in double. A
// weight's row is taken out of its panel, so one function serves every dtype.
#include "kernels/cpu/scalar_matmul.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "kernels/dequantise.h"

namespace conduit::kernels::cpu::scalar {
namespace {

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
      std::int32_t sums[2] = {};
      for (int i = 0; i < kBlock; ++i) {
        const auto rounded = static_cast<std::int8_t>(std::lrint(values[i] * inverse));
        store(tile + row * kBlock + i, rounded);
        sums[i / (kBlock / 2)] += rounded;
      }
      const std::int32_t sum = sums[0] + sums[1];
      store(scales + row * 4, scale);
      store(scales + (rows + row) * 4, -8 * sum);
      store(scales + (2 * rows + row) * 4, scale * static_cast<float>(sum));
      store(scales + (3 * rows + row) * 4, -8 * sums[0]);
      store(scales + (4 * rows + row) * 4, scale * static_cast<float>(sums[0]));
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
struct F32Tile {
  template <int rows>
  static void run(const TileTask& task) {
    Matrix panel{kPanelRows, task.cols, task.dtype, 0, {}};
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
};

// One block of one output times one token rounded to 8 bits: an integer sum per scale.
double block_product(DType dtype, const PanelBlock& weight, const std::byte* x,
                     double token_scale) {
  constexpr int kHalf = kBlock / 2;
  double product = 0;
  for (int half = 0; half < 2; ++half) {
    std::int32_t dot = 0, sum = 0;
    for (int i = half * kHalf; i < (half + 1) * kHalf; ++i) {
      const int token = blocks::load<std::int8_t>(x + i);
      dot += level(dtype, weight.q[static_cast<std::size_t>(i)]) * token;
      sum += token;
    }
    const QuantTerms& terms = weight.terms[static_cast<std::size_t>(half)];
    product += token_scale * (double{terms.scale} * dot + double{terms.minimum} * sum);
  }
  return product;
}

// Quantised weights times tokens rounded to 8 bits.
struct Q8Tile {
  template <int rows>
  static void run(const TileTask& task) {
    for (int p = 0; p < task.panels; ++p) {
      const std::byte* panel = task.weight + p * task.panel_bytes;
      for (int lane = 0; lane < kPanelRows; ++lane) {
        double sums[rows] = {};
        for (std::int64_t block = 0; block < task.cols / kBlock; ++block) {
          const PanelBlock weight = read_panel_block(task.dtype, panel, block, lane);
          const std::byte* x = task.x + block * rows * kQ8RowBytes;
          for (int row = 0; row < rows; ++row)
            sums[row] += block_product(task.dtype, weight, x + row * kBlock,
                                       double{blocks::load<float>(x + rows * kBlock + row * 4)});
        }
        for (int row = 0; row < rows; ++row) store_result(task, p, lane, row, sums[row]);
      }
    }
  }
};

}  // namespace

void fill_matmul(Kernels& table) {
  const MatmulKernel f32 = {InputFormat::f32, 1, kTallestTile,
                            functions_by_height<F32Tile, TileTask, kTallestTile>()};
  const MatmulKernel q8 = {InputFormat::q8, 1, kTallestTile,
                           functions_by_height<Q8Tile, TileTask, kTallestTile>()};
  for (std::size_t i = 0; i < table.matmul.size(); ++i)
    table.matmul[i] = {is_quantised(static_cast<DType>(i)) ? q8 : f32, f32};
  table.pack = {pack_f32, nullptr, pack_q8};
}

}  // namespace conduit::kernels::cpu::scalar
