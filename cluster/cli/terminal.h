// The terminal as `conduit chat` sees it: whole lines in, text out, and Ctrl-C as a flag.
#pragma once

#include <atomic>
#include <optional>
#include <string>
#include <string_view>

namespace conduit::cluster {

// From here on Ctrl-C does not end the program but sets the flag and interrupts reading.
std::atomic<bool>& catch_interrupts();

bool is_terminal(int descriptor);

class LineReader {
 public:
  enum class End { line, interrupted, closed };
  struct Line {
    End end;
    std::string text;  // valid UTF-8, without its line end
  };
  // From stdin. What was typed before Ctrl-C is dropped with it.
  Line read();

 private:
  std::string buffer_;
};

// All of stdin, as valid UTF-8; nothing when Ctrl-C came first.
std::optional<std::string> read_all();

// To stdout, at once. On a terminal, control characters a model could move the cursor or retitle
// the window with are left out.
void print(std::string_view text);

}  // namespace conduit::cluster
