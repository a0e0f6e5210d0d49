// A node: device, replicas, router, supervisor, and where wanted the gateway and the spine, put
// together. A program that embeds a node holds one of these; conduit-node is little more.
// The idea: `start` returns once everything listens, while models are still being loaded; who must
// know asks `wait_ready`, which also tells why a model cannot be served. `drain` then ends it
// kindly: nothing new is taken, what runs may finish.
// Not here: signals and exit codes (node_main.cc), what a node is told (node_config.h).
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "actors/messages.h"
#include "cluster/node_config.h"
#include "mdl/base/result.h"

namespace conduit::cluster {

inline constexpr const char* kVersion = "0.1.0";  // as in CMakeLists.txt

class Node {
 public:
  // Errors: unavailable (an address is taken, and by whom), invalid_argument (an endpoint).
  static Result<std::unique_ptr<Node>> start(const NodeConfig& config);
  // Ends what still runs; drain first for a kind end.
  ~Node();
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  // `on_ready` gets ok once every model that is loaded at the start has generated a token, or the
  // error of one that cannot be served; once, from another thread.
  void when_ready(std::function<void(Status)> on_ready);
  // The same, blocking.
  Status wait_ready();
  // Nothing new is taken; what runs may finish until `bound` is over or `cut` is asked for, and is
  // then ended with an error that its askers are told. True: all of it did finish.
  bool drain(std::chrono::milliseconds bound, const std::stop_token& cut = {});
  // Takes of a new configuration what a running node can: the API key, models and adapters that
  // come, go or change, and how long they are kept. The keys of changed settings that it cannot.
  std::vector<std::string> reload(const NodeConfig& config);

  caf::actor_system& system();
  const actors::RouterActor& router() const;
  std::uint16_t http_port() const;  // 0: no HTTP
  std::string endpoint() const;     // for other nodes; empty: none

 private:
  struct Parts;
  explicit Node(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

// The models of a node as its supervisor wants them, and the device that they run on.
std::vector<actors::ModelSpec> specs_of(const NodeConfig& config);
Result<std::unique_ptr<kernels::Device>> device_of(const NodeConfig& config);

}  // namespace conduit::cluster
