// `conduit-bench storm`: what long prompts do to running answers.
// The idea: answers are decoded undisturbed first, so that their gap from token to token is known;
// then prompts arrive and the same answers' gaps are measured beside them. An answer gets at most
// one token of a step, so a gap is a step: each is told with the prompt tokens that the scheduler
// put into it, and with how often the system took a core away meanwhile, which is the machine's
// doing.
#pragma once

#include <cstdint>
#include <filesystem>
#include <ostream>
#include <vector>

#include "kernels/engine/engine.h"
#include "mdl/base/result.h"

namespace conduit::bench {

struct StormOptions {
  std::filesystem::path model;
  int streams = 4;           // answers that run all the time
  int prompts = 8;           // in all
  int at_once = 1;           // prompts that are there at a time: the next comes when one is done
  int prompt_tokens = 2000;  // of each; random, so that no prefix is shared
  int speculative_tokens = kernels::EngineOptions{}.speculative_tokens;
  int threads = 0;
  bool is_json = false;
};

// A step that gave running answers a token.
struct StormStep {
  double seconds = 0;            // since the step before
  std::int64_t prompt_rows = 0;  // prompt tokens that it computed
  long switches = 0;             // involuntary, of all threads
};

struct StormReport {
  StormOptions options;
  std::vector<StormStep> undisturbed, beside;
  std::vector<double> first_tokens;  // seconds from a prompt's arrival to its first token
  double storm_seconds = 0;
};

Result<StormReport> measure_storm(StormOptions options);
void print_report(const StormReport& report, std::ostream& out);

Status run_storm_bench(const StormOptions& options, std::ostream& out);

}  // namespace conduit::bench
