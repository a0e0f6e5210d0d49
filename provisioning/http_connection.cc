// The state machine of one connection:
//   idle → header → body → answering → idle … , and from any of them → lingering → closed.
#include "provisioning/http_connection.h"

#include <boost/beast/core/string.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/read.hpp>

#include "mdl/base/json.h"
#include "provisioning/http_message.h"

namespace conduit::provisioning {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;

namespace {

// Of requests that a client sends ahead of its answers: four times the largest header. A client
// that is further ahead is not read until its turn comes.
constexpr std::size_t kReadAheadBytes = 64 << 10;
constexpr std::size_t kReadBytes = 16 << 10;  // of one read: what a socket usually holds

bool may_have_body(int status) { return status >= 200 && status != 204 && status != 304; }

}  // namespace

// --- from any thread

HttpConnection::HttpConnection(std::shared_ptr<HttpServerCore> core, Socket socket)
    : core_(std::move(core)),
      socket_(std::move(socket)),
      deadline_(socket_.get_executor()),
      buffer_(kReadAheadBytes) {
  ErrorCode ignored;
  socket_.set_option(asio::ip::tcp::no_delay(true), ignored);  // tokens leave one by one
  const auto remote = socket_.remote_endpoint(ignored);
  peer_ = remote.address().to_string() + ":" + std::to_string(remote.port());
}

template <class Work>
void HttpConnection::post(Work work) {
  core_->post(socket_.get_executor(),
              [self = shared_from_this(), work = std::move(work)]() mutable { work(*self); });
}

void HttpConnection::start() {
  post([](HttpConnection& self) { self.await_request(); });
}

void HttpConnection::start_refused(std::string why) {
  post([why = std::move(why)](HttpConnection& self) { self.refuse(503, why); });
}

void HttpConnection::stop_when_idle() {
  post([](HttpConnection& self) {
    if (self.phase_ == Phase::idle) self.close();
  });
}

void HttpConnection::stop_now() {
  post([](HttpConnection& self) { self.lose(); });
}

void HttpConnection::respond(std::uint64_t exchange, int status, HttpHeaders headers,
                             std::string body) {
  post([=, headers = std::move(headers), body = std::move(body)](HttpConnection& self) mutable {
    if (!self.is_open(exchange) || self.has_begun_) return;
    self.send_whole(status, std::move(headers), std::move(body));
  });
}

void HttpConnection::begin_stream(std::uint64_t exchange, int status, HttpHeaders headers) {
  post([=, headers = std::move(headers)](HttpConnection& self) mutable {
    if (!self.is_open(exchange) || self.has_begun_) return;
    if (self.is_http_1_1_) {
      headers.emplace_back("Transfer-Encoding", "chunked");
    } else {
      self.is_kept_alive_ = false;  // the end of an HTTP/1.0 stream is the end of its connection
    }
    self.has_begun_ = true;
    self.send({self.head(status, headers), {}, {}, 0});
  });
}

void HttpConnection::write(std::uint64_t exchange, std::string chunk,
                           std::function<void()> on_written, QueuedBytes queued) {
  const std::size_t size = chunk.size();
  if (queued->fetch_add(size) + size > core_->options.stream_queue_bytes) {
    post([=](HttpConnection& self) {
      if (self.is_open(exchange)) self.lose();
    });
    return;
  }
  post([=, chunk = std::move(chunk), on_written = std::move(on_written),
        queued = std::move(queued)](HttpConnection& self) mutable {
    if (!self.is_open(exchange) || !self.has_begun_) return;
    // An empty chunk would end the stream, and HEAD wants none: only the callback is due.
    if (self.is_head_ || size == 0) {
      chunk.clear();
    } else if (self.is_http_1_1_) {
      chunk = chunk_frame(chunk);
    }
    self.send({std::move(chunk), std::move(on_written), std::move(queued), size});
  });
}

void HttpConnection::end(std::uint64_t exchange) {
  post([=](HttpConnection& self) {
    if (!self.is_open(exchange) || !self.has_begun_) return;
    if (self.is_http_1_1_ && !self.is_head_) self.send({std::string(kLastChunk), {}, {}, 0});
    self.complete();
  });
}

void HttpConnection::on_disconnect(std::uint64_t exchange, std::function<void()> callback) {
  post([=, callback = std::move(callback)](HttpConnection& self) mutable {
    if (self.is_open(exchange)) {
      self.on_disconnect_ = std::move(callback);
    } else if (self.exchange_ == exchange && self.is_lost_) {
      callback();  // it left before it could be set
    }
  });
}

void HttpConnection::abandon(std::uint64_t exchange) {
  post([=](HttpConnection& self) {
    if (!self.is_open(exchange)) return;
    if (self.has_begun_) {
      self.lose();
    } else {
      self.refuse(500, "the server gave no answer");
    }
  });
}

// --- reading a request

void HttpConnection::await_request() {
  if (phase_ == Phase::closed) return;
  phase_ = Phase::idle;
  if (core_->is_stopping) return close();
  arm(core_->options.idle_timeout);
  if (buffer_.size() == 0) {
    read_more();
  } else if (is_reading_) {
    socket_.cancel();  // the next request is (partly) here: on_read goes on with it
  } else {
    read_header();
  }
}

void HttpConnection::read_header() {
  phase_ = Phase::header;
  is_timed_out_ = is_head_ = false;
  is_http_1_1_ = true;
  arm(core_->options.header_timeout);
  parser_.emplace();
  parser_->header_limit(static_cast<std::uint32_t>(core_->options.header_bytes));
  parser_->body_limit(core_->options.body_bytes);
  http::async_read_header(
      socket_, buffer_, *parser_,
      [self = shared_from_this()](ErrorCode error, std::size_t) { self->on_header(error); });
}

void HttpConnection::on_header(ErrorCode error) {
  if (phase_ == Phase::closed) return;
  if (error) return read_failed(error);
  const auto& message = parser_->get();
  if (message.version() >= 11 && message.count(http::field::host) == 0)
    return refuse(400, "the Host header is missing");
  if (auto expect = message[http::field::expect]; !expect.empty()) {
    if (!beast::iequals(expect, "100-continue"))
      return refuse(417, "the only expectation that can be met is 100-continue");
    if (!parser_->is_done()) send({"HTTP/1.1 100 Continue\r\n\r\n", {}, {}, 0});
  }
  if (parser_->is_done()) return dispatch();
  read_body();
}

void HttpConnection::read_body() {
  phase_ = Phase::body;
  arm(core_->options.body_timeout);
  http::async_read(
      socket_, buffer_, *parser_,
      [self = shared_from_this()](ErrorCode error, std::size_t) { self->on_body(error); });
}

void HttpConnection::on_body(ErrorCode error) {
  if (phase_ == Phase::closed) return;
  if (error) return read_failed(error);
  dispatch();
}

void HttpConnection::read_failed(ErrorCode error) {
  const HttpServerOptions& options = core_->options;
  if (is_timed_out_) return refuse(408, "the request did not arrive in time");
  if (error == http::error::body_limit)
    return refuse(413,
                  "the body is over the limit of " + std::to_string(options.body_bytes) + " bytes");
  if (error == http::error::header_limit || error == http::error::buffer_overflow)
    return refuse(431, "the headers are over the limit of " + std::to_string(options.header_bytes) +
                           " bytes");
  const bool is_gone = error == http::error::end_of_stream || error == http::error::partial_message;
  if (is_gone || error.category() != http::make_error_code(http::error::bad_version).category())
    return close();
  refuse(400, "malformed HTTP request: " + error.message());
}

void HttpConnection::dispatch() {
  disarm();
  auto message = parser_->release();
  HttpRequest request;
  request.method = message.method_string();
  split_target(message.target(), request);
  for (const auto& field : message)
    request.headers.emplace_back(field.name_string(), field.value());
  request.body = std::move(message.body());
  request.peer = peer_;

  phase_ = Phase::answering;
  ++exchange_;
  is_head_ = message.method() == http::verb::head;
  is_http_1_1_ = message.version() >= 11;
  is_kept_alive_ = message.keep_alive();
  has_begun_ = is_complete_ = is_lost_ = false;
  read_more();
  core_->handler(std::move(request),
                 Responder(std::make_shared<HttpExchange>(shared_from_this(), exchange_)));
}

// The read that is pending when no request is being parsed.
void HttpConnection::read_more() {
  if (is_reading_ || buffer_.size() >= kReadAheadBytes) return;
  is_reading_ = true;
  socket_.async_read_some(buffer_.prepare(std::min(kReadBytes, kReadAheadBytes - buffer_.size())),
                          [self = shared_from_this()](ErrorCode error, std::size_t bytes) {
                            self->on_read(error, bytes);
                          });
}

void HttpConnection::on_read(ErrorCode error, std::size_t bytes) {
  is_reading_ = false;
  buffer_.commit(bytes);
  switch (phase_) {
    case Phase::idle:
      if (error && error != asio::error::operation_aborted) return close();
      if (buffer_.size() > 0) return read_header();
      return read_more();
    case Phase::answering:
      if (error) return lose();
      return read_more();
    case Phase::lingering:
      if (error) return close();
      buffer_.clear();
      return read_more();
    case Phase::header:
    case Phase::body:
    case Phase::closed: return;
  }
}

// --- answering it

bool HttpConnection::is_open(std::uint64_t exchange) const {
  return phase_ == Phase::answering && exchange_ == exchange && !is_complete_;
}

std::string HttpConnection::head(int status, HttpHeaders headers) const {
  if (!is_kept_alive_) {
    headers.emplace_back("Connection", "close");
  } else if (!is_http_1_1_) {
    headers.emplace_back("Connection", "keep-alive");
  }
  const auto reason = http::obsolete_reason(http::int_to_status(static_cast<unsigned>(status)));
  return response_head(status, reason, headers);
}

void HttpConnection::send_whole(int status, HttpHeaders headers, std::string body) {
  if (core_->is_stopping) is_kept_alive_ = false;
  if (may_have_body(status)) headers.emplace_back("Content-Length", std::to_string(body.size()));
  if (!may_have_body(status) || is_head_) body.clear();
  has_begun_ = true;
  send({head(status, headers) + body, {}, {}, 0});
  complete();
}

void HttpConnection::send(Outgoing outgoing) {
  outgoing_.push_back(std::move(outgoing));
  if (outgoing_.size() == 1) send_some();
}

void HttpConnection::send_some() {
  // Beside 100 Continue the body's deadline goes on.
  if (phase_ == Phase::answering) arm(core_->options.write_timeout);
  socket_.async_write_some(asio::buffer(outgoing_.front().bytes) + sent_,
                           [self = shared_from_this()](ErrorCode error, std::size_t bytes) {
                             self->on_sent(error, bytes);
                           });
}

void HttpConnection::on_sent(ErrorCode error, std::size_t bytes) {
  if (phase_ == Phase::closed) return;
  if (error) return lose();
  sent_ += bytes;
  if (sent_ < outgoing_.front().bytes.size()) return send_some();

  Outgoing done = std::move(outgoing_.front());
  outgoing_.pop_front();
  sent_ = 0;
  if (done.queued) done.queued->fetch_sub(done.counted);
  if (!outgoing_.empty()) {
    send_some();
  } else if (phase_ == Phase::answering) {
    disarm();
  }
  if (done.on_written) done.on_written();
  if (outgoing_.empty() && phase_ == Phase::answering && is_complete_) next_turn();
}

// Answers instead of the handler; the connection ends with it, since where the next request would
// begin may be unknown.
void HttpConnection::refuse(int status, std::string message) {
  phase_ = Phase::answering;
  is_kept_alive_ = false;
  HttpHeaders headers{{"Content-Type", "application/json"}};
  if (status == 503) headers.emplace_back("Retry-After", "1");
  const auto& body = core_->options.refusal_body;
  send_whole(status, std::move(headers),
             body ? body({status, message, peer_})
                  : "{\"error\":{\"message\":" + json::quote(message) + "}}");
}

void HttpConnection::complete() {
  is_complete_ = true;
  on_disconnect_ = nullptr;
  if (outgoing_.empty()) next_turn();
}

void HttpConnection::next_turn() {
  if (is_kept_alive_) return await_request();
  linger();
}

// Closing a socket with unread bytes resets the connection and may destroy the answer on its way:
// so say that nothing more comes, and read what the client still sends until it closes too.
void HttpConnection::linger() {
  phase_ = Phase::lingering;
  ErrorCode ignored;
  socket_.shutdown(Socket::shutdown_send, ignored);
  arm(core_->options.linger_timeout);
  if (!is_reading_) buffer_.clear();
  read_more();
}

// The client is gone or must go: whoever makes its answer is told.
void HttpConnection::lose() {
  if (phase_ == Phase::closed) return;
  is_lost_ = phase_ == Phase::answering && !is_complete_;
  auto callback = std::move(on_disconnect_);
  on_disconnect_ = nullptr;
  close();
  if (is_lost_ && callback) callback();
}

void HttpConnection::close() {
  if (phase_ == Phase::closed) return;
  phase_ = Phase::closed;
  disarm();
  ErrorCode ignored;
  socket_.close(ignored);
  // The bytes stay until their write is cancelled; a callback may own the Responder that owns us.
  for (Outgoing& outgoing : outgoing_) outgoing.on_written = nullptr;
  core_->remove(this);
}

// --- time

void HttpConnection::arm(std::chrono::milliseconds after) {
  deadline_.expires_after(after);
  deadline_.async_wait([self = shared_from_this(), number = ++deadline_number_](ErrorCode error) {
    if (!error && number == self->deadline_number_) self->on_deadline();
  });
}

void HttpConnection::disarm() {
  ++deadline_number_;
  deadline_.cancel();
}

void HttpConnection::on_deadline() {
  switch (phase_) {
    case Phase::header:
    case Phase::body:
      is_timed_out_ = true;
      socket_.cancel();  // its read ends with an error: read_failed
      return;
    case Phase::answering: return lose();
    case Phase::idle:
    case Phase::lingering: return close();
    case Phase::closed: return;
  }
}

}  // namespace conduit::provisioning
