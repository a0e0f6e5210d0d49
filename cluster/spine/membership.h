// Membership: who is there. The actor that says Hello to other nodes, listens to their heartbeats,
// and turns what they serve into stand-ins at this node's router.
// The idea: everything a node knows of another is in its last Hello (where it is, its ready
// replicas, whom else it knows), so a Hello may be repeated and nothing has to be undone message by
// message. Heartbeats are answered by this actor and not by a socket, so a node whose actors hang
// does not look alive. A node's id is new with every start: one that restarts is another node, and
// what stood for the old one ends.
// This node's own ready replicas are asked of the router at each heartbeat: a replica that came or
// went is known elsewhere a heartbeat later.
#pragma once

#include <cstdint>
#include <ctime>
#include <memory>
#include <string>
#include <vector>

#include "actors/messages.h"
#include "cluster/spine/registry.h"
#include "cluster/spine/timing.h"

namespace conduit::cluster {

// Nodes that one node knows. Each costs it two connections out and two in; beyond this, a mesh is
// the wrong shape.
inline constexpr std::size_t kMaxMembers = 256;
// Of those that left: what a person who looks for a missing node may ask about.
inline constexpr std::size_t kMaxDeparted = 16;

struct HeartbeatDue {};  // to itself
struct JoinedQuery {};   // answered when one of the endpoints to join has answered, or is none
struct Joined {};
struct LeaveCluster {};  // says Goodbye and ends
struct HasLeft {};
struct MembersQuery {};
struct Member {
  NodeId node = 0;
  std::string endpoint;
  bool is_suspected = false;
  std::size_t replicas = 0;
};
// A node that served something and is no longer there; one that came back is a Member alone.
struct Departed {
  std::string endpoint;
  std::string reason;  // "said goodbye", "does not answer"
  std::time_t at = 0;
};
struct Members {
  std::vector<Member> members;
  std::vector<Departed> departed;  // the latest last
};

using MembershipActor = Addressee::extend<caf::reacts_to<HeartbeatDue>,                  //
                                          caf::replies_to<JoinedQuery>::with<Joined>,    //
                                          caf::replies_to<MembersQuery>::with<Members>,  //
                                          caf::replies_to<LeaveCluster>::with<HasLeft>>;

// `join`: as peer_endpoint() gives them. The registry lets frames in once the actor is added to it
// as kMembership.
MembershipActor spawn_membership(caf::actor_system& system, std::shared_ptr<Registry> registry,
                                 const actors::RouterActor& router, std::vector<std::string> join,
                                 const Timing& timing);

}  // namespace conduit::cluster

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(conduit::cluster::HeartbeatDue)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(conduit::cluster::JoinedQuery)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(conduit::cluster::Joined)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(conduit::cluster::LeaveCluster)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(conduit::cluster::HasLeft)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(conduit::cluster::MembersQuery)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(conduit::cluster::Members)
