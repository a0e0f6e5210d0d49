// `conduit run` and `conduit serve`: a node for a model, for one conversation or until it is
// stopped.
// The idea: run asks a node of this machine that serves the model already, or fetches the model,
// starts a node on a free port, talks, and stops what it started. serve is conduit-node with the
// same flags, whose log is kept for `conduit logs`.
#pragma once

#include <string>
#include <vector>

#include "cluster/cli/chat.h"

namespace conduit::cluster {

struct RunOptions {
  std::string model;  // a path or a name
  ChatOptions chat;
  std::vector<std::string> node_arguments;  // more of conduit-node's
};
// Exit codes as run_chat's.
int run_run(RunOptions options);

struct ServeOptions {
  std::vector<std::string> models;
  std::vector<std::string> arguments;  // conduit-node's
};
// The node's exit code.
int run_serve(ServeOptions options);

// Becomes conduit-bench.
int run_bench(const std::vector<std::string>& arguments);

}  // namespace conduit::cluster
