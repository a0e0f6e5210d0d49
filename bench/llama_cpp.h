// llama.cpp under the bench, through the Python package llama-cpp-python (peer_llama_cpp.py), whose
// installation compiles llama.cpp for this machine: some minutes.
#pragma once

#include <cstddef>
#include <string>

#include "bench/child_process.h"
#include "bench/workload.h"
#include "mdl/base/result.h"

namespace conduit::bench {

class LlamaCpp {
 public:
  static Result<LlamaCpp> open(const Workload& workload);

  Result<Timing> run(const Prompts& prompts);

  const std::string& version() const { return version_; }
  std::size_t peak_bytes() const { return peak_bytes_; }  // as of the last run

 private:
  LlamaCpp(ChildProcess process, std::string version);

  ChildProcess process_;
  std::string version_;
  std::size_t peak_bytes_ = 0;
};

}  // namespace conduit::bench
