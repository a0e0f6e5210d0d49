// One client's connection. Inside of http_server: nobody else includes it.
// The idea: a state machine on a strand of its own, so nothing here is locked. Exactly one read is
// pending at any time; while an answer is being made, that read watches for the client to leave and
// keeps what a pipelining client sends early in the buffer, for the next turn. All bytes out go
// through one queue.
#pragma once

#include <atomic>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "provisioning/http_server.h"
#include "provisioning/http_server_core.h"

namespace conduit::provisioning {

// Bytes of a stream that wait for their reader; shared, because the writer counts at once and from
// any thread, the connection when they left.
using QueuedBytes = std::shared_ptr<std::atomic<std::size_t>>;

class HttpConnection : public std::enable_shared_from_this<HttpConnection> {
 public:
  using Socket = boost::asio::ip::tcp::socket;

  HttpConnection(std::shared_ptr<HttpServerCore> core, Socket socket);  // the socket's strand

  // Each from any thread.
  void start();
  void start_refused(std::string why);  // 503 whatever it asks
  void stop_when_idle();
  void stop_now();

  // The answer to request number `exchange`; does nothing when that one is over.
  void respond(std::uint64_t exchange, int status, HttpHeaders headers, std::string body);
  void begin_stream(std::uint64_t exchange, int status, HttpHeaders headers);
  void write(std::uint64_t exchange, std::string chunk, std::function<void()> on_written,
             QueuedBytes queued);
  void end(std::uint64_t exchange);
  void on_disconnect(std::uint64_t exchange, std::function<void()> callback);
  void abandon(std::uint64_t exchange);

 private:
  enum class Phase { idle, header, body, answering, lingering, closed };
  struct Outgoing {
    std::string bytes;
    std::function<void()> on_written;
    QueuedBytes queued;
    std::size_t counted = 0;  // of `queued`: without the chunk's frame
  };
  using ErrorCode = boost::system::error_code;
  using Parser = boost::beast::http::request_parser<boost::beast::http::string_body>;

  template <class Work>
  void post(Work work);

  void await_request();
  void read_header();
  void on_header(ErrorCode error);
  void read_body();
  void on_body(ErrorCode error);
  void read_failed(ErrorCode error);
  void dispatch();
  void read_more();
  void on_read(ErrorCode error, std::size_t bytes);

  bool is_open(std::uint64_t exchange) const;
  std::string head(int status, HttpHeaders headers) const;
  void send_whole(int status, HttpHeaders headers, std::string body);
  void send(Outgoing outgoing);
  void send_some();
  void on_sent(ErrorCode error, std::size_t bytes);
  void refuse(int status, std::string message);
  void complete();
  void next_turn();
  void linger();
  void lose();
  void close();

  void arm(std::chrono::milliseconds after);
  void disarm();
  void on_deadline();

  const std::shared_ptr<HttpServerCore> core_;  // first: the socket needs its io_context to the end
  Socket socket_;
  boost::asio::steady_timer deadline_;
  std::uint64_t deadline_number_ = 0;  // a wait that is superseded may already be on its way
  bool is_timed_out_ = false;
  std::string peer_;

  Phase phase_ = Phase::idle;
  boost::beast::flat_buffer buffer_;
  bool is_reading_ = false;  // read_more's read is pending
  std::optional<Parser> parser_;

  std::uint64_t exchange_ = 0;  // the current or last request's number
  bool is_head_ = false;        // its answer has no body
  bool is_http_1_1_ = true;     // can take chunks
  bool is_kept_alive_ = false;
  bool has_begun_ = false;   // the answer's first bytes are queued
  bool is_complete_ = true;  // … and its last
  bool is_lost_ = false;     // the client left before that
  std::function<void()> on_disconnect_;

  std::deque<Outgoing> outgoing_;
  std::size_t sent_ = 0;  // bytes of the first
};

// One request that waits for its answer: what all copies of its Responder share.
class HttpExchange {
 public:
  HttpExchange(std::shared_ptr<HttpConnection> its_connection, std::uint64_t its_number)
      : connection(std::move(its_connection)), number(its_number) {}
  ~HttpExchange() { connection->abandon(number); }
  HttpExchange(const HttpExchange&) = delete;
  HttpExchange& operator=(const HttpExchange&) = delete;

  const std::shared_ptr<HttpConnection> connection;
  const std::uint64_t number;
  const QueuedBytes queued = std::make_shared<std::atomic<std::size_t>>(0);
};

}  // namespace conduit::provisioning
