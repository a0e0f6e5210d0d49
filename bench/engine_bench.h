// `conduit-bench engine`: prefill and decode of one model, ours and, beside it, its peers'.
// The idea: all are open at once and run in turn (A B C A B C …) on the same token ids, new ones
// for each round, so a machine that changes its mind between two runs touches all alike; medians
// and the spread are told, and beside them what the machine could do at most. A peer that cannot
// run the model is named with its reason, and the others go on.
#pragma once

#include <cstddef>
#include <ostream>
#include <string>
#include <vector>

#include "bench/machine_limits.h"
#include "bench/workload.h"
#include "mdl/base/result.h"

namespace conduit::bench {

struct EngineBenchOptions {
  Workload workload;
  int runs = 5;
  std::vector<std::string> peers;
  bool is_json = false;
};

struct EngineSide {
  std::string name;
  std::vector<double> prefill, decode;  // tokens per second, one per run
  std::size_t peak_bytes = 0;
  std::string failure;  // why there are no numbers
};

// What a model asks of the machine, for the share of its limits.
struct ModelWork {
  Arithmetic arithmetic = Arithmetic::int8;  // of its matrices
  double bytes_per_token = 0;                // of weights that decoding one token reads
  double operations_per_token = 0;           // of its matrices in a prompt; not of attention
};

struct EngineReport {
  EngineBenchOptions options;
  MachineLimits limits;
  ModelWork work;
  double load_seconds = 0;
  std::vector<EngineSide> sides;  // ours first

  // Of the memory's speed at batch 1, and of the arithmetic's, with our medians.
  double decode_share() const;
  double prefill_share() const;
};

// Threads 0 become one per core. Errors are of ours alone.
Result<EngineReport> measure_engine(EngineBenchOptions options);
void print_report(const EngineReport& report, std::ostream& out);

Status run_engine_bench(const EngineBenchOptions& options, std::ostream& out);

}  // namespace conduit::bench
