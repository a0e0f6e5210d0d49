// HttpClient: one HTTP request after another, blocking, the answer whole or piece by piece as it
// arrives. libcurl stands behind it and nowhere else.
// The idea: whatever can keep a caller waiting ends by itself: connecting and silence have time
// limits, and a flag that any thread or signal handler may set ends a request at once. An answer
// with an error status is no error here: the caller sees status and body. Not here: JSON, and the
// events of a stream (event_stream.h).
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mdl/base/result.h"

namespace conduit::provisioning {

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;  // as http_server.h has it

struct HttpCall {
  std::string method = "GET";
  std::string url;  // http:// or https://
  HttpHeaders headers = {};
  std::string body = {};
  std::chrono::milliseconds connect_timeout{5000};
  // Without a byte from the other side; a long prompt is silent until its first token.
  std::chrono::seconds silence_timeout{300};
  // Of an answer that is collected, not of one that is handed on in pieces.
  std::size_t max_body_bytes = 64 << 20;
  // Sees status and headers before the first piece of a body; an error ends the request and is its
  // result.
  std::function<Status(int status, const HttpHeaders& headers)> on_head = {};
  // Set from elsewhere to end the request; must outlive it.
  const std::atomic<bool>* cancelled = nullptr;
};

// The first header of that name, in any case; empty when there is none.
std::string_view find_header(const HttpHeaders& headers, std::string_view name);

struct HttpReply {
  int status = 0;
  HttpHeaders headers;
  std::string body;

  std::string_view header(std::string_view name) const { return find_header(headers, name); }
};

// Gets the body of a 2xx answer piece by piece; an error ends the request and is its result.
using HttpSink = std::function<Status(std::string_view piece)>;

// For one thread at a time; keeps its connection for the next request to the same host.
class HttpClient {
 public:
  HttpClient();

  // With a sink, the body of a 2xx answer goes there and HttpReply::body stays empty. Errors:
  // unavailable (cannot connect, broken off, silent too long), invalid_argument (the URL),
  // exhausted (a body over its limit), cancelled.
  Result<HttpReply> send(const HttpCall& call, const HttpSink& sink = {});

 private:
  std::unique_ptr<void, void (*)(void*)> handle_;
};

}  // namespace conduit::provisioning
