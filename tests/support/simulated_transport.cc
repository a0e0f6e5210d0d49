// Endpoints, connections, and one queue of frames under way.
#include "tests/support/simulated_transport.h"

#include <algorithm>

namespace conduit::testing {

class SimulatedTransport final : public cluster::Transport {
 public:
  SimulatedTransport(SimulatedNetwork& network, std::string endpoint)
      : network_(network), endpoint_(std::move(endpoint)) {}
  ~SimulatedTransport() override { stop(); }

  const std::string& endpoint() const override { return endpoint_; }
  void start(Receive receive) override {
    network_.listeners_[endpoint_] = {std::move(receive)};
    is_listening_ = true;
  }
  Status connect(const std::string& peer) override {
    network_.connections_.emplace(endpoint_, peer);
    return ok();
  }
  // What waits for a node that is not there is dropped; what is on its way arrives.
  void disconnect(const std::string& peer) override {
    network_.connections_.erase({endpoint_, peer});
    if (network_.listeners_.contains(peer)) return;
    std::erase_if(network_.sent_,
                  [&](const auto& frame) { return frame.from == endpoint_ && frame.to == peer; });
  }
  Status send(const std::string& peer, cluster::Frame frame, cluster::Priority) override {
    if (!network_.connections_.contains({endpoint_, peer}))
      return Error{Code::unavailable, peer + ": not connected"};
    if (network_.sent_.size() >= network_.max_waiting)
      return Error{Code::exhausted, peer + ": the connection is full"};
    network_.sent_.push_back({endpoint_, peer, {frame.data(), frame.data() + frame.size()}});
    return ok();
  }
  void stop() override {
    if (!std::exchange(is_listening_, false)) return;
    network_.listeners_.erase(endpoint_);
    std::erase_if(network_.connections_,
                  [&](const auto& connection) { return connection.first == endpoint_; });
  }

 private:
  SimulatedNetwork& network_;
  const std::string endpoint_;
  bool is_listening_ = false;
};

std::unique_ptr<cluster::Transport> SimulatedNetwork::listen(const std::string& endpoint) {
  return std::make_unique<SimulatedTransport>(*this, endpoint);
}

std::size_t SimulatedNetwork::deliver() {
  std::size_t delivered = 0;
  std::deque<Sent> under_way;
  under_way.swap(sent_);
  for (Sent& frame : under_way) {
    const auto listener = listeners_.find(frame.to);
    if (listener == listeners_.end()) {
      sent_.push_back(std::move(frame));  // waits for it
      continue;
    }
    ++delivered;
    auto envelope = cluster::open(frame.bytes);
    if (envelope && lose && lose(frame.to, *envelope)) continue;
    if (!envelope || !listener->second.receive(*std::move(envelope), frame.bytes.size()))
      ++rejected;
  }
  return delivered;
}

}  // namespace conduit::testing
