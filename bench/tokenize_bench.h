// conduit-bench tokenize: how fast one thread turns a text into ids, beside Hugging Face's
// tokenizers on the same text.
#pragma once

#include <filesystem>
#include <ostream>

#include "mdl/base/result.h"

namespace conduit::bench {

struct TokenizeBenchOptions {
  std::filesystem::path tokenizer;  // tokenizer.json; without a peer also tokenizer.model or GGUF
  std::filesystem::path text;       // UTF-8
  int runs = 5;
  bool is_against_tokenizers = false;
};

// Error: internal when the peer gives other ids.
Status run_tokenize_bench(const TokenizeBenchOptions& options, std::ostream& out);

}  // namespace conduit::bench
