// Tokenizer: text ↔ token ids, exactly as Hugging Face `tokenizers` would, or SentencePiece for its
// own files; from tokenizer.json, tokenizer.model or GGUF metadata. The idea: one straight
// pipeline, a file per stage: added tokens are cut out (added_tokens.h), the rest is normalized
// (normalizer.h) and cut into words (pre_tokenizer.h), each word becomes tokens (bpe.h, unigram.h
// or word_piece.h), and the result is surrounded (post_processor.h); back by token_decoder.h.
// Immutable after it was made, so any thread may use it. Not here: chat templates
// (chat_template.h), which produce the text.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/model/post_processor.h"
#include "kernels/model/token_decoder.h"
#include "mdl/base/json.h"
#include "mdl/base/result.h"

namespace conduit::kernels {

class GgufFile;
struct TokenizerParts;
using TokenId = std::int32_t;

struct EncodeOptions {
  bool add_special = true;  // the post-processor's tokens (BOS …)
  // Special tokens inside the text become their ids; false: they are plain text. Added tokens that
  // are not special (Qwen's <think>) are found either way, as in Hugging Face's library.
  bool parse_special = true;
};

class Tokenizer {
 public:
  // Errors: invalid_argument for a model, normalizer, pre-tokenizer or decoder not supported
  // (named); corrupt for bad fields; cancelled once `stop` is requested.
  static Result<Tokenizer> from_json(std::string_view tokenizer_json,
                                     const std::stop_token& stop = {});
  static Result<Tokenizer> from_gguf(const GgufFile& file, const std::stop_token& stop = {});
  // The bytes of a tokenizer.model. Its control and unknown tokens are special, as in a
  // tokenizer.json that was made of it.
  static Result<Tokenizer> from_sentencepiece(std::string_view model_proto,
                                              const std::stop_token& stop = {});

  // Text that is not valid UTF-8 is read as if each maximal ill-formed subsequence were U+FFFD.
  // At most 2 GB; requests are limited far below.
  std::vector<TokenId> encode(std::string_view text, const EncodeOptions& options = {}) const;
  // Both texts with the tokens the post-processor puts around and between them.
  PairEncoding encode_pair(std::string_view first, std::string_view second) const;
  // Invalid bytes become U+FFFD, one per maximal ill-formed subsequence. Ids outside the vocabulary
  // give nothing.
  std::string decode(std::span<const TokenId> ids, bool skip_special = false) const;

  int vocab_size() const;  // largest id + 1
  // By its spelling in the vocabulary, added tokens included.
  std::optional<TokenId> id_of(std::string_view token) const;
  // That spelling; empty when there is none.
  std::string_view token(TokenId id) const;
  // What it stands for inside a decoded text; may be a part of a character. (The first token of a
  // text may lose its blank.)
  std::string_view bytes(TokenId id) const;
  bool is_special(TokenId id) const;

 private:
  friend class Detokenizer;
  explicit Tokenizer(TokenizerParts parts);
  std::shared_ptr<const TokenizerParts> parts_;
};

// Decodes token by token and never releases what later tokens could change: bytes wait until their
// character is whole, <0xNN> tokens until another kind follows. What `push` and the last `flush`
// return, joined, equals Tokenizer::decode of all ids.
class Detokenizer {
 public:
  explicit Detokenizer(const Tokenizer& tokenizer, bool skip_special = true);
  std::string push(TokenId id);
  std::string flush();

 private:
  Tokenizer tokenizer_;
  bool skip_special_;
  TokenDecoder::Stream stream_;
};

}  // namespace conduit::kernels
