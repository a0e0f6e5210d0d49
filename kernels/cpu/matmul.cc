// Tiles, panels, slices.
#include "kernels/cpu/matmul.h"

#include <algorithm>

namespace conduit::kernels::cpu {
namespace {

// Slices per thread and call: few, as each costs a fork's bookkeeping; several, so that a thread
// that was taken away for a moment does not hold up the others.
constexpr std::int64_t kSlicesPerThread = 4;
// Tokens below which packing is not worth a fork of its own.
constexpr std::int64_t kForkFrom = 16;
// Packed tokens that stay in a core's L2 cache (1 MiB on Zen 4, 2 MiB on Sapphire Rapids, at least
// 512 KiB before) while all panels of a slice pass over them.
constexpr std::int64_t kInputInCache = 384 << 10;

const MatmulKernel& kernel_of(const Kernels& kernels, const Matrix& matrix) {
  return kernels.matmul_for(matrix.dtype, static_cast<Precision>(matrix.layout));
}

// Of this thread: no two slices of one thread run at a time. 64 bytes aligned.
std::byte* unpacked_panel(std::int64_t bytes) {
  struct alignas(64) Line {
    std::byte bytes[64];
  };
  thread_local std::vector<Line> lines;
  const auto count = static_cast<std::size_t>(bytes) / sizeof(Line);
  if (lines.size() < count) lines.resize(count);
  return lines.data()->bytes;
}

// Asks for the lines of the next tile's outputs: a store that waits for its line holds up all those
// behind it.
void fetch_output(const float* out, const TileTask& task, int rows) {
  for (int row = 0; row < rows; ++row, out += task.out_stride)
    for (int panel = 0; panel < task.panels; ++panel)
      __builtin_prefetch(out + panel * kPanelRows, 1);
}

// Asks for what the next panel's unpacking reads while this one's product keeps a core busy.
void fetch(const std::byte* at, std::int64_t bytes) {
  for (std::int64_t i = 0; i < bytes; i += 64) __builtin_prefetch(at + i, 0, 2);
}

}  // namespace

std::int64_t input_row_bytes(InputFormat format, std::int64_t cols) {
  switch (format) {
    case InputFormat::f32: return cols * 4;
    case InputFormat::bf16: return (cols + kBlock - 1) / kBlock * kBlock * 2;
    case InputFormat::q8: return cols / kBlock * kQ8RowBytes;
  }
  return 0;
}

void Matmul::multiply(std::span<const Product> products, Tensor x, bool is_added) {
  int tallest = kMaxTileRows;
  for (const Product& product : products)
    tallest = std::min(tallest, kernel_of(kernels_, *product.weight).tallest);
  cut_tokens(x.rows, tallest);
  std::array<bool, kInputFormats> is_packed{};
  for (const Product& product : products) {
    const InputFormat format = kernel_of(kernels_, *product.weight).input;
    if (bool& done = is_packed[static_cast<std::size_t>(format)]; !done) {
      pack_input(format, x);
      done = true;
    }
  }
  cut_panels(products);
  pool_.run(static_cast<std::uint32_t>(slices_.size()),
            [&](std::uint32_t i) { multiply_slice(slices_[i], x.cols, is_added); });
}

void Matmul::cut_tokens(std::int64_t tokens, int tallest) {
  tiles_.clear();
  for (std::int64_t row = 0; row < tokens;) {
    const auto height = *std::find_if(kTileHeights.begin(), kTileHeights.end(), [&](int rows) {
      return rows <= tallest && rows <= tokens - row;
    });
    tiles_.push_back({row, height});
    row += height;
  }
}

void Matmul::pack_input(InputFormat format, Tensor x) {
  const auto index = static_cast<std::size_t>(format);
  const std::int64_t row_bytes = input_row_bytes(format, x.cols);
  std::vector<std::byte>& packed = input_[index];
  packed.resize(std::max(packed.size(), static_cast<std::size_t>(row_bytes * x.rows)));
  const auto pack_tile = [&](std::uint32_t i) {
    const Tile& tile = tiles_[i];
    kernels_.pack[index](x.row(tile.row), x.cols, tile.rows, x.cols,
                         packed.data() + tile.row * row_bytes);
  };
  const auto count = static_cast<std::uint32_t>(tiles_.size());
  if (x.rows >= kForkFrom) return pool_.run(count, pack_tile);
  for (std::uint32_t i = 0; i < count; ++i) pack_tile(i);
}

void Matmul::cut_panels(std::span<const Product> products) {
  std::int64_t all = 0;
  for (const Product& product : products) all += panel_count(product.weight->rows);
  const std::int64_t wanted = pool_.threads() == 1 ? 1 : pool_.threads() * kSlicesPerThread;
  slices_.clear();
  for (const Product& product : products) {
    const std::int64_t together = kernel_of(kernels_, *product.weight).panels;
    const std::int64_t step = (all / wanted + together) / together * together;
    const std::int64_t count = panel_count(product.weight->rows);
    for (std::int64_t panel = 0; panel < count; panel += step)
      slices_.push_back({&product, panel, std::min(step, count - panel)});
  }
}

void Matmul::multiply_slice(const Slice& slice, std::int64_t cols, bool is_added) const {
  const Matrix& weight = *slice.product->weight;
  const MatmulKernel& kernel = kernel_of(kernels_, weight);
  const std::int64_t row_bytes = input_row_bytes(kernel.input, cols);
  const std::int64_t rows_in_cache = std::max<std::int64_t>(kInputInCache / row_bytes, 1);

  TileTask task;
  task.dtype = panel_dtype(weight.dtype);
  task.panel_bytes = panel_bytes(weight.dtype, cols);
  task.cols = cols;
  task.out_stride = weight.rows;
  task.is_added = is_added;
  const std::int64_t end = slice.first_panel + slice.panels;
  for (auto first = tiles_.begin(); first != tiles_.end();) {
    const auto last = std::find_if(first + 1, tiles_.end(), [&](const Tile& tile) {
      return tile.row + tile.rows > first->row + rows_in_cache;
    });
    for (std::int64_t panel = slice.first_panel; panel < end; panel += kernel.panels) {
      task.weight = weight.storage.data + panel * task.panel_bytes;
      task.panels = static_cast<int>(std::min<std::int64_t>(kernel.panels, end - panel));
      task.out_cols = weight.rows - panel * kPanelRows;
      multiply_tiles(kernel, {first, last}, task, slice.product->out.row(0) + panel * kPanelRows);
    }
    first = last;
  }
}

void Matmul::multiply_tiles(const MatmulKernel& kernel, std::span<const Tile> tiles, TileTask task,
                            float* out) const {
  const std::byte* input = input_[static_cast<std::size_t>(kernel.input)].data();
  const std::int64_t row_bytes = input_row_bytes(kernel.input, task.cols);
  const std::int64_t rows = tiles.back().row + tiles.back().rows - tiles.front().row;
  const bool is_unpacked = kernel.unpacked.unpack != nullptr && rows >= kernel.unpacked.from_rows;
  const std::byte* next_panel = task.weight + task.panel_bytes;
  if (is_unpacked) {
    std::byte* unpacked = unpacked_panel(task.cols / kBlock * kernel.unpacked.block_bytes);
    kernel.unpacked.unpack(task.weight, task.cols, unpacked);
    task.weight = unpacked;
  }
  const std::int64_t share = task.panel_bytes / static_cast<std::int64_t>(tiles.size()) + 1;
  const auto& functions = is_unpacked ? kernel.unpacked.tile : kernel.tile;
  int open_rows = 0;
  for (std::size_t i = 0; i < tiles.size(); ++i) {
    const Tile& tile = tiles[i];
    task.x = input + tile.row * row_bytes;
    task.out = out + tile.row * task.out_stride;
    if (is_unpacked) {
      fetch(next_panel, share);
      next_panel += share;
      if (tile.rows != open_rows) kernel.unpacked.open(open_rows = tile.rows);
    } else if (i + 1 < tiles.size()) {
      fetch_output(task.out + tile.rows * task.out_stride, task, tiles[i + 1].rows);
    }
    functions[static_cast<std::size_t>(tile.rows)](task);
  }
  if (is_unpacked) kernel.unpacked.close();
}

}  // namespace conduit::kernels::cpu
