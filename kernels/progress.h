// Progress: a number that changes while this process computes, so that one that stands still can be
// told from one that takes long over a step. Any thread may ask, and asking costs nothing.
#pragma once

#include <atomic>
#include <cstdint>

namespace conduit::kernels {

// Chunks of operations (cpu/thread_pool.h) that were computed by the threads that ran the
// operations; their helpers' do not count, so that nobody contends for it.
inline std::atomic<std::uint64_t> chunks_computed{0};

}  // namespace conduit::kernels
