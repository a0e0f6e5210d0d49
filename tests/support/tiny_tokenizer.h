// The tokenizer of the tiny models: byte-level BPE with three special tokens, the 256 bytes and a
// few merges. The same one as tokenizer.json and as GGUF lists.
#pragma once

#include <string>
#include <vector>

#include "mdl/base/json.h"

namespace conduit::testing {

struct TinyTokenizer {
  std::vector<std::string> tokens;  // by id: special tokens, bytes (as GPT-2 writes them), merges
  std::vector<std::string> merges;  // "a b": tokens[259 + i] is the i-th, joined
};

// At most `vocab` tokens: fewer merges when it is small. `vocab` >= 259.
TinyTokenizer make_tiny_tokenizer(int vocab);
json::Value tiny_tokenizer_json(const TinyTokenizer& tokenizer);
// ChatML, as Qwen's and SmolLM's templates write a message.
std::string tiny_chat_template();

}  // namespace conduit::testing
