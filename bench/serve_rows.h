// The rows of `conduit-bench table` that are measured on whole servers: streaming clients, memory,
// and how long a start takes. Ours is conduit-node, beside this program; a peer's is the server
// that its package brings.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "mdl/base/result.h"

namespace conduit::bench {

struct ServeCase {
  std::string name;  // of the model
  std::filesystem::path model;
  int prompt_tokens = 0, max_tokens = 0;
};

struct ServeRow {
  std::string name;
  std::vector<std::string> cells;  // ours, each peer's, ratio, share
  std::string failure;             // ours; then there are no cells
  std::vector<std::string> notes;  // which peers have no number, and why
};

std::vector<ServeRow> measure_serve(const ServeCase& wanted, const std::vector<std::string>& peers,
                                    int threads);

}  // namespace conduit::bench
