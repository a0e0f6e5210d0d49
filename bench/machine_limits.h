// What this machine can do at most, measured with the threads of a bench: the yardstick beside its
// results. Decoding one sequence is bound by reading memory, a prompt by multiplying.
#pragma once

#include <string>
#include <vector>

namespace conduit::bench {

enum class Arithmetic { int8, bf16, float32 };
const char* to_string(Arithmetic kind);

struct ArithmeticLimit {
  Arithmetic kind;
  std::string unit;    // of the CPU: "AMX", "AVX-512 VNNI", …
  double gigaops = 0;  // multiplications and additions per second
};

struct MachineLimits {
  double read_gigabytes = 0;                // per second, of memory that no cache holds
  std::vector<ArithmeticLimit> arithmetic;  // of each unit this CPU has

  // The fastest unit's; 0 where there is none.
  double best(Arithmetic kind) const;
};

MachineLimits measure_limits(int threads);

}  // namespace conduit::bench
