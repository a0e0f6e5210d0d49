// Hello, Heartbeat, Goodbye, and what each changes.
#include "cluster/spine/membership.h"

#include <algorithm>
#include <deque>
#include <map>
#include <set>
#include <utility>

#include "actors/errors.h"
#include "cluster/spine/endpoint.h"
#include "cluster/spine/peer.h"
#include "cluster/spine/served_replica.h"
#include "mdl/base/log.h"
#include "mdl/base/metrics.h"

namespace conduit::cluster {

namespace {

using namespace actors;  // the names of the messages

struct Peer {
  std::string endpoint;
  int unanswered = 0;  // heartbeats
  bool is_suspected = false;
  std::map<ActorId, RemoteReplica> stand_ins;  // by the replica's number there
  bool has_served = false;                     // else it is a program that only asks
};

struct Local {
  ActorId number = 0;
  std::string model;
  ServedReplica handle;
  bool is_listed = true;  // by the router
};

class Membership {
 public:
  explicit Membership(MembershipActor::pointer self) : self_(self) {}

  void start(std::shared_ptr<Registry> registry, const RouterActor& router,
             std::vector<std::string> join, const Timing& timing);
  void receive(Inbound& frame);
  void heartbeat_due();
  void down(const caf::actor_addr& actor);
  caf::result<Joined> joined();
  Members members() const;
  void leave();

 private:
  using Peers = std::map<NodeId, Peer>;

  void hello(const wire::EnvelopeT& envelope, const wire::HelloT& hello);
  Peers::iterator welcome(NodeId node, const std::string& endpoint);
  void update_stand_ins(NodeId node, Peer& peer, const wire::HelloT& hello);
  void learn_endpoints(const std::vector<std::string>& endpoints);
  void heartbeat(const wire::EnvelopeT& envelope, const wire::HeartbeatT& heartbeat);
  void lose(Peers::iterator peer, const std::string& reason);
  void note_departed(const Peer& peer, const std::string& reason);

  void check_peers();
  void greet_absent();
  void greet(const std::string& endpoint);
  void ask_for_replicas();
  void update_replicas(const LocalReplicas& listed);
  wire::HelloT own_hello() const;
  void say_hello(NodeId node, bool is_reply);
  bool is_present(const std::string& endpoint) const;
  bool has_joined() const;
  void resolve_joined();

  MembershipActor::pointer self_;
  std::shared_ptr<Registry> registry_;
  RouterActor router_;
  Timing timing_;
  std::vector<std::string> join_;
  std::map<std::string, int> hearsay_;  // endpoints that peers told of, and tries left
  Peers peers_;
  std::deque<Departed> departed_;
  // By replica and model: a replica answers for its adapters' names as well.
  std::map<std::pair<caf::actor_addr, std::string>, Local> locals_;
  std::uint64_t heartbeats_ = 0;
  std::vector<Promise<Joined>> waiting_to_join_;
};

void Membership::start(std::shared_ptr<Registry> registry, const RouterActor& router,
                       std::vector<std::string> join, const Timing& timing) {
  registry_ = std::move(registry);
  router_ = router;
  timing_ = timing;
  join_ = std::move(join);
  std::erase(join_, registry_->transport().endpoint());  // joining oneself is done already
  tell(self_, self_, HeartbeatDue{});
}

// --- frames come

void Membership::receive(Inbound& frame) {
  wire::EnvelopeT& envelope = frame.envelope;
  if (const auto* words = body_of<wire::HelloT>(envelope)) return hello(envelope, *words);
  const auto peer = peers_.find(envelope.source_node);
  if (peer == peers_.end()) return;  // left while this was on its way
  if (const auto* beat = body_of<wire::HeartbeatT>(envelope)) return heartbeat(envelope, *beat);
  if (body_of<wire::GoodbyeT>(envelope) != nullptr) return lose(peer, "said goodbye");
  (void)rejected("addressee", "membership takes no message of this type");
}

void Membership::hello(const wire::EnvelopeT& envelope, const wire::HelloT& hello) {
  if (hello.node == registry_->self())
    return;  // an endpoint to join that is our own by another name
  const auto endpoint = peer_endpoint(hello.endpoint);
  if (hello.node != envelope.source_node || !endpoint) {
    const Error error =
        rejected("hello", endpoint ? "in another node's name" : endpoint.error().message);
    return log::warning("hello refused", {{"reason", error.message}});
  }
  const auto peer = welcome(hello.node, *endpoint);
  if (peer == peers_.end()) return;
  peer->second.unanswered = 0;
  peer->second.is_suspected = false;
  update_stand_ins(hello.node, peer->second, hello);
  if (!envelope.is_reply) say_hello(hello.node, true);
  learn_endpoints(hello.peers);
  resolve_joined();
}

// The peer, made if it is new. Its end(): there are too many.
Membership::Peers::iterator Membership::welcome(NodeId node, const std::string& endpoint) {
  if (const auto known = peers_.find(node); known != peers_.end()) return known;
  const auto former = std::find_if(peers_.begin(), peers_.end(), [&](const auto& entry) {
    return entry.second.endpoint == endpoint;
  });
  if (former != peers_.end()) lose(former, "was restarted");
  if (peers_.size() >= kMaxMembers) {
    log::warning("hello refused", {{"endpoint", endpoint},
                                   {"reason", "the limit of members is reached"},
                                   {"limit", kMaxMembers}});
    return peers_.end();
  }
  if (auto connected = registry_->transport().connect(endpoint); !connected) {
    log::warning("hello not answered",
                 {{"endpoint", endpoint}, {"reason", connected.error().message}});
    return peers_.end();
  }
  registry_->add_peer(node, endpoint);
  hearsay_.erase(endpoint);
  log::info("node joined", {{"endpoint", endpoint}, {"members", peers_.size() + 1}});
  std::erase_if(departed_, [&](const Departed& one) { return one.endpoint == endpoint; });
  return peers_.emplace(node, Peer{endpoint, 0, false, {}, false}).first;
}

void Membership::update_stand_ins(NodeId node, Peer& peer, const wire::HelloT& hello) {
  std::map<ActorId, RemoteReplica> former;
  former.swap(peer.stand_ins);
  peer.has_served = peer.has_served || !hello.replica_ids.empty();
  for (std::size_t i = 0; i < hello.replica_ids.size(); ++i) {
    const ActorId number = hello.replica_ids[i];
    if (auto known = former.extract(number)) {
      peer.stand_ins.insert(std::move(known));
    } else if (!peer.stand_ins.contains(number)) {
      auto stand_in =
          spawn_remote_replica(self_->system(), registry_, {node, number, peer.endpoint}, timing_);
      self_->monitor(stand_in);
      peer.stand_ins.emplace(number, stand_in);
      tell(self_, router_, ReplicaReady{hello.replica_models[i], stand_in, false, peer.endpoint});
    }
  }
  for (const auto& [number, stand_in] : former)
    tell(self_, stand_in, PeerLost{node, "the replica on " + peer.endpoint + " has ended"});
}

void Membership::learn_endpoints(const std::vector<std::string>& endpoints) {
  for (const std::string& text : endpoints) {
    const auto endpoint = peer_endpoint(text);
    if (!endpoint || *endpoint == registry_->transport().endpoint()) continue;
    if (is_present(*endpoint) || hearsay_.size() >= kMaxMembers) continue;
    if (hearsay_.emplace(*endpoint, timing_.leave_after).second) greet(*endpoint);
  }
}

void Membership::heartbeat(const wire::EnvelopeT& envelope, const wire::HeartbeatT& heartbeat) {
  if (heartbeat.answer) {
    Peer& peer = peers_.at(envelope.source_node);
    peer.unanswered = 0;
    if (std::exchange(peer.is_suspected, false))
      log::info("node answers again", {{"endpoint", peer.endpoint}});
    return;
  }
  wire::HeartbeatT answer = heartbeat;
  answer.answer = true;
  registry_->reply(envelope, answer, Priority::control);
}

void Membership::lose(Peers::iterator peer, const std::string& reason) {
  const auto [node, gone] = *peer;
  peers_.erase(peer);
  const PeerLost lost{node, "node " + gone.endpoint + " " + reason};
  log::info("node left", {{"endpoint", gone.endpoint}, {"reason", reason}});
  note_departed(gone, reason);
  for (const auto& [number, stand_in] : gone.stand_ins) tell(self_, stand_in, lost);
  for (const auto& [replica, local] : locals_) tell(self_, local.handle, lost);
  registry_->remove_peer(node);
  registry_->transport().disconnect(gone.endpoint);
}

void Membership::note_departed(const Peer& peer, const std::string& reason) {
  if (!peer.has_served) return;
  departed_.push_back({peer.endpoint, reason, std::time(nullptr)});
  if (departed_.size() > kMaxDeparted) departed_.pop_front();
}

// --- time passes

void Membership::heartbeat_due() {
  check_peers();
  greet_absent();
  ask_for_replicas();
  metrics::gauge("conduit_cluster_members", "Other nodes that this one knows")
      .set(static_cast<double>(peers_.size()));
  tell_later(self_, timing_.heartbeat, self_, HeartbeatDue{});
}

void Membership::check_peers() {
  ++heartbeats_;
  for (auto peer = peers_.begin(); peer != peers_.end();) {
    const auto next = std::next(peer);
    if (peer->second.unanswered >= timing_.leave_after) {
      lose(peer, "does not answer");
    } else {
      if (peer->second.unanswered >= timing_.suspect_after &&
          !std::exchange(peer->second.is_suspected, true))
        log::warning("node does not answer", {{"endpoint", peer->second.endpoint}});
      ++peer->second.unanswered;
      wire::HeartbeatT beat;
      beat.sequence = heartbeats_;
      // One that cannot even be sent is one that is not answered.
      (void)registry_->send(peer->first, envelope_around(beat), Priority::control);
    }
    peer = next;
  }
}

void Membership::greet_absent() {
  for (const std::string& endpoint : join_)
    if (!is_present(endpoint)) greet(endpoint);
  for (auto entry = hearsay_.begin(); entry != hearsay_.end();) {
    if (entry->second-- > 0) {
      greet(entry->first);
      ++entry;
    } else {
      entry = hearsay_.erase(entry);
    }
  }
}

// Anew each time, so that only the last Hello waits for a node that is not there yet.
void Membership::greet(const std::string& endpoint) {
  registry_->transport().disconnect(endpoint);
  Status said = registry_->transport().connect(endpoint);
  if (said) said = registry_->send_to_endpoint(endpoint, envelope_around(own_hello()));
  if (!said)
    log::warning("hello not sent", {{"endpoint", endpoint}, {"reason", said.error().message}});
}

void Membership::ask_for_replicas() {
  ask(self_, router_, timing_.answer, LocalReplicasQuery{})
      .then([this](const LocalReplicas& listed) { update_replicas(listed); },
            [](const caf::error& error) {
              log::warning("router does not say what it serves",
                           {{"reason", from_caf(error).message}});
            });
}

void Membership::update_replicas(const LocalReplicas& listed) {
  std::set<std::pair<caf::actor_addr, std::string>> seen;
  bool has_changed = false;
  for (const ReplicaReady& ready : listed.replicas) {
    const std::pair served(ready.replica.address(), ready.model);
    seen.insert(served);
    if (locals_.contains(served)) continue;
    Local local{registry_->draw_number(), ready.model,
                spawn_served_replica(self_->system(), registry_, ready.replica, timing_), true};
    registry_->add(local.number, local.handle);
    self_->monitor(local.handle);
    locals_.emplace(served, std::move(local));
    has_changed = true;
  }
  for (auto& [served, local] : locals_) {
    const bool is_listed = seen.contains(served);
    if (std::exchange(local.is_listed, is_listed) != is_listed) has_changed = true;
  }
  if (!has_changed) return;
  for (const auto& [node, peer] : peers_) say_hello(node, false);
}

// A served replica, or a stand-in, has ended.
void Membership::down(const caf::actor_addr& actor) {
  const auto erased =
      std::erase_if(locals_, [&](const auto& entry) { return entry.second.handle == actor; });
  if (erased > 0)
    for (const auto& [node, peer] : peers_) say_hello(node, false);
  for (auto& [node, peer] : peers_)
    std::erase_if(peer.stand_ins, [&](const auto& entry) { return entry.second == actor; });
}

// --- what it says

wire::HelloT Membership::own_hello() const {
  wire::HelloT hello;
  hello.node = registry_->self();
  hello.endpoint = registry_->transport().endpoint();
  for (const auto& [replica, local] : locals_) {
    if (!local.is_listed || hello.replica_ids.size() >= kMaxReplicasPerNode) continue;
    hello.replica_ids.push_back(local.number);
    hello.replica_models.push_back(local.model);
  }
  for (const auto& [node, peer] : peers_) hello.peers.push_back(peer.endpoint);
  return hello;
}

void Membership::say_hello(NodeId node, bool is_reply) {
  auto envelope = envelope_around(own_hello());
  envelope.is_reply = is_reply;
  if (auto said = registry_->send(node, std::move(envelope), Priority::control); !said)
    log::warning("hello not sent", {{"reason", said.error().message}});
}

void Membership::leave() {
  for (const auto& [node, peer] : peers_)
    (void)registry_->send(node, envelope_around(wire::GoodbyeT{}), Priority::control);
  while (!peers_.empty()) lose(peers_.begin(), "is left by this one");
  for (const auto& [replica, local] : locals_)
    self_->send_exit(local.handle, caf::exit_reason::user_shutdown);
  self_->quit();
}

bool Membership::is_present(const std::string& endpoint) const {
  return std::any_of(peers_.begin(), peers_.end(),
                     [&](const auto& entry) { return entry.second.endpoint == endpoint; });
}

bool Membership::has_joined() const {
  return join_.empty() || std::any_of(join_.begin(), join_.end(),
                                      [&](const auto& endpoint) { return is_present(endpoint); });
}

caf::result<Joined> Membership::joined() {
  if (has_joined()) return Joined{};
  return waiting_to_join_.emplace_back(self_);
}

void Membership::resolve_joined() {
  if (!has_joined()) return;
  for (auto& promise : waiting_to_join_) promise.deliver(Joined{});
  waiting_to_join_.clear();
}

Members Membership::members() const {
  Members reply;
  for (const auto& [node, peer] : peers_)
    reply.members.push_back({node, peer.endpoint, peer.is_suspected, peer.stand_ins.size()});
  reply.departed.assign(departed_.begin(), departed_.end());
  return reply;
}

MembershipActor::behavior_type membership(MembershipActor::stateful_pointer<Membership> self,
                                          std::shared_ptr<Registry> registry,
                                          const RouterActor& router, std::vector<std::string> join,
                                          const Timing& timing) {
  Membership& state = self->state;
  self->set_down_handler([&state](const caf::down_msg& down) { state.down(down.source); });
  state.start(std::move(registry), router, std::move(join), timing);
  return {
      [&state](Inbound& frame) { state.receive(frame); },
      [&state](const HeartbeatDue&) { state.heartbeat_due(); },
      [&state](const JoinedQuery&) { return state.joined(); },
      [&state](const MembersQuery&) { return state.members(); },
      [&state](const LeaveCluster&) {
        state.leave();
        return HasLeft{};
      },
  };
}

}  // namespace

MembershipActor spawn_membership(caf::actor_system& system, std::shared_ptr<Registry> registry,
                                 const RouterActor& router, std::vector<std::string> join,
                                 const Timing& timing) {
  return system.spawn(membership, std::move(registry), router, std::move(join), timing);
}

}  // namespace conduit::cluster
