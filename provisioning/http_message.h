// The text of HTTP messages as far as no parser is needed for it.
#pragma once

#include <string>
#include <string_view>

#include "provisioning/http_server.h"

namespace conduit::provisioning {

// Fills path and query from a request's target, also from an absolute one, as proxies send them.
void split_target(std::string_view target, HttpRequest& request);

// From the status line to the empty line, with a Date. Values cannot end their line.
std::string response_head(int status, std::string_view reason, const HttpHeaders& headers);

// One chunk of a chunked body. An empty one would be its end.
std::string chunk_frame(std::string_view chunk);
inline constexpr std::string_view kLastChunk = "0\r\n\r\n";

}  // namespace conduit::provisioning
