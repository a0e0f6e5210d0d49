// The steps, and how tokenizer.json spells them.
#include "kernels/model/pre_tokenizer.h"

#include <algorithm>
#include <utility>

#include "kernels/model/byte_letters.h"
#include "kernels/model/unicode.h"
#include "mdl/base/utf8.h"

namespace conduit::kernels {

namespace {

constexpr std::string_view kPreTokenizerPart = "pre_tokenizer";
constexpr std::size_t kMaxCuts = 64;

// Rewrites the text word by word; the ranges follow.
template <class AppendWord>
void rewrite_words(Words& words, AppendWord append_word) {
  std::string text;
  text.reserve(words.text.size() + words.text.size() / 4);
  for (TextRange& range : words.ranges) {
    const std::size_t begin = text.size();
    append_word(range.of(words.text), text);
    range = {begin, text.size()};
  }
  words.text = std::move(text);
}

// The words are cut further: whether the first is still the beginning.
void take_cut(Words& words, std::vector<TextRange> cut) {
  const bool begins =
      !cut.empty() && !words.ranges.empty() && cut.front().begin == words.ranges.front().begin;
  words.is_first_at_begin = words.is_first_at_begin && begins;
  words.ranges = std::move(cut);
}

}  // namespace

// --- reading

Result<PreTokenizer> PreTokenizer::from_json(const json::Value& definition) {
  PreTokenizer made;
  CONDUIT_TRY_STATUS(made.add(definition));
  return made;
}

Status PreTokenizer::add(const json::Value& definition) {
  if (definition.is_null()) return ok();
  const TokenizerFields fields(kPreTokenizerPart, definition);
  CONDUIT_TRY(const std::string type, fields.type());
  if (steps_.size() >= kMaxCuts)
    return Error{Code::exhausted, "tokenizer pre_tokenizer: over the limit of " +
                                      std::to_string(kMaxCuts) + " steps"};
  CONDUIT_TRY(const bool individual_digits, fields.flag("individual_digits", false));
  if (add_by_character(type, individual_digits)) return ok();
  if (type == "Sequence") {
    CONDUIT_TRY(const json::Array* parts, fields.list("pretokenizers"));
    for (const json::Value& part : *parts) CONDUIT_TRY_STATUS(add(part));
  } else if (type == "Split") {
    return add_split(fields);
  } else if (type == "Punctuation") {
    CONDUIT_TRY(const Behavior behavior, read_behavior(fields, Behavior::isolated));
    steps_.emplace_back(Punctuation{behavior});
  } else if (type == "CharDelimiterSplit") {
    return add_delimiter(fields);
  } else if (type == "ByteLevel") {
    return add_byte_level(fields);
  } else if (type == "Metaspace") {
    CONDUIT_TRY(MetaspaceFields metaspace, read_metaspace(fields));
    steps_.emplace_back(std::move(metaspace));
  } else {
    return fields.unsupported(type);
  }
  return ok();
}

bool PreTokenizer::add_by_character(std::string_view type, bool individual_digits) {
  const std::pair<std::string_view, Kind (*)(char32_t)> kinds[] = {
      {"Whitespace", kind_for_whitespace},
      {"WhitespaceSplit", kind_for_whitespace_split},
      {"BertPreTokenizer", kind_for_bert},
      {"Digits", individual_digits ? kind_for_single_digits : kind_for_digits}};
  for (const auto& [name, kind_of] : kinds) {
    if (name != type) continue;
    steps_.emplace_back(ByCharacter{kind_of});
    return true;
  }
  return false;
}

Result<PreTokenizer::Behavior> PreTokenizer::read_behavior(const TokenizerFields& fields,
                                                           Behavior otherwise) {
  constexpr std::pair<std::string_view, Behavior> kBehaviors[] = {
      {"Isolated", Behavior::isolated},
      {"Removed", Behavior::removed},
      {"MergedWithPrevious", Behavior::merged_with_previous},
      {"MergedWithNext", Behavior::merged_with_next},
      {"Contiguous", Behavior::contiguous}};
  if (fields.find("behavior") == nullptr) return otherwise;
  CONDUIT_TRY(const std::string name, fields.text("behavior"));
  for (const auto& [spelling, behavior] : kBehaviors)
    if (spelling == name) return behavior;
  return fields.unsupported(name);
}

Status PreTokenizer::add_split(const TokenizerFields& fields) {
  CONDUIT_TRY(Pattern pattern, Pattern::from_json(fields));
  CONDUIT_TRY_STATUS(fields.text("behavior"));
  CONDUIT_TRY(const Behavior behavior, read_behavior(fields, Behavior::isolated));
  CONDUIT_TRY(const bool is_inverted, fields.flag("invert", false));
  const json::Value* expression = fields.find("pattern")->find("Regex");
  // What the scanner knows matches everywhere, so both of these keep each match and nothing else.
  const bool keeps_matches =
      behavior == Behavior::isolated || (behavior == Behavior::removed && is_inverted);
  if (expression != nullptr && keeps_matches) {
    if (auto scanner = WordScanner::for_expression(expression->as_string())) {
      steps_.emplace_back(*scanner);
      return ok();
    }
  }
  steps_.emplace_back(Split{std::move(pattern), behavior, is_inverted});
  return ok();
}

Status PreTokenizer::add_delimiter(const TokenizerFields& fields) {
  CONDUIT_TRY(const std::string delimiter, fields.character("delimiter"));
  steps_.emplace_back(Delimiter{utf8::read(delimiter).code_point});
  return ok();
}

Status PreTokenizer::add_byte_level(const TokenizerFields& fields) {
  // Each doubles a text that is not ASCII; real files have one.
  constexpr std::ptrdiff_t kMaxByteLevels = 4;
  const auto byte_levels = std::count_if(steps_.begin(), steps_.end(), [](const Step& step) {
    return std::holds_alternative<ByteLetters>(step);
  });
  if (byte_levels == kMaxByteLevels)
    return Error{Code::exhausted, "tokenizer pre_tokenizer: over the limit of " +
                                      std::to_string(kMaxByteLevels) + " ByteLevel steps"};
  CONDUIT_TRY(const bool add_prefix_space, fields.flag("add_prefix_space", true));
  CONDUIT_TRY(const bool use_regex, fields.flag("use_regex", true));
  if (add_prefix_space) steps_.emplace_back(PrefixSpace{});
  if (use_regex) steps_.emplace_back(WordScanner::gpt2());
  steps_.emplace_back(ByteLetters{});
  return ok();
}

// --- splitting

Words PreTokenizer::split(std::string_view text, bool is_at_begin) const {
  Words words{std::string(text), {}, is_at_begin};
  if (!text.empty()) words.ranges.push_back({0, text.size()});
  for (const Step& step : steps_) {
    std::visit([&words](const auto& kind) { apply(kind, words); }, step);
  }
  return words;
}

void PreTokenizer::apply(const Split& step, Words& words) {
  std::vector<TextRange> cut;
  std::vector<Piece> pieces;
  for (const TextRange& word : words.ranges) {
    pieces.clear();
    std::size_t at = word.begin;
    for (const TextRange& found : step.pattern.find_all(word.of(words.text))) {
      const TextRange match{word.begin + found.begin, word.begin + found.end};
      if (at != match.begin) pieces.push_back({{at, match.begin}, step.is_inverted});
      pieces.push_back({match, !step.is_inverted});
      at = match.end;
    }
    if (at != word.end) pieces.push_back({{at, word.end}, step.is_inverted});
    keep(pieces, step.behavior, cut);
  }
  take_cut(words, std::move(cut));
}

void PreTokenizer::apply(const Punctuation& step, Words& words) {
  std::vector<TextRange> cut;
  std::vector<Piece> pieces;
  for (const TextRange& word : words.ranges) {
    pieces.clear();
    for (std::size_t at = word.begin; at < word.end;) {
      const utf8::Character character = utf8::read(std::string_view(words.text).substr(at));
      const bool is_match = has_trait(character.code_point, trait::punctuation);
      const bool goes_on = !is_match && !pieces.empty() && !pieces.back().is_match;
      if (!goes_on) pieces.push_back({{at, at}, is_match});
      at += character.length;
      pieces.back().range.end = at;
    }
    keep(pieces, step.behavior, cut);
  }
  take_cut(words, std::move(cut));
}

// Pieces of one word, in order → the words they become, appended.
void PreTokenizer::keep(std::vector<Piece> pieces, Behavior behavior,
                        std::vector<TextRange>& kept) {
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
  const std::size_t first = kept.size();
  bool was_match = false;
  for (const Piece& piece : pieces) {
    if (behavior == Behavior::removed && piece.is_match) continue;
    if (kept.size() != first && joins_last(piece.is_match, was_match)) {
      kept.back() = {std::min(kept.back().begin, piece.range.begin),
                     std::max(kept.back().end, piece.range.end)};
    } else {
      kept.push_back(piece.range);
    }
    was_match = piece.is_match;
  }
  const auto begin = kept.begin() + static_cast<std::ptrdiff_t>(first);
  if (is_backwards) std::reverse(begin, kept.end());
  kept.erase(std::remove_if(begin, kept.end(), [](const TextRange& r) { return r.begin == r.end; }),
             kept.end());
}

PreTokenizer::Kind PreTokenizer::kind_for_whitespace(char32_t c) {
  const std::uint16_t kind = traits(c);
  if ((kind & trait::word) != 0) return Kind::run;
  return (kind & trait::space) != 0 ? Kind::dropped : Kind::other_run;
}

PreTokenizer::Kind PreTokenizer::kind_for_whitespace_split(char32_t c) {
  return has_trait(c, trait::space) ? Kind::dropped : Kind::run;
}

PreTokenizer::Kind PreTokenizer::kind_for_bert(char32_t c) {
  const std::uint16_t kind = traits(c);
  if ((kind & trait::space) != 0) return Kind::dropped;
  return (kind & trait::punctuation) != 0 ? Kind::alone : Kind::run;
}

PreTokenizer::Kind PreTokenizer::kind_for_digits(char32_t c) {
  return has_trait(c, trait::digit) ? Kind::other_run : Kind::run;
}

PreTokenizer::Kind PreTokenizer::kind_for_single_digits(char32_t c) {
  return has_trait(c, trait::digit) ? Kind::alone : Kind::run;
}

template <class KindOf>
void PreTokenizer::cut_by_kind(Words& words, KindOf kind_of) {
  std::vector<TextRange> cut;
  cut.reserve(words.ranges.size());
  for (const TextRange& word : words.ranges) {
    Kind last = Kind::dropped;
    for (std::size_t at = word.begin; at < word.end;) {
      const utf8::Character character = utf8::read(std::string_view(words.text).substr(at));
      const Kind kind = kind_of(character.code_point);
      const std::size_t end = at + character.length;
      if (kind == last && (kind == Kind::run || kind == Kind::other_run)) {
        cut.back().end = end;
      } else if (kind != Kind::dropped) {
        cut.push_back({at, end});
      }
      last = kind;
      at = end;
    }
  }
  take_cut(words, std::move(cut));
}

void PreTokenizer::apply(const ByCharacter& step, Words& words) {
  cut_by_kind(words, step.kind_of);
}

void PreTokenizer::apply(const Delimiter& step, Words& words) {
  cut_by_kind(words, [delimiter = step.code_point](char32_t c) {
    return c == delimiter ? Kind::dropped : Kind::run;
  });
}

void PreTokenizer::apply(const WordScanner& step, Words& words) {
  std::vector<TextRange> cut;
  cut.reserve(words.text.size() / 4);
  for (const TextRange& word : words.ranges) step.split(words.text, word, cut);
  words.ranges = std::move(cut);
}

void PreTokenizer::apply(PrefixSpace, Words& words) {
  rewrite_words(words, [](std::string_view word, std::string& text) {
    if (!word.starts_with(' ')) text += ' ';
    text += word;
  });
}

void PreTokenizer::apply(ByteLetters, Words& words) {
  rewrite_words(words, [](std::string_view word, std::string& text) {
    for (const char byte : word) text += letter_of(static_cast<unsigned char>(byte));
  });
}

// Each blank becomes the replacement, and a word begins there.
void PreTokenizer::apply(const MetaspaceFields& step, Words& words) {
  const std::string_view mark = step.replacement;
  std::string text;
  text.reserve(words.text.size() + words.text.size() / 2);
  std::vector<TextRange> cut;
  bool may_prepend = step.scheme == PrependScheme::always ||
                     (step.scheme == PrependScheme::first && words.is_first_at_begin);
  for (const TextRange& range : words.ranges) {
    std::string_view word = range.of(words.text);
    const auto is_marked = [&] { return word.starts_with(' ') || word.starts_with(mark); };
    cut.push_back({text.size(), text.size()});
    if (may_prepend && !is_marked()) text += mark;
    may_prepend = step.scheme == PrependScheme::always;
    for (bool is_first = true; !word.empty(); is_first = false) {
      const bool begins_word = is_marked();
      if (begins_word && !is_first && step.splits) cut.push_back({text.size(), text.size()});
      const std::size_t length = word.starts_with(' ') ? 1 : begins_word ? mark.size() : 1;
      text += begins_word ? mark : word.substr(0, length);
      word.remove_prefix(length);
      cut.back().end = text.size();
    }
  }
  words.text = std::move(text);
  words.ranges = std::move(cut);
}

}  // namespace conduit::kernels
