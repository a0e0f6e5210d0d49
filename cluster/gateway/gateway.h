// Gateway: the node's HTTP face, OpenAI-compatible: start, drain, stop.
// The idea: a route turns a body into messages for the router and its messages into JSON; nothing
// waits, so two threads serve every client, and a client that leaves takes its generation with it.
// Not here: sockets (provisioning/http_server), the routes (routes), what the JSON means
// (openai_request, openai_reply), the life of one answer (generation).
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "actors/messages.h"
#include "mdl/base/result.h"

namespace conduit::cluster {

struct GatewayOptions {
  std::string host = "127.0.0.1";  // an address, not a name
  std::uint16_t port = 8080;       // 0: any free one, told by port()
  std::string api_key;             // asked for as `Authorization: Bearer …`; empty: none is asked
  std::string version;             // told at /version
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
  // From now on new requests get 503 with Retry-After; returns when the running answers are
  // finished, or after `bound`. True: all of them did finish.
  bool drain(std::chrono::milliseconds bound);

 private:
  struct Parts;
  explicit Gateway(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace conduit::cluster
