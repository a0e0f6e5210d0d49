// A network of one process and one thread: frames travel when the test says so. What is sent is
// packed and opened as over a real one; a test may lose frames, hold them back, or throw in others.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "cluster/spine/transport.h"

namespace conduit::testing {

class SimulatedNetwork {
 public:
  // Outlives the transports it makes. One endpoint may be listened at again once the former
  // listener has stopped: a restarted node.
  std::unique_ptr<cluster::Transport> listen(const std::string& endpoint);

  // Delivers what was sent so far, in order, to those who listen; returns how many frames.
  std::size_t deliver();

  // A frame for which this is true is lost on its way.
  std::function<bool(const std::string& to, const wire::EnvelopeT& envelope)> lose;
  // Above this, send() fails as on a connection that does not keep up.
  std::size_t max_waiting = 100'000;
  std::uint64_t rejected = 0;  // frames that a receiver did not want

 private:
  friend class SimulatedTransport;
  struct Sent {
    std::string from;
    std::string to;
    std::vector<std::uint8_t> bytes;
  };
  struct Listener {
    cluster::Transport::Receive receive;
  };

  std::map<std::string, Listener> listeners_;
  std::set<std::pair<std::string, std::string>> connections_;
  std::deque<Sent> sent_;
};

}  // namespace conduit::testing
