// What a state becomes behind a byte, as far as it was asked: a hash table with open addresses, as
// nearly all of a mask's work is to look here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace conduit::mdl {

class StepTable {
 public:
  StepTable() : slots_(1 << 10) {}

  const std::uint32_t* find(std::uint32_t state, std::uint8_t byte) const {
    const std::uint64_t key = key_of(state, byte);
    for (std::size_t i = place_of(key);; i = (i + 1) & (slots_.size() - 1)) {
      if (slots_[i].key == key) return &slots_[i].next;
      if (slots_[i].key == 0) return nullptr;
    }
  }

  void add(std::uint32_t state, std::uint8_t byte, std::uint32_t next) {
    if (2 * ++used_ > slots_.size()) {
      std::vector<Slot> old(slots_.size() * 2);
      old.swap(slots_);
      for (const Slot& slot : old) {
        if (slot.key != 0) insert(slot);
      }
    }
    insert({key_of(state, byte), next});
  }

 private:
  struct Slot {
    std::uint64_t key = 0;  // 0: free
    std::uint32_t next = 0;
  };

  static std::uint64_t key_of(std::uint32_t state, std::uint8_t byte) {
    return (std::uint64_t{state} << 8 | byte) + 1;
  }
  std::size_t place_of(std::uint64_t key) const {
    return static_cast<std::size_t>(key * 0x9E3779B97F4A7C15u >> 32) &
           (slots_.size() - 1);  // Fibonacci hashing
  }
  void insert(const Slot& slot) {
    std::size_t i = place_of(slot.key);
    while (slots_[i].key != 0) i = (i + 1) & (slots_.size() - 1);
    slots_[i] = slot;
  }

  std::vector<Slot> slots_;
  std::size_t used_ = 0;
};

}  // namespace conduit::mdl
