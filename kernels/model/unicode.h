// What the tokenizer needs of Unicode: is a character a letter, a number or a space, and a text's
// normal form C (Unicode Annex 15). The answers are those of Hugging Face `tokenizers`, whose
// regex engine and normalizer each stand at a Unicode version of their own (unicode_tables.h).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace conduit::kernels {

enum class CharClass : std::uint8_t {
  other,
  letter,  // \p{L}
  number,  // \p{N}
  space,   // \s, that is White_Space
};

CharClass char_class(char32_t code_point);

// What a tokenizer does to a text before it cuts it; `text` must be valid UTF-8.
using Normalizer = std::string (*)(std::string_view text);
// Canonical decomposition, canonical order, canonical composition.
std::string normalize_nfc(std::string_view text);
std::string keep_as_is(std::string_view text);

}  // namespace conduit::kernels
