// Finding, starting, handing signals on.
#include "cluster/cli/run.h"

#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <optional>
#include <utility>

#include "cluster/cli/local_nodes.h"
#include "cluster/cli/terminal.h"
#include "cluster/cli/text_io.h"
#include "cluster/model_source.h"
#include "provisioning/model_name.h"
#include "provisioning/openai_client.h"

namespace conduit::cluster {

namespace {

// Whether the server at `url` answers and serves the model, by the name it would be given here.
bool serves(const std::string& url, const std::string& model) {
  const auto names = provisioning::OpenAiClient(url, api_key_of_environment()).models();
  return names && std::find(names->begin(), names->end(), model) != names->end();
}

// Of the given URL and the nodes that were started here.
std::optional<std::string> find_node(const std::string& given, const std::string& model) {
  if (serves(given, model)) return given;
  for (const LocalNode& node : list_nodes())
    if (node.is_running && node.url.starts_with("http") && serves(node.url, model)) return node.url;
  return std::nullopt;
}

int fail(const Error& error) {
  return error.code == Code::cancelled ? kInterrupted : report(error);
}

Result<StartedNode> start_node(const RunOptions& options, const std::atomic<bool>& interrupted) {
  CONDUIT_TRY(const std::string path, local_model(options.model, &interrupted));
  if (is_terminal(STDERR_FILENO))
    std::fprintf(stderr, "%s", styled("starting a node ...", Style::dim, STDERR_FILENO).c_str());
  std::vector<std::string> arguments = {"--model", options.model, "--http", "127.0.0.1:0"};
  arguments.insert(arguments.end(), options.node_arguments.begin(), options.node_arguments.end());
  return StartedNode::start(arguments, {options.model}, false);
}

// A file or a pipe on stdin beside a question is what the question is about. A pipe that stays
// silent is one that a script left open.
std::string piped_text() {
  constexpr int kPatienceMs = 200;
  struct stat kind {};
  if (::fstat(STDIN_FILENO, &kind) != 0 || (!S_ISREG(kind.st_mode) && !S_ISFIFO(kind.st_mode)))
    return {};
  pollfd readable{STDIN_FILENO, POLLIN, 0};
  return ::poll(&readable, 1, kPatienceMs) > 0 ? read_all().value_or("") : "";
}

// Signals that end a node, with a count above the low byte.
std::atomic<int> forwarded = 0;
static_assert(std::atomic<int>::is_always_lock_free);

void forward_signals() {
  struct sigaction action = {};
  action.sa_handler = [](int signal) { forwarded = ((forwarded >> 8) + 1) << 8 | signal; };
  action.sa_flags = SA_RESTART;
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction before = {};
    sigaction(signal, nullptr, &before);
    // nohup and a script's background jobs have had theirs ignored on purpose.
    if (before.sa_handler != SIG_IGN) sigaction(signal, &action, nullptr);
  }
  std::signal(SIGPIPE, SIG_IGN);  // who reads our stderr may go; the node stays
}

}  // namespace

int run_run(RunOptions options) {
  const std::atomic<bool>& interrupted = catch_interrupts();
  const auto name = provisioning::parse_model_name(options.model);
  if (!name) return report(name.error());
  options.chat.model = provisioning::served_name(*name);
  if (options.chat.prompt)
    if (const std::string text = piped_text(); !text.empty()) *options.chat.prompt += "\n\n" + text;
  if (const auto url = find_node(options.chat.url, options.chat.model)) {
    options.chat.url = *url;
    return run_chat(options.chat);
  }
  auto node = start_node(options, interrupted);
  if (!node) return fail(node.error());
  auto url = node->wait_ready(interrupted);
  if (is_terminal(STDERR_FILENO)) std::fputs("\r\033[K", stderr);
  if (!url) return fail(url.error());
  options.chat.url = *std::move(url);
  return run_chat(options.chat);
}

int run_serve(ServeOptions options) {
  forward_signals();
  std::vector<std::string> arguments = std::move(options.arguments);
  for (const std::string& model : options.models) {
    arguments.push_back("--model");
    arguments.push_back(model);
  }
  auto node = StartedNode::start(arguments, std::move(options.models), true);
  return node ? node->wait_end(forwarded) : report(node.error());
}

int run_bench(const std::vector<std::string>& arguments) {
  const std::string program = program_beside("conduit-bench");
  std::vector<char*> argv{const_cast<char*>(program.c_str())};  // execvp does not write to them
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  execvp(argv[0], argv.data());
  return report(
      Error{Code::not_found, "conduit-bench cannot be run: " + std::string(std::strerror(errno)) +
                                 "; build it with -DCONDUIT_BENCH=ON"});
}

}  // namespace conduit::cluster
