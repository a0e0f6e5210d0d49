// Pattern: what a step of a tokenizer.json looks for, {"String": "-"} or {"Regex": "-+"}. The idea:
// a string is searched for as it is, which is many times faster than an expression for it.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "kernels/model/regex.h"
#include "kernels/model/tokenizer_fields.h"
#include "mdl/base/result.h"

namespace conduit::kernels {

class Pattern {
 public:
  explicit Pattern(std::string text) : wanted_(std::move(text)) {}
  // The member "pattern". Errors: corrupt, and invalid_argument for a bad expression.
  static Result<Pattern> from_json(const TokenizerFields& fields);

  // The matches one after another, without overlap; `text` must be valid UTF-8. An empty string is
  // found nowhere.
  std::vector<TextRange> find_all(std::string_view text) const;
  std::string replace_all(std::string_view text, std::string_view content) const;
  // By how much replacing can lengthen a text, at most.
  std::size_t growth(std::string_view content) const;

 private:
  explicit Pattern(Regex regex) : wanted_(std::move(regex)) {}
  std::variant<std::string, Regex> wanted_;
};

}  // namespace conduit::kernels
