// A program that answers each line with a line.
#pragma once

#include <sys/types.h>

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "mdl/base/result.h"

namespace conduit::bench {

// Runs to its end; its output goes to stderr. Error: unavailable, with the command.
Status run_command(const std::vector<std::string>& command);

class ChildProcess {
 public:
  // command[0] is searched in PATH. stderr stays ours.
  static Result<ChildProcess> start(const std::vector<std::string>& command);

  // Ends its input and waits until it is gone.
  ~ChildProcess();
  ChildProcess(ChildProcess&& other) noexcept;
  ChildProcess& operator=(ChildProcess&&) = delete;

  // Error: unavailable when it has ended.
  Status write_line(const std::string& line);
  Result<std::string> read_line();

  pid_t pid() const { return pid_; }
  void terminate();  // asks it to end (SIGTERM)
  bool has_ended();  // does not wait

 private:
  struct CloseFile {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  using File = std::unique_ptr<std::FILE, CloseFile>;

  ChildProcess(pid_t pid, File input, File output);

  pid_t pid_;
  File input_;
  File output_;
};

}  // namespace conduit::bench
