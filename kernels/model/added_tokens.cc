// Finding added tokens, leftmost first and longest first.
#include "kernels/model/added_tokens.h"

#include <algorithm>

#include "kernels/model/tokenizer_fields.h"
#include "mdl/base/utf8.h"

namespace conduit::kernels {

namespace {

bool is_blank_character(std::string_view character) {
  return has_trait(utf8::read(character).code_point, trait::space);
}

std::size_t blanks_at_end(std::string_view text) {
  std::size_t length = 0;
  while (length < text.size()) {
    const std::string_view last = last_character(text.substr(0, text.size() - length));
    if (!is_blank_character(last)) break;
    length += last.size();
  }
  return length;
}

std::size_t blanks_at_begin(std::string_view text) {
  std::size_t length = 0;
  while (length < text.size() && is_blank_character(text.substr(length)))
    length += utf8::read(text.substr(length)).length;
  return length;
}

bool is_word_character(std::string_view character) {
  return has_trait(utf8::read(character).code_point, trait::word);
}

bool touches_a_word(std::string_view before, std::string_view after) {
  if (!before.empty() && is_word_character(last_character(before))) return true;
  return !after.empty() && is_word_character(after);
}

}  // namespace

AddedTokens::AddedTokens(std::vector<AddedToken> tokens, const Normalizer& normalize)
    : tokens_(std::move(tokens)) {
  for (std::size_t i = 0; i < tokens_.size(); ++i) {
    AddedToken& token = tokens_[i];
    by_id_[token.id] = i;
    token.decoded = token.is_normalized ? normalize(token.content) : token.content;
    if (token.is_special) special_contents_.insert(token.content);
    (token.is_normalized ? normalized_ : given_).sorted.push_back({token.decoded, i});
  }
  for (Spellings* spellings : {&given_, &normalized_}) {
    std::erase_if(spellings->sorted, [](const Spelling& s) { return s.text.empty(); });
    std::stable_sort(spellings->sorted.begin(), spellings->sorted.end(),
                     [](const Spelling& a, const Spelling& b) { return a.text < b.text; });
    for (const Spelling& s : spellings->sorted)
      spellings->first_bytes.set(static_cast<unsigned char>(s.text.front()));
  }
}

std::optional<AddedTokens::Match> AddedTokens::Spellings::longest_at_begin(
    std::string_view text) const {
  std::optional<Match> longest;
  auto begin = sorted.begin();
  auto end = sorted.end();
  for (std::size_t depth = 0; depth < text.size(); ++depth) {
    // Of the spellings that agree with the text so far, those with its next byte as well.
    const auto byte_at = [depth](const Spelling& s) {
      return depth < s.text.size() ? static_cast<unsigned char>(s.text[depth]) : -1;
    };
    const int wanted = static_cast<unsigned char>(text[depth]);
    begin = std::partition_point(begin, end, [&](auto& s) { return byte_at(s) < wanted; });
    end = std::partition_point(begin, end, [&](auto& s) { return byte_at(s) == wanted; });
    if (begin == end) break;
    if (begin->text.size() == depth + 1) longest = Match{depth + 1, begin->token};
  }
  return longest;
}

std::vector<AddedTokens::Section> AddedTokens::split(std::string_view text, Pass pass,
                                                     bool finds_special) const {
  const auto& spellings = pass == Pass::given_text ? given_ : normalized_;
  std::vector<Section> sections;
  std::size_t done = 0;  // all before is in a section
  for (std::size_t at = 0; at < text.size() && spellings.first_bytes.any();) {
    if (!spellings.first_bytes.test(static_cast<unsigned char>(text[at]))) {
      ++at;
      continue;
    }
    const auto match = spellings.longest_at_begin(text.substr(at));
    if (!match) {
      ++at;
      continue;
    }
    const AddedToken& token = tokens_[match->token];
    TextRange range{at, at + match->length};
    at = range.end;  // also past a match that does not count
    if (token.is_special && !finds_special) continue;
    if (token.is_single_word && touches_a_word(text.substr(0, range.begin), text.substr(range.end)))
      continue;
    if (token.strips_left)
      range.begin = std::max(done, range.begin - blanks_at_end(text.substr(0, range.begin)));
    if (token.strips_right) range.end += blanks_at_begin(text.substr(range.end));
    if (done < range.begin) sections.push_back({{done, range.begin}, std::nullopt});
    sections.push_back({range, token.id});
    done = range.end;
  }
  if (done != text.size()) sections.push_back({{done, text.size()}, std::nullopt});
  return sections;
}

const AddedToken* AddedTokens::find(TokenId id) const {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : &tokens_[found->second];
}

const AddedToken* AddedTokens::find(std::string_view content) const {
  const auto found = std::find_if(tokens_.begin(), tokens_.end(),
                                  [&](const AddedToken& t) { return t.content == content; });
  return found == tokens_.end() ? nullptr : &*found;
}

Result<std::vector<AddedToken>> read_added_tokens(const json::Array& definitions) {
  std::vector<AddedToken> tokens;
  for (const json::Value& definition : definitions) {
    const TokenizerFields fields("added_tokens", definition);
    AddedToken token;
    CONDUIT_TRY(token.content, fields.text("content"));
    CONDUIT_TRY_STATUS(check_piece(token.content));
    CONDUIT_TRY(token.id, fields.id("id"));
    CONDUIT_TRY(token.is_special, fields.flag("special", false));
    CONDUIT_TRY(token.strips_left, fields.flag("lstrip", false));
    CONDUIT_TRY(token.strips_right, fields.flag("rstrip", false));
    CONDUIT_TRY(token.is_single_word, fields.flag("single_word", false));
    CONDUIT_TRY(token.is_normalized, fields.flag("normalized", !token.is_special));
    tokens.push_back(std::move(token));
  }
  return tokens;
}

}  // namespace conduit::kernels
