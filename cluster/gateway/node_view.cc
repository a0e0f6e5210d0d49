// Looking, and the JSON of what was seen.
#include "cluster/gateway/node_view.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <utility>

#include "actors/errors.h"

namespace conduit::cluster {

struct WatchDue {};  // the watch to itself

}  // namespace conduit::cluster

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(conduit::cluster::WatchDue)

namespace conduit::cluster {

namespace {

using actors::ask;
using std::chrono::milliseconds;

// The router only passes messages on.
constexpr milliseconds kRouterPatience{2'000};
// A replica whose device is silent says so after three seconds.
constexpr milliseconds kReplicaPatience{4'000};
constexpr milliseconds kBetweenLooks{1'000};

// One look, by whatever actor; the last answer, or the last silence, ends it.
class Look : public std::enable_shared_from_this<Look> {
 public:
  Look(caf::event_based_actor* self, Whom whom, std::function<void(Result<NodeSeen>)> on_seen)
      : self_(self), whom_(whom), on_seen_(std::move(on_seen)) {}

  void begin(const actors::RouterActor& router, const MembershipActor& membership) {
    ask(self_, router, kRouterPatience, actors::ModelsQuery{})
        .then(
            [look = shared_from_this(), membership](const actors::ModelsReply& reply) {
              look->seen_.models = reply.models;
              look->ask_members(membership);
              look->ask_replicas();
              look->answered();
            },
            [look = shared_from_this()](const caf::error& error) {
              look->on_seen_(actors::from_caf(error));
            });
  }

 private:
  void ask_members(const MembershipActor& membership) {
    if (!membership) return;
    ++unanswered_;
    ask(self_, membership, kRouterPatience, MembersQuery{})
        .then(
            [look = shared_from_this()](const Members& reply) {
              look->seen_.members = reply;
              look->answered();
            },
            [look = shared_from_this()](const caf::error&) { look->answered(); });
  }

  void ask_replicas() {
    for (const actors::ModelEntry& model : seen_.models)
      for (const actors::ReplicaReady& ready : model.replicas)
        if (ready.is_local || whom_ == Whom::everybody) seen_.replicas.push_back({ready, {}});
    unanswered_ += seen_.replicas.size();
    for (std::size_t i = 0; i < seen_.replicas.size(); ++i)
      ask(self_, seen_.replicas[i].ready.replica, kReplicaPatience, actors::StatusQuery{})
          .then(
              [look = shared_from_this(), i](const actors::ReplicaStatus& status) {
                look->seen_.replicas[i].status = status;
                look->answered();
              },
              [look = shared_from_this()](const caf::error&) { look->answered(); });
  }

  void answered() {
    if (--unanswered_ == 0) on_seen_(std::move(seen_));
  }

  caf::event_based_actor* self_;
  const Whom whom_;
  const std::function<void(Result<NodeSeen>)> on_seen_;
  NodeSeen seen_;
  std::size_t unanswered_ = 1;  // the router's, until all others are asked
};

json::Value known(std::uint64_t value) { return value == 0 ? json::Value() : json::Value(value); }

const char* state_of(const ReplicaSeen& replica) {
  if (!replica.status || replica.status->is_stuck) return "failed";
  switch (replica.status->state) {
    case wire::ReplicaState::loading:
    case wire::ReplicaState::warming: return "loading";
    case wire::ReplicaState::ready: return "ready";
    case wire::ReplicaState::draining: return "draining";
    case wire::ReplicaState::unloaded: return "unloaded";
    case wire::ReplicaState::failed: break;
  }
  return "failed";
}

const char* task_name(wire::ModelTask task) {
  switch (task) {
    case wire::ModelTask::embed: return "embed";
    case wire::ModelTask::rerank: return "rerank";
    case wire::ModelTask::generate: break;
  }
  return "generate";
}

// The replica that tells most of its model: one that is loaded.
const ReplicaSeen* spokesman(const NodeSeen& seen, const std::string& model) {
  const ReplicaSeen* found = nullptr;
  for (const ReplicaSeen& replica : seen.replicas) {
    if (replica.ready.model != model || !replica.status) continue;
    if (found == nullptr || replica.status->max_model_len > found->status->max_model_len)
      found = &replica;
  }
  return found;
}

json::Value model_object(const NodeSeen& seen, const actors::ModelEntry& model) {
  const ReplicaSeen* replica = spokesman(seen, model.name);
  json::Value out = json::Object{{"name", model.name}};
  const bool is_loaded = replica != nullptr && replica->status->max_model_len > 0;
  out.set("task", is_loaded ? json::Value(task_name(replica->status->task)) : json::Value());
  const char* waiting = model.error.empty() ? "loading" : "failed";
  const char* silent = model.replicas.empty() ? waiting : "failed";
  out.set("state", replica != nullptr ? state_of(*replica) : silent);
  out.set("max_model_len", is_loaded ? json::Value(replica->status->max_model_len) : json::Value());
  out.set("bytes", replica != nullptr ? known(replica->status->bytes) : json::Value());
  out.set("error", model.error.empty() ? json::Value() : json::Value(model.error));
  return out;
}

const std::string& node_of(const NodeFacts& facts, const ReplicaSeen& replica) {
  return replica.ready.is_local ? facts.name : replica.ready.node;
}

json::Value replica_object(const NodeFacts& facts, const ReplicaSeen& replica) {
  const bool has_word = replica.status.has_value();
  const auto word = replica.status.value_or(actors::ReplicaStatus{});
  return json::Object{{"model", replica.ready.model},
                      {"node", node_of(facts, replica)},
                      {"device", word.device.empty() ? json::Value() : json::Value(word.device)},
                      {"state", state_of(replica)},
                      {"running", has_word ? json::Value(word.running) : json::Value()},
                      {"waiting", has_word ? json::Value(word.waiting) : json::Value()},
                      {"local", replica.ready.is_local}};
}

// Of a name like "cpu avx512 2 threads" (kernels/device.h); null for one that has none.
json::Value threads_of(const std::string& device) {
  const std::size_t word = device.rfind(" thread");
  if (word == std::string::npos) return nullptr;
  const std::size_t blank = device.rfind(' ', word - 1);
  int threads = 0;
  const char* end = device.data() + word;
  const auto parsed = std::from_chars(device.data() + blank + 1, end, threads);
  return parsed.ec == std::errc() && parsed.ptr == end ? json::Value(threads) : json::Value();
}

// The sums over the models on one device.
struct DeviceSeen {
  std::uint64_t budget = 0, bytes = 0, kv_bytes = 0, pages_used = 0, pages_total = 0;
  std::uint64_t prompt_tokens = 0, generated_tokens = 0, running = 0, waiting = 0;

  void add(const actors::ReplicaStatus& status) {
    budget = status.device_budget;
    bytes += status.bytes;
    kv_bytes += status.kv_bytes;
    pages_used += status.kv_pages_used;
    pages_total += status.kv_pages_total;
    prompt_tokens += status.prompt_tokens;
    generated_tokens += status.generated_tokens;
    running += status.running;
    waiting += status.waiting;
  }
};

json::Value device_object(const std::string& node, const std::string& name,
                          const DeviceSeen& device) {
  const double usage = device.pages_total == 0 ? 0
                                               : static_cast<double>(device.pages_used) /
                                                     static_cast<double>(device.pages_total);
  return json::Object{
      {"name", name},
      {"node", node},
      {"threads", threads_of(name)},
      {"memory", json::Object{{"budget_bytes", known(device.budget)},
                              {"weights_bytes", device.bytes - device.kv_bytes},
                              {"kv_cache_bytes", device.kv_bytes},
                              {"free_bytes", device.budget < device.bytes
                                                 ? json::Value(0)
                                                 : json::Value(device.budget - device.bytes)}}},
      {"kv_cache_usage", usage},
      {"generated_tokens_total", device.generated_tokens},
      {"prompt_tokens_total", device.prompt_tokens},
      {"running", device.running},
      {"waiting", device.waiting}};
}

json::Array devices_of(const NodeFacts& facts, const NodeSeen& seen) {
  std::map<std::pair<std::string, std::string>, DeviceSeen> devices;
  std::vector<actors::ReplicaActor> counted;  // adapters' names stand for one replica
  for (const ReplicaSeen& replica : seen.replicas) {
    if (!replica.status || replica.status->device.empty()) continue;
    if (std::find(counted.begin(), counted.end(), replica.ready.replica) != counted.end()) continue;
    counted.push_back(replica.ready.replica);
    devices[{node_of(facts, replica), replica.status->device}].add(*replica.status);
  }
  json::Array out;
  for (const auto& [key, device] : devices)
    out.push_back(device_object(key.first, key.second, device));
  return out;
}

json::Array nodes_of(const NodeFacts& facts, const NodeSeen& seen) {
  json::Array nodes;
  nodes.push_back(json::Object{
      {"name", facts.name},
      {"address", facts.endpoint.empty() ? json::Value() : json::Value(facts.endpoint)},
      {"state", "alive"},
      {"self", true}});
  for (const Member& member : seen.members.members)
    nodes.push_back(json::Object{{"name", member.endpoint},
                                 {"address", member.endpoint},
                                 {"state", member.is_suspected ? "suspect" : "alive"},
                                 {"self", false}});
  for (const Departed& gone : seen.members.departed)
    nodes.push_back(json::Object{{"name", gone.endpoint},
                                 {"address", gone.endpoint},
                                 {"state", "left"},
                                 {"self", false},
                                 {"reason", gone.reason},
                                 {"left_at", gone.at}});
  return nodes;
}

}  // namespace

void look_at_node(caf::actor_system& system, const actors::RouterActor& router,
                  const MembershipActor& membership, Whom whom,
                  std::function<void(Result<NodeSeen>)> on_seen) {
  system.spawn(
      [router, membership, whom, on_seen = std::move(on_seen)](caf::event_based_actor* self) {
        std::make_shared<Look>(self, whom, on_seen)->begin(router, membership);
      });
}

json::Value status_object(const NodeFacts& facts, const NodeSeen& seen) {
  const std::chrono::duration<double> uptime = std::chrono::steady_clock::now() - facts.started;
  json::Array models, replicas;
  for (const auto& model : seen.models) models.push_back(model_object(seen, model));
  for (const auto& replica : seen.replicas) replicas.push_back(replica_object(facts, replica));
  return json::Object{{"version", facts.version},          {"node", facts.name},
                      {"uptime_seconds", uptime.count()},  {"nodes", nodes_of(facts, seen)},
                      {"models", std::move(models)},       {"replicas", std::move(replicas)},
                      {"devices", devices_of(facts, seen)}};
}

// --- the watch

struct HealthWatch::Noted {
  std::mutex mutex;
  std::vector<std::string> stuck;
};

HealthWatch::HealthWatch(caf::actor_system& system, const actors::RouterActor& router)
    : noted_(std::make_shared<Noted>()) {
  watch_ = system.spawn([noted = noted_, router](caf::event_based_actor* self) -> caf::behavior {
    const auto note = [=](const Result<NodeSeen>& seen) {
      actors::tell_later(self, kBetweenLooks, self, WatchDue{});
      if (!seen) return;  // /health asks the router itself
      std::lock_guard lock(noted->mutex);
      noted->stuck.clear();
      for (const ReplicaSeen& replica : seen->replicas)
        if (!replica.status || replica.status->is_stuck)
          noted->stuck.push_back(replica.ready.model);
    };
    actors::tell(self, self, WatchDue{});
    return {[=](WatchDue) {
      std::make_shared<Look>(self, Whom::local_replicas, note)->begin(router, MembershipActor());
    }};
  });
}

HealthWatch::~HealthWatch() { caf::anon_send_exit(watch_, caf::exit_reason::user_shutdown); }

std::vector<std::string> HealthWatch::stuck_models() const {
  std::lock_guard lock(noted_->mutex);
  return noted_->stuck;
}

}  // namespace conduit::cluster
