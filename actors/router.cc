// The replicas by model, and a request's way through them.
#include "actors/router.h"

#include <algorithm>
#include <map>
#include <type_traits>
#include <utility>

#include "actors/errors.h"
#include "mdl/base/log.h"

namespace conduit::actors {

namespace {

// A replica's model may have to be loaded first, after others, and wait for memory.
constexpr std::chrono::minutes kAnswerTimeout{10};

struct Served {
  bool is_expected = false;
  std::string error;  // why it will never be ready
  std::vector<ReplicaReady> ready;
  std::size_t turn = 0;
};

class Router {
 public:
  explicit Router(RouterActor::pointer self) : self_(self) {}

  void start(RoutingPolicy policy) { policy_ = policy; }
  caf::result<RouteTo> generate(GenerateRequest& request, const TokenSink& sink);
  template <class Reply, class Request>
  caf::result<Reply> forward(const Request& request);
  void expect(const std::string& model) { models_[model].is_expected = true; }
  void forget(const std::string& model);
  void failed(const ModelFailed& message) { models_[message.model].error = message.reason; }
  void ready(const ReplicaReady& message);
  void down(const caf::actor_addr& replica);
  ModelsReply models() const;
  LocalReplicas local_replicas() const;

 private:
  Result<std::vector<ReplicaActor>> candidates(const std::string& model);
  template <class Reply, class... Message>
  void try_next(std::vector<ReplicaActor> candidates, Promise<Reply> promise, Message... message);

  RouterActor::pointer self_;
  RoutingPolicy policy_ = round_robin;
  std::map<std::string, Served> models_;
};

// In the reverse of the order in which they are asked.
Result<std::vector<ReplicaActor>> Router::candidates(const std::string& model) {
  auto found = models_.find(model);
  if (found == models_.end()) {
    std::string names;
    for (const auto& [name, served] : models_) names += (names.empty() ? "" : ", ") + name;
    return Error{Code::not_found, "model \"" + model + "\" is not served; " +
                                      (names.empty() ? "no model is" : "there are: " + names)};
  }
  Served& served = found->second;
  if (served.ready.empty() && !served.error.empty())
    return Error{Code::unavailable, "model \"" + model + "\" cannot be served: " + served.error};
  if (served.ready.empty())
    return Error{Code::unavailable, "model \"" + model + "\" is not ready yet: try again"};
  std::vector<ReplicaActor> order;
  for (const ReplicaReady& replica : served.ready) order.push_back(replica.replica);
  const std::size_t first = policy_(order.size(), served.turn++);
  std::rotate(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(first), order.end());
  std::reverse(order.begin(), order.end());
  return order;
}

// What a replica answered, as the router's own reply: a RouteTo also tells which replica it was.
template <class Reply, class Answer>
Reply reply_of(const ReplicaActor& replica, Answer& answer) {
  if constexpr (std::is_same_v<Reply, RouteTo>) {
    return RouteTo{replica, std::move(answer)};
  } else {
    return std::move(answer);
  }
}

// Whether the replica is gone and did nothing, so that another may be asked. After a time-out it
// may still have begun.
bool was_gone(const caf::error& error) {
  return error != caf::sec::request_timeout && from_caf(error).code == Code::unavailable;
}

template <class Reply, class... Message>
void Router::try_next(std::vector<ReplicaActor> candidates, Promise<Reply> promise,
                      Message... message) {
  using Answer = std::conditional_t<std::is_same_v<Reply, RouteTo>, Admitted, Reply>;
  const ReplicaActor replica = std::move(candidates.back());
  candidates.pop_back();
  ask(self_, replica, kAnswerTimeout, message...)
      .then([promise, replica](
                Answer& answer) mutable { promise.deliver(reply_of<Reply>(replica, answer)); },
            [this, promise, candidates, message...](caf::error& error) mutable {
              if (was_gone(error) && !candidates.empty()) {
                try_next<Reply>(std::move(candidates), promise, std::move(message)...);
              } else {
                promise.deliver(to_caf(from_caf(error)));
              }
            });
}

caf::result<RouteTo> Router::generate(GenerateRequest& request, const TokenSink& sink) {
  auto order = candidates(request.model);
  if (!order) return to_caf(order.error());
  const Promise<RouteTo> promise(self_);
  try_next<RouteTo>(*std::move(order), promise, std::move(request), sink);
  return promise;
}

template <class Reply, class Request>
caf::result<Reply> Router::forward(const Request& request) {
  auto order = candidates(request.model);
  if (!order) return to_caf(order.error());
  const Promise<Reply> promise(self_);
  try_next<Reply>(*std::move(order), promise, request);
  return promise;
}

// What its replicas answer already goes on.
void Router::forget(const std::string& model) {
  const auto found = models_.find(model);
  if (found == models_.end()) return;
  found->second.is_expected = false;
  std::erase_if(found->second.ready, [](const ReplicaReady& replica) { return replica.is_local; });
  if (found->second.ready.empty()) models_.erase(found);
}

void Router::ready(const ReplicaReady& message) {
  std::vector<ReplicaReady>& replicas = models_[message.model].ready;
  for (const ReplicaReady& known : replicas)
    if (known.replica == message.replica) return;
  models_[message.model].error.clear();
  self_->monitor(message.replica);
  replicas.push_back(message);
  log::info("replica ready",
            {{"model", message.model}, {"local", message.is_local}, {"replicas", replicas.size()}});
}

void Router::down(const caf::actor_addr& replica) {
  for (auto model = models_.begin(); model != models_.end();) {
    Served& served = model->second;
    if (std::erase_if(served.ready, [&](auto& r) { return r.replica.address() == replica; }) > 0)
      log::info("replica gone", {{"model", model->first}, {"replicas", served.ready.size()}});
    model = served.ready.empty() && !served.is_expected ? models_.erase(model) : std::next(model);
  }
}

ModelsReply Router::models() const {
  ModelsReply reply;
  for (const auto& [name, served] : models_)
    reply.models.push_back({name, static_cast<int>(served.ready.size()), served.is_expected,
                            served.error, served.ready});
  return reply;
}

LocalReplicas Router::local_replicas() const {
  LocalReplicas reply;
  for (const auto& [name, served] : models_)
    for (const ReplicaReady& replica : served.ready)
      if (replica.is_local) reply.replicas.push_back(replica);
  return reply;
}

RouterActor::behavior_type router(RouterActor::stateful_pointer<Router> self,
                                  RoutingPolicy policy) {
  Router& state = self->state;
  state.start(policy);
  self->set_down_handler([&state](const caf::down_msg& message) { state.down(message.source); });
  return {
      [&state](GenerateRequest& request, const TokenSink& sink) {
        return state.generate(request, sink);
      },
      [&state](const TokenizeRequest& request) { return state.forward<TokenizeReply>(request); },
      [&state](const DetokenizeRequest& request) {
        return state.forward<DetokenizeReply>(request);
      },
      [&state](const PoolRequest& request) { return state.forward<PoolReply>(request); },
      [&state](const ModelsQuery&) { return state.models(); },
      [&state](const LocalReplicasQuery&) { return state.local_replicas(); },
      [&state](const ExpectModel& message) { state.expect(message.model); },
      [&state](const ForgetModel& message) { state.forget(message.model); },
      [&state](const ModelFailed& message) { state.failed(message); },
      [&state](const ReplicaReady& message) { state.ready(message); },
  };
}

}  // namespace

std::size_t round_robin(std::size_t ready, std::size_t turn) { return turn % ready; }

RouterActor spawn_router(caf::actor_system& system, RoutingPolicy policy) {
  return system.spawn(router, policy);
}

}  // namespace conduit::actors
