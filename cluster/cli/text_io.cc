// POSIX reading and writing, so that bytes stay as they are.
#include "cluster/cli/text_io.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>

namespace conduit::cluster {

namespace {

constexpr int kFailed = 1;

Error stream_failed(const char* what) {
  return {Code::unavailable, std::string(what) + ": " + std::strerror(errno)};
}

}  // namespace

Result<json::Value> read_json_from_stdin() {
  const std::size_t limit = json::Limits{}.bytes;
  std::string text;
  char piece[1 << 16];
  for (;;) {
    const ssize_t length = ::read(STDIN_FILENO, piece, sizeof piece);
    if (length < 0 && errno == EINTR) continue;
    if (length < 0) return stream_failed("stdin cannot be read");
    if (length == 0) break;
    text.append(piece, static_cast<std::size_t>(length));
    if (text.size() > limit)
      return Error{Code::exhausted, "stdin has more than " + std::to_string(limit) + " bytes"};
  }
  auto value = json::parse(text);
  if (!value) return Error{value.error().code, "stdin: " + value.error().message};
  return value;
}

Status write_stdout(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t length = ::write(STDOUT_FILENO, bytes.data(), bytes.size());
    if (length < 0 && errno == EINTR) continue;
    if (length < 0) return stream_failed("stdout cannot be written");
    bytes.remove_prefix(static_cast<std::size_t>(length));
  }
  return ok();
}

int report(const Error& error) {
  std::fprintf(stderr, "error: %s\n", error.message.c_str());
  return kFailed;
}

}  // namespace conduit::cluster
