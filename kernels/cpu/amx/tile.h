// The words of AMX: eight registers of up to 16 rows of 64 bytes.
// The idea: own assembly instead of the compiler's intrinsics, which in GCC 12 do not say that they
// read memory, so that stores before them may come too late.
#pragma once

#include <cstddef>
#include <cstdint>

namespace conduit::kernels::cpu::amx {

#define CONDUIT_TILE __attribute__((always_inline)) inline

// What `ldtilecfg` reads. Registers of no rows are not in use.
struct alignas(64) TileShapes {
  void set(int tile, int tile_rows, int tile_row_bytes) {
    rows[tile] = static_cast<std::uint8_t>(tile_rows);
    row_bytes[tile] = static_cast<std::uint16_t>(tile_row_bytes);
  }

  std::uint8_t palette = 1;
  std::uint8_t start_row = 0;
  std::uint8_t reserved[14] = {};
  std::uint16_t row_bytes[16] = {};
  std::uint8_t rows[16] = {};
};
static_assert(sizeof(TileShapes) == 64);

CONDUIT_TILE void take_tiles(const TileShapes& shapes) {
  asm volatile("ldtilecfg %0" : : "m"(shapes) : "memory");
}
// The system need not save the registers any more.
CONDUIT_TILE void give_tiles_back() { asm volatile("tilerelease" : : : "memory"); }

// In use while it lives.
class TilesInUse {
 public:
  CONDUIT_TILE explicit TilesInUse(const TileShapes& shapes) { take_tiles(shapes); }
  CONDUIT_TILE ~TilesInUse() { give_tiles_back(); }
  TilesInUse(const TilesInUse&) = delete;
  TilesInUse& operator=(const TilesInUse&) = delete;
};

template <int tile>
CONDUIT_TILE void clear() {
  asm volatile("tilezero %%tmm%c0" : : "i"(tile));
}
// stride: bytes from one row to the next.
template <int tile>
CONDUIT_TILE void read_tile(const void* at, std::int64_t stride) {
  asm volatile("tileloadd (%0,%1,1), %%tmm%c2" : : "r"(at), "r"(stride), "i"(tile) : "memory");
}
template <int tile>
CONDUIT_TILE void write_tile(void* at, std::int64_t stride) {
  asm volatile("tilestored %%tmm%c2, (%0,%1,1)" : : "r"(at), "r"(stride), "i"(tile) : "memory");
}
// sums [rows][16] += tokens [rows][k] · weights [k / 4][16][4]; both signed bytes, sums 32 bits.
template <int sums, int tokens, int weights>
CONDUIT_TILE void multiply_bytes() {
  asm volatile("tdpbssd %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(sums), "i"(tokens), "i"(weights));
}
// sums [rows][16] += tokens [rows][k] · weights [k / 2][16][2]; both bf16, sums float32.
template <int sums, int tokens, int weights>
CONDUIT_TILE void multiply_bf16() {
  asm volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(sums), "i"(tokens), "i"(weights));
}

}  // namespace conduit::kernels::cpu::amx
