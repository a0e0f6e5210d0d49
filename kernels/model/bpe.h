// BpeModel: one word → its tokens, by byte-pair merges; tokenizer.json's "model" of type BPE, and
// SentencePiece's. The idea: a word starts as one symbol per character; of all neighbouring pairs
// with a merge the one of the lowest rank, leftmost first, is joined, until none is left. A linked
// list and a heap of candidates keep even a word of a million letters at O(n log n). Not here: what
// a word is (pre_tokenizer.h).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
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
    bool byte_fallback = false;      // such a character is spelled by <0xNN> where all are there
    std::string continuing_prefix;   // before each character of a word but the first
    std::string end_suffix;          // behind the last
  };
  // `merges` in the order of their ranks. Errors: corrupt names the merge with a part, or the
  // whole, that is not in the vocabulary; cancelled.
  static Result<BpeModel> make(Vocabulary vocabulary, const std::vector<MergeRule>& merges,
                               const Options& options, const std::stop_token& stop = {});
  // SentencePiece's rule: any two neighbours that are a piece together merge, the piece of the
  // highest score first. `scores`: by id; no number: no piece to merge into. Error: cancelled.
  static Result<BpeModel> from_scores(Vocabulary vocabulary,
                                      std::span<const std::optional<float>> scores,
                                      const Options& options, const std::stop_token& stop = {});

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
    void add(TokenId id) {
      const auto index = static_cast<std::int32_t>(symbols.size());
      symbols.push_back({id, index - 1, index + 1});
    }
    std::vector<Symbol> symbols;
    std::vector<Candidate> heap;
    std::string spelling;
  };

  // Appends the tokens of `word`: valid UTF-8, at most 2 GB.
  void encode_word(std::string_view word, Workspace& workspace, std::vector<TokenId>& out) const;
  // How much of `text` from its beginning can be encoded by itself, as no merge reaches across: at
  // a pair of characters that stands in no token. Whole texts without words, as in Llama 2's
  // tokenizer, so come apart into words that repeat.
  std::size_t separable_length(std::string_view text) const;

  const Vocabulary& vocabulary() const { return vocabulary_; }

 private:
  BpeModel(Vocabulary vocabulary, const Options& options);
  std::optional<TokenId> token_of_character(std::string_view character) const;
  std::string_view spelling_of(std::string_view character, bool is_first, bool is_last,
                               std::string& buffer) const;
  bool add_bytes(std::string_view spelling, Workspace& workspace) const;
  void start_symbols(std::string_view word, Workspace& workspace) const;
  void add_candidate(Workspace& workspace, std::int32_t left) const;
  void merge_all(Workspace& workspace) const;
  void note_neighbours();
  static std::uint32_t pair_bit(char32_t left, char32_t right);

  Vocabulary vocabulary_;
  MergeTable merges_;
  Options options_;
  // Tokens of single characters: the byte letters, which is nearly all that is asked.
  static constexpr char32_t kNearCharacters = 0x180;
  std::array<TokenId, kNearCharacters> near_tokens_{};
  std::array<TokenId, 256> byte_tokens_{};
  // Which two characters stand side by side in a token, by hash: one that shares its bit with
  // another only keeps a text together. Empty: nothing can be separated.
  std::vector<bool> neighbours_;
};

}  // namespace conduit::kernels
