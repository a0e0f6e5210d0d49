// The steps, and how tokenizer.json spells them.
#include "kernels/model/pre_tokenizer.h"

#include <algorithm>
#include <utility>

#include "kernels/model/byte_letters.h"
#include "kernels/model/tokenizer_fields.h"
#include "kernels/model/unicode.h"
#include "mdl/base/utf8.h"

namespace conduit::kernels {

namespace {

constexpr std::string_view kPart = "pre_tokenizer";
// Rust's is_ascii_punctuation, which has signs such as $ and +, and Unicode's punctuation.
constexpr std::string_view kPunctuation = R"([!-/:-@\[-`{-~\p{P}])";

// Rewrites the text word by word; the ranges follow.
template <class AppendWord>
void rewrite(Words& words, AppendWord append_word) {
  std::string text;
  text.reserve(words.text.size() + words.text.size() / 4);
  for (TextRange& range : words.ranges) {
    const std::size_t begin = text.size();
    append_word(range.of(words.text), text);
    range = {begin, text.size()};
  }
  words.text = std::move(text);
}

}  // namespace

// --- reading

Result<PreTokenizer> PreTokenizer::from_json(const json::Value& definition) {
  PreTokenizer made;
  CONDUIT_TRY_STATUS(made.add_steps(definition));
  const bool is_byte_level =
      std::any_of(made.steps_.begin(), made.steps_.end(),
                  [](const Step& step) { return std::holds_alternative<ByteLetters>(step); });
  if (!is_byte_level)
    return Error{Code::invalid_argument,
                 "tokenizer: BPE without a ByteLevel pre-tokenizer is not supported yet"};
  return made;
}

Status PreTokenizer::add_steps(const json::Value& definition) {
  if (definition.is_null()) return ok();
  const TokenizerFields fields(kPart, definition);
  CONDUIT_TRY(const std::string type, fields.type());
  if (type == "Sequence") {
    CONDUIT_TRY(const json::Array* parts, fields.list("pretokenizers"));
    for (const json::Value& part : *parts) CONDUIT_TRY_STATUS(add_steps(part));
  } else if (type == "Split") {
    CONDUIT_TRY_STATUS(add_split(definition));
  } else if (type == "Punctuation") {
    CONDUIT_TRY_STATUS(add_punctuation(definition));
  } else if (type == "Digits") {
    CONDUIT_TRY(const bool individual, fields.flag("individual_digits", false));
    steps_.emplace_back(Digits{individual});
  } else if (type == "ByteLevel") {
    CONDUIT_TRY_STATUS(add_byte_level(definition));
  } else {
    return fields.unsupported(type);
  }
  return ok();
}

Result<PreTokenizer::Behavior> PreTokenizer::read_behavior(const json::Value& definition) {
  constexpr std::pair<std::string_view, Behavior> kBehaviors[] = {
      {"Isolated", Behavior::isolated},
      {"Removed", Behavior::removed},
      {"MergedWithPrevious", Behavior::merged_with_previous},
      {"MergedWithNext", Behavior::merged_with_next},
      {"Contiguous", Behavior::contiguous}};
  const TokenizerFields fields(kPart, definition);
  CONDUIT_TRY(const std::string name, fields.text("behavior"));
  for (const auto& [spelling, behavior] : kBehaviors)
    if (spelling == name) return behavior;
  return fields.unsupported(name);
}

Status PreTokenizer::add_split(const json::Value& definition) {
  const TokenizerFields fields(kPart, definition);
  CONDUIT_TRY(const Behavior behavior, read_behavior(definition));
  CONDUIT_TRY(const bool is_inverted, fields.flag("invert", false));
  const json::Value* pattern = fields.find("pattern");
  const json::Value* expression = pattern ? pattern->find("Regex") : nullptr;
  const json::Value* literal = pattern ? pattern->find("String") : nullptr;
  const json::Value* given = expression ? expression : literal;
  if (given == nullptr || !given->is_string())
    return fields.corrupt("pattern", R"({"Regex": "…"} or {"String": "…"})");
  // What the scanner knows matches everywhere, so both of these keep each match and nothing else.
  const bool keeps_matches =
      behavior == Behavior::isolated || (behavior == Behavior::removed && is_inverted);
  if (expression != nullptr && keeps_matches) {
    if (auto scanner = WordScanner::for_expression(expression->as_string())) {
      steps_.emplace_back(*scanner);
      return ok();
    }
  }
  CONDUIT_TRY(Regex regex,
              expression ? Regex::compile(given->as_string()) : Regex::literal(given->as_string()));
  steps_.emplace_back(Split{std::move(regex), behavior, is_inverted});
  return ok();
}

Status PreTokenizer::add_punctuation(const json::Value& definition) {
  CONDUIT_TRY(const Behavior behavior, read_behavior(definition));
  CONDUIT_TRY(Regex regex, Regex::compile(kPunctuation));
  steps_.emplace_back(Split{std::move(regex), behavior, /*is_inverted=*/false});
  return ok();
}

Status PreTokenizer::add_byte_level(const json::Value& definition) {
  const TokenizerFields fields(kPart, definition);
  CONDUIT_TRY(const bool add_prefix_space, fields.flag("add_prefix_space", true));
  CONDUIT_TRY(const bool use_regex, fields.flag("use_regex", true));
  if (add_prefix_space) steps_.emplace_back(PrefixSpace{});
  if (use_regex) steps_.emplace_back(WordScanner::gpt2());
  steps_.emplace_back(ByteLetters{});
  return ok();
}

// --- splitting

Words PreTokenizer::split(std::string_view text) const {
  Words words{std::string(text), {}};
  if (!text.empty()) words.ranges.push_back({0, text.size()});
  for (const Step& step : steps_) {
    std::visit([&words](const auto& kind) { apply(kind, words); }, step);
  }
  return words;
}

void PreTokenizer::apply(const Split& step, Words& words) {
  std::vector<TextRange> cut;
  for (const TextRange& word : words.ranges) {
    std::vector<Piece> pieces;
    std::size_t at = word.begin;
    for (const TextRange& found : step.expression.find_all(word.of(words.text))) {
      const TextRange match{word.begin + found.begin, word.begin + found.end};
      if (at != match.begin) pieces.push_back({{at, match.begin}, step.is_inverted});
      pieces.push_back({match, !step.is_inverted});
      at = match.end;
    }
    if (at != word.end) pieces.push_back({{at, word.end}, step.is_inverted});
    for (const TextRange& range : keep(std::move(pieces), step.behavior))
      if (range.begin != range.end) cut.push_back(range);
  }
  words.ranges = std::move(cut);
}

// Pieces of one word, in order → the words they become.
std::vector<TextRange> PreTokenizer::keep(std::vector<Piece> pieces, Behavior behavior) {
  const bool is_backwards = behavior == Behavior::merged_with_next;
  if (is_backwards) std::reverse(pieces.begin(), pieces.end());
  const auto joins_last = [behavior](bool is_match, bool was_match) {
    switch (behavior) {
      case Behavior::merged_with_previous:
      case Behavior::merged_with_next: return is_match && !was_match;
      case Behavior::contiguous: return is_match == was_match;
      default: return false;
    }
  };
  std::vector<TextRange> kept;
  bool was_match = false;
  for (const Piece& piece : pieces) {
    if (behavior == Behavior::removed && piece.is_match) continue;
    if (!kept.empty() && joins_last(piece.is_match, was_match)) {
      kept.back() = {std::min(kept.back().begin, piece.range.begin),
                     std::max(kept.back().end, piece.range.end)};
    } else {
      kept.push_back(piece.range);
    }
    was_match = piece.is_match;
  }
  if (is_backwards) std::reverse(kept.begin(), kept.end());
  return kept;
}

void PreTokenizer::apply(const Digits& step, Words& words) {
  std::vector<TextRange> cut;
  for (const TextRange& word : words.ranges) {
    bool was_digit = false;
    for (std::size_t at = word.begin; at < word.end;) {
      const utf8::Character character = utf8::read(std::string_view(words.text).substr(at));
      const bool is_digit = char_class(character.code_point) == CharClass::number;
      const bool begins_word =
          at == word.begin || is_digit != was_digit || (is_digit && step.individual);
      if (begins_word) cut.push_back({at, at});
      at += character.length;
      cut.back().end = at;
      was_digit = is_digit;
    }
  }
  words.ranges = std::move(cut);
}

void PreTokenizer::apply(const WordScanner& step, Words& words) {
  std::vector<TextRange> cut;
  for (const TextRange& word : words.ranges) step.split(words.text, word, cut);
  words.ranges = std::move(cut);
}

void PreTokenizer::apply(PrefixSpace, Words& words) {
  rewrite(words, [](std::string_view word, std::string& text) {
    if (!word.starts_with(' ')) text += ' ';
    text += word;
  });
}

void PreTokenizer::apply(ByteLetters, Words& words) {
  rewrite(words, [](std::string_view word, std::string& text) {
    for (const char byte : word) text += letter_of(static_cast<unsigned char>(byte));
  });
}

}  // namespace conduit::kernels
