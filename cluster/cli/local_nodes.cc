// A child, its pipe, its files.
#include "cluster/cli/local_nodes.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <utility>

#include "mdl/base/json.h"
#include "mdl/base/utf8.h"

namespace conduit::cluster {

namespace {

namespace fs = std::filesystem;
constexpr std::size_t kKeptLogs = 20;  // of nodes that ended
constexpr int kTickMs = 50;
// A node's own bound for running answers, and what taking it apart may need.
constexpr int kStopTicks = 40'000 / kTickMs;

fs::path nodes_folder() { return state_folder() / "nodes"; }

Error no_child(const std::string& what) {
  return {Code::unavailable, what + ": " + std::strerror(errno)};
}

std::string text_of(const json::Value& object, std::string_view key) {
  const json::Value* value = object.find(key);
  return value != nullptr && value->is_string() ? value->as_string() : "";
}

std::int64_t number_of(const json::Value& object, std::string_view key) {
  const json::Value* value = object.find(key);
  return value != nullptr && value->kind() == json::Kind::integer ? value->as_int() : 0;
}

bool is_node(pid_t pid) {  // a process's number is given again
  std::string name;
  std::getline(std::ifstream("/proc/" + std::to_string(pid) + "/comm"), name);
  return name == "conduit-node";
}

LocalNode read_node(const fs::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  LocalNode node;
  node.name = path.stem();
  node.log = fs::path(path).replace_extension(".log");
  const auto note = json::parse(text.str());
  if (!note) return node;
  node.pid = static_cast<pid_t>(number_of(*note, "pid"));
  node.url = text_of(*note, "url");
  node.started = number_of(*note, "started");
  node.is_running = node.pid > 0 && is_node(node.pid);
  if (const json::Value* models = note->find("models"); models != nullptr && models->is_array())
    for (const json::Value& model : models->as_array())
      if (model.is_string()) node.models.push_back(model.as_string());
  return node;
}

void write_note(const LocalNode& node) {
  json::Array models(node.models.begin(), node.models.end());
  const fs::path path = nodes_folder() / (node.name + ".json");
  const fs::path fresh = path.string() + ".new";
  std::ofstream(fresh) << json::dump(json::Object{{"pid", node.pid},
                                                  {"url", node.url},
                                                  {"models", std::move(models)},
                                                  {"started", node.started}});
  std::error_code ignored;
  fs::rename(fresh, path, ignored);
}

void forget_old_nodes() {
  std::vector<LocalNode> nodes = list_nodes();
  std::erase_if(nodes, [](const LocalNode& node) { return node.is_running; });
  if (nodes.size() <= kKeptLogs) return;
  nodes.resize(nodes.size() - kKeptLogs);
  for (const LocalNode& node : nodes) {
    std::error_code ignored;
    fs::remove(node.log, ignored);
    fs::remove(nodes_folder() / (node.name + ".json"), ignored);
  }
}

std::string timestamp(std::time_t time) {
  std::tm local{};
  localtime_r(&time, &local);
  char text[32];
  return {text, std::strftime(text, sizeof text, "%Y%m%d-%H%M%S", &local)};
}

// In a process group of its own, so that Ctrl-C reaches it through us alone; ended with us.
pid_t fork_node(const std::string& program, const std::vector<std::string>& arguments, int output) {
  std::vector<char*> argv{const_cast<char*>(program.c_str())};  // execv does not write to them
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  const pid_t parent = getpid();
  const pid_t child = fork();
  if (child != 0) return child;
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (getppid() != parent) _exit(1);
  dup2(open("/dev/null", O_RDONLY), STDIN_FILENO);
  dup2(output, STDOUT_FILENO);
  dup2(output, STDERR_FILENO);
  execvp(argv[0], argv.data());
  std::fprintf(stderr, "error: %s cannot be run: %s\n", argv[0], std::strerror(errno));
  _exit(127);
}

void write_all(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t length = ::write(descriptor, bytes.data(), bytes.size());
    if (length < 0 && errno == EINTR) continue;
    if (length <= 0) return;  // a full disk or a closed terminal does not end the node
    bytes.remove_prefix(static_cast<std::size_t>(length));
  }
}

// The value behind `http=` in the line that says the node is ready.
std::string ready_url(const std::string& line) {
  constexpr std::string_view kKey = " http=";
  const std::size_t begin = line.find(kKey);
  if (begin == std::string::npos) return "";
  const std::string url = line.substr(begin + kKey.size());
  return url.substr(0, url.find(' '));
}

}  // namespace

fs::path state_folder() {
  const char* state = std::getenv("XDG_STATE_HOME");
  const char* home = std::getenv("HOME");
  const fs::path base = state != nullptr && *state != '\0'
                            ? fs::path(state)
                            : fs::path(home == nullptr ? "/" : home) / ".local/state";
  return base / "conduit";
}

std::vector<LocalNode> list_nodes() {
  std::vector<LocalNode> nodes;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(nodes_folder(), error))
    if (entry.path().extension() == ".json") nodes.push_back(read_node(entry.path()));
  std::sort(nodes.begin(), nodes.end(),
            [](const LocalNode& a, const LocalNode& b) { return a.name < b.name; });
  return nodes;
}

std::string program_beside(const std::string& name) {
  std::error_code error;
  const fs::path own = fs::read_symlink("/proc/self/exe", error);
  const fs::path beside = own.parent_path() / name;
  return !error && fs::exists(beside, error) ? beside.string() : name;
}

Result<StartedNode> StartedNode::start(const std::vector<std::string>& arguments,
                                       std::vector<std::string> models, bool shows_log) {
  std::error_code error;
  fs::create_directories(nodes_folder(), error);
  forget_old_nodes();
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return no_child("no pipe");
  StartedNode started;
  started.output_ = ends[0];
  started.shows_log_ = shows_log;
  const pid_t child = fork_node(program_beside("conduit-node"), arguments, ends[1]);
  ::close(ends[1]);
  if (child < 0) return no_child("no process");
  LocalNode& node = started.node_;
  node.started = std::time(nullptr);
  node.pid = child;
  node.models = std::move(models);
  node.name = timestamp(node.started) + "-" + std::to_string(child);
  node.log = nodes_folder() / (node.name + ".log");
  started.log_ = ::open(node.log.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  write_note(node);
  return started;
}

StartedNode::StartedNode(StartedNode&& other) noexcept
    : node_(std::exchange(other.node_, {})),
      output_(std::exchange(other.output_, -1)),
      log_(std::exchange(other.log_, -1)),
      shows_log_(other.shows_log_),
      said_(std::move(other.said_)),
      last_line_(std::move(other.last_line_)) {}

StartedNode::~StartedNode() {
  if (node_.pid > 0) ::kill(node_.pid, SIGTERM);
  for (int tick = 0; node_.pid > 0 && !has_ended(); ++tick) {
    copy_log();
    if (tick == kStopTicks) ::kill(node_.pid, SIGKILL);
  }
  for (const int descriptor : {output_, log_})
    if (descriptor >= 0) ::close(descriptor);
}

bool StartedNode::has_ended() {
  if (node_.pid > 0 && ::waitpid(node_.pid, &status_, WNOHANG) == node_.pid) {
    while (copy_log()) {
    }
    node_.pid = 0;
  }
  return node_.pid == 0;
}

// What it says next; waits a tick for it. False: nothing came.
bool StartedNode::copy_log() {
  pollfd readable{output_, POLLIN, 0};
  if (::poll(&readable, 1, kTickMs) <= 0) return false;
  std::array<char, 1 << 14> piece;
  const ssize_t length = ::read(output_, piece.data(), piece.size());
  if (length <= 0) {
    ::usleep(1000 * kTickMs);  // it closed its end and is about to go
    return false;
  }
  const std::string_view text(piece.data(), static_cast<std::size_t>(length));
  write_all(log_, text);
  if (shows_log_) write_all(STDERR_FILENO, text);
  said_ += text;
  for (std::size_t end; (end = said_.find('\n')) != said_.npos; said_.erase(0, end + 1)) {
    last_line_ = utf8::replace_invalid(said_.substr(0, end));
    if (last_line_.find(" node ready ") == last_line_.npos) continue;
    node_.url = ready_url(last_line_);
    write_note(node_);
  }
  return true;
}

Result<std::string> StartedNode::wait_ready(const std::atomic<bool>& cancelled) {
  while (node_.url.empty()) {
    if (cancelled) return Error{Code::cancelled, "cancelled"};
    if (has_ended())
      return Error{Code::unavailable,
                   last_line_.starts_with("error: ")
                       ? last_line_.substr(7)
                       : "the node stopped: " + last_line_ + " (conduit logs shows more)"};
    copy_log();
  }
  return node_.url == "off" ? std::string() : node_.url;
}

int StartedNode::wait_end(const std::atomic<int>& forwarded) {
  int seen = 0;
  while (!has_ended()) {
    // The count of signals is above the low byte, so that a second Ctrl-C is told from the first.
    if (const int signal = forwarded; signal != seen) {
      ::kill(node_.pid, signal & 0xFF);
      seen = signal;
    }
    copy_log();
  }
  return WIFEXITED(status_) ? WEXITSTATUS(status_) : 128 + WTERMSIG(status_);
}

}  // namespace conduit::cluster
