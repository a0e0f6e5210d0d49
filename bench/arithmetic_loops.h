// Loops that do nothing but one kind of multiply-add, in registers: as many independent sums as
// hide an instruction's latency. One for each unit this CPU has.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "bench/machine_limits.h"

namespace conduit::bench {

struct ArithmeticLoop {
  Arithmetic kind = Arithmetic::float32;
  const char* unit = "";
  float (*run)() = nullptr;  // what it computes, so that it is not optimised away
  double operations = 0;     // of a run: some milliseconds
};

// Asks the system for AMX's registers where the CPU has them.
std::vector<ArithmeticLoop> usable_loops();

// Of 64-bit words, with the widest loads there are.
std::uint64_t sum_of(const std::uint64_t* words, std::size_t count);

}  // namespace conduit::bench
