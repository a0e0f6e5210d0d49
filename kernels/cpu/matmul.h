// Matmul: cuts a matrix product into tiles and panels, and hands them to the threads.
// The idea: the tokens are packed once (rounded to 8 bits where the weights are quantised and the
// caller wants it fast) and shared by all matrices of the call; then one fork and join covers the
// panels of all of them. One token and a thousand take the same path, only the tiles' heights
// differ. Not here: the arithmetic (kernels.h).
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "kernels/cpu/kernels.h"
#include "kernels/cpu/thread_pool.h"
#include "kernels/device.h"

namespace conduit::kernels::cpu {

class Matmul {
 public:
  Matmul(const Kernels& kernels, ThreadPool& pool) : kernels_(kernels), pool_(pool) {}

  // products[i].out = x · weightᵀ, or += where is_added.
  void multiply(std::span<const Product> products, Tensor x, bool is_added);

 private:
  struct Tile {
    std::int64_t row = 0;  // its first token
    int rows = 0;
  };
  struct Slice {  // of one product's panels
    const Product* product = nullptr;
    std::int64_t first_panel = 0;
    std::int64_t panels = 0;
  };

  void cut_tokens(std::int64_t tokens, int tallest);
  void pack_input(InputFormat format, Tensor x);
  void cut_panels(std::span<const Product> products);
  void multiply_slice(const Slice& slice, std::int64_t cols, bool is_added) const;
  // The panels of `task` times `tiles`; out: their first output, of the first token of all.
  void multiply_tiles(const MatmulKernel& kernel, std::span<const Tile> tiles, TileTask task,
                      float* out) const;

  const Kernels& kernels_;
  ThreadPool& pool_;
  // Kept from call to call, so that a step allocates nothing once it has seen its largest batch.
  std::vector<Tile> tiles_;
  std::vector<Slice> slices_;
  std::array<std::vector<std::byte>, kInputFormats> input_;  // tile after tile
};

}  // namespace conduit::kernels::cpu
