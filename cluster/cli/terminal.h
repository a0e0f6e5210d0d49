// The terminal as commands see it: what is piped in, text out, colours, and Ctrl-C as a flag. Lines
// that are typed are line_editor.h's.
#pragma once

#include <atomic>
#include <optional>
#include <string>
#include <string_view>

namespace conduit::cluster {

// From here on Ctrl-C does not end the program but sets the flag and interrupts reading.
std::atomic<bool>& catch_interrupts();
bool is_interrupted();
inline constexpr int kInterrupted = 128 + 2;  // the exit code then, as a shell reports SIGINT

bool is_terminal(int descriptor);

// All of stdin, as valid UTF-8; nothing when Ctrl-C came first.
std::optional<std::string> read_all();

// The text in bold or dim where `descriptor` is a terminal that shows it and NO_COLOR is not set
// (no-color.org); else as it is.
enum class Style { bold, dim };
std::string styled(std::string_view text, Style style, int descriptor);

// To stdout, at once. On a terminal, control characters a model could move the cursor or retitle
// the window with are left out.
void print(std::string_view text, std::optional<Style> style = {});

}  // namespace conduit::cluster
