// Gateway: the node's HTTP face, OpenAI-compatible: start, drain, stop.
// The idea: a route turns a body into messages for the router and its messages into JSON; nothing
// waits, so two threads serve every client, and a client that leaves takes its generation with it.
// Not here: sockets (provisioning/http_server), the routes (routes), what the JSON means
// (openai_request, openai_reply), the life of one answer (generation).
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>

#include "actors/messages.h"
#include "cluster/spine/membership.h"
#include "mdl/base/result.h"

namespace conduit::cluster {

struct GatewayOptions {
  std::string host = "127.0.0.1";  // an address, not a name
  std::uint16_t port = 8080;       // 0: any free one, told by port()
  std::string api_key;             // asked for as `Authorization: Bearer …`; empty: none is asked
  std::string version;             // told at /version
  std::string node = "node";       // its name, told at /status
  int http_threads = 2;            // they only move bytes and JSON: two serve thousands of clients
  std::chrono::milliseconds answer_timeout{0};  // for a whole answer; 0: none
};

class Gateway {
 public:
  // Serves from now on, from threads of its own. `system` outlives the gateway. Error: unavailable,
  // naming the address, when it cannot be bound (a port that is taken).
  static Result<std::unique_ptr<Gateway>> start(caf::actor_system& system,
                                                actors::RouterActor router, GatewayOptions options);
  // Stops at once: answers that still run are cut off. drain() first for a clean end.
  ~Gateway();

  std::uint16_t port() const;
  // The other nodes, told at /status from now on. `endpoint`: this node's own, for them.
  void show_cluster(const std::string& endpoint, const MembershipActor& membership);
  // From now on new requests get 503 with Retry-After; returns when the running answers are
  // finished, after `bound`, or when `cut` is asked for. True: all of them did finish.
  bool drain(std::chrono::milliseconds bound, const std::stop_token& cut = {});
  // Closes everything, after a moment for answers that are ending, and for the last bytes.
  void stop();
  // Asked for from the next request on; empty: none is asked.
  void set_api_key(std::string key);

 private:
  struct Parts;
  explicit Gateway(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace conduit::cluster
