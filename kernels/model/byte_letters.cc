// The alphabet, computed once at compile time, both ways.
#include "kernels/model/byte_letters.h"

#include <array>
#include <charconv>

#include "mdl/base/utf8.h"

namespace conduit::kernels {

namespace {

struct Alphabet {
  struct Letter {
    char utf8[2];
    std::uint8_t length;
  };
  std::array<Letter, 256> letters{};
  std::array<std::int16_t, kByteLetterEnd> bytes{};  // by code point; -1: no letter
};

constexpr bool is_printable(int byte) {
  return (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

constexpr Alphabet make_alphabet() {
  Alphabet alphabet;
  for (auto& byte : alphabet.bytes) byte = -1;
  int next = 0x100;
  for (int byte = 0; byte < 256; ++byte) {
    const int code_point = is_printable(byte) ? byte : next++;
    alphabet.bytes[code_point] = static_cast<std::int16_t>(byte);
    if (code_point < 0x80) {
      alphabet.letters[byte] = {{static_cast<char>(code_point), 0}, 1};
    } else {
      alphabet.letters[byte] = {{static_cast<char>(0xC0 | code_point >> 6),
                                 static_cast<char>(0x80 | (code_point & 0x3F))},
                                2};
    }
  }
  return alphabet;
}

constexpr Alphabet kAlphabet = make_alphabet();

}  // namespace

std::string_view letter_of(unsigned char byte) {
  const Alphabet::Letter& letter = kAlphabet.letters[byte];
  return {letter.utf8, letter.length};
}

std::string bytes_of_letters(std::string_view token) {
  std::string bytes;
  for (std::string_view rest = token; !rest.empty();) {
    const utf8::Character character = utf8::read(rest);
    const bool is_near = character.code_point < kByteLetterEnd;
    const int byte = is_near ? kAlphabet.bytes[character.code_point] : -1;
    if (byte < 0) return std::string(token);
    bytes += static_cast<char>(byte);
    rest.remove_prefix(character.length);
  }
  return bytes;
}

std::string byte_token_of(unsigned char byte) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  return std::string("<0x") + kDigits[byte >> 4] + kDigits[byte & 15] + '>';
}

std::optional<unsigned char> byte_of_token(std::string_view token) {
  if (token.size() != 6 || !token.starts_with("<0x") || token.back() != '>') return std::nullopt;
  unsigned char byte = 0;
  const char* end = token.data() + 5;
  const auto read = std::from_chars(token.data() + 3, end, byte, 16);
  if (read.ec != std::errc() || read.ptr != end) return std::nullopt;
  return byte;
}

}  // namespace conduit::kernels
