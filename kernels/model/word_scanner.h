// Cuts text into words by the regular expressions of the GPT-2 and the Llama 3 families, read by
// hand. The idea: those two expressions, the second also with Qwen's single digits, stand in nearly
// every byte-level tokenizer and run over every prompt; scanned by character class each is a single
// pass whatever the text, and agrees with the reference's Unicode (unicode.h), which PCRE2's does
// not. Any other expression is regex.h's.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

#include "kernels/model/regex.h"

namespace conduit::kernels {

class WordScanner {
 public:
  static WordScanner gpt2() { return WordScanner(Family::gpt2, 0); }
  // The scanner that cuts as `expression` would; none for an expression it does not know.
  static std::optional<WordScanner> for_expression(std::string_view expression);

  // Appends the words of the part `range` of `text`, which cover it entirely. Valid UTF-8.
  void split(std::string_view text, TextRange range, std::vector<TextRange>& words) const;

 private:
  enum class Family { gpt2, llama3 };
  WordScanner(Family family, std::size_t max_digits) : family_(family), max_digits_(max_digits) {}

  Family family_;
  std::size_t max_digits_;  // llama3: digits in one word
};

}  // namespace conduit::kernels
