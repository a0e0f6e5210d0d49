// Tokenizer: text ↔ token ids, exactly as Hugging Face `tokenizers` would; from tokenizer.json or
// GGUF metadata. The idea: one straight pipeline, a file per stage: added tokens are cut out
// (added_tokens.h), the rest is normalized (unicode.h), cut into words (pre_tokenizer.h), each word
// is merged by byte-level BPE ranks (bpe.h), and the result surrounded (post_processor.h).
// Immutable after it was made, so any thread may use it. Not here: chat templates
// (chat_template.h), which produce the text.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

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
  // (named); corrupt for bad fields.
  static Result<Tokenizer> from_json(std::string_view tokenizer_json);
  static Result<Tokenizer> from_gguf(const GgufFile& file);

  // Text that is not valid UTF-8 is read as if each maximal ill-formed subsequence were U+FFFD.
  // At most 2 GB; requests are limited far below.
  std::vector<TokenId> encode(std::string_view text, const EncodeOptions& options = {}) const;
  // Invalid bytes become U+FFFD, one per maximal ill-formed subsequence. Ids outside the vocabulary
  // give nothing.
  std::string decode(std::span<const TokenId> ids, bool skip_special = false) const;

  int vocab_size() const;  // largest id + 1
  // By its spelling in the vocabulary, added tokens included.
  std::optional<TokenId> id_of(std::string_view token) const;
  // That spelling; empty when there is none.
  std::string_view token(TokenId id) const;
  // What it stands for in the decoded text; may be a part of a character.
  std::string_view bytes(TokenId id) const;
  bool is_special(TokenId id) const;

 private:
  explicit Tokenizer(TokenizerParts parts);
  std::shared_ptr<const TokenizerParts> parts_;
};

// Decodes token by token and never releases a broken character: bytes wait until their character is
// whole. What `push` and the last `flush` return, joined, equals Tokenizer::decode of all ids.
class Detokenizer {
 public:
  explicit Detokenizer(const Tokenizer& tokenizer, bool skip_special = true);
  std::string push(TokenId id);
  std::string flush();

 private:
  Tokenizer tokenizer_;
  bool skip_special_;
  std::string pending_;
};

}  // namespace conduit::kernels
