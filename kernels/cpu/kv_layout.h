// How the CPU device stores keys and values.
// The idea: attention multiplies whole vectors, never sums across one. Scores of 16 tokens are
// computed at a time, so a page's keys lie transposed, [head_dim][slots]; a row of the result is
// computed 16 elements at a time, so its values lie [slots][head_dim]. In bf16 the instructions
// multiply two neighbours at a time and add both: keys lie [head_dim / 2][slots][2] and values
// [slots / 2][head_dim][2]. Slots and elements are padded; what is padded, and what no token wrote
// yet, is stale and weighs nothing, but is finite in bf16, as it is multiplied all the same.
// A page: per kv head its keys, then its values. A layer: its pages. Storage: the layers.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/device.h"

namespace conduit::kernels::cpu {

// Attention takes so many slots of a page at a time: pages of a multiple of it waste none.
inline constexpr int kSlotGroup = 32;
// The largest head in use has 256 elements; attention keeps a few rows of one on its stack.
inline constexpr int kMaxHeadDim = 512;

// f32 or f16, one element after another, or bf16 in pairs.
enum class KvFormat : std::uint8_t { f32, f16, bf16 };
inline constexpr int kKvFormats = 3;

inline KvFormat kv_format(DType dtype) {
  return dtype == DType::f32 ? KvFormat::f32 : dtype == DType::f16 ? KvFormat::f16 : KvFormat::bf16;
}

struct KvLayout {
  explicit KvLayout(const KvPages& kv)
      : page_size(kv.page_size),
        kv_heads(kv.kv_heads),
        head_dim(kv.head_dim),
        slots(round_up(kv.page_size, kSlotGroup)),
        key_dim(kv.dtype == DType::bf16 ? round_up(kv.head_dim, 32) : kv.head_dim),
        value_dim(round_up(kv.head_dim, 16)),
        format(kv_format(kv.dtype)) {}

  std::int64_t element_bytes() const { return format == KvFormat::f32 ? 4 : 2; }
  std::int64_t keys_bytes() const { return key_dim * slots * element_bytes(); }
  std::int64_t values_bytes() const { return slots * value_dim * element_bytes(); }
  std::int64_t head_bytes() const { return keys_bytes() + values_bytes(); }
  std::int64_t page_bytes() const { return kv_heads * head_bytes(); }

  // Within a layer: where a page's keys of a head start; its values follow.
  std::int64_t keys_offset(std::int64_t page, std::int64_t kv_head) const {
    return page * page_bytes() + kv_head * head_bytes();
  }
  // Of an element within a page's keys or values of a head, counted in elements.
  std::int64_t key_index(std::int64_t i, std::int64_t slot) const {
    return format == KvFormat::bf16 ? (i / 2 * slots + slot) * 2 + i % 2 : i * slots + slot;
  }
  std::int64_t value_index(std::int64_t i, std::int64_t slot) const {
    return format == KvFormat::bf16 ? (slot / 2 * value_dim + i) * 2 + slot % 2
                                    : slot * value_dim + i;
  }

  std::int64_t page_size;
  std::int64_t kv_heads;
  std::int64_t head_dim;
  std::int64_t slots;      // of a page, padded
  std::int64_t key_dim;    // elements of a key, padded
  std::int64_t value_dim;  // of a value
  KvFormat format;

 private:
  static std::int64_t round_up(std::int64_t n, std::int64_t unit) {
    return (n + unit - 1) / unit * unit;
  }
};

}  // namespace conduit::kernels::cpu
