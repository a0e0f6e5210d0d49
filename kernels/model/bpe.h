// BpeModel: one word → its tokens, by byte-pair merges; tokenizer.json's "model" of type BPE.
// The idea: a word starts as one symbol per character; of all neighbouring pairs with a merge the
// one of the lowest rank, leftmost first, is joined, until none is left. A linked list and a heap
// of candidates keep even a word of a million letters at O(n log n). Not here: what a word is
// (pre_tokenizer.h).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "kernels/model/vocabulary.h"
#include "mdl/base/result.h"

namespace conduit::kernels {

// Two token ids → what they merge into: an open-addressing table, since it is asked once or more
// for every character of every prompt.
class MergeTable {
 public:
  struct Merge {
    std::uint32_t rank;
    TokenId merged;
  };
  explicit MergeTable(std::size_t expected = 0);
  // A pair that is already there takes the new merge.
  void set(TokenId left, TokenId right, Merge merge);
  // nullptr when the two do not merge.
  const Merge* find(TokenId left, TokenId right) const;

 private:
  static constexpr std::uint64_t kEmpty = ~std::uint64_t{0};
  struct Slot {
    std::uint64_t pair = kEmpty;
    Merge merge{};
  };
  std::size_t slot_of(std::uint64_t pair) const;
  std::vector<Slot> slots_;  // a power of two, at most half full
};

class BpeModel {
 public:
  struct MergeRule {
    std::string_view left, right;
    // "left right", with one space. Error: corrupt.
    static Result<MergeRule> parse(std::string_view line);
  };
  struct Options {
    bool ignore_merges = false;      // a word that is a token as a whole is that token
    std::optional<TokenId> unknown;  // for a character without a token; none: it is dropped
    bool fuse_unknown = false;       // one for a whole run of such characters
  };
  // `merges` in the order of their ranks. Error: corrupt names the merge with a part, or the whole,
  // that is not in the vocabulary.
  static Result<BpeModel> make(Vocabulary vocabulary, const std::vector<MergeRule>& merges,
                               const Options& options);

  // Memory that one call of encode_word leaves to the next.
  class Workspace {
    friend class BpeModel;
    struct Symbol {
      TokenId id;
      std::int32_t previous, next;  // indices of the living neighbours; -1: none
    };
    struct Candidate {
      std::uint32_t rank;
      std::int32_t left;
      TokenId merged;
    };
    std::vector<Symbol> symbols;
    std::vector<Candidate> heap;
  };

  // Appends the tokens of `word`: valid UTF-8, at most 2 GB.
  void encode_word(std::string_view word, Workspace& workspace, std::vector<TokenId>& out) const;

  const Vocabulary& vocabulary() const { return vocabulary_; }

 private:
  BpeModel() = default;
  std::optional<TokenId> token_of_character(std::string_view character) const;
  void start_symbols(std::string_view word, Workspace& workspace) const;
  void add_candidate(Workspace& workspace, std::int32_t left) const;
  void merge_all(Workspace& workspace) const;

  Vocabulary vocabulary_;
  MergeTable merges_;
  Options options_;
  // Tokens of single characters: the byte letters, which is nearly all that is asked.
  static constexpr char32_t kNearCharacters = 0x180;
  std::array<TokenId, kNearCharacters> near_tokens_{};
};

}  // namespace conduit::kernels
