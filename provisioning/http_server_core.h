// What a server's connections share: options, handler, io_context, and who is connected. Inside of
// http_server: nobody else includes it. A Responder keeps it alive, perhaps longer than the server.
#pragma once

#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

#include "provisioning/http_server.h"

namespace conduit::provisioning {

class HttpConnection;

class HttpServerCore {
 public:
  HttpServerCore(HttpServerOptions server_options, HttpHandler request_handler)
      : options(std::move(server_options)), handler(std::move(request_handler)) {}

  // Runs `work` on a connection's strand; drops it once the server's threads are gone, where it
  // would lie in the io_context for ever.
  template <class Work>
  void post(const boost::asio::any_io_executor& strand, Work work) {
    std::lock_guard lock(mutex_);
    if (!is_closed_) boost::asio::post(strand, std::move(work));
  }
  void close();

  void add(const std::shared_ptr<HttpConnection>& connection);
  void remove(HttpConnection* connection);
  std::size_t connections() const;
  std::vector<std::shared_ptr<HttpConnection>> open_connections() const;
  bool wait_until_no_connections(std::chrono::milliseconds bound);

  const HttpServerOptions options;
  const HttpHandler handler;
  boost::asio::io_context io;
  std::atomic<bool> is_stopping = false;  // every answer is then the last of its connection

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool is_closed_ = false;
  std::unordered_map<HttpConnection*, std::weak_ptr<HttpConnection>> connections_;
};

}  // namespace conduit::provisioning
