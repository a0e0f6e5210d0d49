// Pages of the key/value cache, and which sequence holds which.
// The idea: a sequence owns a list of fixed pages, not one long strip, so memory never fragments
// and a sequence that ends gives back exactly what it held. Not here: the attention that reads
// pages (device.h), and who waits when none is free (scheduler.h).
#pragma once

#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "kernels/engine/sequence.h"

namespace conduit::kernels {

class KvCache {
 public:
  KvCache(std::int64_t pages, int page_size);

  // Pages for `tokens` tokens in all; false, and nothing changed, when not enough are free.
  bool reserve(SequenceId id, std::int64_t tokens);
  void release(SequenceId id);  // nothing when it holds none
  std::span<const std::int32_t> pages(SequenceId id) const;

  std::int64_t pages_for(std::int64_t tokens) const {
    return (tokens + page_size_ - 1) / page_size_;
  }
  std::int64_t free_pages() const { return static_cast<std::int64_t>(free_.size()); }
  std::int64_t total_pages() const { return total_; }
  int page_size() const { return page_size_; }

 private:
  std::int64_t total_;
  int page_size_;
  std::vector<std::int32_t> free_;
  std::unordered_map<SequenceId, std::vector<std::int32_t>> held_;
};

}  // namespace conduit::kernels
