// `conduit status`: nodes, models, replicas and devices as one node sees them, from GET /status.
// The idea: the node gives totals; rates are the difference of two readings, here as in the page.
#pragma once

#include <string>

#include "mdl/base/json.h"

namespace conduit::cluster {

struct StatusOptions {
  std::string url = "http://127.0.0.1:8080";
  bool watch = false;    // once a second until Ctrl-C
  bool as_json = false;  // what the node says, unchanged; with watch one line each time
};
int run_status(const StatusOptions& options);

// `before`: a reading that is `seconds` older; null: none, and no rates are shown.
std::string status_text(const json::Value& status, const json::Value& before, double seconds);

}  // namespace conduit::cluster
