// conduit-bench mdl: the decoder's masks over a vocabulary, on schemas with instances: how long
// each takes, how long a schema takes to compile, and how many verdicts are right; beside
// llguidance and xgrammar on the same tokens of the same texts.
#pragma once

#include <filesystem>
#include <ostream>
#include <string>
#include <vector>

#include "mdl/base/result.h"

namespace conduit::bench {

struct MdlBenchOptions {
  // tokenizer.json; without a peer also tokenizer.model, GGUF or a folder
  std::filesystem::path tokenizer;
  // One JSON object a line: {"id", "schema", "valid": [value…], "invalid": [{"data": value}…]}
  std::vector<std::filesystem::path> schemas;
  std::vector<std::string> peers;  // of mdl_peer_names()
  bool is_json = false;
};

std::vector<std::string> mdl_peer_names();

// Error: corrupt, with the line of a file.
Status run_mdl_bench(const MdlBenchOptions& options, std::ostream& out);

}  // namespace conduit::bench
