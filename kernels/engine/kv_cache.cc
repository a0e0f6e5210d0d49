// The free list is a stack that starts with page 0 on top: pages given back are taken again first,
// so an engine that serves one request at a time touches one request's worth of memory.
#include "kernels/engine/kv_cache.h"

#include <cstddef>
#include <numeric>

namespace conduit::kernels {

KvCache::KvCache(std::int64_t pages, int page_size)
    : total_(pages), page_size_(page_size), free_(static_cast<std::size_t>(pages)) {
  std::iota(free_.rbegin(), free_.rend(), 0);
}

bool KvCache::reserve(SequenceId id, std::int64_t tokens) {
  const auto found = held_.find(id);
  const std::int64_t held =
      found == held_.end() ? 0 : static_cast<std::int64_t>(found->second.size());
  const std::int64_t missing = pages_for(tokens) - held;
  if (missing > free_pages()) return false;
  if (missing <= 0) return true;
  std::vector<std::int32_t>& pages = held_[id];
  pages.insert(pages.end(), free_.rbegin(), free_.rbegin() + missing);
  free_.resize(free_.size() - static_cast<std::size_t>(missing));
  return true;
}

void KvCache::release(SequenceId id) {
  const auto found = held_.find(id);
  if (found == held_.end()) return;
  free_.insert(free_.end(), found->second.rbegin(), found->second.rend());
  held_.erase(found);
}

std::span<const std::int32_t> KvCache::pages(SequenceId id) const {
  const auto found = held_.find(id);
  if (found == held_.end()) return {};
  return found->second;
}

}  // namespace conduit::kernels
