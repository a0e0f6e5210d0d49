// HttpServer: HTTP/1.1 for other folders, asynchronous, on a few threads of its own. Boost.Beast
// and Asio stand behind it (http_connection) and nowhere else.
// The idea: a handler gets a whole request and a Responder, answers from any thread and at any
// time, whole or as a stream; meanwhile the connection goes on reading, so a client that leaves is
// noticed at once. Whatever a client can send or hold (bytes, connections, time) has a named limit.
// Not here: routes, keys and JSON, which are the handler's business.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mdl/base/result.h"

namespace conduit::provisioning {

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

struct HttpRequest {
  std::string method;  // as sent: GET, POST …
  std::string path;    // of the target, percent-decoded, valid UTF-8: /v1/models/org/name
  std::string query;   // behind the `?`, as sent
  HttpHeaders headers;
  std::string body;
  std::string peer;  // 127.0.0.1:54321

  // The first header of that name, in any case; empty when there is none.
  std::string_view header(std::string_view name) const;
};

class HttpExchange;

// The answer to one request: one respond(), or begin_stream(), any number of write(), end(). Copies
// stand for the same answer; when the last goes without having answered, the client gets 500 or, in
// a stream, a cut connection. Any thread; nothing is called back from inside these functions. After
// the client left, all of them do nothing.
class Responder {
 public:
  explicit Responder(std::shared_ptr<HttpExchange> exchange) : exchange_(std::move(exchange)) {}

  void respond(int status, HttpHeaders headers, std::string body) const;
  void begin_stream(int status, HttpHeaders headers) const;
  // `on_written`: the chunk has left for the client. This is the back-pressure: a writer that
  // ignores it and gets `stream_queue_bytes` ahead of its reader is cut off.
  void write(std::string chunk, std::function<void()> on_written = {}) const;
  void end() const;
  // Called once if the client leaves (or is cut off) before the answer is complete; never after.
  // A client that closes its sending half has left: the two cannot be told apart in time.
  // The server keeps the callback until then, so it must not own this Responder.
  void on_disconnect(std::function<void()> callback) const;

 private:
  std::shared_ptr<HttpExchange> exchange_;
};

// Called from the server's threads: must not block.
using HttpHandler = std::function<void(HttpRequest, Responder)>;

// What the server itself answers, before or instead of asking the handler.
struct HttpRefusal {
  int status = 0;  // 400 408 413 417 431 500 503
  std::string message;
  std::string peer;
};

struct HttpServerOptions {
  std::string host = "127.0.0.1";  // an address, not a name
  std::uint16_t port = 0;          // 0: any free one
  int threads = 2;                 // handlers do not block, so threads only move bytes

  // Request line and headers together; browsers and proxies stay below 8 KiB.
  std::size_t header_bytes = 16 << 10;
  // A prompt of a million token ids has 7 MB.
  std::size_t body_bytes = 8 << 20;
  // One is a file descriptor and some 20 kB; more clients than that want a proxy in front.
  std::size_t connections = 4096;
  // What a stream's writer may be ahead of its reader: far above 64 chunks of tokens.
  std::size_t stream_queue_bytes = 1 << 20;

  std::chrono::milliseconds idle_timeout{75'000};    // between requests, as common proxies expect
  std::chrono::milliseconds header_timeout{10'000};  // from the first byte to the empty line
  std::chrono::milliseconds body_timeout{60'000};    // 8 MiB over 1 Mbit/s
  std::chrono::milliseconds write_timeout{60'000};   // in which the client takes not one byte
  std::chrono::milliseconds linger_timeout{2'000};   // for a client to read a refusal and close

  // The JSON body of a refusal, and the place to count it. Default: {"error":{"message":…}}.
  std::function<std::string(const HttpRefusal&)> refusal_body;
};

class HttpServer {
 public:
  // Serves from now on. Error: unavailable, naming the address and why it cannot be bound.
  static Result<std::unique_ptr<HttpServer>> start(HttpServerOptions options, HttpHandler handler);
  ~HttpServer();  // stop(0)

  std::uint16_t port() const;
  // Accepts no more, closes what is idle, lets running answers finish for at most `bound`, then
  // cuts them off. After it nothing is called back.
  void stop(std::chrono::milliseconds bound);

 private:
  struct Parts;
  explicit HttpServer(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace conduit::provisioning
