// Who listens on a TCP port of this machine: for the error that says a port is taken.
#pragma once

#include <cstdint>
#include <string>

namespace conduit::cluster {

// "process 1234 (python3 -m http.server)", "another user's process", or empty when nobody listens.
std::string port_holder(std::uint16_t port);

}  // namespace conduit::cluster
