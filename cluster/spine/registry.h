// Registry: who can be reached under which number. Two maps: this node's actors that frames may
// address, and the nodes that frames may come from and go to. The idea: every frame passes here
// once in each direction, so here is decided that it is for this life of this node, that its sender
// has said Hello, that its addressee lives (a question to one that does not is answered with a
// Failure, never with silence), and that no more frames lie in mailboxes than a limit. Thread-safe.
// Not here: who is alive (membership.h), what frames say (peer.h, served_replica.h).
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "actors/caf.h"
#include "cluster/spine/frame.h"
#include "cluster/spine/transport.h"
#include "mdl/base/result.h"

namespace conduit::cluster {

using NodeId = std::uint64_t;   // random, new with every start: a restarted node is another one
using ActorId = std::uint64_t;  // an actor's number on its node
inline constexpr ActorId kMembership = 0;

// A frame on its way to the actor it addresses.
struct Inbound {
  wire::EnvelopeT envelope;
  std::shared_ptr<const void>
      room;  // its place among the undelivered, free when the last copy goes
};
using Addressee = caf::typed_actor<caf::reacts_to<Inbound>>;

// Frames in mailboxes. CAF's have no bound of their own, so beyond this the transport stops
// reading until actors have caught up: a flood waits in its sender.
struct MailboxLimits {
  std::size_t frames = 4096;
  std::size_t bytes = std::size_t{256} << 20;
};

// Shared by the spine's actors, which may outlive the spine by a moment.
class Registry : public std::enable_shared_from_this<Registry> {
 public:
  Registry(NodeId self, std::unique_ptr<Transport> transport, const MailboxLimits& limits = {});

  ~Registry();

  NodeId self() const { return self_; }
  Transport& transport() { return *transport_; }

  void start();  // lets frames in: after membership is added
  void close();  // nothing goes in or out any more

  // An actor's number is drawn before it is spawned, so that it can be told.
  ActorId draw_number();
  void add(ActorId number, const Addressee& actor);  // until it ends

  void add_peer(NodeId node, const std::string& endpoint);
  void remove_peer(NodeId node);

  // Errors: unavailable (no such peer), and those of pack() and Transport::send.
  Status send(NodeId target, wire::EnvelopeT envelope, Priority priority);
  // To whoever is there: a Hello.
  Status send_to_endpoint(const std::string& endpoint, wire::EnvelopeT envelope);
  // To the actor that asked. Nobody to tell if it fails: its node is gone, or drowning.
  template <class Body>
  void reply(const wire::EnvelopeT& question, Body body, Priority priority = Priority::bulk) {
    reply_with(question, envelope_around(std::move(body)), priority);
  }
  void reply_with(const wire::EnvelopeT& question, wire::EnvelopeT answer, Priority priority);
  void reply_failure(const wire::EnvelopeT& question, const Error& error);

  // What the transport calls with each frame; waits for room.
  Status receive(wire::EnvelopeT envelope, std::size_t bytes);

 private:
  Status transmit(const std::string& endpoint, wire::EnvelopeT envelope, Priority priority);
  Status check_sender(const wire::EnvelopeT& envelope);
  std::shared_ptr<const void> take_room(std::size_t bytes);  // nullptr: closed
  void give_back_room(std::size_t bytes);
  void remove(ActorId number);

  const NodeId self_;
  const std::unique_ptr<Transport> transport_;
  const MailboxLimits limits_;

  std::mutex mutex_;
  std::condition_variable room_;
  bool is_closed_ = false;
  std::size_t frames_ = 0;  // undelivered
  std::size_t bytes_ = 0;
  ActorId last_number_ = kMembership;
  std::map<ActorId, Addressee> actors_;
  std::map<NodeId, std::string> peers_;
};

}  // namespace conduit::cluster

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(conduit::cluster::Inbound)
