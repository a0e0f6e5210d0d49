// A peer under the bench: another engine, through its Python package and a script of ours
// (peer_*.py) that reads prompts and answers with times.
// The idea: all peers speak one line protocol, so the bench knows none of them. First the script
// says {"version"} or {"error"}; then a line [[ids of a prompt] …] is answered by
// {"prefill_seconds", "decode_seconds", "peak_bytes"}.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "bench/child_process.h"
#include "bench/machine_limits.h"
#include "bench/workload.h"
#include "mdl/base/result.h"

namespace conduit::bench {

std::vector<std::string> peer_names();

// The OpenAI-compatible server that a peer's package brings. Error: not_found when it brings none.
struct PeerServer {
  int port = 0, threads = 0;
  int context = 0;  // tokens of one sequence
};
Result<std::vector<std::string>> peer_server_command(const std::string& name,
                                                     const std::filesystem::path& model,
                                                     const PeerServer& server);

class Peer {
 public:
  // `name` is one of peer_names(), `arithmetic` that of the model's matrices. Installs the peer at
  // the first use. Error: unavailable, with the peer's own reason (it cannot read the model, it
  // does not build here).
  static Result<Peer> open(const std::string& name, const Workload& workload,
                           Arithmetic arithmetic);

  Result<Timing> run(const Prompts& prompts);

  const std::string& name() const { return name_; }       // with its version
  std::size_t peak_bytes() const { return peak_bytes_; }  // as of the last run

 private:
  Peer(ChildProcess process, std::string name);

  ChildProcess process_;
  std::string name_;
  std::size_t peak_bytes_ = 0;
};

}  // namespace conduit::bench
