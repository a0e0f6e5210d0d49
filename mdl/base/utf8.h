// UTF-8, one character at a time: the one place that knows which bytes are well-formed.
// The idea: a reader never fails. What is ill-formed is cut into maximal subparts (Unicode 3.9,
// "substitution of maximal subparts", as Rust and Python replace), each read as one U+FFFD; what is
// only cut short at the end of the text is told apart, since its rest may still come.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace conduit::utf8 {

inline constexpr char32_t kReplacement = 0xFFFD;

enum class Form : std::uint8_t {
  whole,
  ill_formed,  // code_point is kReplacement, length that of the maximal subpart
  cut_short,   // the same, but the text ended inside a sequence that was well-formed so far
};

struct Character {
  char32_t code_point;
  std::uint8_t length;  // bytes, at least 1
  Form form;
};

namespace detail {
Character read_multibyte(std::string_view text);
}

// The first character of `text`, which must not be empty.
inline Character read(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text.front());
  if (lead < 0x80) return {lead, 1, Form::whole};
  return detail::read_multibyte(text);
}

// `code_point` must be a Unicode scalar value (no surrogate, at most U+10FFFF).
void append(std::string& out, char32_t code_point);

bool is_valid(std::string_view text);
// Each maximal ill-formed subsequence, one cut short included, becomes U+FFFD.
std::string replace_invalid(std::string_view text);
// Bytes before a character that is cut short at the end: all of them when none is.
std::size_t uncut_length(std::string_view text);

}  // namespace conduit::utf8
