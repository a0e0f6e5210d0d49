// Small blocks from the allocator, large ones mapped.
#include "kernels/cpu/memory.h"

#include <sys/mman.h>

#include <cstdlib>
#include <cstring>
#include <string>

namespace conduit::kernels::cpu {
namespace {

constexpr std::size_t kHugePage = std::size_t{2} << 20;
// Below this, rounding up to whole huge pages wastes more than they save in TLB misses.
constexpr std::size_t kMapFrom = 2 * kHugePage;
constexpr std::size_t kArenaBlock = 16 * kHugePage;

std::size_t round_up(std::size_t value, std::size_t unit) {
  return (value + unit - 1) / unit * unit;
}

Error out_of_memory(std::size_t bytes) {
  return Error{Code::exhausted, "no memory for a buffer of " + std::to_string(bytes) + " bytes"};
}

// Mapped pages are zero and take no memory until they are touched, so an unused cache costs none.
Result<Buffer> map_pages(std::size_t bytes) {
  const std::size_t mapped = bytes + kHugePage;  // room to start on a huge page's border
  void* start = mmap(nullptr, mapped, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (start == MAP_FAILED) return out_of_memory(bytes);
  auto* aligned =
      reinterpret_cast<std::byte*>(round_up(reinterpret_cast<std::size_t>(start), kHugePage));
  (void)madvise(aligned, bytes, MADV_HUGEPAGE);  // a wish: without huge pages all works, slower
  std::shared_ptr<void> owner(start, [mapped](void* p) { munmap(p, mapped); });
  return Buffer{std::move(owner), aligned, bytes};
}

}  // namespace

Result<Buffer> allocate_memory(std::size_t bytes) {
  if (bytes == 0) return Buffer{};
  if (bytes > SIZE_MAX / 2) return out_of_memory(bytes);
  if (bytes >= kMapFrom) return map_pages(bytes);
  void* block = std::aligned_alloc(kAlignment, round_up(bytes, kAlignment));
  if (block == nullptr) return out_of_memory(bytes);
  std::memset(block, 0, bytes);
  return Buffer{std::shared_ptr<void>(block, std::free), static_cast<std::byte*>(block), bytes};
}

Result<Buffer> Arena::allocate(std::size_t bytes) {
  if (bytes == 0 || bytes > kArenaBlock / 2) return allocate_memory(bytes);
  const std::size_t whole = round_up(bytes, kAlignment);
  if (block_.bytes - used_ < whole) {
    CONDUIT_TRY(block_, allocate_memory(kArenaBlock));
    used_ = 0;
  }
  Buffer buffer{block_.owner, block_.data + used_, bytes};
  used_ += whole;
  return buffer;
}

}  // namespace conduit::kernels::cpu
