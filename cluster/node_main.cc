// conduit-node: read what it is told → assemble → run until a signal → drain.
// SIGTERM and SIGINT drain, a second one cuts what still runs; SIGHUP reads the configuration
// again. Exit codes: 0 after a signal, 1 when it cannot serve (one line on stderr says why), 2 for
// a malformed command line.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <future>
#include <stop_token>
#include <thread>

#include "cluster/model_source.h"
#include "cluster/node.h"
#include "cluster/node_check.h"
#include "cluster/service_manager.h"
#include "provisioning/model_store.h"

namespace {

using namespace conduit;  // the program's own file
using Clock = std::chrono::steady_clock;

constexpr int kMalformed = 2;
// What taking the actor system apart may need; CAF 0.17 has hangs there that were mended later.
constexpr unsigned kShutdownSeconds = 5;

volatile std::sig_atomic_t exit_code = 0;

int fail(const Error& error) {
  std::fprintf(stderr, "error: %s\n", error.message.c_str());
  return 1;
}

struct CommandLine {
  std::string config;
  cluster::Flags flags;
  bool only_check = false;
};

void declare(CLI::App& app, CommandLine& line) {
  app.set_version_flag("--version", std::string("conduit-node ") + cluster::kVersion);
  app.add_option("--config", line.config, "a TOML file as configs/local.toml; flags replace it")
      ->type_name("FILE.toml");
  app.add_flag("--check", line.only_check,
               "say what it would do: models, memory, addresses; and exit");
  for (const cluster::Setting& setting : cluster::node_settings()) {
    std::string flag = "--" + std::string(setting.key);
    std::replace(flag.begin(), flag.end(), '_', '-');
    CLI::Option* option =
        app.add_option(flag, line.flags[std::string(setting.key)], std::string(setting.help))
            ->type_name(std::string(setting.value))
            ->expected(1);
    option->multi_option_policy(setting.is_list ? CLI::MultiOptionPolicy::TakeAll
                                                : CLI::MultiOptionPolicy::TakeLast);
  }
}

// Names become paths. What is not on this machine is fetched first; Ctrl-C ends the program as
// always, and what has come stays for the next start. A check fetches nothing.
Result<std::string> model_path(const std::string& model, bool may_fetch) {
  if (may_fetch) return cluster::local_model(model);
  CONDUIT_TRY(const auto name, provisioning::parse_model_name(model));
  if (const auto found = provisioning::find_model(name)) return found->string();
  return Error{Code::not_found, model + " is not on this machine; the node would fetch it"};
}

Result<cluster::NodeConfig> read_config(const CommandLine& line) {
  const char* api_key = std::getenv("CONDUIT_API_KEY");
  CONDUIT_TRY(
      auto config,
      cluster::read_node_config(
          line.config.empty() ? std::nullopt : std::optional<std::filesystem::path>(line.config),
          line.flags, api_key == nullptr ? "" : api_key));
  for (cluster::NodeModel& model : config.models) {
    CONDUIT_TRY(model.path, model_path(model.path, !line.only_check));
    if (!model.draft.empty()) {
      CONDUIT_TRY(model.draft, model_path(model.draft, !line.only_check));
    }
    for (cluster::NodeAdapter& adapter : model.adapters) {
      CONDUIT_TRY(adapter.path, model_path(adapter.path, !line.only_check));
    }
  }
  return config;
}

int check(const cluster::NodeConfig& config) {
  const auto plan = cluster::check_node(config);
  if (!plan) return fail(plan.error());
  std::fputs(plan->c_str(), stdout);
  return 0;
}

void log_ready(const cluster::Node& node, const cluster::NodeConfig& config,
               Clock::time_point begin) {
  std::string models;
  for (const cluster::NodeModel& model : config.models)
    models += (models.empty() ? "" : ",") + model.name;
  const std::string http =
      config.http ? "http://" + config.http->host + ":" + std::to_string(node.http_port()) : "off";
  log::info("node ready", {{"seconds", std::chrono::duration<double>(Clock::now() - begin).count()},
                           {"model", models.empty() ? "none" : models},
                           {"http", http},
                           {"nodes", node.endpoint().empty() ? "off" : node.endpoint()}});
}

// From here on a shutdown that hangs is cut off.
int end(int code) {
  exit_code = code;
  std::fflush(nullptr);
  std::signal(SIGALRM, [](int) { _exit(exit_code); });
  alarm(kShutdownSeconds);
  return code;
}

// SIGHUP: everything is read again; a configuration with a mistake changes nothing.
void reload(cluster::Node& node, const CommandLine& line, cluster::NodeConfig& config) {
  auto wanted = read_config(line);
  if (!wanted) return log::error("reload refused", {{"reason", wanted.error().message}});
  log::set_level(wanted->log_level);
  for (const std::string& key : node.reload(*wanted))
    log::warning("a changed setting waits for a restart", {{"key", key}});
  config = *std::move(wanted);
  log::info("reloaded", {{"models", config.models.size()}});
}

// Cuts what still runs at the next signal; for the rest of the process, so nobody waits for it.
void cut_at_signal(const sigset_t& stop, std::stop_source cut) {
  std::thread([stop, cut]() mutable {
    int signal = 0;
    do sigwait(&stop, &signal);
    while (signal == SIGHUP);
    cut.request_stop();
  }).detach();
}

void drain(cluster::Node& node, const sigset_t& stop, int bound_ms) {
  std::signal(SIGINT, SIG_DFL);  // a script's shell may have had it ignored
  std::stop_source cut;
  cut_at_signal(stop, cut);
  if (node.drain(std::chrono::milliseconds(bound_ms), cut.get_token())) return;
  log::warning("running answers were cut off",
               {{"by", cut.stop_requested() ? "a second signal" : "drain_timeout_ms"}});
}

int run(const CommandLine& line, cluster::NodeConfig config, Clock::time_point begin) {
  // Blocked before any thread starts, so only sigwait takes them.
  sigset_t stop;
  sigemptyset(&stop);
  for (int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&stop, signal);
  pthread_sigmask(SIG_BLOCK, &stop, nullptr);
  std::signal(SIGHUP, SIG_DFL);  // nohup had it ignored
  const bool had_terminal = isatty(STDERR_FILENO) != 0;

  std::promise<Error> failed;  // outlives the node, whose threads set it
  auto failure = failed.get_future();
  auto node = cluster::Node::start(config);
  if (!node) return fail(node.error());
  (*node)->when_ready([&, at_start = config](Status status) {
    if (status) {
      log_ready(**node, at_start, begin);
      cluster::tell_service_manager("READY=1");
    } else {
      failed.set_value(status.error());
      kill(getpid(), SIGTERM);
    }
  });

  int signal = 0;
  while (sigwait(&stop, &signal) == 0 && signal == SIGHUP) {
    if (had_terminal && isatty(STDERR_FILENO) == 0) break;  // it was closed, which ends a program
    reload(**node, line, config);
  }
  if (failure.wait_for(std::chrono::seconds(0)) == std::future_status::ready)
    return end(fail(failure.get()));
  log::info("draining", {{"signal", signal}, {"at_most_ms", config.drain_timeout_ms}});
  cluster::tell_service_manager("STOPPING=1");
  drain(**node, stop, config.drain_timeout_ms);
  log::info("node stopped");
  return end(0);
}

}  // namespace

int main(int argc, char** argv) {
  const auto begin = Clock::now();
  CLI::App app("Serves language models over HTTP, alone or together with other nodes.");
  CommandLine line;
  declare(app, line);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kMalformed;
  }

  auto config = read_config(line);
  if (!config) return fail(config.error());
  log::set_level(config->log_level);
  return line.only_check ? check(*config) : run(line, *std::move(config), begin);
}
