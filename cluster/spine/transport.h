// Transport: frames out, frames in. The idea: a node has one bound socket that only receives and,
// for each peer, two connections that only send, so an answer travels over the connection of the
// node that gives it and nobody needs to know which socket a question came from. Control and bulk
// have a connection each: a heartbeat never waits behind a megabyte of text. Whoever sends does so
// on its own thread and never blocks: what the socket does not take waits in a bounded queue, and
// a full queue is the sender's error. Virtual, so that tests pass frames by hand
// (tests/support/simulated_transport). Not here: node ids, actors, who is alive.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "cluster/spine/frame.h"
#include "mdl/base/result.h"

namespace conduit::cluster {

// Frames of one priority to one peer arrive in order; between the two there is none.
enum class Priority : std::uint8_t { control, bulk };

class Transport {
 public:
  // Called on one thread, one frame after another, each past the border (`open`). While it blocks
  // nothing more is read, and senders elsewhere feel it. An error: the frame is for nobody here; it
  // is logged with its peer and dropped, like one that `open` refuses.
  using Receive = std::function<Status(wire::EnvelopeT envelope, std::size_t bytes)>;

  virtual ~Transport() = default;

  virtual const std::string& endpoint() const = 0;  // where it listens, with its real port
  virtual void start(Receive receive) = 0;          // once
  // Until it is there and again after it vanished, frames to it wait. A second connect is nothing.
  virtual Status connect(const std::string& peer) = 0;
  virtual void disconnect(const std::string& peer) = 0;  // frames that wait are dropped
  // Any thread, never blocks. Errors: unavailable (not connected to, stopped), exhausted (the
  // peer's queue is full). That it was sent does not mean that it will arrive.
  virtual Status send(const std::string& peer, Frame frame, Priority priority) = 0;
  virtual void stop() = 0;  // Receive is not called any more once this returns
};

struct TransportLimits {
  // Per peer and priority. A token's chunk takes some 200 bytes, so either is more than a hundred
  // streams with all of their credit; a peer that lets so much wait has stopped reading.
  std::size_t waiting_frames = 65'536;
  std::size_t waiting_bytes = std::size_t{64} << 20;
  std::chrono::milliseconds linger{500};  // how long stop() lets sent frames leave
};

// Over ZeroMQ. Errors: invalid_argument (see endpoint.h), unavailable (port taken).
Result<std::unique_ptr<Transport>> listen(const std::string& endpoint,
                                          const TransportLimits& limits = {});

}  // namespace conduit::cluster
