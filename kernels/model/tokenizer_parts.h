// The stages of a Tokenizer, put together by its readers: tokenizer_json.cc, tokenizer_gguf.cc and
// tokenizer_sentencepiece.cc. Only those and tokenizer.cc include this.
#pragma once

#include <cstdint>
#include <stop_token>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "kernels/model/added_tokens.h"
#include "kernels/model/bpe.h"
#include "kernels/model/normalizer.h"
#include "kernels/model/post_processor.h"
#include "kernels/model/pre_tokenizer.h"
#include "kernels/model/token_decoder.h"
#include "kernels/model/unigram.h"
#include "kernels/model/word_piece.h"

namespace conduit::kernels {

using TokenModel = std::variant<BpeModel, UnigramModel, WordPieceModel>;

inline const Vocabulary& vocabulary_of(const TokenModel& model) {
  return std::visit([](const auto& kind) -> const Vocabulary& { return kind.vocabulary(); }, model);
}

// What each token stands for in decoded text, all in one string, by id.
struct TokenBytes {
  std::string all;
  std::vector<std::uint32_t> begins;  // one more than there are tokens
};

struct TokenizerParts {
  AddedTokens added;
  Normalizer normalize;
  PreTokenizer pre_tokenizer;
  TokenModel model;
  PostProcessor post_processor;
  TokenDecoder decoder;
  TokenBytes bytes = {};  // the Tokenizer's constructor fills it

  std::string_view spelling(TokenId id) const;
  std::string_view decoded(TokenId id) const;  // what the decoder gets
  // Without the post-processor's tokens.
  std::vector<TokenId> encode(std::string_view text, bool finds_special) const;
};

// Of SentencePiece's model, whether from its own file or from GGUF.
struct SentencePieceModel;
Result<TokenizerParts> parts_of(const SentencePieceModel& model, const std::stop_token& stop);

}  // namespace conduit::kernels
