// Endpoints as users and peers write them → one spelling, so that two can be compared as text.
// The idea: nodes have no keys yet, so whoever reaches a node may use its models; until they do,
// an endpoint that is not loopback is refused, be it from a flag or from another node's Hello.
#pragma once

#include <string>
#include <string_view>

#include "mdl/base/result.h"

namespace conduit::cluster {

// `tcp://127.0.0.1:PORT`; `localhost` is 127.0.0.1. Error: invalid_argument, with what would do.
Result<std::string> peer_endpoint(std::string_view text);
// The same for a node's own, where the port may be `*` or 0 (any free one; both become `*`).
Result<std::string> listen_endpoint(std::string_view text);

}  // namespace conduit::cluster
