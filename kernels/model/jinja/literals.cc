// Python's spelling of literals.
#include "kernels/model/jinja/literals.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <optional>

#include "kernels/model/jinja/python_text.h"
#include "kernels/model/jinja/runtime.h"
#include "mdl/base/utf8.h"

namespace conduit::kernels::jinja {

namespace {

constexpr bool is_surrogate(std::uint32_t c) { return c >= 0xD800 && c <= 0xDFFF; }

// Exactly `count` digits at the front of `text`, which they leave.
std::optional<std::uint32_t> take_digits(std::string_view& text, std::size_t count, int base) {
  if (text.size() < count) return std::nullopt;
  std::uint32_t number = 0;
  const char* end = text.data() + count;
  const auto [stop, error] = std::from_chars(text.data(), end, number, base);
  if (error != std::errc() || stop != end) return std::nullopt;
  text.remove_prefix(count);
  return number;
}

std::size_t octal_digits(std::string_view text) {
  const std::size_t end = text.find_first_not_of("01234567");
  return std::min<std::size_t>({end, text.size(), 3});
}

// \x, \u, \U and octal; `text` begins behind the letter. A surrogate must be one of a pair: a str
// with half of one cannot be written as UTF-8.
std::optional<std::uint32_t> take_code_point(std::string_view& text, char kind) {
  switch (kind) {
    case 'x': return take_digits(text, 2, 16);
    case 'U': return take_digits(text, 8, 16);
    case 'u': break;
    default: return std::nullopt;
  }
  const auto high = take_digits(text, 4, 16);
  if (!high || !is_surrogate(*high)) return high;
  if (text.substr(0, 2) != "\\u") return high;
  text.remove_prefix(2);
  const auto low = take_digits(text, 4, 16);
  if (!low || *high >= 0xDC00 || *low < 0xDC00 || *low > 0xDFFF) return high;
  return 0x10000 + ((*high - 0xD800) << 10) + (*low - 0xDC00);
}

std::string without_underscores(std::string_view token) {
  std::string digits(token);
  digits.erase(std::remove(digits.begin(), digits.end(), '_'), digits.end());
  return digits;
}

// What one letter behind a backslash stands for.
std::optional<char> simple_escape(char letter) {
  switch (letter) {
    case 'n': return '\n';
    case 't': return '\t';
    case 'r': return '\r';
    case 'a': return '\a';
    case 'b': return '\b';
    case 'f': return '\f';
    case 'v': return '\v';
    case '\\':
    case '\'':
    case '"': return letter;
    default: return std::nullopt;
  }
}

}  // namespace

Result<std::string> string_literal(std::string_view token) {
  std::string_view rest = token.substr(1, token.size() - 2);
  std::string text;
  while (!rest.empty()) {
    const std::size_t plain = std::min(rest.find('\\'), rest.size());
    text += rest.substr(0, plain);
    rest.remove_prefix(plain);
    if (rest.size() < 2) break;
    const char letter = rest[1];
    rest.remove_prefix(2);
    if (const auto character = simple_escape(letter)) {
      text += *character;
    } else if (letter == '\n') {
      continue;  // a line that goes on
    } else if (letter >= '0' && letter <= '7') {
      std::string_view digits(rest.data() - 1, rest.size() + 1);
      const std::size_t count = octal_digits(digits);
      utf8::append(text, take_digits(digits, count, 8).value_or(0));
      rest = digits;
    } else if (letter == 'x' || letter == 'u' || letter == 'U') {
      const auto code_point = take_code_point(rest, letter);
      if (!code_point || *code_point > 0x10FFFF || is_surrogate(*code_point))
        return failure(std::string("'unicodeescape' codec can't decode \\") + letter);
      utf8::append(text, *code_point);
    } else if (letter == 'N') {
      return failure("\\N{…}, a character by its name, is not supported");
    } else {
      text += '\\';
      text += letter;
    }
  }
  return text;
}

Result<Value> integer_literal(std::string_view token) {
  const std::string digits = without_underscores(token);
  std::string_view rest = digits;
  int base = 10;
  if (rest.size() > 2 && rest[0] == '0' && rest[1] > '9') {
    const char letter = rest[1];
    base = letter == 'x' || letter == 'X' ? 16 : letter == 'o' || letter == 'O' ? 8 : 2;
    rest.remove_prefix(2);
  }
  Integer number = 0;
  for (char c : rest) {
    const int digit = c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
    if (digit >= base) return failure("invalid integer " + digits);
    if (__builtin_mul_overflow(number, Integer(base), &number) ||
        __builtin_add_overflow(number, Integer(digit), &number))
      return failure("an int of more than 127 bits is not supported");
  }
  return Value::integer(number);
}

Result<Value> real_literal(std::string_view token) {
  const std::string digits = without_underscores(token);
  double number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error == std::errc::result_out_of_range) {
    // Too large is inf and too small is 0, as in Python.
    const std::size_t power = digits.find_first_of("eE");
    const bool is_small = power != std::string::npos && digits[power + 1] == '-';
    return Value::real(is_small ? 0.0 : std::numeric_limits<double>::infinity());
  }
  return Value::real(number);
}

}  // namespace conduit::kernels::jinja
