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

// Rows of an AMX tile. Other kernels' sums live in registers: of 32 AVX-512 registers, 12 rows x 2
// panels take 24.
inline constexpr int kMaxTileRows = 16;
// The heights a tile may have. A cut of n tokens takes the tallest that fits, again and again.
inline constexpr std::array<int, 8> kTileHeights = {16, 12, 8, 6, 4, 3, 2, 1};

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
//   bf16: [blocks of 32 cols][R][32], zeros beyond the last column
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

// Panels taken apart, once for all tiles that pass over them: what many tokens can afford. A panel
// becomes, per block of 32 columns: s8 levels less their zero, [8][16 lanes] of four columns each;
// f32 scales [groups of a block][16]; then minima likewise where the format has them
// (kernels/cpu/panels.h).
struct UnpackedKernel {
  std::int64_t from_rows = 0;  // so many tokens are worth it
  std::int64_t block_bytes = 0;
  void (*unpack)(const std::byte* panel, std::int64_t cols, std::byte* out) = nullptr;
  // Around a thread's calls of `tile` of one height: what costs too much for each.
  void (*open)(int rows) = nullptr;
  void (*close)() = nullptr;
  HeightFunctions<TileTask> tile{};
};

struct MatmulKernel {
  InputFormat input = InputFormat::f32;
  int panels = 1;   // at most so many per call
  int tallest = 1;  // tile
  HeightFunctions<TileTask> tile{};
  UnpackedKernel unpacked{};  // without an `unpack` where there is none
};

// --- attention: rows of query heads that share a kv head, over a span of their keys

// Rows of one task at most. A step of keys passes over all of them while it is in a core's cache;
// their sums stay there too.
inline constexpr int kMaxAttentionRows = 96;
constexpr int attention_rows(std::int64_t value_dim) {
  return value_dim <= 64 ? kMaxAttentionRows : value_dim <= 256 ? 48 : 32;
}
// Of a row's state: its sums [value_dim], the largest score, the total of the weights; padded.
constexpr std::int64_t state_floats(std::int64_t value_dim) { return value_dim + 16; }
inline constexpr std::int64_t kMaxStateFloats = 32 * state_floats(kMaxHeadDim);
// The largest score of a row that has seen no key, far below any score; a key a row must not see
// has a score below that, so that its weight is 0 whatever the row has seen.
inline constexpr float kNoScore = -1e29f;
inline constexpr float kNeverScore = -1e30f;

struct AttentionRow {
  const float* q = nullptr;  // [head_dim]; pack_q() alone reads it
  // The tokens [from, until) it sees: at least one.
  std::int64_t from = 0;
  std::int64_t until = 0;
};

struct AttentionTask {
  const KvLayout* layout = nullptr;
  const std::byte* layer = nullptr;     // the layer's pages
  const std::int32_t* pages = nullptr;  // the sequence's block table
  std::int64_t kv_head = 0;
  float scale = 0;    // of q·k
  float softcap = 0;  // see AttentionMask
  // The span: pages [first_page, last_page) of the block table.
  std::int64_t first_page = 0;
  std::int64_t last_page = 0;
  const AttentionRow* row = nullptr;  // [rows]; neither from nor until falls from row to row
  int rows = 0;                       // at most attention_rows()
  // The rows' queries, as the kernel multiplies them: pack_q() fills it, attend() reads it. Room
  // for as many floats as `states`.
  float* q = nullptr;
  // What the span gives each row: Σ e^(score - largest) * value, the largest and the total of those
  // weights. Room for a multiple of 16 rows: those beyond `rows` are scratch.
  float* states = nullptr;  // [rows, state_floats()]
};

struct AttentionKernel {
  void (*pack_q)(const AttentionTask& task) = nullptr;  // null where there is no such kernel
  void (*attend)(const AttentionTask& task) = nullptr;
};

// --- one row at a time

// out = f(x) * up, or f(x) where `up` is null; out may be x.
using ActivationKernel = void (*)(float* out, const float* x, const float* up, std::int64_t count);
inline constexpr int kActivations = 4;

struct Kernels {
  std::string_view name;

  int tallest_tile = 1;  // of matmul
  // [panel_dtype][Precision]; empty where a dtype has no panels of its own
  std::array<std::array<MatmulKernel, 2>, kWeightDTypes> matmul{};
  // Packs `rows` rows, `stride` floats apart, into a tile.
  std::array<void (*)(const float* x, std::int64_t stride, int rows, std::int64_t cols,
                      std::byte* tile),
             kInputFormats>
      pack{};
  std::array<AttentionKernel, kKvFormats> attention{};  // [KvFormat]
  // Merges what the next span gave a row into the states of those before it.
  void (*merge_states)(float* state, const float* next, std::int64_t value_dim);
  // out = sums / total
  void (*finish_state)(float* out, const float* state, std::int64_t head_dim,
                       std::int64_t value_dim);

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
  // [KvFormat]: float32 → what pages hold, always finite: beyond the range is its largest value.
  std::array<void (*)(void* out, const float* x, std::int64_t count), kKvFormats> to_kv{};

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
const Kernels& amx_kernels();

}  // namespace conduit::kernels::cpu
