// `conduit pull`, `conduit models` and `conduit rm`: models on this machine under their names.
#pragma once

#include <string>
#include <vector>

namespace conduit::cluster {

struct PullOptions {
  std::string model;
  bool as_json = false;  // {"name", "path", "bytes"} instead of the path
};
// Where it lies goes to stdout, progress to stderr. 0 done, 1 failed, 130 Ctrl-C: what has come is
// continued the next time.
int run_pull(const PullOptions& options);

struct ModelsOptions {
  bool as_json = false;  // [{"name", "path", "bytes", "last_used", "is_whole"}]
};
int run_models(const ModelsOptions& options);

struct RemoveOptions {
  std::vector<std::string> models;
  bool as_json = false;  // [{"name", "freed_bytes"}]
};
int run_rm(const RemoveOptions& options);

}  // namespace conduit::cluster
