// The stages of a Tokenizer, put together by its two readers: tokenizer_json.cc and
// tokenizer_gguf.cc. Only those and tokenizer.cc include this.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/model/added_tokens.h"
#include "kernels/model/bpe.h"
#include "kernels/model/post_processor.h"
#include "kernels/model/pre_tokenizer.h"
#include "kernels/model/unicode.h"

namespace conduit::kernels {

// What each token stands for in decoded text, all in one string, by id.
struct TokenBytes {
  std::string all;
  std::vector<std::uint32_t> begins;  // one more than there are tokens
};

struct TokenizerParts {
  AddedTokens added;
  Normalizer normalize;
  PreTokenizer pre_tokenizer;
  BpeModel model;
  PostProcessor post_processor;
  TokenBytes bytes = {};  // the Tokenizer's constructor fills it

  std::string_view spelling(TokenId id) const;
};

}  // namespace conduit::kernels
