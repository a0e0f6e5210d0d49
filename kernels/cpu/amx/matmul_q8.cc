// Quantised weights times tokens rounded to 8 bits, for AMX.
// The idea: one instruction multiplies a block of 32 columns of 16 tokens with 16 outputs; the sums
// go through memory to the vector registers, where scales are put on as in avx512/matmul_q8.cc.
// Integer sums are exact and the float operations are the same in the same order, so a row's result
// does not tell which of the two computed it. The product of a block runs while the one before is
// scaled.
#include "kernels/cpu/amx/parts.h"
#include "kernels/cpu/amx/tile.h"
#include "kernels/cpu/avx512/vector.h"

namespace conduit::kernels::cpu::amx {

using namespace avx512;

#include "kernels/cpu/vectorised/quant_block.inc"
#include "kernels/cpu/vectorised/tile.inc"

namespace {

constexpr std::int64_t kLevelBytes = kBlock * kPanelRows;

constexpr std::int64_t unpacked_block_bytes(int groups, bool has_minimum) {
  return kLevelBytes + groups * kVectorBytes * (has_minimum ? 2 : 1);
}

CONDUIT_INLINE void store_floats(std::byte* at, Floats x) { _mm512_store_ps(at, x); }

// See UnpackedKernel.
template <DType dtype>
CONDUIT_TARGET void unpack(const std::byte* panel, std::int64_t cols, std::byte* out) {
  constexpr int kGroups = groups_per_block(dtype);
  constexpr bool kHasMinimum = form_of(dtype).has_minimum;
  const Ints zero_level = _mm512_set1_epi8(static_cast<char>(form_of(dtype).zero));
  for (std::int64_t block = 0; block < cols / kBlock; ++block) {
    const std::byte* values = values_of<dtype>(panel, block);
#pragma GCC unroll 8
    for (int i = 0; i < kVectors; ++i) {
      const Ints levels = _mm512_sub_epi8(load_levels<dtype>(values, i), zero_level);
      _mm512_store_si512(out + i * kVectorBytes, levels);
    }
    const Terms terms = load_terms<dtype>(panel, block, 0);
    std::byte* scales = out + kLevelBytes;
    for (int group = 0; group < kGroups; ++group) {
      store_floats(scales + group * kVectorBytes, terms.scales[group]);
      if constexpr (kHasMinimum)
        store_floats(scales + (kGroups + group) * kVectorBytes, terms.minima[group]);
    }
    out += unpacked_block_bytes(kGroups, kHasMinimum);
  }
}

// One tile of 16 gains what taking a panel apart costs, and a little; lower ones gain less.
constexpr std::int64_t kFromRows = 16;

CONDUIT_INLINE Floats broadcast_float(const std::byte* at) {
  return broadcast(*reinterpret_cast<const float*>(at));
}

// Registers 0 and 1 are sums, 2 and 3 tokens, 4 and 5 weights: one of each for a group.
template <int groups>
void open_tiles(int rows) {
  TileShapes shapes;
  for (int group = 0; group < groups; ++group) {
    shapes.set(group, rows, kVectorBytes);
    shapes.set(2 + group, rows, kBlock / groups);
    shapes.set(4 + group, kVectors / groups, kVectorBytes);
  }
  take_tiles(shapes);
}

void close_tiles() { give_tiles_back(); }

template <int groups, bool has_minimum, int rows>
struct Blocks {
  static constexpr std::int64_t kWeightBytes = unpacked_block_bytes(groups, has_minimum);
  static constexpr std::int64_t kTokenBytes = rows * kQ8RowBytes;
  template <int group>
  CONDUIT_INLINE static void multiply_group(const std::byte* weight, const std::byte* x,
                                            std::int32_t* dots) {
    clear<group>();
    read_tile<2 + group>(x + group * kBlock / groups, kBlock);
    read_tile<4 + group>(weight + group * kLevelBytes / groups, kVectorBytes);
    multiply_bytes<group, 2 + group, 4 + group>();
    write_tile<group>(dots + group * rows * kPanelRows, kVectorBytes);
  }
  CONDUIT_INLINE static void multiply(const std::byte* weight, const std::byte* x,
                                      std::int32_t* dots) {
    multiply_group<0>(weight, x, dots);
    if constexpr (groups == 2) multiply_group<1>(weight, x, dots);
  }

  CONDUIT_INLINE static Floats dot_of(const std::int32_t* dots, int group, int row) {
    return to_floats(_mm512_load_si512(dots + (group * rows + row) * kPanelRows));
  }

  CONDUIT_INLINE static void add(const std::byte* weight, const std::byte* x,
                                 const std::int32_t* dots, Floats* sums) {
    const auto* terms = reinterpret_cast<const float*>(weight + kLevelBytes);
    Floats scales[groups], minima[groups];
    for (int group = 0; group < groups; ++group) {
      scales[group] = load(terms + group * kPanelRows);
      if constexpr (has_minimum) minima[group] = load(terms + (groups + group) * kPanelRows);
    }
    const std::byte* numbers = x + rows * kBlock;
#pragma GCC unroll 16
    for (int row = 0; row < rows; ++row, numbers += 4) {
      const Floats scale = broadcast_float(numbers);
      const Floats first = dot_of(dots, 0, row);
      if constexpr (groups == 1) {
        sums[row] = fma(first, mul(scales[0], scale), sums[row]);
      } else {
        const Floats scaled = fma(dot_of(dots, 1, row), scales[1], mul(first, scales[0]));
        sums[row] = fma(scaled, scale, sums[row]);
      }
      if constexpr (has_minimum) {
        const Floats sum = broadcast_float(numbers + 2 * rows * 4);
        if constexpr (groups == 1) {
          sums[row] = fma(minima[0], sum, sums[row]);
        } else {
          const Floats first_sum = broadcast_float(numbers + 4 * rows * 4);
          sums[row] = fma(minima[0], first_sum, sums[row]);
          sums[row] = fma(minima[1], sub(sum, first_sum), sums[row]);
        }
      }
    }
  }
};

template <int groups, bool has_minimum>
struct Q8Tile {
  template <int rows>
  CONDUIT_TARGET static void run(const TileTask& task) {
    using Of = Blocks<groups, has_minimum, rows>;
    alignas(64) std::int32_t dots[2][groups * rows * kPanelRows];
    Floats sums[rows];
#pragma GCC unroll 16
    for (Floats& sum : sums) sum = zero();  // unrolled, or they are not kept in registers
    const std::byte* weight = task.weight;
    const std::byte* x = task.x;
    Of::multiply(weight, x, dots[0]);
    std::int64_t left = task.cols / kBlock;
    // Lines of the outputs of the tile that follows, if one does: a store that waits for its line
    // holds up all those behind it. A few at a time, as the loads need the same buffers.
    const float* next_out = task.out + rows * task.out_stride;
    int asked = 0;
    for (; left > 2; left -= 2) {
      for (int i = 0; i < 2 && asked < rows; ++i, ++asked, next_out += task.out_stride)
        __builtin_prefetch(next_out, 1);
      Of::multiply(weight + Of::kWeightBytes, x + Of::kTokenBytes, dots[1]);
      Of::add(weight, x, dots[0], sums);
      weight += 2 * Of::kWeightBytes;
      x += 2 * Of::kTokenBytes;
      Of::multiply(weight, x, dots[0]);
      Of::add(weight - Of::kWeightBytes, x - Of::kTokenBytes, dots[1], sums);
    }
    if (left == 2) Of::multiply(weight + Of::kWeightBytes, x + Of::kTokenBytes, dots[1]);
    Of::add(weight, x, dots[0], sums);
    if (left == 2) Of::add(weight + Of::kWeightBytes, x + Of::kTokenBytes, dots[1], sums);
#pragma GCC unroll 16
    for (int row = 0; row < rows; ++row) store_tile(task, row, 0, sums[row]);
  }
};

template <DType dtype>
UnpackedKernel kernel_of() {
  if constexpr (is_quantised(dtype) && panel_dtype(dtype) == dtype) {
    constexpr int kGroups = groups_per_block(dtype);
    constexpr bool kHasMinimum = form_of(dtype).has_minimum;
    return {kFromRows,
            unpacked_block_bytes(kGroups, kHasMinimum),
            unpack<dtype>,
            open_tiles<kGroups>,
            close_tiles,
            functions_by_height<Q8Tile<kGroups, kHasMinimum>, TileTask, amx::kTallestTile>()};
  } else {
    return {};
  }
}

template <std::size_t... i>
UnpackedKernel find_kernel(DType dtype, std::index_sequence<i...>) {
  constexpr UnpackedKernel (*kKernels[])() = {kernel_of<static_cast<DType>(i)>...};
  return kKernels[static_cast<std::size_t>(dtype)]();
}

}  // namespace

UnpackedKernel q8_kernel(DType dtype) {
  return find_kernel(dtype, std::make_index_sequence<kWeightDTypes>());
}

}  // namespace conduit::kernels::cpu::amx
