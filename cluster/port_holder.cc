// /proc/net/tcp names the listening socket's inode; whose it is tell the links in /proc/*/fd.
#include "cluster/port_holder.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <system_error>

namespace conduit::cluster {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kListening = "0A";  // TCP_LISTEN
constexpr std::size_t kShownCommand = 60;      // bytes of a command line: enough to recognise it

// A line of /proc/net/tcp: sl local_address remote_address st queues timer retransmits uid timeout
// inode …
std::optional<std::string> listening_inode(const std::string& line, std::uint16_t port) {
  std::istringstream fields(line);
  std::string slot, local, remote, state, queues, timer, retransmits, uid, timeout, inode;
  fields >> slot >> local >> remote >> state >> queues >> timer >> retransmits >> uid >> timeout >>
      inode;
  const std::size_t colon = local.rfind(':');
  if (!fields || state != kListening || colon == std::string::npos) return std::nullopt;
  unsigned number = 0;
  std::from_chars(local.data() + colon + 1, local.data() + local.size(), number, 16);
  return number == port ? std::optional(inode) : std::nullopt;
}

std::optional<std::string> find_inode(std::uint16_t port) {
  for (const char* table : {"/proc/net/tcp", "/proc/net/tcp6"}) {
    std::ifstream file(table);
    for (std::string line; std::getline(file, line);)
      if (auto inode = listening_inode(line, port)) return inode;
  }
  return std::nullopt;
}

bool holds(const fs::path& process, const std::string& socket) {
  std::error_code denied;  // another user's process, or one that has just ended
  for (fs::directory_iterator file(process / "fd", denied), end; !denied && file != end;
       file.increment(denied)) {
    std::error_code ignored;
    if (fs::read_symlink(file->path(), ignored) == socket) return true;
  }
  return false;
}

std::string command_of(const fs::path& process) {
  std::ifstream file(process / "cmdline", std::ios::binary);
  std::string command(kShownCommand, '\0');
  file.read(command.data(), static_cast<std::streamsize>(command.size()));
  command.resize(static_cast<std::size_t>(file.gcount()));
  while (!command.empty() && command.back() == '\0') command.pop_back();
  std::replace_if(
      command.begin(), command.end(), [](unsigned char c) { return c < ' '; }, ' ');
  return command;
}

}  // namespace

std::string port_holder(std::uint16_t port) {
  const auto inode = find_inode(port);
  if (!inode) return {};
  const std::string socket = "socket:[" + *inode + "]";
  std::error_code ignored;
  for (fs::directory_iterator process("/proc", ignored), end; !ignored && process != end;
       process.increment(ignored)) {
    const std::string id = process->path().filename().string();
    if (id.find_first_not_of("0123456789") == std::string::npos && holds(process->path(), socket))
      return "process " + id + " (" + command_of(process->path()) + ")";
  }
  return "another user's process";
}

}  // namespace conduit::cluster
