// Attention over bf16 pages for AMX: kernels/cpu/vectorised/attention.inc with the products of a
// step as 16 rows by 16 slots or elements, 32 summands at a time. The softmax between them is
// AVX-512's.
#include <algorithm>
#include <array>
#include <utility>

#include "kernels/cpu/amx/parts.h"
#include "kernels/cpu/amx/tile.h"
#include "kernels/cpu/avx512/vector.h"

// All of attention.inc is compiled for BF16 here.
#undef CONDUIT_TARGET
#define CONDUIT_TARGET                                                      \
  __attribute__((                                                           \
      target("avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni," \
             "avx512bf16")))

namespace conduit::kernels::cpu::amx {
namespace {

using namespace avx512;  // its words

#include "kernels/cpu/vectorised/attention.inc"
// Behind it.
#include "kernels/cpu/avx512/bf16_format.inc"

constexpr int kTileRows = 16;
constexpr int kTileLanes = 16;  // of 32 bits: a row
constexpr std::int64_t kPairBytes = 4;

// Registers 0 to 3 hold sums, 4 queries or weights, 5 and 6 keys or values, 7 what rounding the
// queries left.
template <int tile>
CONDUIT_INLINE void multiply(const std::byte* lanes, std::int64_t stride) {
  read_tile<5 + tile % 2>(lanes, stride * kPairBytes);
  multiply_bf16<tile, 4, 5 + tile % 2>();
}
template <int tile>
CONDUIT_INLINE void multiply_queries(const std::byte* keys, std::int64_t stride) {
  multiply<tile>(keys, stride);
  multiply_bf16<tile, 7, 5 + tile % 2>();
}

// Scores of kSlotGroup slots. q: [kTileRows][key_dim].
CONDUIT_INLINE void score_piece(const Piece& piece, const float* q, std::int64_t pairs,
                                float* weights) {
  clear<0>();
  clear<1>();
  for (std::int64_t i = 0; i < pairs; i += kTileLanes) {
    const std::byte* keys = piece.keys + i * piece.key_stride * kPairBytes;
    read_tile<4>(q + i, pairs * kPairBytes);
    read_tile<7>(q + kTileRows * pairs + i, pairs * kPairBytes);
    multiply_queries<0>(keys, piece.key_stride);
    multiply_queries<1>(keys + kTileLanes * kPairBytes, piece.key_stride);
  }
  write_tile<0>(weights, kStep * sizeof(float));
  write_tile<1>(weights + kTileLanes, kStep * sizeof(float));
}

// Both pieces of a whole step at once: the queries are read once.
CONDUIT_INLINE void score_step(const Step& step, const float* q, std::int64_t pairs,
                               float* weights) {
  clear<0>();
  clear<1>();
  clear<2>();
  clear<3>();
  const std::int64_t stride = step.pieces[0].key_stride;
  for (std::int64_t i = 0; i < pairs; i += kTileLanes) {
    const std::byte* first = step.pieces[0].keys + i * stride * kPairBytes;
    const std::byte* second = step.pieces[1].keys + i * stride * kPairBytes;
    read_tile<4>(q + i, pairs * kPairBytes);
    read_tile<7>(q + kTileRows * pairs + i, pairs * kPairBytes);
    multiply_queries<0>(first, stride);
    multiply_queries<1>(first + kTileLanes * kPairBytes, stride);
    multiply_queries<2>(second, stride);
    multiply_queries<3>(second + kTileLanes * kPairBytes, stride);
  }
  write_tile<0>(weights, kStep * sizeof(float));
  write_tile<1>(weights + kTileLanes, kStep * sizeof(float));
  write_tile<2>(weights + 2 * kTileLanes, kStep * sizeof(float));
  write_tile<3>(weights + 3 * kTileLanes, kStep * sizeof(float));
}

// The `tile`th 16 elements of 16 rows' sums.
template <int tile>
CONDUIT_INLINE void read_sums(const float* sums, std::int64_t stride) {
  read_tile<tile>(sums + tile * kTileLanes, stride * static_cast<std::int64_t>(sizeof(float)));
}
template <int tile>
CONDUIT_INLINE void write_sums(float* sums, std::int64_t stride) {
  write_tile<tile>(sums + tile * kTileLanes, stride * static_cast<std::int64_t>(sizeof(float)));
}

// Adds the weighted values of a step to elements [first, first + sizeof...(i) * 16).
template <int... i>
CONDUIT_INLINE void accumulate_tiles(const TileStep& tile, std::int64_t first,
                                     std::integer_sequence<int, i...>) {
  const std::int64_t value_dim = tile.task->layout->value_dim;
  const std::int64_t stride = state_floats(value_dim);
  float* sums = tile.task->states + tile.first * stride + first;
  (read_sums<i>(sums, stride), ...);
  for (int p = 0; p < tile.step->count; ++p) {
    const std::byte* values = tile.step->pieces[p].values + first * kPairBytes;
    read_tile<4>(tile.state->weights[0] + p * kSlotGroup / 2, kStep * sizeof(float));
    (multiply<i>(values + i * kTileLanes * kPairBytes, value_dim), ...);
  }
  (write_sums<i>(sums, stride), ...);
}

struct AmxTiles {
  static int height(int rows) { return rows < kTileRows ? rows : kTileRows; }

  // [2][kTileRows][key_dim], scaled: rounded, and the rest; rows that are not there are zero.
  CONDUIT_TARGET static void put_q(const AttentionTask& task, int first, int rows) {
    const std::int64_t pairs = task.layout->key_dim / 2;
    float* q = task.q + first * 2 * pairs;
    for (std::int64_t i = 0; i < 2 * kTileRows * pairs; i += kLanes) store(q + i, zero());
    for (int row = 0; row < rows; ++row)
      PairFormat::put_row(task, first + row, q + row * pairs, q + (kTileRows + row) * pairs);
  }

  CONDUIT_TARGET static void run(const TileStep& tile, int rows) {
    const KvLayout& layout = *tile.task->layout;
    const std::int64_t pairs = layout.key_dim / 2;
    const float* q = tile.task->q + tile.first * 2 * pairs;
    if (tile.step->count == kPieces) {
      score_step(*tile.step, q, pairs, tile.state->weights[0]);
    } else {
      score_piece(tile.step->pieces[0], q, pairs, tile.state->weights[0]);
    }
    for (int row = 0; row < rows; ++row) weigh<PairFormat>(tile, row);
    std::int64_t i = 0;
    for (; i + 4 * kTileLanes <= layout.value_dim; i += 4 * kTileLanes)

      accumulate_tiles(tile, i, std::make_integer_sequence<int, 4>());
    for (; i < layout.value_dim; i += kTileLanes)
      accumulate_tiles(tile, i, std::make_integer_sequence<int, 1>());
  }
};

TileShapes tile_shapes() {
  TileShapes shapes;
  for (int tile = 0; tile < 8; ++tile) shapes.set(tile, kTileRows, kTileLanes * kPairBytes);
  return shapes;
}

CONDUIT_TARGET void attend_with_tiles(const AttentionTask& task) {
  static const TileShapes kShapes = tile_shapes();
  const TilesInUse tiles(kShapes);
  attend<AmxTiles, false>(task);
}

}  // namespace

AttentionKernel bf16_attention() { return {pack_q<AmxTiles>, attend_with_tiles}; }

}  // namespace conduit::kernels::cpu::amx
