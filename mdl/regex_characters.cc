// Escapes and classes of ECMA-262.
#include "mdl/regex_characters.h"

#include <algorithm>
#include <vector>

#include "mdl/base/utf8.h"
#include "mdl/unicode_classes.h"

namespace conduit::mdl {

namespace {

const CodePoints kDigits = {{'0', '9'}};
const CodePoints kWordCharacters = {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
// WhiteSpace and LineTerminator of ECMA-262.
const CodePoints kSpaces = {{0x09, 0x0D},     {0x20, 0x20},     {0xA0, 0xA0},     {0x1680, 0x1680},
                            {0x2000, 0x200A}, {0x2028, 0x2029}, {0x202F, 0x202F}, {0x205F, 0x205F},
                            {0x3000, 0x3000}, {0xFEFF, 0xFEFF}};
constexpr std::string_view kSyntaxCharacters = "^$\\.*+?()[]{}|/";

// -1: no digit.
int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

CodePoints both_cases(const CodePoints& set) {
  std::vector<CodeRange> all = set;
  for (const CodeRange& range : set) {
    const auto add = [&](std::uint32_t from, std::uint32_t to) {
      const std::uint32_t low = std::max(range.low, from);
      const std::uint32_t high = std::min(range.high, from + 25);
      if (low <= high) all.push_back({low - from + to, high - from + to});
    };
    add('a', 'A');
    add('A', 'a');
  }
  return joined(std::move(all));
}

std::uint32_t RegexCharacters::take_character() {
  const utf8::Character character = utf8::read(pattern_.substr(at_));
  at_ += character.length;
  return character.code_point;
}

Error RegexCharacters::wrong(const std::string& what) const {
  constexpr std::size_t kShown = 60;
  std::string shown(pattern_.substr(0, utf8::uncut_length(pattern_.substr(0, kShown))));
  if (shown.size() < pattern_.size()) shown += "…";
  return Error{Code::invalid_argument,
               "pattern \"" + shown + "\", at byte " + std::to_string(at_) + ": " + what};
}

Result<CodePoints> RegexCharacters::escape(bool is_in_class) {
  ++at_;
  if (at_end()) return wrong("a \\ at the end; write \\\\ to mean the character");
  const std::uint32_t c = take_character();
  const auto one = [](std::uint32_t point) { return CodePoints{{point, point}}; };
  switch (c) {
    case 'd': return kDigits;
    case 'D': return negate(kDigits);
    case 'w': return kWordCharacters;
    case 'W': return negate(kWordCharacters);
    case 's': return kSpaces;
    case 'S': return negate(kSpaces);
    case 't': return one('\t');
    case 'n': return one('\n');
    case 'v': return one('\v');
    case 'f': return one('\f');
    case 'r': return one('\r');
    case 'b':
      if (is_in_class) return one('\b');
      break;
    case '-':
      if (is_in_class) return one('-');
      break;
    case '0':
      if (!is_digit(static_cast<unsigned char>(peek()))) return one(0);
      return wrong("octal escapes are no ECMA-262; write \\x and two digits");
    case 'c':
      if (is_letter(static_cast<unsigned char>(peek()))) return one(take_character() % 32);
      return wrong("\\c needs a letter behind it");
    case 'x': return hexadecimal(2);
    case 'u': return unicode_escape();
    case 'p':
    case 'P': return property(c == 'P');
    case 'A': return wrong("\\A is no ECMA-262; write ^");
    case 'z':
    case 'Z':
      return wrong("\\" + std::string(1, static_cast<char>(c)) + " is no ECMA-262; write $");
    default: break;
  }
  if (c < 0x80 && kSyntaxCharacters.find(static_cast<char>(c)) != kSyntaxCharacters.npos)
    return one(c);
  std::string shown;
  utf8::append(shown, c);
  if (is_strict_ || is_letter(c) || is_digit(c))
    return wrong("\\" + shown + " is no escape of ECMA-262; without the \\ it means the character");
  return one(c);
}

Result<CodePoints> RegexCharacters::hexadecimal(std::size_t digits) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < digits; ++i, ++at_) {
    const int digit = hex_digit(peek());
    if (digit < 0) return wrong("expected " + std::to_string(digits) + " hexadecimal digits");
    value = value * 16 + static_cast<std::uint32_t>(digit);
  }
  return CodePoints{{value, value}};
}

Result<CodePoints> RegexCharacters::unicode_escape() {
  std::uint32_t value = 0;
  if (take("{")) {
    const std::size_t begin = at_;
    for (int digit = 0; (digit = hex_digit(peek())) >= 0 && value <= kMaxCodePoint; ++at_)
      value = value * 16 + static_cast<std::uint32_t>(digit);
    if (at_ == begin || value > kMaxCodePoint || !take("}"))
      return wrong("\\u{…} needs hexadecimal digits, up to 10FFFF");
  } else {
    CONDUIT_TRY(const CodePoints first, hexadecimal(4));
    value = first[0].low;
    if (value >= 0xD800 && value <= 0xDBFF && take("\\u")) {
      CONDUIT_TRY(const CodePoints second, hexadecimal(4));
      const std::uint32_t low = second[0].low;
      if (low < 0xDC00 || low > 0xDFFF) return wrong("half a surrogate pair");
      value = 0x10000 + ((value - 0xD800) << 10) + (low - 0xDC00);
    }
  }
  // One half alone is in no text: the set is empty.
  return code_points({{value, value}});
}

Result<CodePoints> RegexCharacters::property(bool is_negated) {
  std::string_view name;
  if (peek() == '{') {
    const std::size_t end = pattern_.find('}', at_);
    if (end == pattern_.npos) return wrong("\\p{ without its }");
    name = pattern_.substr(at_ + 1, end - at_ - 1);
    at_ = end + 1;
  } else if (!is_strict_ && is_letter(static_cast<unsigned char>(peek()))) {
    name = pattern_.substr(at_++, 1);  // \pL, as elsewhere
  } else {
    return wrong("\\p needs a property: \\p{Letter}");
  }
  const auto set = unicode_class(name, is_strict_ ? PropertyNames::ecma : PropertyNames::lenient);
  if (!set)
    return wrong("no property \"" + std::string(name.substr(0, 40)) +
                 "\" is known; write one of ECMA-262, like \\p{Lu} or \\p{Script=Greek}");
  return is_negated ? negate(*set) : *set;
}

Result<CodePoints> RegexCharacters::character_class() {
  const std::size_t begin = at_ - 1;
  const bool is_negated = take("^");
  std::vector<CodeRange> all;
  while (!take("]")) {
    if (at_end()) {
      at_ = begin;
      return wrong("a [ without its ]");
    }
    if (!is_strict_ && peek() == '[' && (peek(1) == ':' || peek(1) == '.' || peek(1) == '=') &&
        pattern_.find(std::string{peek(1), ']'}, at_ + 2) != pattern_.npos)
      return wrong("POSIX classes are no ECMA-262; write \\d, \\w, a-z or \\p{…}");
    CONDUIT_TRY(const CodePoints low, class_atom());
    const bool is_range = peek() == '-' && peek(1) != ']' && at_ + 1 < pattern_.size();
    if (!is_range) {
      all.insert(all.end(), low.begin(), low.end());
      continue;
    }
    const std::size_t dash = at_++;
    CONDUIT_TRY(const CodePoints high, class_atom());
    const auto is_one = [](const CodePoints& set) {
      return set.size() == 1 && set[0].low == set[0].high;
    };
    if (is_one(low) && is_one(high)) {
      if (low[0].low > high[0].low) {
        at_ = dash;
        return wrong("a range whose first character is behind its last");
      }
      all.push_back({low[0].low, high[0].low});
      continue;
    }
    if (is_strict_) {
      at_ = dash;
      return wrong("a class as the end of a range; escape the -");
    }
    all.push_back({'-', '-'});  // [\w-.]: three members
    all.insert(all.end(), low.begin(), low.end());
    all.insert(all.end(), high.begin(), high.end());
  }
  CodePoints set = code_points(std::move(all));
  if (ignores_case_) set = both_cases(set);
  return is_negated ? negate(set) : set;
}

Result<CodePoints> RegexCharacters::class_atom() {
  if (peek() == '\\') return escape(true);
  const std::uint32_t point = take_character();
  return CodePoints{{point, point}};
}

}  // namespace conduit::mdl
