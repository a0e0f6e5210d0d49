// Kernels: what an instruction set provides, as a table of functions; one table each for scalar
// code, AVX2 and AVX-512.
// The idea: a kernel knows shapes and pointers of one piece of work and nothing of threads,
// devices or the other instruction sets; matmul.cc, attention.cc and cpu_device.cc cut the work
// and call the table. Every function computes a row the same way whatever rows stand beside it,
// so a request's result does not depend on its batch.
// Files of kernels compile for their instruction set by function attributes, not by a compiler
// flag: the linker keeps one copy of an inline function, and a copy with AVX-512 in it would end
// the program on another CPU.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>
#include <utility>

#include "kernels/cpu/kv_layout.h"
#include "kernels/cpu/panels.h"
#include "kernels/device.h"

namespace conduit::kernels::cpu {

// --- matrix product: tiles of a few tokens times panels of 16 outputs

// Accumulators of a tile live in registers: of 32 AVX-512 registers, 12 rows x 2 panels take 24.
inline constexpr int kMaxTileRows = 12;
// The heights a tile may have. A cut of n tokens takes the tallest that fits, again and again.
inline constexpr std::array<int, 7> kTileHeights = {12, 8, 6, 4, 3, 2, 1};

// One function per height; null for a height that kTileHeights lacks, or that is too tall for the
// instruction set.
template <class Task>
using HeightFunctions = std::array<void (*)(const Task& task), kMaxTileRows + 1>;

// Family::run<rows> for every height up to `tallest`.
template <class Family, class Task, int tallest>
HeightFunctions<Task> functions_by_height() {
  HeightFunctions<Task> functions{};
  const auto set = [&]<std::size_t i>(std::integral_constant<std::size_t, i>) {
    constexpr int kRows = kTileHeights[i];
    if constexpr (kRows <= tallest) functions[kRows] = Family::template run<kRows>;
  };
  [&]<std::size_t... i>(std::index_sequence<i...>) {
    (set(std::integral_constant<std::size_t, i>()), ...);
  }
  (std::make_index_sequence<kTileHeights.size()>());
  return functions;
}

// What a product reads its tokens as. Layouts of a tile of R rows:
//   f32:  [cols][R]
//   bf16: [pairs of cols][R][2], an odd last column paired with zero
//   q8:   per 32 columns, with scale d = largest |x| / 127 of a row's block and sum = that of its
//         s8:
//         s8 [R][32], f32 d[R], s32 -8 * sum[R], f32 d * sum[R], then the last two again of the
//         first 16 columns alone
enum class InputFormat : std::uint8_t { f32, bf16, q8 };
inline constexpr int kInputFormats = 3;
constexpr std::int64_t kQ8RowBytes = kBlock + 20;  // of one row in one block

std::int64_t input_row_bytes(InputFormat format, std::int64_t cols);

struct TileTask {
  DType dtype = DType::f32;           // a panel_dtype
  const std::byte* weight = nullptr;  // the first panel
  std::int64_t panel_bytes = 0;       // from one panel to the next
  int panels = 0;
  std::int64_t cols = 0;         // of the weight: length of the dot products
  const std::byte* x = nullptr;  // the packed tile
  float* out = nullptr;          // the first panel's first output, of the tile's first row
  std::int64_t out_stride = 0;   // floats from one row to the next
  std::int64_t out_cols = 0;     // outputs there are: the last panel may have fewer than 16
  bool is_added = false;         // to what `out` holds
};

struct MatmulKernel {
  InputFormat input = InputFormat::f32;
  int panels = 1;  // at most so many per call
  HeightFunctions<TileTask> tile{};
};

// --- attention: rows of query heads that share a kv head

struct AttentionTask {
  const KvLayout* layout = nullptr;
  const std::byte* layer = nullptr;     // the layer's pages
  const std::int32_t* pages = nullptr;  // the sequence's block table
  std::int64_t kv_head = 0;
  float scale = 0;                             // of q·k
  float softcap = 0;                           // see AttentionMask
  std::array<const float*, kMaxTileRows> q{};  // each [head_dim]
  std::array<float*, kMaxTileRows> out{};      // each [head_dim]
  // The tokens [from, until) each row attends to: at least one; neither falls from row to row.
  std::array<std::int64_t, kMaxTileRows> from{};
  std::array<std::int64_t, kMaxTileRows> until{};
};

// --- one row at a time

// out = f(x) * up, or f(x) where `up` is null; out may be x.
using ActivationKernel = void (*)(float* out, const float* x, const float* up, std::int64_t count);
inline constexpr int kActivations = 4;

struct Kernels {
  std::string_view name;

  int tallest_tile = 1;  // of matmul and attention
  // [panel_dtype][Precision]; empty where a dtype has no panels of its own
  std::array<std::array<MatmulKernel, 2>, kWeightDTypes> matmul{};
  // Packs `rows` rows, `stride` floats apart, into a tile.
  std::array<void (*)(const float* x, std::int64_t stride, int rows, std::int64_t cols,
                      std::byte* tile),
             kInputFormats>
      pack{};
  HeightFunctions<AttentionTask> attention{};

  // out = x / sqrt(mean(x²) + eps) * weight; out may be x.
  void (*rms_norm)(float* out, const float* x, const float* weight, std::int64_t cols, float eps);
  // out = (x - mean) / sqrt(variance + eps) * weight + bias; out may be x.
  void (*layer_norm)(float* out, const float* x, const float* weight, const float* bias,
                     std::int64_t cols, float eps);
  std::array<ActivationKernel, kActivations> activation{};                  // [Activation]
  void (*add)(float* x, const float* y, float factor, std::int64_t count);  // x += factor * y
  void (*scale)(float* x, float factor, std::int64_t count);                // x *= factor
  void (*softcap)(float* x, float cap, std::int64_t count);  // x = cap * tanh(x / cap)
  // Rotates the pairs of one head by the angles given: (2 i, 2 i + 1), or (i, i + pairs).
  void (*rotate)(float* head, const float* cosines, const float* sines, std::int64_t pairs,
                 bool is_interleaved);
  // float32 → f16; what is beyond f16's range becomes its largest value.
  void (*to_half)(std::uint16_t* out, const float* x, std::int64_t count);

  ActivationKernel activation_for(Activation f) const {
    return activation[static_cast<std::size_t>(f)];
  }
  const MatmulKernel& matmul_for(DType dtype, Precision precision) const {
    return matmul[static_cast<std::size_t>(panel_dtype(dtype))]
                 [static_cast<std::size_t>(precision)];
  }
};

const Kernels& scalar_kernels();
const Kernels& avx2_kernels();
const Kernels& avx512_kernels();       // without bf16 products
const Kernels& avx512_bf16_kernels();  // the same with them

}  // namespace conduit::kernels::cpu
