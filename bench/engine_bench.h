// `conduit-bench engine`: prefill and decode of one model, ours and, beside it, a peer's.
// The idea: both are open at once and run in turn (A B A B …) on the same token ids, new ones for
// each pair, so a machine that changes its mind between two runs touches both alike; medians and
// the spread are told, and beside them what the machine could do at most.
#pragma once

#include <ostream>

#include "bench/workload.h"
#include "mdl/base/result.h"

namespace conduit::bench {

struct EngineBenchOptions {
  Workload workload;
  int runs = 5;
  bool is_against_llama_cpp = false;
  bool is_json = false;
};

Status run_engine_bench(const EngineBenchOptions& options, std::ostream& out);

}  // namespace conduit::bench
