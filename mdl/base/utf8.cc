// The well-formed byte sequences of Unicode's table 3-7, read and written.
#include "mdl/base/utf8.h"

#include <algorithm>

namespace conduit::utf8 {

namespace {

constexpr std::string_view kReplacementBytes = "\xEF\xBF\xBD";

// What follows a lead byte: how many bytes, and the range of the first of them (all later ones are
// 80..BF). The narrow ranges exclude overlong forms, surrogates and what lies above U+10FFFF.
struct Continuation {
  std::uint8_t count;
  std::uint8_t first_low;
  std::uint8_t first_high;
};

constexpr Continuation continuation_of(unsigned char lead) {
  if (lead >= 0xC2 && lead <= 0xDF) return {1, 0x80, 0xBF};
  if (lead == 0xE0) return {2, 0xA0, 0xBF};
  if (lead == 0xED) return {2, 0x80, 0x9F};
  if (lead >= 0xE1 && lead <= 0xEF) return {2, 0x80, 0xBF};
  if (lead == 0xF0) return {3, 0x90, 0xBF};
  if (lead >= 0xF1 && lead <= 0xF3) return {3, 0x80, 0xBF};
  if (lead == 0xF4) return {3, 0x80, 0x8F};
  return {0, 0, 0};
}

}  // namespace

namespace detail {

Character read_multibyte(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text.front());
  const Continuation expected = continuation_of(lead);
  if (expected.count == 0) return {kReplacement, 1, Form::ill_formed};
  char32_t code_point = lead & (0x3F >> expected.count);
  std::uint8_t low = expected.first_low;
  std::uint8_t high = expected.first_high;
  for (std::uint8_t i = 1; i <= expected.count; ++i) {
    if (i == text.size()) return {kReplacement, i, Form::cut_short};
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte < low || byte > high) return {kReplacement, i, Form::ill_formed};
    code_point = code_point << 6 | (byte & 0x3F);
    low = 0x80;
    high = 0xBF;
  }
  return {code_point, static_cast<std::uint8_t>(expected.count + 1), Form::whole};
}

}  // namespace detail

void append(std::string& out, char32_t code_point) {
  const auto continuation = [&](int shift) {
    return static_cast<char>(0x80 | (code_point >> shift & 0x3F));
  };
  if (code_point < 0x80) {
    out += static_cast<char>(code_point);
  } else if (code_point < 0x800) {
    out += {static_cast<char>(0xC0 | code_point >> 6), continuation(0)};
  } else if (code_point < 0x10000) {
    out += {static_cast<char>(0xE0 | code_point >> 12), continuation(6), continuation(0)};
  } else {
    out += {static_cast<char>(0xF0 | code_point >> 18), continuation(12), continuation(6),
            continuation(0)};
  }
}

bool is_valid(std::string_view text) {
  while (!text.empty()) {
    const Character character = read(text);
    if (character.form != Form::whole) return false;
    text.remove_prefix(character.length);
  }
  return true;
}

std::string replace_invalid(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const Character character = read(text);
    out += character.form == Form::whole ? text.substr(0, character.length) : kReplacementBytes;
    text.remove_prefix(character.length);
  }
  return out;
}

std::size_t uncut_length(std::string_view text) {
  // A sequence has at most 4 bytes, so only its lead among the last 3 can be cut short.
  const std::size_t looked_at = std::min<std::size_t>(text.size(), 3);
  for (std::size_t back = 1; back <= looked_at; ++back) {
    const std::string_view tail = text.substr(text.size() - back);
    if ((static_cast<unsigned char>(tail.front()) & 0xC0) == 0x80) continue;  // not a lead
    const Character character = read(tail);
    const bool is_cut = character.form == Form::cut_short && character.length == back;
    return text.size() - (is_cut ? back : 0);
  }
  return text.size();
}

}  // namespace conduit::utf8
