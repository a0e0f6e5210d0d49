// conduit-node: read what it is told → assemble → run until a signal → drain.
// Exit codes: 0 after a signal, 1 when it cannot serve (one line on stderr says why), 2 for a
// malformed command line.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <future>

#include "cluster/node.h"
#include "kernels/model/model.h"

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
  app.add_flag("--check", line.only_check, "read everything, open the models' files, and exit");
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

int check(const cluster::NodeConfig& config) {
  for (const cluster::NodeModel& model : config.models) {
    auto opened = kernels::open_model(model.path);
    if (!opened) return fail(opened.error());
    std::printf("%s: %s, %d layers, %s\n", model.name.c_str(),
                (*opened)->config.architecture.c_str(), (*opened)->config.layers,
                model.path.c_str());
  }
  std::puts("ok");
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

int run(const cluster::NodeConfig& config, Clock::time_point begin) {
  // Blocked before any thread starts, so only sigwait takes them.
  sigset_t stop;
  sigemptyset(&stop);
  sigaddset(&stop, SIGTERM);
  sigaddset(&stop, SIGINT);
  pthread_sigmask(SIG_BLOCK, &stop, nullptr);

  std::promise<Error> failed;  // outlives the node, whose threads set it
  auto failure = failed.get_future();
  auto node = cluster::Node::start(config);
  if (!node) return fail(node.error());
  (*node)->when_ready([&](Status status) {
    if (status) {
      log_ready(**node, config, begin);
    } else {
      failed.set_value(status.error());
      kill(getpid(), SIGTERM);
    }
  });

  int signal = 0;
  sigwait(&stop, &signal);
  if (failure.wait_for(std::chrono::seconds(0)) == std::future_status::ready)
    return end(fail(failure.get()));
  log::info("draining", {{"signal", signal}, {"at_most_ms", config.drain_timeout_ms}});
  // A second Ctrl-C ends the process at once. A script's shell may have had it ignored.
  std::signal(SIGINT, SIG_DFL);
  sigdelset(&stop, SIGTERM);
  pthread_sigmask(SIG_UNBLOCK, &stop, nullptr);
  if (!(*node)->drain(std::chrono::milliseconds(config.drain_timeout_ms)))
    log::warning("running answers were cut off at drain_timeout_ms");
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

  const char* api_key = std::getenv("CONDUIT_API_KEY");
  const auto config = cluster::read_node_config(
      line.config.empty() ? std::nullopt : std::optional<std::filesystem::path>(line.config),
      line.flags, api_key == nullptr ? "" : api_key);
  if (!config) return fail(config.error());
  log::set_level(config->log_level);
  return line.only_check ? check(*config) : run(*config, begin);
}
