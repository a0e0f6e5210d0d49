// GgufFamily: what a name in GGUF's tokenizer.ggml.pre stands for. A GGUF file names its
// pre-tokenizer instead of stating it; each is put together here as the family's own tokenizer.json
// has it (the names are llama.cpp's).
#pragma once

#include <string_view>
#include <vector>

#include "mdl/base/json.h"
#include "mdl/base/result.h"

namespace conduit::kernels {

struct GgufFamily {
  std::vector<std::string_view> names;
  std::vector<std::string_view> expressions;  // each cuts what the one before left whole
  bool cuts_digits = false;                   // then every digit by itself
  bool has_gpt2_words = false;                // then GPT-2's expression
  bool is_nfc = false;
  bool ignores_merges = false;
  bool adds_bos = false;  // unless the file says otherwise

  // As tokenizer.json would have it.
  json::Value pre_tokenizer() const;
};

const std::vector<GgufFamily>& gguf_families();
// Error: invalid_argument names a family that is not supported.
Result<const GgufFamily*> find_gguf_family(std::string_view name);

}  // namespace conduit::kernels
