// The set of connections, under its mutex.
#include "provisioning/http_server_core.h"

namespace conduit::provisioning {

void HttpServerCore::close() {
  std::lock_guard lock(mutex_);
  is_closed_ = true;
}

void HttpServerCore::add(const std::shared_ptr<HttpConnection>& connection) {
  std::lock_guard lock(mutex_);
  connections_.emplace(connection.get(), connection);
}

void HttpServerCore::remove(HttpConnection* connection) {
  std::lock_guard lock(mutex_);
  connections_.erase(connection);
  changed_.notify_all();
}

std::size_t HttpServerCore::connections() const {
  std::lock_guard lock(mutex_);
  return connections_.size();
}

std::vector<std::shared_ptr<HttpConnection>> HttpServerCore::open_connections() const {
  std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<HttpConnection>> open;
  for (auto& [key, weak] : connections_)
    if (auto connection = weak.lock()) open.push_back(std::move(connection));
  return open;
}

bool HttpServerCore::wait_until_no_connections(std::chrono::milliseconds bound) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, bound, [this] { return connections_.empty(); });
}

}  // namespace conduit::provisioning
