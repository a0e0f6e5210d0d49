// Served replica: a replica of this node as other nodes use it, the other end of peer.h. It turns
// their frames into messages to the replica and, being the sink of every answer they asked for,
// turns chunks into frames. The idea: one actor per replica stands for all askers elsewhere, so the
// replica sees ordinary requests, under ids that cannot meet those of this node's askers. When an
// asker's node is lost its requests are cancelled; what a connection does not carry ends that
// stream alone; when the replica ends, everybody who waits is told.
#pragma once

#include <memory>

#include "actors/messages.h"
#include "cluster/spine/peer.h"
#include "cluster/spine/registry.h"
#include "cluster/spine/timing.h"

namespace conduit::cluster {

using ServedReplica = actors::TokenSink::extend<caf::reacts_to<Inbound>, caf::reacts_to<PeerLost>>;

// Requests and queries that one node may have open at one replica; one more is refused.
inline constexpr std::size_t kMaxOpenPerPeer = 1024;

// Frames reach it once the registry has it under a number.
ServedReplica spawn_served_replica(caf::actor_system& system, std::shared_ptr<Registry> registry,
                                   const actors::ReplicaActor& replica, const Timing& timing);

}  // namespace conduit::cluster
