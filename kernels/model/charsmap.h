// Charsmap: SentencePiece's table of replacements, such as ﬁ → fi; "precompiled_charsmap". It is a
// blob made for reading in place: the size of a double-array trie (darts-clone's layout), the trie,
// and the replacements, each ended by NUL; the trie's values are offsets among them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mdl/base/result.h"

namespace conduit::kernels {

class Charsmap {
 public:
  // Error: corrupt.
  static Result<Charsmap> parse(std::string_view blob);

  struct Match {
    std::size_t length;  // of the text that is replaced
    std::string_view replacement;
  };
  // As SentencePiece looks: the longest entry that `text` begins with.
  std::optional<Match> longest(std::string_view text) const;
  // As Hugging Face's library normalizes: by grapheme, each replaced as a whole by the shortest
  // entry that it begins with, or else character by character.
  std::string normalize(std::string_view text) const;
  // The longest replacement, in bytes.
  std::size_t growth() const;

 private:
  enum class Wanted : std::uint8_t { shortest, longest };
  std::optional<Match> find(std::string_view text, Wanted wanted) const;
  std::optional<std::string_view> replacement_of(std::string_view text) const;

  std::vector<std::uint32_t> trie_;
  std::string replacements_;
};

// Error: corrupt.
Result<std::string> decode_base64(std::string_view text);

}  // namespace conduit::kernels
