// Assembles transport, registry and membership, and takes them apart in the opposite order.
#include "cluster/spine/spine.h"

#include <random>
#include <utility>

#include "actors/errors.h"
#include "cluster/spine/endpoint.h"
#include "cluster/spine/membership.h"
#include "cluster/spine/registry.h"
#include "cluster/spine/transport.h"
#include "mdl/base/log.h"

namespace conduit::cluster {

struct Spine::Parts {
  caf::actor_system& system;
  Timing timing;
  std::string endpoint;
  std::vector<std::string> join;
  std::shared_ptr<Registry> registry;
  MembershipActor membership;  // null once stopped
};

namespace {

// 63 random bits, never 0: two nodes, or two lives of one, do not draw the same.
NodeId new_node_id() {
  std::random_device random;
  return (NodeId{random()} << 32 | random()) | 1;
}

}  // namespace

Result<std::unique_ptr<Spine>> Spine::start(caf::actor_system& system,
                                            const actors::RouterActor& router,
                                            SpineOptions options) {
  std::vector<std::string> join;
  for (const std::string& text : options.join) {
    CONDUIT_TRY(std::string endpoint, peer_endpoint(text));
    join.push_back(std::move(endpoint));
  }
  TransportLimits limits;
  limits.linger = options.timing.farewell / 2;  // the other half is the actors'
  CONDUIT_TRY(auto transport, listen(options.listen, limits));
  std::string endpoint = transport->endpoint();
  auto registry = std::make_shared<Registry>(new_node_id(), std::move(transport));
  auto membership = spawn_membership(system, registry, router, join, options.timing);
  registry->add(kMembership, membership);
  registry->start();
  log::info("spine listens", {{"endpoint", endpoint}, {"join", join.size()}});
  return std::unique_ptr<Spine>(new Spine(
      std::unique_ptr<Parts>(new Parts{system, options.timing, std::move(endpoint), std::move(join),
                                       std::move(registry), std::move(membership)})));
}

Spine::Spine(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Spine::~Spine() { stop(); }

const MembershipActor& Spine::membership() const { return parts_->membership; }
const std::string& Spine::endpoint() const { return parts_->endpoint; }

Status Spine::wait_joined(std::chrono::milliseconds timeout) {
  caf::scoped_actor self{parts_->system};
  Status joined = ok();
  actors::ask(self.ptr(), parts_->membership, timeout, JoinedQuery{})
      .receive([](Joined) {},
               [&](const caf::error&) {
                 std::string endpoints;
                 for (const std::string& endpoint : parts_->join) endpoints += " " + endpoint;
                 joined = Error{Code::unavailable, "no node answers at" + endpoints};
               });
  return joined;
}

void Spine::stop() {
  if (parts_->membership == nullptr) return;
  caf::scoped_actor self{parts_->system};
  actors::ask(self.ptr(), parts_->membership, parts_->timing.farewell / 2, LeaveCluster{})
      .receive(
          [](HasLeft) {},
          [](const caf::error& error) {
            log::warning("left without goodbye", {{"reason", actors::from_caf(error).message}});
          });
  parts_->membership = nullptr;
  parts_->registry->close();
}

}  // namespace conduit::cluster
