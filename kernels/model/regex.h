// Regex: a pattern of a tokenizer.json, found in text. PCRE2 stands behind it, and else only behind
// mdl/unicode_classes.h.
// The idea: those patterns are written for Oniguruma (Ruby's syntax, Unicode throughout), so what
// PCRE2 reads differently is rewritten before it is compiled: \s, \w, \b, \h, script names, and ^
// and $ at every line. Not here: the patterns of the common families, which word_scanner.h reads by
// hand.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

#include "mdl/base/result.h"

namespace conduit::kernels {

// A part of a text, in bytes.
struct TextRange {
  std::size_t begin = 0;
  std::size_t end = 0;
  std::string_view of(std::string_view text) const { return text.substr(begin, end - begin); }
};

// Immutable after it was compiled, so any thread may use it.
class Regex {
 public:
  // Error: invalid_argument with the pattern and what is wrong with it.
  static Result<Regex> compile(std::string_view pattern);

  // The matches one after another, without overlap; `text` must be valid UTF-8. A pattern that
  // backtracks past PCRE2's own limit finds nothing from there on.
  std::vector<TextRange> find_all(std::string_view text) const;

 private:
  std::shared_ptr<const void> code_;
};

}  // namespace conduit::kernels
