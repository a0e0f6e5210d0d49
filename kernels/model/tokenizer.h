// Tokenizer: text ↔ token ids, exactly as Hugging Face `tokenizers` would; from tokenizer.json or
// GGUF metadata. The idea: added tokens are cut out first, the rest is split by the family's
// pre-tokenizer, and each piece is merged by byte-level BPE ranks. Immutable after it was made, so
// any thread may use it. Not here: chat templates (chat_template.h), which produce the text.
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
using TokenId = std::int32_t;

struct EncodeOptions {
  bool add_special = true;  // the post-processor's tokens (BOS …)
  bool parse_special =
      true;  // added tokens inside the text become their ids; false: they are plain text
};

class Tokenizer {
 public:
  // Errors: invalid_argument for a model, normalizer, pre-tokenizer or decoder not supported
  // (named); corrupt for bad fields.
  static Result<Tokenizer> from_json(std::string_view tokenizer_json);
  static Result<Tokenizer> from_gguf(const GgufFile& file);

  // Text that is not valid UTF-8 is read as if each maximal ill-formed subsequence were U+FFFD.
  std::vector<TokenId> encode(std::string_view text, const EncodeOptions& options = {}) const;
  // Invalid bytes become U+FFFD, one per maximal ill-formed subsequence. Ids outside the vocabulary
  // give nothing.
  std::string decode(std::span<const TokenId> ids, bool skip_special = false) const;

  int vocab_size() const;  // largest id + 1
  std::optional<TokenId> id_of(
      std::string_view token) const;  // by its spelling in the vocabulary, added tokens included
  std::string_view token(TokenId id) const;  // that spelling; empty when there is none
  std::string_view bytes(
      TokenId id) const;  // what it stands for in the decoded text (may be part of a character)
  bool is_special(TokenId id) const;

 private:
  struct Parts;
  std::shared_ptr<const Parts> parts_;
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
