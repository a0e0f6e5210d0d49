// RegexCharacters: the lowest layer of the reader of patterns: the place in the text, and what an
// escape or a class in brackets stands for. The syntax above it stands in regex_syntax.cc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "mdl/base/result.h"
#include "mdl/code_points.h"
#include "mdl/regex_syntax.h"

namespace conduit::mdl {

// Letters of ASCII in both cases: what (?i) is used for.
CodePoints both_cases(const CodePoints& set);

class RegexCharacters {
 public:
  RegexCharacters(std::string_view pattern, RegexDialect dialect)
      : pattern_(pattern), is_strict_(dialect == RegexDialect::ecma) {}

 protected:
  static bool is_letter(std::uint32_t c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  }
  static bool is_digit(std::uint32_t c) { return c >= '0' && c <= '9'; }
  bool at_end() const { return at_ == pattern_.size(); }
  char peek(std::size_t ahead = 0) const {
    return at_ + ahead < pattern_.size() ? pattern_[at_ + ahead] : '\0';
  }
  bool take(std::string_view text) {
    if (!pattern_.substr(at_).starts_with(text)) return false;
    at_ += text.size();
    return true;
  }
  std::uint32_t take_character();
  // At the present place.
  Error wrong(const std::string& what) const;

  // From the \ on: \d, \n, \x41, \p{…}…
  Result<CodePoints> escape(bool is_in_class);
  // Behind the [.
  Result<CodePoints> character_class();

  std::string_view pattern_;
  bool is_strict_;
  std::size_t at_ = 0;
  bool ignores_case_ = false;

 private:
  Result<CodePoints> hexadecimal(std::size_t digits);
  Result<CodePoints> unicode_escape();
  Result<CodePoints> property(bool is_negated);
  Result<CodePoints> class_atom();
};

}  // namespace conduit::mdl
