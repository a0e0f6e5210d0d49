// What this machine can do at most, measured with the threads of a bench: the yardstick beside its
// results. Decoding one sequence is bound by reading memory, a prompt by multiplying.
#pragma once

namespace conduit::bench {

struct MachineLimits {
  double read_gigabytes = 0;  // per second, of memory that no cache holds
  double int8_gigaops = 0;    // multiplications and additions of 8-bit integers, per second
  double float32_gigaflops = 0;
};

MachineLimits measure_limits(int threads);

}  // namespace conduit::bench
