// Two expressions as code: each function below is one alternative, tried in the written order.
#include "kernels/model/word_scanner.h"

#include <array>
#include <limits>

#include "kernels/model/unicode.h"
#include "mdl/base/utf8.h"

namespace conduit::kernels {

namespace {

constexpr std::string_view kGpt2 =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
constexpr std::string_view kLlama3 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kQwen2 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

// The classes that the expressions below tell apart.
enum class CharClass : std::uint8_t { other, letter, number, space };

constexpr CharClass class_of(std::uint16_t traits) {
  if (traits & trait::letter) return CharClass::letter;
  if (traits & trait::number) return CharClass::number;
  return traits & trait::space ? CharClass::space : CharClass::other;
}

constexpr std::size_t kUnlimited = std::numeric_limits<std::size_t>::max();

constexpr CharClass ascii_class(char c) {
  if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) return CharClass::letter;
  if (c >= '0' && c <= '9') return CharClass::number;
  if (c == ' ' || (c >= '\t' && c <= '\r')) return CharClass::space;
  return CharClass::other;
}

constexpr auto kAsciiClasses = [] {
  std::array<CharClass, 128> classes{};
  for (int c = 0; c < 128; ++c) classes[c] = ascii_class(static_cast<char>(c));
  return classes;
}();

struct Seen {
  CharClass char_class;
  std::size_t length;
};

bool is_line_end(char c) { return c == '\r' || c == '\n'; }

class Scan {
 public:
  explicit Scan(std::string_view text) : text_(text) {}

  std::size_t gpt2_word(std::size_t at) const {
    if (const std::size_t end = contraction(at, /*folds_case=*/false); end != at) return end;
    const std::size_t body = at + (text_[at] == ' ' ? 1 : 0);
    if (body < text_.size()) {
      const CharClass kind = see(body).char_class;
      if (kind != CharClass::space) return run(body, kind);
    }
    return blanks(at);
  }

  std::size_t llama3_word(std::size_t at, std::size_t max_digits) const {
    if (const std::size_t end = contraction(at, /*folds_case=*/true); end != at) return end;
    const Seen first = see(at);
    if (first.char_class == CharClass::letter) return run(at, CharClass::letter);
    if (first.char_class == CharClass::number) return run(at, CharClass::number, max_digits);
    const std::size_t second = at + first.length;
    if (second < text_.size() && !is_line_end(text_[at]) &&
        see(second).char_class == CharClass::letter)
      return run(second, CharClass::letter);
    const std::size_t body = at + (text_[at] == ' ' ? 1 : 0);
    if (body < text_.size() && see(body).char_class == CharClass::other)
      return line_ends(run(body, CharClass::other));
    const std::size_t end = lines(at);
    return end != at ? end : blanks(at);
  }

 private:
  Seen see(std::size_t at) const {
    const auto byte = static_cast<unsigned char>(text_[at]);
    if (byte < 0x80) return {kAsciiClasses[byte], 1};
    const utf8::Character character = utf8::read(text_.substr(at));
    return {class_of(traits(character.code_point)), character.length};
  }

  // The end of the characters of this class from `at` on.
  std::size_t run(std::size_t at, CharClass kind, std::size_t limit = kUnlimited) const {
    for (; at < text_.size() && limit > 0; --limit) {
      const Seen seen = see(at);
      if (seen.char_class != kind) break;
      at += seen.length;
    }
    return at;
  }

  // 's 't 're 've 'm 'll 'd; `at` when there is none. With case folded, ſ is an s as well.
  std::size_t contraction(std::size_t at, bool folds_case) const {
    const std::string_view text = text_.substr(at);
    if (text.size() < 2 || text[0] != '\'') return at;
    if (folds_case && text.substr(1).starts_with("ſ")) return at + 1 + std::string_view("ſ").size();
    const auto letter = [&](std::size_t i) {
      if (i >= text.size()) return '\0';
      const bool is_upper = text[i] >= 'A' && text[i] <= 'Z';
      return folds_case && is_upper ? static_cast<char>(text[i] - 'A' + 'a') : text[i];
    };
    switch (letter(1)) {
      case 's':
      case 't':
      case 'm':
      case 'd': return at + 2;
      case 'r':
      case 'v': return letter(2) == 'e' ? at + 3 : at;
      case 'l': return letter(2) == 'l' ? at + 3 : at;
      default: return at;
    }
  }

  // [\r\n]*
  std::size_t line_ends(std::size_t at) const {
    while (at < text_.size() && is_line_end(text_[at])) ++at;
    return at;
  }

  // \s*[\r\n]+: up to the last line end among the blanks; `at` when there is none.
  std::size_t lines(std::size_t at) const {
    const std::string_view blank = text_.substr(at, run(at, CharClass::space) - at);
    const std::size_t last = blank.find_last_of("\r\n");
    return last == blank.npos ? at : at + last + 1;
  }

  // \s+(?!\S)|\s+: all blanks but the last, which goes with the word that follows.
  std::size_t blanks(std::size_t at) const {
    std::size_t last = at;
    std::size_t end = at;
    while (end < text_.size()) {
      const Seen seen = see(end);
      if (seen.char_class != CharClass::space) break;
      last = end;
      end += seen.length;
    }
    return end == text_.size() || last == at ? end : last;
  }

  std::string_view text_;
};

}  // namespace

std::optional<WordScanner> WordScanner::for_expression(std::string_view expression) {
  if (expression == kGpt2) return gpt2();
  if (expression == kLlama3) return WordScanner(Family::llama3, 3);
  if (expression == kQwen2) return WordScanner(Family::llama3, 1);
  return std::nullopt;
}

void WordScanner::split(std::string_view text, TextRange range,
                        std::vector<TextRange>& words) const {
  const Scan scan(range.of(text));
  const std::size_t length = range.end - range.begin;
  for (std::size_t at = 0; at < length;) {
    const std::size_t end =
        family_ == Family::gpt2 ? scan.gpt2_word(at) : scan.llama3_word(at, max_digits_);
    words.push_back({range.begin + at, range.begin + end});
    at = end;
  }
}

}  // namespace conduit::kernels
