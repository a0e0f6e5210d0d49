// Python's character classes and case over python_text_tables.
#include "kernels/model/jinja/python_text.h"

#include <algorithm>
#include <cstdint>
#include <span>

#include "kernels/model/jinja/python_text_tables.h"
#include "mdl/base/utf8.h"

namespace conduit::kernels::jinja {

namespace {

bool is_continuation(char byte) { return (static_cast<unsigned char>(byte) & 0xC0) == 0x80; }

template <class Run>
const Run* run_of(std::span<const Run> runs, char32_t c) {
  auto after = std::upper_bound(runs.begin(), runs.end(), c,
                                [](char32_t value, const Run& run) { return value < run.first; });
  if (after == runs.begin()) return nullptr;
  const Run& run = *std::prev(after);
  return c <= run.last && (c - run.first) % run.stride == 0 ? &run : nullptr;
}

void append_converted(std::u32string& out, char32_t c, std::span<const Shift> shifts,
                      std::span<const Expansion> expansions) {
  auto expansion =
      std::lower_bound(expansions.begin(), expansions.end(), c,
                       [](const Expansion& e, char32_t value) { return e.from < value; });
  if (expansion != expansions.end() && expansion->from == c) {
    out += expansion->to;
  } else if (const Shift* shift = run_of(shifts, c)) {
    out += static_cast<char32_t>(static_cast<std::int64_t>(c) + shift->distance);
  } else {
    out += c;
  }
}

void append_upper(std::u32string& out, char32_t c) {
  append_converted(out, c, kToUpper, kExpandedUpper);
}
void append_title(std::u32string& out, char32_t c) {
  append_converted(out, c, kToTitle, kExpandedTitle);
}
// Only İ has a longer lower case.
void append_lower(std::u32string& out, char32_t c) {
  if (c == 0x130) {
    out += U"i\u0307";
  } else {
    append_converted(out, c, kToLower, {});
  }
}

std::string ascii_upper(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  return out;
}

std::string ascii_lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

bool is_cased(char32_t c) { return is_upper(c) || is_lower(c) || run_of(kToLower, c); }

}  // namespace

bool is_ascii(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char c) { return (c & 0x80) != 0; });
}

std::size_t count_code_points(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return !is_continuation(c); }));
}

std::u32string decode(std::string_view text) {
  std::u32string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const utf8::Character character = utf8::read(text);
    out += character.code_point;
    text.remove_prefix(character.length);
  }
  return out;
}

std::string encode(std::u32string_view text) {
  std::string out;
  out.reserve(text.size());
  for (char32_t c : text) utf8::append(out, c);
  return out;
}

bool is_space(char32_t c) {
  return (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x20) || c == 0x85 || c == 0xA0 ||
         c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F ||
         c == 0x205F || c == 0x3000;
}
bool is_printable(char32_t c) { return run_of(kUnprintable, c) == nullptr; }
bool is_alphabetic(char32_t c) { return run_of(kAlphabetic, c) != nullptr; }
bool is_decimal(char32_t c) { return run_of(kDecimal, c) != nullptr; }
bool is_digit(char32_t c) { return run_of(kDigit, c) != nullptr; }
bool is_numeric(char32_t c) { return run_of(kNumeric, c) != nullptr; }
bool is_upper(char32_t c) { return run_of(kUpper, c) != nullptr; }
bool is_lower(char32_t c) { return run_of(kLower, c) != nullptr; }

std::string to_upper(std::string_view text) {
  if (is_ascii(text)) return ascii_upper(text);
  std::u32string out;
  for (char32_t c : decode(text)) append_upper(out, c);
  return encode(out);
}

std::string to_lower(std::string_view text) {
  if (is_ascii(text)) return ascii_lower(text);
  std::u32string out;
  for (char32_t c : decode(text)) append_lower(out, c);
  return encode(out);
}

std::string to_title(std::string_view text) {
  std::u32string out;
  bool is_inside_word = false;
  for (char32_t c : decode(text)) {
    is_inside_word ? append_lower(out, c) : append_title(out, c);
    is_inside_word = is_cased(c);
  }
  return encode(out);
}

std::string capitalize(std::string_view text) {
  std::u32string out;
  bool is_first = true;
  for (char32_t c : decode(text)) {
    is_first ? append_title(out, c) : append_lower(out, c);
    is_first = false;
  }
  return encode(out);
}

std::string swap_case(std::string_view text) {
  std::u32string out;
  for (char32_t c : decode(text)) is_upper(c) ? append_lower(out, c) : append_upper(out, c);
  return encode(out);
}

namespace {

template <class IsStripped>
std::string_view strip_where(std::string_view text, Side side, IsStripped is_stripped) {
  while (side != Side::right && !text.empty()) {
    const utf8::Character first = utf8::read(text);
    if (!is_stripped(first.code_point)) break;
    text.remove_prefix(first.length);
  }
  while (side != Side::left && !text.empty()) {
    std::size_t start = text.size() - 1;
    while (start > 0 && is_continuation(text[start])) --start;
    if (!is_stripped(utf8::read(text.substr(start)).code_point)) break;
    text = text.substr(0, start);
  }
  return text;
}

}  // namespace

std::string_view strip(std::string_view text, Side side) {
  return strip_where(text, side, is_space);
}

std::string_view strip(std::string_view text, std::string_view set, Side side) {
  const std::u32string characters = decode(set);
  return strip_where(text, side,
                     [&](char32_t c) { return characters.find(c) != std::u32string::npos; });
}

}  // namespace conduit::kernels::jinja
