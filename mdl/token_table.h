// The parts of a TokenTable (matcher.h): a vocabulary as a trie, and what its tokens do to a JSON
// string.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "mdl/matcher.h"

namespace conduit::mdl {

// Texts by their common beginnings. The idea: nodes stand in the order of a walk, and the texts in
// the order of their bytes, so a subtree is a range of both and to leave it is one jump.
class Trie {
 public:
  struct Node {
    std::uint32_t end;      // the node behind this subtree
    std::uint32_t first;    // of texts_: those of the subtree begin here, its own first
    std::uint8_t byte;      // that leads here
    std::uint8_t is_plain;  // from here on its texts only continue a JSON string
  };

  // Texts by id; empty ones are left out.
  explicit Trie(const std::vector<std::string_view>& texts);
  // The nodes but the root, which is node 0; a sentinel behind them.
  const std::vector<Node>& nodes() const { return nodes_; }
  const std::vector<std::int32_t>& ids() const { return ids_; }
  // The node of a text, or 0.
  std::uint32_t find(std::uint32_t from, std::string_view text) const;
  // The longest text that `text` begins with: its first id and its length; -1: none.
  std::pair<std::int32_t, std::size_t> longest(std::string_view text) const;

 private:
  std::uint32_t child(std::uint32_t node, std::uint8_t byte) const;
  void build(const std::vector<std::string_view>& texts, std::uint32_t begin, std::uint32_t end,
             std::size_t depth);
  void mark_plain();

  std::vector<Node> nodes_;
  std::vector<std::int32_t> ids_;
  std::array<std::uint32_t, 256> roots_{};
};

// How many lengths have a set of their own.
inline constexpr std::size_t kLengthSets = 16;

struct TokenTable::Parts {
  Parts(std::vector<std::string> texts, std::vector<TokenId> ends);

  struct Counted {
    TokenId id;
    std::uint32_t characters;
    Escapes escapes;
  };
  using Bits = std::vector<std::uint64_t>;
  // Tokens that stay in the string, up to so many characters (the last set: any number); [0]
  // without escapes.
  std::array<std::array<Bits, kLengthSets + 1>, 3> staying;
  std::vector<Counted> long_staying;  // of more than kLengthSets characters
  std::uint32_t longest_staying = 0;  // characters
  // Tokens that close the string, by what follows the quote: suffixes' ids are places in closing.
  // Rising in characters.
  std::vector<std::string> suffix_texts;
  std::vector<std::vector<Counted>> closing;
  std::vector<std::int32_t> suffix_of;  // by token; -1: it closes no string
  std::int32_t bare_suffix = -1;        // the place of the empty one

  std::vector<std::string> texts;
  std::vector<TokenId> ends;
  std::unique_ptr<Trie> trie, suffixes;
  std::unique_ptr<Trie> closers;  // the tokens of `closing`
};

}  // namespace conduit::mdl
