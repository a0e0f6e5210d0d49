// Reasoning: what a model thinks, told apart from what it answers: <think>…</think> at the
// beginning of a streamed text. The idea: text arrives in pieces cut anywhere, so whatever could
// still become a tag, or blanks beside one, is held back until the next piece decides; the result
// does not depend on how the text was cut. A tag that comes later is text like any other.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "kernels/model/tokenizer.h"

namespace conduit::actors {

// The tags around thoughts, and what may stand between them and the answer.
inline constexpr std::string_view kThoughtsBegin = "<think>";
inline constexpr std::string_view kThoughtsEnd = "</think>";
inline constexpr std::string_view kThoughtsBlanks = " \t\r\n";

class Reasoning {
 public:
  struct Parts {
    std::string reasoning;
    std::string text;
  };

  // `has_begun`: the prompt ends inside the opening tag's part, as some templates write it.
  explicit Reasoning(bool has_begun) : stage_(has_begun ? Stage::thinking : Stage::start) {}

  // More text; what is certain now of either part.
  Parts push(std::string_view text);
  // The text is over: what was held back after all.
  Parts flush();

 private:
  enum class Stage : std::uint8_t { start, thinking, gap, answer };

  Parts decide(bool is_last);
  bool open(bool is_last);
  bool think(Parts& parts, bool is_last);

  Stage stage_;
  bool has_thought_ = false;  // anything but blanks
  std::string held_;
};

// The end of a prompt as text: enough to see tags in, also one that is spelled in several tokens
// and has line ends behind it.
std::string tail_of(const kernels::Tokenizer& tokenizer, std::span<const kernels::TokenId> prompt);
// Whether a prompt, as text, ends with an open <think>.
bool ends_thinking(std::string_view prompt);

}  // namespace conduit::actors
