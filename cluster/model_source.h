// Where a command or a node gets the model it was told: a path as it is, a name from this machine,
// or, when it is not there yet, from where the name says, with progress on stderr.
// The idea: on a terminal one line that is drawn anew, with rate and time left; elsewhere a line at
// the beginning and the end, and one now and then so that nobody takes the wait for a hang.
#pragma once

#include <atomic>
#include <string>
#include <string_view>

#include "mdl/base/result.h"

namespace conduit::cluster {

// A path for a reader of models. Errors: of the name, and pull_model's.
Result<std::string> local_model(std::string_view name,
                                const std::atomic<bool>* cancelled = nullptr);

// The same, asking the hub also when something is there already. `is_quiet`: errors alone.
Result<std::string> pull_with_progress(std::string_view name, bool is_quiet,
                                       const std::atomic<bool>* cancelled);

// "45 s", "3 min 20 s", "2 h 5 min".
std::string duration_text(double seconds);

}  // namespace conduit::cluster
