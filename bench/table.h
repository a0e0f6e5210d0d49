// `conduit-bench table`: all rows of README.md's table in one run, as Markdown.
// The idea: a row is a workload with a name; models of random weights are made at the first use,
// real ones are expected where configs/quickstart.sh and tests/run.sh put them. A row that cannot
// be measured says why, and the others go on.
#pragma once

#include <filesystem>
#include <ostream>
#include <string>
#include <vector>

#include "mdl/base/result.h"

namespace conduit::bench {

struct TableOptions {
  TableOptions();

  std::vector<std::string> peers;
  std::filesystem::path smollm2, gemma;  // in $XDG_CACHE_HOME/conduit/models
  std::string only;                      // rows whose name contains it; empty: all
  int threads = 0;
  int runs = 3;
};

// Rows are printed as they are measured. Error: when a model of random weights cannot be made.
Status run_table(const TableOptions& options, std::ostream& out);

}  // namespace conduit::bench
