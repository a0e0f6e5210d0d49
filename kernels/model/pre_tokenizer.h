// PreTokenizer: cuts a text into the words that are encoded one by one; tokenizer.json's
// "pre_tokenizer". The idea: a list of steps over one text and the ranges of its words; each step
// cuts every word further or rewrites it, as ByteLevel does into byte letters (byte_letters.h) and
// Metaspace by ▁ for a blank. Not here: what the common expressions match (word_scanner.h).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "kernels/model/pattern.h"
#include "kernels/model/tokenizer_fields.h"
#include "kernels/model/word_scanner.h"
#include "mdl/base/json.h"
#include "mdl/base/result.h"

namespace conduit::kernels {

struct Words {
  std::string text;               // valid UTF-8
  std::vector<TextRange> ranges;  // in order, none empty; what lies in none is dropped
  bool is_first_at_begin;         // whether the first word is the very beginning of the input
};

class PreTokenizer {
 public:
  // Errors: invalid_argument names a type that is not supported; corrupt for bad fields.
  static Result<PreTokenizer> from_json(const json::Value& definition);

  // `is_at_begin`: nothing of the input stands before `text`.
  Words split(std::string_view text, bool is_at_begin) const;

 private:
  // What becomes of the matches of an expression, in Hugging Face's words.
  enum class Behavior { isolated, removed, merged_with_previous, merged_with_next, contiguous };
  struct Piece {
    TextRange range;
    bool is_match;
  };
  struct Split {
    Pattern pattern;
    Behavior behavior;
    bool is_inverted;  // what lies between the matches counts as match
  };
  struct Punctuation {
    Behavior behavior;
  };
  // By what each character is, alone: words are runs of the same kind.
  enum class Kind : std::uint8_t { dropped, alone, run, other_run };
  struct ByCharacter {
    Kind (*kind_of)(char32_t code_point);
  };
  struct Delimiter {
    char32_t code_point;
  };
  struct PrefixSpace {};  // before each word that begins with none
  struct ByteLetters {};  // rewrites the text
  using Step = std::variant<Split, Punctuation, WordScanner, ByCharacter, Delimiter, PrefixSpace,
                            ByteLetters, MetaspaceFields>;

  static Result<Behavior> read_behavior(const TokenizerFields& fields, Behavior otherwise);
  static Kind kind_for_whitespace(char32_t c);
  static Kind kind_for_whitespace_split(char32_t c);
  static Kind kind_for_bert(char32_t c);
  static Kind kind_for_digits(char32_t c);
  static Kind kind_for_single_digits(char32_t c);
  Status add(const json::Value& definition);
  Status add_split(const TokenizerFields& fields);
  Status add_byte_level(const TokenizerFields& fields);
  Status add_delimiter(const TokenizerFields& fields);
  bool add_by_character(std::string_view type, bool individual_digits);

  static void apply(const Split& step, Words& words);
  static void apply(const Punctuation& step, Words& words);
  static void apply(const WordScanner& step, Words& words);
  static void apply(const ByCharacter& step, Words& words);
  static void apply(const Delimiter& step, Words& words);
  static void apply(PrefixSpace step, Words& words);
  static void apply(ByteLetters step, Words& words);
  static void apply(const MetaspaceFields& step, Words& words);
  template <class KindOf>
  static void cut_by_kind(Words& words, KindOf kind_of);
  static void keep(std::vector<Piece> pieces, Behavior behavior, std::vector<TextRange>& kept);

  std::vector<Step> steps_;
};

}  // namespace conduit::kernels
