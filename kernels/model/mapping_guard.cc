// Slots of atomics, as a signal handler may read nothing else, and the handler.
#include "kernels/model/mapping_guard.h"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>

namespace conduit::kernels {
namespace {

using Address = std::uintptr_t;

struct Slot {
  std::atomic<bool> is_taken{false};
  std::atomic<Address> begin{0}, end{0};  // 0: nothing is guarded
  std::atomic<bool> is_damaged{false};
};
// Global, as the signal is the process's.
std::array<Slot, MappingGuard::kMost> slots;
struct sigaction previous;
Address page_bytes = 4096;

Slot* slot_of(Address address) {
  for (Slot& slot : slots)
    if (slot.begin.load() <= address && address < slot.end.load()) return &slot;
  return nullptr;
}

// Zeros from this page to the end of the mapping: what lies behind the end of a file is all gone.
// The call itself, since a sanitizer's wrapper of it may not be called here.
bool replace_with_zeros(Address address, Address end) {
  const Address page = address / page_bytes * page_bytes;
  return ::syscall(SYS_mmap, page, end - page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
                   -1, 0) != -1;
}

void pass_on(int signal, siginfo_t* info, void* context) {
  if ((previous.sa_flags & SA_SIGINFO) != 0 && previous.sa_sigaction != nullptr)
    return previous.sa_sigaction(signal, info, context);
  if (previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN)
    return previous.sa_handler(signal);
  ::signal(SIGBUS, SIG_DFL);  // the access is made again, and ends the process
}

void on_bus_error(int signal, siginfo_t* info, void* context) {
  const int error = errno;
  const auto address = reinterpret_cast<Address>(info->si_addr);
  Slot* slot = slot_of(address);
  if (slot == nullptr || !replace_with_zeros(address, slot->end.load()))
    return pass_on(signal, info, context);
  slot->is_damaged.store(true);
  errno = error;
}

bool install() {
  page_bytes = static_cast<Address>(::sysconf(_SC_PAGESIZE));
  struct sigaction action {};
  action.sa_sigaction = on_bus_error;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigemptyset(&action.sa_mask);
  return ::sigaction(SIGBUS, &action, &previous) == 0;
}

int take_slot() {
  for (int i = 0; i < MappingGuard::kMost; ++i)
    if (!slots[static_cast<std::size_t>(i)].is_taken.exchange(true)) return i;
  return -1;
}

}  // namespace

MappingGuard::MappingGuard(const std::byte* begin, std::size_t bytes) : slot_(take_slot()) {
  [[maybe_unused]] static const bool is_installed = install();
  if (slot_ < 0) return;
  Slot& slot = slots[static_cast<std::size_t>(slot_)];
  slot.is_damaged.store(false);
  slot.begin.store(reinterpret_cast<Address>(begin));
  slot.end.store(reinterpret_cast<Address>(begin) + bytes);
}

MappingGuard::~MappingGuard() {
  if (slot_ < 0) return;
  Slot& slot = slots[static_cast<std::size_t>(slot_)];
  slot.end.store(0);
  slot.begin.store(0);
  slot.is_taken.store(false);
}

bool MappingGuard::is_damaged() const {
  return slot_ >= 0 && slots[static_cast<std::size_t>(slot_)].is_damaged.load();
}

}  // namespace conduit::kernels
