// Another program, run to its end: its exit code, and what it said.
#pragma once

#include <atomic>
#include <string>
#include <vector>

#include "mdl/base/result.h"

namespace conduit::provisioning {

enum class ChildOutput {
  kept,   // read, for an error's last line
  shown,  // on our stderr, as a person at a terminal wants a progress bar
};

struct ChildEnd {
  int exit_code = 0;   // 128 + n: ended by signal n
  std::string output;  // the last 64 KiB of stdout and stderr, if kept

  std::string last_line() const;  // that is not empty
};

// `command`: a program, looked for in PATH, and its arguments; its stdin is empty. When `cancelled`
// becomes true it gets SIGTERM. Errors: not_found (no such program), unavailable, cancelled.
Result<ChildEnd> run_child(const std::vector<std::string>& command, ChildOutput output,
                           const std::atomic<bool>* cancelled);

}  // namespace conduit::provisioning
