// Grammar: the texts that a constraint allows, as a deterministic automaton over bytes, built while
// it is walked. The idea: a state is a number, equal configurations (stack included) are the same
// number, and step() remembers what it found. So a decoder needs no more than numbers: fork is a
// copy, rollback an older number, and masks are kept by state. JSON Schema (json_grammar.h),
// regular expressions and choices (regex_grammar.h), GBNF (gbnf.h) and tool calls within text
// (tagged_grammar.h) are its kinds. Used by one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mdl/base/result.h"
#include "mdl/json_string.h"
#include "mdl/regex.h"

namespace conduit::mdl {

// The state stands inside a JSON string at a character's beginning, and what characters come
// matters only by their number: most tokens need not be walked.
struct FreeText {
  std::size_t least = 0;  // characters that must still come before the closing quote
  std::size_t most = SIZE_MAX;
  std::uint32_t closed = 0;  // the state behind the closing quote
  Escapes escapes = Escapes::any;
  // What the characters before the quote must be, escapes decoded; no least and most then.
  Regexes* regexes = nullptr;
  Regexes::Id language = Regexes::kText;
  // What stands behind the quote depends on the text: tokens with a quote are walked, `closed` says
  // nothing.
  bool is_walked = false;
  // Not free are texts that continue so: after one of these the quote leads elsewhere than `closed`
  // (or nowhere).
  std::vector<std::string> exceptions;
};

class Grammar {
 public:
  using State = std::uint32_t;
  static constexpr State kDead = 0;

  virtual ~Grammar() = default;
  virtual State start() = 0;
  // kDead: the byte is not allowed. From every other state a complete text can be reached.
  virtual State step(State state, std::uint8_t byte) = 0;
  virtual bool accepts(State state) = 0;  // the text may end here
  // A short text that completes this one: the shortest where that is cheap to say. Empty when
  // accepts(state).
  virtual std::string completion(State state) = 0;
  // An upper bound of completion()'s bytes, in constant time.
  virtual std::size_t completion_bytes(State state) { return completion(state).size(); }
  virtual std::optional<FreeText> free_text(State) { return std::nullopt; }
  // free_text() of any length, with escapes and without exceptions.
  virtual bool is_free_text(State) { return false; }
  // A state with the same allowed tokens that remembers less, so that more states share it.
  virtual State for_mask(State state) { return state; }
  // A limit on work or memory was reached: kDead no longer says that the text is wrong.
  virtual Status health() const { return ok(); }

  State walk(State state, std::string_view text) {
    for (const char c : text) {
      if (state == kDead) break;
      state = step(state, static_cast<std::uint8_t>(c));
    }
    return state;
  }
};

}  // namespace conduit::mdl
