// How the CPU device stores keys and values.
// The idea: attention multiplies whole vectors, never sums across one. Scores of 16 tokens are
// computed at a time, so a page's keys lie transposed, [head_dim][slots]; a row of the result is
// computed 16 elements at a time, so its values lie [slots][head_dim]. Slots and elements are
// padded to 16; what is padded, and what no token wrote yet, is zero or stale and never used.
// A page: per kv head its keys, then its values. A layer: its pages. Storage: the layers.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/device.h"

namespace conduit::kernels::cpu {

inline constexpr int kSlotGroup = 16;
// The largest head in use has 256 elements; attention keeps a few rows of one on its stack.
inline constexpr int kMaxHeadDim = 512;

struct KvLayout {
  explicit KvLayout(const KvPages& kv)
      : page_size(kv.page_size),
        kv_heads(kv.kv_heads),
        head_dim(kv.head_dim),
        slots(round_up(kv.page_size)),
        padded_dim(round_up(kv.head_dim)),
        is_half(kv.dtype == DType::f16) {}

  std::int64_t element_bytes() const { return is_half ? 2 : 4; }
  std::int64_t keys_bytes() const { return head_dim * slots * element_bytes(); }
  std::int64_t values_bytes() const { return slots * padded_dim * element_bytes(); }
  std::int64_t head_bytes() const { return keys_bytes() + values_bytes(); }
  std::int64_t page_bytes() const { return kv_heads * head_bytes(); }

  // Within a layer: where a page's keys of a head start; its values follow.
  std::int64_t keys_offset(std::int64_t page, int kv_head) const {
    return page * page_bytes() + kv_head * head_bytes();
  }
  std::int64_t values_offset(std::int64_t page, int kv_head) const {
    return keys_offset(page, kv_head) + keys_bytes();
  }

  std::int64_t page_size;
  std::int64_t kv_heads;
  std::int64_t head_dim;
  std::int64_t slots;       // of a page, padded
  std::int64_t padded_dim;  // of a row of values
  bool is_half;

 private:
  static std::int64_t round_up(std::int64_t n) {
    return (n + kSlotGroup - 1) / kSlotGroup * kSlotGroup;
  }
};

}  // namespace conduit::kernels::cpu
