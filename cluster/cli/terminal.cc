// POSIX reading, where a signal may interrupt; iostreams would hide it.
#include "cluster/cli/terminal.h"

#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "mdl/base/utf8.h"

namespace conduit::cluster {

namespace {

std::atomic<bool> interrupted = false;  // a signal handler can only reach a global
static_assert(std::atomic<bool>::is_always_lock_free);

enum class Outcome { some, interrupted, closed };

Outcome read_some(std::string& buffer) {
  char piece[4096];
  const ssize_t length = ::read(STDIN_FILENO, piece, sizeof piece);
  if (length > 0) buffer.append(piece, static_cast<std::size_t>(length));
  if (length < 0 && errno == EINTR) return Outcome::interrupted;
  return length > 0 ? Outcome::some : Outcome::closed;
}

bool is_harmless(char32_t c) {
  const bool is_control = c < 0x20 || (c >= 0x7F && c < 0xA0);
  return !is_control || c == '\n' || c == '\t';
}

std::string without_controls(std::string_view text) {
  std::string kept;
  while (!text.empty()) {
    const utf8::Character character = utf8::read(text);
    if (is_harmless(character.code_point)) kept += text.substr(0, character.length);
    text.remove_prefix(character.length);
  }
  return kept;
}

}  // namespace

std::atomic<bool>& catch_interrupts() {
  struct sigaction action = {};
  action.sa_handler = [](int) { interrupted = true; };
  sigaction(SIGINT, &action, nullptr);  // without SA_RESTART: a read ends, too
  return interrupted;
}

bool is_interrupted() { return interrupted; }

bool is_terminal(int descriptor) { return isatty(descriptor) != 0; }

std::optional<std::string> read_all() {
  std::string text;
  for (;;) {
    switch (read_some(text)) {
      case Outcome::some: break;
      case Outcome::interrupted: return std::nullopt;
      case Outcome::closed: return utf8::replace_invalid(text);
    }
  }
}

std::string styled(std::string_view text, Style style, int descriptor) {
  const char* no_color = std::getenv("NO_COLOR");
  const char* term = std::getenv("TERM");
  const bool is_wanted = no_color == nullptr || *no_color == '\0';
  const bool is_able = term != nullptr && std::string_view(term) != "dumb";
  if (!is_terminal(descriptor) || !is_wanted || !is_able) return std::string(text);
  return (style == Style::bold ? "\033[1m" : "\033[2m") + std::string(text) + "\033[0m";
}

void print(std::string_view text, std::optional<Style> style) {
  std::string shown = is_terminal(STDOUT_FILENO) ? without_controls(text) : std::string(text);
  if (style) shown = styled(shown, *style, STDOUT_FILENO);
  std::fwrite(shown.data(), 1, shown.size(), stdout);
  std::fflush(stdout);
}

}  // namespace conduit::cluster
