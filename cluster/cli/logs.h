// `conduit logs`: what a node that `conduit run` or `conduit serve` started says, also after its
// end.
#pragma once

#include <optional>
#include <string>

namespace conduit::cluster {

struct LogsOptions {
  std::string node;      // the beginning of a name; empty: the latest
  int lines = 100;       // from the end
  bool follow = false;   // go on until the node ends, or Ctrl-C
  bool is_list = false;  // the nodes instead
  bool as_json = false;  // the nodes, as JSON
};
int run_logs(const LogsOptions& options);

}  // namespace conduit::cluster
