// Strings as Python's str sees them: sequences of code points, with Python's classes and cases of
// characters. They are stored as UTF-8, and only the operations that need code points decode them;
// pure ASCII, the usual case, needs none. All functions expect valid UTF-8 (a template is checked
// when parsed, its variables by the JSON parser). Not here: what tokenizers ask of characters
// (kernels/model/unicode.h); they stand at other versions of Unicode.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace conduit::kernels::jinja {

bool is_ascii(std::string_view text);

std::size_t count_code_points(std::string_view text);
std::u32string decode(std::string_view text);
std::string encode(std::u32string_view text);

// str.isspace and so on, of one character.
bool is_space(char32_t c);
bool is_printable(char32_t c);
bool is_alphabetic(char32_t c);
bool is_decimal(char32_t c);
bool is_digit(char32_t c);
bool is_numeric(char32_t c);
bool is_upper(char32_t c);
bool is_lower(char32_t c);

std::string to_upper(std::string_view text);
std::string to_lower(std::string_view text);
std::string to_title(std::string_view text);    // str.title: each run of letters
std::string capitalize(std::string_view text);  // the first letter alone
std::string swap_case(std::string_view text);

enum class Side { left, right, both };
std::string_view strip(std::string_view text, Side side);
// Strips any of the characters in `set`.
std::string_view strip(std::string_view text, std::string_view set, Side side);

}  // namespace conduit::kernels::jinja
