// The CPU device's memory: zeroed, aligned for any vector load, on huge pages where it is large.
#pragma once

#include <cstddef>

#include "kernels/device.h"
#include "mdl/base/result.h"

namespace conduit::kernels::cpu {

inline constexpr std::size_t kAlignment = 64;  // a cache line and an AVX-512 register

// Error: exhausted, with the size that was asked for. Zero bytes give an empty buffer.
Result<Buffer> allocate_memory(std::size_t bytes);

// Buffers that lie behind each other in large mappings, so that matrices smaller than a huge page
// are on huge pages too: a core's prefetcher stops at a page's end. A mapping is given back when
// the last buffer in it is gone.
class Arena {
 public:
  Result<Buffer> allocate(std::size_t bytes);

 private:
  Buffer block_;
  std::size_t used_ = 0;
};

}  // namespace conduit::kernels::cpu
