// An HTTP server under the bench: started, waited for, watched, ended.
#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "bench/child_process.h"
#include "mdl/base/result.h"

namespace conduit::bench {

// A port that was free a moment ago.
Result<int> free_port();

class ServerProcess {
 public:
  struct Options {
    std::vector<std::string> command;
    std::string url;            // of the server, without /v1
    bool has_health = false;    // /health is waited for, before /v1/models
    std::filesystem::path log;  // what it prints
    std::chrono::seconds patience{300};
  };
  // Returns once it has completed a token. Error: unavailable, with where its output is.
  static Result<ServerProcess> start(const Options& options);
  ~ServerProcess();
  ServerProcess(ServerProcess&&) = default;
  ServerProcess& operator=(ServerProcess&&) = delete;

  double ready_seconds() const { return ready_seconds_; }
  // Of the whole process, now; 0 when it has ended.
  std::size_t resident_bytes() const;
  std::size_t peak_bytes() const;

 private:
  ServerProcess(ChildProcess process, double ready_seconds);

  ChildProcess process_;
  double ready_seconds_;
};

// `key` (VmHWM, VmRSS) of /proc/PID/status in bytes; 0 when there is none.
std::size_t process_bytes(const std::string& pid, const std::string& key);

}  // namespace conduit::bench
