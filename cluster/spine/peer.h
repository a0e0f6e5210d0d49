// Peer: the local actor that stands for a replica on another node. It has a replica's interface, so
// whoever holds its handle cannot tell; it packs what it is asked into frames and turns the frames
// that come back into answers, chunks and Finished. The idea: every question it took is settled and
// every stream it opened is finished, exactly once, whatever happens to the network:
//   - an answer that does not come ends at its deadline; nothing it started is left running there;
//   - a lost frame shows as a gap in the stream's sequence, or, were it the last one, when the
//     stream has been silent for a heartbeat and the other node is asked where it stands;
//   - when the node is lost, all that is open ends at once, and so does this actor (its monitors
//     fire).
// An error of code unavailable in place of Admitted means that the asker has been sent nothing: it
// may ask another replica.
// What waits for a slow reader is bounded by the credit it granted. The other end of the talk is
// served_replica.h.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "actors/messages.h"
#include "cluster/spine/registry.h"
#include "cluster/spine/timing.h"

namespace conduit::cluster {

struct AnswerDue {  // to itself: the time of a question is up
  std::uint64_t correlation = 0;
};
struct StreamDue {  // … and of a whole answer
  std::uint64_t stream = 0;
  std::uint64_t correlation = 0;  // of the request that opened it
};
struct ProbeDue {};  // … and to look for silent streams
struct PeerLost {    // from membership
  NodeId node = 0;
  std::string reason;
};

using RemoteReplica =
    actors::ReplicaActor::extend<caf::reacts_to<Inbound>, caf::reacts_to<AnswerDue>,
                                 caf::reacts_to<StreamDue>, caf::reacts_to<ProbeDue>,
                                 caf::reacts_to<PeerLost>>;

struct ReplicaAddress {
  NodeId node = 0;
  ActorId number = 0;
  std::string endpoint;  // of the node, for error messages
};

// Streams that one stand-in keeps open; one more request is refused. Far beyond what a replica
// admits.
inline constexpr std::size_t kMaxStreamsPerReplica = 4096;

RemoteReplica spawn_remote_replica(caf::actor_system& system, std::shared_ptr<Registry> registry,
                                   const ReplicaAddress& replica, const Timing& timing);

}  // namespace conduit::cluster

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(conduit::cluster::AnswerDue)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(conduit::cluster::StreamDue)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(conduit::cluster::ProbeDue)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(conduit::cluster::PeerLost)
