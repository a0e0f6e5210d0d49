// Nodes that `conduit run` and `conduit serve` start on this machine: each with a log, and a note
// of who it is, so that `conduit logs` and a later `conduit run` find it.
//   STATE/nodes/NAME.json   {"pid", "url", "models", "started"}
//              /NAME.log    what it says on stderr
// STATE is $XDG_STATE_HOME/conduit (~/.local/state/conduit). A node lives only as long as the
// command that started it, however that one ends.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <ctime>
#include <filesystem>
#include <string>
#include <vector>

#include "mdl/base/result.h"

namespace conduit::cluster {

std::filesystem::path state_folder();

struct LocalNode {
  std::string name;  // when it was started, and its process
  pid_t pid = 0;
  std::string url;  // empty: not ready yet, or no HTTP
  std::vector<std::string> models;
  std::time_t started = 0;
  bool is_running = false;
  std::filesystem::path log;
};
std::vector<LocalNode> list_nodes();  // the oldest first

// The program of this name beside our own, or else what PATH has.
std::string program_beside(const std::string& name);

class StartedNode {
 public:
  // `arguments`: conduit-node's. `shows_log`: on our stderr, too. Errors: not_found (no
  // conduit-node), unavailable.
  static Result<StartedNode> start(const std::vector<std::string>& arguments,
                                   std::vector<std::string> models, bool shows_log);
  ~StartedNode();  // stops it, kindly first
  StartedNode(StartedNode&& other) noexcept;
  StartedNode& operator=(StartedNode&&) = delete;

  // Until it serves: its URL, empty without HTTP. Errors: unavailable (its last words), cancelled.
  Result<std::string> wait_ready(const std::atomic<bool>& cancelled);
  // Until it ends; its exit code. Signals that `forwarded` holds are handed on.
  int wait_end(const std::atomic<int>& forwarded);

 private:
  StartedNode() = default;
  bool has_ended();
  bool copy_log();

  LocalNode node_;
  int output_ = -1;  // what it says: the reading end of a pipe
  int log_ = -1;
  bool shows_log_ = false;
  std::string said_;  // the line that is not whole yet
  std::string last_line_;
  int status_ = 0;
};

}  // namespace conduit::cluster
