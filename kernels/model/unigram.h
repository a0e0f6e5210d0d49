// UnigramModel: one word → the pieces of the best total score; tokenizer.json's "model" of type
// Unigram, and SentencePiece's. The idea: Viterbi over byte positions; a trie (trie.h) says which
// pieces begin at a place, so a word costs its length times that of the longest piece.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "kernels/model/trie.h"
#include "kernels/model/vocabulary.h"

namespace conduit::kernels {

class UnigramModel {
 public:
  // By how much a character that no piece covers scores below the lowest piece: SentencePiece's.
  static constexpr float kUnknownPenalty = 10;
  struct Options {
    std::optional<TokenId> unknown;  // for what no piece covers; none: it is dropped
    double unknown_score = 0;        // of one character that no piece covers
    bool byte_fallback = false;      // such characters are spelled by <0xNN> where all are there
    bool sums_floats = false;        // SentencePiece sums in 32 bits, Hugging Face's library in 64
  };
  // `scores`: by id; no number: no piece of texts, such as a control token.
  UnigramModel(Vocabulary vocabulary, std::span<const std::optional<double>> scores,
               const Options& options);

  // Memory that one call of encode_word leaves to the next.
  class Workspace {
    friend class UnigramModel;
    // The best way to the place behind it.
    struct Arrival {
      double score;
      TokenId piece;
      std::uint32_t length;  // 0: none yet
    };
    std::vector<Arrival> arrivals;
    std::vector<TokenId> reversed;
  };
  // Appends the tokens of `word`: valid UTF-8, at most 2 GB.
  void encode_word(std::string_view word, Workspace& workspace, std::vector<TokenId>& out) const;

  const Vocabulary& vocabulary() const { return vocabulary_; }

 private:
  static constexpr TokenId kUncovered = -1;
  void find_best(std::string_view word, Workspace& workspace) const;
  void add_uncovered_reversed(std::string_view run, std::vector<TokenId>& reversed) const;

  Vocabulary vocabulary_;
  Trie trie_;
  std::vector<double> scores_;  // by id
  Options options_;
};

}  // namespace conduit::kernels
