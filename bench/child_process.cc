// posix_spawn and two pipes.
#include "bench/child_process.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <utility>

extern char** environ;

namespace conduit::bench {
namespace {

Error cannot_run(const std::vector<std::string>& command, int error) {
  return Error{Code::unavailable, command[0] + ": " + std::strerror(error)};
}

// `input` and `output` become its stdin and stdout; -1 leaves stdin as it is.
Result<pid_t> spawn(const std::vector<std::string>& command, int input, int output) {
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  if (input >= 0) posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
  pid_t pid = 0;
  const int error = posix_spawnp(&pid, arguments[0], &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) return cannot_run(command, error);
  return pid;
}

int wait_for(pid_t pid) {
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

}  // namespace

Status run_command(const std::vector<std::string>& command) {
  CONDUIT_TRY(const pid_t pid, spawn(command, -1, STDERR_FILENO));
  const int status = wait_for(pid);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return ok();
  std::string words;
  for (const std::string& word : command) words += word + " ";
  return Error{Code::unavailable, words + "failed"};
}

Result<ChildProcess> ChildProcess::start(const std::vector<std::string>& command) {
  int to_child[2];
  int from_child[2];
  if (pipe2(to_child, O_CLOEXEC) != 0) return cannot_run(command, errno);
  if (pipe2(from_child, O_CLOEXEC) != 0) return cannot_run(command, errno);
  File input(fdopen(to_child[1], "w"));
  File output(fdopen(from_child[0], "r"));
  auto pid = spawn(command, to_child[0], from_child[1]);
  close(to_child[0]);
  close(from_child[1]);
  if (!pid) return std::move(pid).error();
  return ChildProcess(*pid, std::move(input), std::move(output));
}

ChildProcess::ChildProcess(pid_t pid, File input, File output)
    : pid_(pid), input_(std::move(input)), output_(std::move(output)) {}

ChildProcess::ChildProcess(ChildProcess&& other) noexcept
    : pid_(std::exchange(other.pid_, 0)),
      input_(std::move(other.input_)),
      output_(std::move(other.output_)) {}

ChildProcess::~ChildProcess() {
  input_.reset();
  output_.reset();
  if (pid_ > 0) wait_for(pid_);
}

void ChildProcess::terminate() {
  if (pid_ > 0) kill(pid_, SIGTERM);
}

bool ChildProcess::has_ended() {
  if (pid_ > 0 && waitpid(pid_, nullptr, WNOHANG) == pid_) pid_ = 0;
  return pid_ == 0;
}

Status ChildProcess::write_line(const std::string& line) {
  const bool is_written = std::fputs(line.c_str(), input_.get()) >= 0 &&
                          std::fputc('\n', input_.get()) != EOF && std::fflush(input_.get()) == 0;
  if (is_written) return ok();
  return Error{Code::unavailable, "the peer has ended; what it said stands above"};
}

Result<std::string> ChildProcess::read_line() {
  std::string line;
  for (int byte; (byte = std::fgetc(output_.get())) != EOF && byte != '\n';)
    line.push_back(static_cast<char>(byte));
  if (line.empty())
    return Error{Code::unavailable, "the peer has ended; what it said stands above"};
  return line;
}

}  // namespace conduit::bench
