// tcp://HOST:PORT, taken apart and put together again.
#include "cluster/spine/endpoint.h"

#include <arpa/inet.h>

#include <charconv>
#include <cstdint>

namespace conduit::cluster {

namespace {

constexpr std::string_view kScheme = "tcp://";

Error refused(std::string_view text, std::string_view why) {
  return Error{Code::invalid_argument, std::string(text) + ": " + std::string(why)};
}

// The whole of 127/8 is this machine.
bool is_loopback(const std::string& host) {
  in_addr address{};
  return inet_pton(AF_INET, host.c_str(), &address) == 1 && (ntohl(address.s_addr) >> 24) == 127;
}

Result<std::string> normalise(std::string_view text, bool may_be_any_port) {
  const std::size_t colon = text.rfind(':');
  if (!text.starts_with(kScheme) || colon < kScheme.size())
    return refused(text, "an endpoint reads tcp://127.0.0.1:PORT");
  std::string host(text.substr(kScheme.size(), colon - kScheme.size()));
  if (host == "localhost") host = "127.0.0.1";
  if (!is_loopback(host))
    return refused(text,
                   "nodes have no keys yet, so they meet on loopback only: tcp://127.0.0.1:PORT");

  const std::string_view port = text.substr(colon + 1);
  if (may_be_any_port && (port == "*" || port == "0")) return "tcp://" + host + ":*";
  std::uint16_t number = 0;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
  if (error != std::errc{} || end != port.data() + port.size() || number == 0)
    return refused(text, "the port must be a number from 1 to 65535");
  return "tcp://" + host + ":" + std::to_string(number);
}

}  // namespace

Result<std::string> peer_endpoint(std::string_view text) { return normalise(text, false); }
Result<std::string> listen_endpoint(std::string_view text) { return normalise(text, true); }

}  // namespace conduit::cluster
