// Blocks of rows, and writing pages.
#include "kernels/cpu/attention.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace conduit::kernels::cpu {
namespace {

// Blocks per thread below which rows are cut finer, though their keys are then read more often.
constexpr std::int64_t kBlocksPerThread = 2;
// Tokens below which writing pages is not worth a fork.
constexpr std::int64_t kForkFrom = 16;

// One token's keys and values of all heads, into slot `slot` of a page.
void write_slot(const Kernels& kernels, const KvLayout& layout, std::byte* layer, std::int64_t page,
                std::int64_t slot, const float* k, const float* v) {
  const std::int64_t size = layout.element_bytes();
  for (int head = 0; head < layout.kv_heads; ++head) {
    const float* key = k + head * layout.head_dim;
    const float* value = v + head * layout.head_dim;
    std::byte* keys = layer + layout.keys_offset(page, head) + slot * size;
    std::byte* values = layer + layout.values_offset(page, head) + slot * layout.padded_dim * size;
    if (layout.is_half) {
      std::array<std::uint16_t, kMaxHeadDim> half;
      kernels.to_half(reinterpret_cast<std::uint16_t*>(values), value, layout.head_dim);
      kernels.to_half(half.data(), key, layout.head_dim);
      for (std::int64_t i = 0; i < layout.head_dim; ++i)
        std::memcpy(keys + i * layout.slots * 2, &half[static_cast<std::size_t>(i)], 2);
    } else {
      std::memcpy(values, value, static_cast<std::size_t>(layout.head_dim) * 4);
      for (std::int64_t i = 0; i < layout.head_dim; ++i)
        std::memcpy(keys + i * layout.slots * 4, key + i, 4);
    }
  }
}

std::byte* layer_of(const KvPages& kv, const KvLayout& layout, int layer) {
  return kv.storage.data + layer * kv.pages * layout.page_bytes();
}

}  // namespace

void Attention::append(KvPages& kv, int layer, Tensor k, Tensor v,
                       std::span<const SequenceRows> sequences) const {
  const KvLayout layout(kv);
  std::byte* pages = layer_of(kv, layout, layer);
  for (const SequenceRows& sequence : sequences) {
    const auto write = [&](std::uint32_t i) {
      const std::int64_t token = sequence.context + i;
      const auto page = sequence.pages[static_cast<std::size_t>(token / layout.page_size)];
      const std::int64_t row = sequence.first_row + i;
      write_slot(kernels_, layout, pages, page, token % layout.page_size, k.row(row), v.row(row));
    };
    const auto count = static_cast<std::uint32_t>(sequence.rows);
    if (count >= kForkFrom) {
      pool_.run(count, write);
    } else {
      for (std::uint32_t i = 0; i < count; ++i) write(i);
    }
  }
}

void Attention::attend(Tensor out, Tensor q, const KvPages& kv, int layer,
                       const AttentionMask& mask, std::span<const SequenceRows> sequences) {
  const KvLayout layout(kv);
  const std::int64_t group = q.cols / (layout.kv_heads * layout.head_dim);
  cut_rows(sequences, layout, group);
  pool_.run(static_cast<std::uint32_t>(blocks_.size()), [&](std::uint32_t index) {
    const Block& block = blocks_[index];
    const SequenceRows& sequence = *block.sequence;
    AttentionTask task;
    task.layout = &layout;
    task.layer = layer_of(kv, layout, layer);
    task.pages = sequence.pages.data();
    task.kv_head = block.kv_head;
    task.scale = mask.scale;
    task.softcap = mask.softcap;
    for (int i = 0; i < block.rows; ++i) {
      const std::int64_t token = (block.first + i) / group;
      const std::int64_t head = block.kv_head * group + (block.first + i) % group;
      const auto at = static_cast<std::size_t>(i);
      task.q[at] = q.row(sequence.first_row + token) + head * layout.head_dim;
      task.out[at] = out.row(sequence.first_row + token) + head * layout.head_dim;
      const std::int64_t position = sequence.context + token;
      task.from[at] = mask.window > 0 ? std::max<std::int64_t>(position + 1 - mask.window, 0) : 0;
      task.until[at] = mask.is_causal ? position + 1 : sequence.context + sequence.rows;
    }
    kernels_.attention[static_cast<std::size_t>(block.rows)](task);
  });
}

void Attention::cut_rows(std::span<const SequenceRows> sequences, const KvLayout& layout,
                         std::int64_t group) {
  std::int64_t all = 0;
  for (const SequenceRows& sequence : sequences) all += sequence.rows * group * layout.kv_heads;
  const std::int64_t balanced =
      std::max<std::int64_t>(all / (pool_.threads() * kBlocksPerThread), 1);
  blocks_.clear();
  for (const SequenceRows& sequence : sequences) {
    const std::int64_t rows = sequence.rows * group;
    for (std::int64_t first = 0; first < rows;) {
      const std::int64_t most =
          std::min({rows - first, balanced, static_cast<std::int64_t>(kernels_.tallest_tile)});
      const int height = *std::find_if(kTileHeights.begin(), kTileHeights.end(),
                                       [&](int candidate) { return candidate <= most; });
      for (std::int64_t head = 0; head < layout.kv_heads; ++head)
        blocks_.push_back({&sequence, head, first, height});
      first += height;
    }
  }
}

}  // namespace conduit::kernels::cpu
