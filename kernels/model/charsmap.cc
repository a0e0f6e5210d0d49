// Walking the double array, and Hugging Face's reading of it.
#include "kernels/model/charsmap.h"

#include <algorithm>
#include <cstring>

#include "kernels/model/unicode.h"
#include "mdl/base/utf8.h"

namespace conduit::kernels {

namespace {

// A unit of darts-clone: the label it was reached by, where its children are, whether a value is.
struct Unit {
  std::uint32_t bits;
  bool has_leaf() const { return (bits >> 8 & 1) != 0; }
  std::uint32_t value() const { return bits & 0x7FFFFFFF; }
  std::uint32_t label() const { return bits & 0x800000FF; }
  std::uint32_t offset() const { return bits >> 10 << ((bits & 0x200) >> 6); }
};

// A longer one would make a prompt of a few bytes into one of gigabytes; U+FDFA takes 33.
constexpr std::size_t kMaxReplacementBytes = 1024;
// Of a text, in bytes: a hostile trie may go round in circles. Entries have at most a few
// characters.
constexpr std::size_t kMaxEntryBytes = 64;
// A grapheme of more bytes is not looked for as a whole.
constexpr std::size_t kMaxGraphemeBytes = 5;

Error bad_charsmap(const char* what) {
  return Error{Code::corrupt, std::string("tokenizer: precompiled_charsmap ") + what};
}

bool has_kind(std::string_view text, std::uint16_t kind) {
  return has_trait(utf8::read(text).code_point, kind);
}

// The grapheme at the beginning of `text`, by those rules of Unicode Annex 29 that can hold
// kMaxGraphemeBytes together: longer ones are read character by character anyway.
std::string_view grapheme_of(std::string_view text) {
  std::size_t length = utf8::read(text).length;
  if (text.starts_with("\r\n")) return text.substr(0, 2);
  if (has_kind(text, trait::stands_alone)) return text.substr(0, length);
  bool takes_next = has_kind(text, trait::prepends);
  while (length < text.size()) {
    const std::string_view rest = text.substr(length);
    const bool joins =
        has_kind(rest, trait::extends) || (takes_next && !has_kind(rest, trait::stands_alone));
    if (!joins) break;
    takes_next = has_kind(rest, trait::prepends);
    length += utf8::read(rest).length;
  }
  return text.substr(0, length);
}

}  // namespace

Result<Charsmap> Charsmap::parse(std::string_view blob) {
  std::uint32_t trie_bytes = 0;
  if (blob.size() < sizeof trie_bytes) return bad_charsmap("is cut short");
  std::memcpy(&trie_bytes, blob.data(), sizeof trie_bytes);
  blob.remove_prefix(sizeof trie_bytes);
  if (trie_bytes > blob.size() || trie_bytes % sizeof(std::uint32_t) != 0 || trie_bytes == 0)
    return bad_charsmap("must hold its trie whole");
  Charsmap made;
  made.trie_.resize(trie_bytes / sizeof(std::uint32_t));
  std::memcpy(made.trie_.data(), blob.data(), trie_bytes);
  made.replacements_ = blob.substr(trie_bytes);
  if (!utf8::is_valid(made.replacements_)) return bad_charsmap("must replace by valid UTF-8");
  if (made.growth() > kMaxReplacementBytes)
    return bad_charsmap("has a replacement of over 1024 bytes");
  return made;
}

std::size_t Charsmap::growth() const {
  std::size_t longest = 1;
  for (std::size_t at = 0; at < replacements_.size();) {
    const std::size_t end = std::min(replacements_.find('\0', at), replacements_.size());
    longest = std::max(longest, end - at);
    at = end + 1;
  }
  return longest;
}

std::optional<Charsmap::Match> Charsmap::find(std::string_view text, Wanted wanted) const {
  std::optional<Match> found;
  std::uint32_t node = Unit{trie_[0]}.offset();
  for (std::size_t i = 0; i < std::min(text.size(), kMaxEntryBytes); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    node ^= byte;
    if (node >= trie_.size() || byte == 0) break;
    const Unit unit{trie_[node]};
    if (unit.label() != byte) break;
    node ^= unit.offset();
    if (!unit.has_leaf() || node >= trie_.size()) continue;
    const std::uint32_t value = Unit{trie_[node]}.value();
    // Into the middle of a character: no entry.
    if (value >= replacements_.size() || (replacements_[value] & 0xC0) == 0x80) continue;
    const std::size_t end = std::min(replacements_.find('\0', value), replacements_.size());
    found = Match{i + 1, std::string_view(replacements_).substr(value, end - value)};
    if (wanted == Wanted::shortest) break;
  }
  return found;
}

std::optional<Charsmap::Match> Charsmap::longest(std::string_view text) const {
  return find(text, Wanted::longest);
}

std::optional<std::string_view> Charsmap::replacement_of(std::string_view text) const {
  const auto match = find(text, Wanted::shortest);
  if (!match) return std::nullopt;
  return match->replacement;
}

std::string Charsmap::normalize(std::string_view text) const {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const std::string_view grapheme = grapheme_of(text);
    text.remove_prefix(grapheme.size());
    if (grapheme.size() <= kMaxGraphemeBytes) {
      if (const auto whole = replacement_of(grapheme)) {
        out += *whole;
        continue;
      }
    }
    for (std::size_t at = 0; at < grapheme.size();) {
      const std::string_view rest = grapheme.substr(at);
      const std::string_view character = rest.substr(0, utf8::read(rest).length);
      out += replacement_of(character).value_or(character);
      at += character.size();
    }
  }
  return out;
}

Result<std::string> decode_base64(std::string_view text) {
  std::string out;
  out.reserve(text.size() / 4 * 3);
  std::uint32_t bits = 0;
  int count = 0;
  while (text.ends_with('=')) text.remove_suffix(1);
  for (const char c : text) {
    constexpr std::string_view kDigits =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const std::size_t digit = kDigits.find(c);
    if (digit == kDigits.npos) return bad_charsmap("must be base64");
    bits = bits << 6 | static_cast<std::uint32_t>(digit);
    count += 6;
    if (count < 8) continue;
    count -= 8;
    out += static_cast<char>(bits >> count & 0xFF);
  }
  return out;
}

}  // namespace conduit::kernels
