// Assembly in the order of dependence, and taking apart in the reverse.
#include "cluster/node.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <thread>
#include <utility>

#include "actors/device.h"
#include "actors/errors.h"
#include "actors/router.h"
#include "actors/supervisor.h"
#include "cluster/config_values.h"
#include "cluster/gateway/gateway.h"
#include "cluster/port_holder.h"
#include "cluster/spine/spine.h"

namespace conduit::cluster {

namespace {

using actors::ask;
using std::chrono::milliseconds;

// Longer than the restarts of all models take before they are given up.
constexpr std::chrono::hours kReadyTimeout{24};
// A replica that does not say how busy it is within this time counts as busy.
constexpr std::chrono::seconds kStatusTimeout{2};
// How long an idle model stays that was loaded with its first request, where nobody says.
constexpr std::chrono::minutes kKeepAlive{5};
// Between two looks at whether everything has finished.
constexpr milliseconds kDrainPoll{20};

// Threads of actors other than devices: they move small messages, and tokenize prompts.
int actor_threads() {
  return static_cast<int>(std::clamp(std::thread::hardware_concurrency(), 2u, 4u));
}

Result<actors::DeviceActor> make_device(caf::actor_system& system, const NodeConfig& config) {
  CONDUIT_TRY(auto device, device_of(config));
  const std::string name = device->name();
  log::info("device", {{"name", name}});
  if (name.find("scalar") != std::string::npos)
    log::warning("this CPU has no AVX2: the scalar kernels are used, answers will be slow");
  actors::DeviceOptions options;
  options.budget = {config.device_memory, config.max_loaded_models};
  options.memory_wait = milliseconds(config.memory_wait_ms);
  return actors::spawn_device(system, std::move(device), std::move(options));
}

actors::Residency residency_of(const NodeModel& model, const NodeConfig& config) {
  actors::Residency residency;
  residency.is_eager = model.is_eager.value_or(config.is_eager);
  residency.is_pinned = model.is_pinned;
  const milliseconds by_default = residency.is_eager ? kForever : milliseconds(kKeepAlive);
  const milliseconds keep_alive = model.keep_alive.value_or(config.keep_alive.value_or(by_default));
  if (keep_alive != kForever) residency.keep_alive = keep_alive;
  return residency;
}

}  // namespace

Result<std::unique_ptr<kernels::Device>> device_of(const NodeConfig& config) {
  CONDUIT_TRY(auto device,
              kernels::make_cpu_device({.threads = config.threads, .instructions = ""}));
  if (config.device_memory > static_cast<std::int64_t>(device->memory_bytes()))
    return Error{Code::invalid_argument,
                 fmt::format("device_memory is {} bytes, {} has {}", config.device_memory,
                             device->name(), device->memory_bytes())};
  return device;
}

std::vector<actors::ModelSpec> specs_of(const NodeConfig& config) {
  std::vector<actors::ModelSpec> specs;
  for (const NodeModel& model : config.models) {
    actors::ModelSpec spec{model.name, model.path, {}, residency_of(model, config), model.draft};
    spec.engine.precision = config.precision;
    spec.engine.max_model_len = config.max_model_len;
    spec.engine.max_concurrency = config.max_model_concurrency;
    spec.engine.max_waiting = config.max_waiting;
    spec.engine.batch_execute_timeout_ms = config.model_batch_execute_timeout_ms;
    spec.engine.prefix_cache = config.prefix_cache;
    spec.engine.speculative_tokens = config.speculative_tokens;
    for (const NodeAdapter& adapter : model.adapters)
      spec.engine.adapters.push_back({adapter.name, adapter.path});
    specs.push_back(std::move(spec));
  }
  return specs;
}

namespace {

std::string host_name() {
  char name[256] = "node";
  (void)gethostname(name, sizeof name - 1);
  return name;
}

Result<std::unique_ptr<Gateway>> start_gateway(caf::actor_system& system,
                                               const actors::RouterActor& router,
                                               const NodeConfig& config) {
  GatewayOptions options;
  options.host = config.http->host;
  options.port = config.http->port;
  options.api_key = config.api_key;
  options.version = kVersion;
  options.node = host_name();
  auto gateway = Gateway::start(system, router, options);
  if (gateway) return gateway;
  const std::string holder = port_holder(options.port);
  if (holder.empty()) return gateway;
  return Error{gateway.error().code,
               fmt::format("port {} is taken by {}: stop it, or choose another with --http {}:{}",
                           options.port, holder, options.host, options.port + 1)};
}

}  // namespace

struct Node::Parts {
  Parts() {
    actors::configure(settings, actor_threads());
    system = std::make_unique<caf::actor_system>(settings);
    router = actors::spawn_router(*system);
  }
  ~Parts();
  Parts(const Parts&) = delete;
  Parts& operator=(const Parts&) = delete;

  bool is_idle();
  void end_replicas();

  NodeConfig config;
  caf::actor_system_config settings;
  std::unique_ptr<caf::actor_system> system;
  actors::RouterActor router;
  actors::SupervisorActor supervisor;
  std::unique_ptr<Gateway> gateway;
  std::unique_ptr<Spine> spine;
};

Node::Parts::~Parts() {
  gateway.reset();
  spine.reset();
  end_replicas();
  caf::anon_send_exit(router, caf::exit_reason::user_shutdown);
  router = nullptr;
  system.reset();  // waits for all actors
}

// The supervisor takes its replicas and its device with it, so nothing is restarted.
void Node::Parts::end_replicas() {
  if (supervisor) caf::anon_send_exit(supervisor, caf::exit_reason::user_shutdown);
  supervisor = nullptr;
}

Node::Node(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Node::~Node() = default;

Result<std::unique_ptr<Node>> Node::start(const NodeConfig& config) {
  auto parts = std::make_unique<Parts>();
  parts->config = config;
  caf::actor_system& system = *parts->system;
  // What listens comes first, so that a port that is taken is told before a model is loaded.
  if (config.http) {
    CONDUIT_TRY(parts->gateway, start_gateway(system, parts->router, config));
  }
  if (config.joins_nodes()) {
    SpineOptions options;
    if (!config.listen.empty()) options.listen = config.listen;
    options.join = config.join;
    CONDUIT_TRY(parts->spine, Spine::start(system, parts->router, std::move(options)));
    if (parts->gateway)
      parts->gateway->show_cluster(parts->spine->endpoint(), parts->spine->membership());
  }
  parts->supervisor = actors::spawn_supervisor(
      system, [&system, config] { return make_device(system, config); }, parts->router,
      specs_of(config));
  return std::unique_ptr<Node>(new Node(std::move(parts)));
}

void Node::when_ready(std::function<void(Status)> on_ready) {
  system().spawn([supervisor = parts_->supervisor,
                  on_ready = std::move(on_ready)](caf::event_based_actor* self) {
    ask(self, supervisor, kReadyTimeout, actors::WaitReady{})
        .then([on_ready](actors::AllReady) { on_ready(ok()); },
              [on_ready](const caf::error& error) { on_ready(actors::from_caf(error)); });
  });
}

Status Node::wait_ready() {
  Status status = ok();
  caf::scoped_actor self(system());
  ask(&*self, parts_->supervisor, kReadyTimeout, actors::WaitReady{})
      .receive([](actors::AllReady) {},
               [&](const caf::error& error) { status = actors::from_caf(error); });
  return status;
}

// Whether no replica of this node has a request, of this node or another.
bool Node::Parts::is_idle() {
  caf::scoped_actor self(*system);
  actors::LocalReplicas local;
  bool is_idle = true;
  ask(&*self, router, kStatusTimeout, actors::LocalReplicasQuery{})
      .receive([&](actors::LocalReplicas& reply) { local = std::move(reply); },
               [](const caf::error&) {});
  for (const actors::ReplicaReady& ready : local.replicas)
    ask(&*self, ready.replica, kStatusTimeout, actors::StatusQuery{})
        .receive(
            [&](const actors::ReplicaStatus& status) {
              is_idle = is_idle && status.running == 0 && status.waiting == 0;
            },
            [&](const caf::error& error) {
              is_idle = is_idle && error == caf::sec::request_receiver_down;
            });
  return is_idle;
}

bool Node::drain(milliseconds bound, const std::stop_token& cut) {
  const auto end = std::chrono::steady_clock::now() + bound;
  bool is_done = parts_->gateway == nullptr || parts_->gateway->drain(bound, cut);
  while (is_done && !parts_->is_idle()) {
    is_done = std::chrono::steady_clock::now() < end && !cut.stop_requested();
    std::this_thread::sleep_for(kDrainPoll);
  }
  // Whatever still runs, here or for us elsewhere, ends with an error; the gateway passes it on.
  parts_->end_replicas();
  if (parts_->spine) parts_->spine->stop();
  if (parts_->gateway) parts_->gateway->stop();
  return is_done;
}

namespace {

// Of settings that differ and that a running node cannot take.
std::vector<std::string> fixed_differences(const NodeConfig& a, const NodeConfig& b) {
  std::vector<std::string> keys;
  const auto compare = [&](const char* key, const auto NodeConfig::*member) {
    if (!(a.*member == b.*member)) keys.emplace_back(key);
  };
  compare("http", &NodeConfig::http);
  compare("listen", &NodeConfig::listen);
  compare("join", &NodeConfig::join);
  compare("threads", &NodeConfig::threads);
  compare("dtype", &NodeConfig::precision);
  compare("max_model_len", &NodeConfig::max_model_len);
  compare("max_model_concurrency", &NodeConfig::max_model_concurrency);
  compare("device_memory", &NodeConfig::device_memory);
  compare("max_loaded_models", &NodeConfig::max_loaded_models);
  compare("memory_wait_ms", &NodeConfig::memory_wait_ms);
  compare("model_batch_execute_timeout_ms", &NodeConfig::model_batch_execute_timeout_ms);
  compare("max_waiting", &NodeConfig::max_waiting);
  compare("prefix_cache", &NodeConfig::prefix_cache);
  compare("speculative_tokens", &NodeConfig::speculative_tokens);
  return keys;
}

}  // namespace

std::vector<std::string> Node::reload(const NodeConfig& wanted) {
  NodeConfig& config = parts_->config;
  if (parts_->gateway) parts_->gateway->set_api_key(wanted.api_key);
  for (const NodeModel& model : config.models)
    if (std::ranges::none_of(wanted.models, [&](auto& m) { return m.name == model.name; }))
      actors::tell_anonymously(parts_->supervisor, actors::DropModel{model.name});
  config.api_key = wanted.api_key;
  config.models = wanted.models;
  config.is_eager = wanted.is_eager;
  config.keep_alive = wanted.keep_alive;
  // The supervisor knows which of them are new to it, or changed.
  for (actors::ModelSpec& spec : specs_of(config))
    actors::tell_anonymously(parts_->supervisor, actors::WantModel{std::move(spec)});
  return fixed_differences(config, wanted);
}

caf::actor_system& Node::system() { return *parts_->system; }
const actors::RouterActor& Node::router() const { return parts_->router; }
std::uint16_t Node::http_port() const { return parts_->gateway ? parts_->gateway->port() : 0; }
std::string Node::endpoint() const { return parts_->spine ? parts_->spine->endpoint() : ""; }

}  // namespace conduit::cluster
