// PreTokenizer: cuts a text into the words that are merged one by one; tokenizer.json's
// "pre_tokenizer". The idea: a list of steps over one text and the ranges of its words; each step
// cuts every word further or rewrites it, as ByteLevel does into byte letters (byte_letters.h).
// Not here: what the common expressions match (word_scanner.h).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "kernels/model/regex.h"
#include "kernels/model/word_scanner.h"
#include "mdl/base/json.h"
#include "mdl/base/result.h"

namespace conduit::kernels {

struct Words {
  std::string text;               // valid UTF-8
  std::vector<TextRange> ranges;  // in order, none empty; what lies in none is dropped
};

class PreTokenizer {
 public:
  // Errors: invalid_argument names a type that is not supported, and demands a ByteLevel step.
  static Result<PreTokenizer> from_json(const json::Value& definition);

  Words split(std::string_view text) const;

 private:
  // What becomes of the matches of an expression, in Hugging Face's words.
  enum class Behavior { isolated, removed, merged_with_previous, merged_with_next, contiguous };
  struct Piece {
    TextRange range;
    bool is_match;
  };
  struct Split {
    Regex expression;
    Behavior behavior;
    bool is_inverted;  // what lies between the matches counts as match
  };
  struct Digits {
    bool individual;
  };
  struct PrefixSpace {};  // before each word that begins with none
  struct ByteLetters {};  // rewrites the text
  using Step = std::variant<Split, WordScanner, Digits, PrefixSpace, ByteLetters>;

  static Result<Behavior> read_behavior(const json::Value& definition);
  Status add_steps(const json::Value& definition);
  Status add_split(const json::Value& definition);
  Status add_punctuation(const json::Value& definition);
  Status add_byte_level(const json::Value& definition);

  static void apply(const Split& step, Words& words);
  static void apply(const WordScanner& step, Words& words);
  static void apply(const Digits& step, Words& words);
  static void apply(PrefixSpace step, Words& words);
  static void apply(ByteLetters step, Words& words);
  static std::vector<TextRange> keep(std::vector<Piece> pieces, Behavior behavior);

  std::vector<Step> steps_;
};

}  // namespace conduit::kernels
