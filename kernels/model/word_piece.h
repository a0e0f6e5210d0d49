// WordPieceModel: one word → its pieces, each the longest that fits; tokenizer.json's "model" of
// type WordPiece. A piece inside a word is spelled with a prefix (BERT's ##). The idea: two tries
// (trie.h), of the pieces that begin a word and of those that continue one, without the prefix.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/model/trie.h"
#include "kernels/model/vocabulary.h"

namespace conduit::kernels {

class WordPieceModel {
 public:
  struct Options {
    std::optional<TokenId> unknown;  // for a word that cannot be cut whole; none: it is dropped
    std::string continuing_prefix = "##";
    std::size_t max_characters = 100;  // a longer word is unknown
  };
  WordPieceModel(Vocabulary vocabulary, const Options& options);

  struct Workspace {};  // a word needs none
  // Appends the tokens of `word`, which is valid UTF-8.
  void encode_word(std::string_view word, Workspace& workspace, std::vector<TokenId>& out) const;

  const Vocabulary& vocabulary() const { return vocabulary_; }

 private:
  Vocabulary vocabulary_;
  Trie beginnings_, continuations_;
  Options options_;
};

}  // namespace conduit::kernels
