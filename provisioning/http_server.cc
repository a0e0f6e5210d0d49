// Accepting, stopping, and the Responder's way to its connection.
#include "provisioning/http_server.h"

#include <sys/resource.h>

#include <algorithm>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/strand.hpp>
#include <thread>

#include "mdl/base/log.h"
#include "provisioning/http_connection.h"

namespace conduit::provisioning {

namespace asio = boost::asio;
using asio::ip::tcp;
using ErrorCode = boost::system::error_code;

namespace {

// Connections over the limit that are still told so; any more are closed without a word.
constexpr std::size_t kRefusedConnections = 64;
// When no descriptor is left for a new connection, one may be a moment later.
constexpr std::chrono::milliseconds kAcceptPause{100};
// Of the process beside connections: model files, sockets of the node, libraries.
constexpr std::size_t kOtherDescriptors = 256;

// A connection is a descriptor, and the usual soft limit of 1024 would end accepting long before
// `connections` does; the hard limit is ours to use.
void raise_descriptor_limit(std::size_t connections) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  const rlim_t wanted = connections + kRefusedConnections + kOtherDescriptors;
  if (limit.rlim_cur >= wanted) return;
  limit.rlim_cur = std::min(wanted, limit.rlim_max);
  setrlimit(RLIMIT_NOFILE, &limit);
}

Error cannot_serve(const HttpServerOptions& options, const ErrorCode& error) {
  return Error{Code::unavailable, "cannot serve HTTP on " + options.host + ":" +
                                      std::to_string(options.port) + ": " + error.message()};
}

Result<tcp::acceptor> listen(asio::io_context& io, const HttpServerOptions& options) {
  ErrorCode error;
  const auto found = tcp::resolver(io).resolve(options.host, std::to_string(options.port),
                                               tcp::resolver::passive, error);
  if (error || found.empty()) return cannot_serve(options, error);
  const tcp::endpoint endpoint = *found.begin();
  tcp::acceptor acceptor(asio::make_strand(io));
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) return cannot_serve(options, error);
  return acceptor;
}

}  // namespace

// --- Responder

void Responder::respond(int status, HttpHeaders headers, std::string body) const {
  exchange_->connection->respond(exchange_->number, status, std::move(headers), std::move(body));
}

void Responder::begin_stream(int status, HttpHeaders headers) const {
  exchange_->connection->begin_stream(exchange_->number, status, std::move(headers));
}

void Responder::write(std::string chunk, std::function<void()> on_written) const {
  exchange_->connection->write(exchange_->number, std::move(chunk), std::move(on_written),
                               exchange_->queued);
}

void Responder::end() const { exchange_->connection->end(exchange_->number); }

void Responder::on_disconnect(std::function<void()> callback) const {
  exchange_->connection->on_disconnect(exchange_->number, std::move(callback));
}

// --- HttpServer

struct HttpServer::Parts {
  Parts(std::shared_ptr<HttpServerCore> shared, tcp::acceptor listening)
      : core(std::move(shared)),
        acceptor(std::move(listening)),
        pause(acceptor.get_executor()),
        work(core->io.get_executor()) {}

  void accept_next();
  void on_accepted(tcp::socket socket);

  std::shared_ptr<HttpServerCore> core;
  tcp::acceptor acceptor;
  asio::steady_timer pause;
  asio::executor_work_guard<asio::io_context::executor_type> work;
  std::uint16_t port = 0;
  std::vector<std::thread> threads;
};

void HttpServer::Parts::accept_next() {
  acceptor.async_accept(asio::make_strand(core->io), [this](ErrorCode error, tcp::socket socket) {
    if (!acceptor.is_open()) return;
    if (!error) {
      on_accepted(std::move(socket));
      return accept_next();
    }
    log::warning("a connection could not be accepted", {{"reason", error.message()}});
    pause.expires_after(kAcceptPause);
    pause.async_wait([this](ErrorCode cancelled) {
      if (!cancelled && acceptor.is_open()) accept_next();
    });
  });
}

void HttpServer::Parts::on_accepted(tcp::socket socket) {
  const std::size_t open = core->connections();
  const std::size_t limit = core->options.connections;
  if (open >= limit + kRefusedConnections) return;
  auto connection = std::make_shared<HttpConnection>(core, std::move(socket));
  core->add(connection);
  if (open < limit) {
    connection->start();
  } else {
    connection->start_refused("the limit of " + std::to_string(limit) +
                              " connections is reached; try again later");
  }
}

HttpServer::HttpServer(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

Result<std::unique_ptr<HttpServer>> HttpServer::start(HttpServerOptions options,
                                                      HttpHandler handler) {
  raise_descriptor_limit(options.connections);
  auto core = std::make_shared<HttpServerCore>(std::move(options), std::move(handler));
  CONDUIT_TRY(auto acceptor, listen(core->io, core->options));
  auto parts = std::make_unique<Parts>(core, std::move(acceptor));
  parts->port = parts->acceptor.local_endpoint().port();
  parts->accept_next();
  for (int i = 0; i < core->options.threads; ++i)
    parts->threads.emplace_back([core] { core->io.run(); });
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(parts)));
}

HttpServer::~HttpServer() { stop(std::chrono::milliseconds(0)); }

std::uint16_t HttpServer::port() const { return parts_->port; }

void HttpServer::stop(std::chrono::milliseconds bound) {
  if (parts_->threads.empty()) return;
  HttpServerCore& core = *parts_->core;
  core.is_stopping = true;
  core.post(parts_->acceptor.get_executor(), [parts = parts_.get()] {
    ErrorCode ignored;
    parts->acceptor.close(ignored);
    parts->pause.cancel();
  });
  for (const auto& connection : core.open_connections()) connection->stop_when_idle();
  core.wait_until_no_connections(bound);
  // One that is accepted meanwhile sees is_stopping before it reads anything.
  for (const auto& connection : core.open_connections()) connection->stop_now();
  core.close();
  parts_->work.reset();
  for (std::thread& thread : parts_->threads) thread.join();
  parts_->threads.clear();
}

}  // namespace conduit::provisioning
