// posix_spawn, a pipe, and waiting that can be taken back.
#include "provisioning/child_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace conduit::provisioning {

namespace {

constexpr std::size_t kKeptBytes = 64 << 10;
constexpr int kTickMs = 50;  // how fast a cancellation is noticed

struct Pipe {
  int ends[2] = {-1, -1};  // to read from, to write to
  ~Pipe() {
    for (const int end : ends)
      if (end >= 0) ::close(end);
  }
  void close_writing() { ::close(std::exchange(ends[1], -1)); }
};

struct Actions {
  posix_spawn_file_actions_t value;
  Actions() { posix_spawn_file_actions_init(&value); }
  ~Actions() { posix_spawn_file_actions_destroy(&value); }
};

Result<pid_t> spawn(const std::vector<std::string>& command, ChildOutput output, const Pipe& pipe) {
  Actions actions;
  posix_spawn_file_actions_addopen(&actions.value, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  const int target = output == ChildOutput::kept ? pipe.ends[1] : STDERR_FILENO;
  posix_spawn_file_actions_adddup2(&actions.value, target, STDOUT_FILENO);
  if (output == ChildOutput::kept)
    posix_spawn_file_actions_adddup2(&actions.value, target, STDERR_FILENO);
  std::vector<char*> arguments;
  for (const std::string& argument : command)
    arguments.push_back(const_cast<char*>(argument.c_str()));  // posix_spawn does not write to it
  arguments.push_back(nullptr);
  pid_t child = 0;
  const int error =
      posix_spawnp(&child, arguments[0], &actions.value, nullptr, arguments.data(), environ);
  if (error == 0) return child;
  return Error{error == ENOENT ? Code::not_found : Code::unavailable,
               command[0] + " cannot be run: " + std::strerror(error)};
}

// What has come so far; false at its end.
bool read_some(int descriptor, std::string& output) {
  std::array<char, 4096> piece;
  const ssize_t length = ::read(descriptor, piece.data(), piece.size());
  if (length < 0) return errno == EINTR;
  output.append(piece.data(), static_cast<std::size_t>(length));
  if (output.size() > 2 * kKeptBytes) output.erase(0, output.size() - kKeptBytes);
  return length > 0;
}

}  // namespace

std::string ChildEnd::last_line() const {
  const std::size_t end = output.find_last_not_of(" \r\n");
  if (end == output.npos) return "it said nothing";
  const std::size_t begin = output.rfind('\n', end);
  return output.substr(begin + 1, end - begin);
}

Result<ChildEnd> run_child(const std::vector<std::string>& command, ChildOutput output,
                           const std::atomic<bool>* cancelled) {
  Pipe pipe;
  if (::pipe2(pipe.ends, O_CLOEXEC) != 0)
    return Error{Code::unavailable, std::string("no pipe: ") + std::strerror(errno)};
  CONDUIT_TRY(const pid_t child, spawn(command, output, pipe));
  pipe.close_writing();
  ChildEnd end;
  bool is_stopped = false, is_open = output == ChildOutput::kept;
  int status = 0;
  for (;;) {
    if (!is_stopped && cancelled != nullptr && *cancelled) {
      ::kill(child, SIGTERM);
      is_stopped = true;
    }
    pollfd readable{is_open ? pipe.ends[0] : -1, POLLIN, 0};
    if (::poll(&readable, 1, kTickMs) > 0) is_open = read_some(pipe.ends[0], end.output);
    if (!is_open && ::waitpid(child, &status, WNOHANG) == child) break;
  }
  if (is_stopped) return Error{Code::cancelled, command[0] + ": cancelled"};
  end.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return end;
}

}  // namespace conduit::provisioning
