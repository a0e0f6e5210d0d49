// How vocabularies of strings spell single bytes. The byte-level alphabet of GPT-2: each byte has a
// printable letter, so that any text, valid or not, can be spelled in a vocabulary of strings.
// Printable Latin-1 stands for itself; the other 68 bytes take U+0100 upwards (a space is Ġ, a line
// feed Ċ).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace conduit::kernels {

// All letters are below this code point.
inline constexpr char32_t kByteLetterEnd = 0x144;

// UTF-8 of the letter, 1 or 2 bytes.
std::string_view letter_of(unsigned char byte);
// What the letters of `token` stand for. A token with any other character is no spelling of bytes
// and stands for itself.
std::string bytes_of_letters(std::string_view token);

// SentencePiece's: "<0x0A>", and back; nothing for another spelling.
std::string byte_token_of(unsigned char byte);
std::optional<unsigned char> byte_of_token(std::string_view token);

}  // namespace conduit::kernels
