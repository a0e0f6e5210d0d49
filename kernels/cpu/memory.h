// The CPU device's memory: zeroed, aligned for any vector load, on huge pages where it is large.
#pragma once

#include <cstddef>

#include "kernels/device.h"
#include "mdl/base/result.h"

namespace conduit::kernels::cpu {

inline constexpr std::size_t kAlignment = 64;  // a cache line and an AVX-512 register

// Error: exhausted, with the size that was asked for. Zero bytes give an empty buffer.
Result<Buffer> allocate_memory(std::size_t bytes);

}  // namespace conduit::kernels::cpu
