// What tokenizers need of Unicode: what kind of character it is, its small letter, and a text's
// normal forms (Unicode Annex 15). The answers are those of Hugging Face `tokenizers`, whose regex
// engine, normalizers and language each stand at a Unicode version of their own (unicode_tables.h).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace conduit::kernels {

// What a character is, one bit each.
namespace trait {
inline constexpr std::uint16_t letter = 1;        // \p{L}
inline constexpr std::uint16_t number = 2;        // \p{N}
inline constexpr std::uint16_t space = 4;         // \s, that is White_Space
inline constexpr std::uint16_t word = 8;          // \w of the Whitespace pre-tokenizer
inline constexpr std::uint16_t punctuation = 16;  // \p{P}, and signs of ASCII such as $
inline constexpr std::uint16_t digit = 32;        // \p{N}, of a newer Unicode
inline constexpr std::uint16_t control = 64;      // what BERT's clean_text drops
inline constexpr std::uint16_t accent = 128;      // what BERT's strip_accents drops: \p{Mn}
inline constexpr std::uint16_t mark = 256;        // what the StripAccents normalizer drops: \p{M}
// A character that goes with the one before it; one that stands alone; one that takes the next.
inline constexpr std::uint16_t extends = 512, stands_alone = 1024, prepends = 2048;
}  // namespace trait

std::uint16_t traits(char32_t code_point);
inline bool has_trait(char32_t code_point, std::uint16_t wanted) {
  return (traits(code_point) & wanted) != 0;
}

// The character's small letter, itself if it has none. U+0130 İ alone has two; this is its first.
char32_t lower(char32_t code_point);
// All characters, each by itself, as Rust's char::to_lowercase.
std::string lowercase(std::string_view text);

// The last character of `text`, which is valid UTF-8 and not empty.
std::string_view last_character(std::string_view text);

// C composes, D decomposes; K replaces compatibility characters such as ﬁ as well.
enum class NormalForm : std::uint8_t { nfc, nfd, nfkc, nfkd };
// `text` must be valid UTF-8.
std::string normalize(std::string_view text, NormalForm form);

}  // namespace conduit::kernels
