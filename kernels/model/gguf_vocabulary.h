// GgufVocabulary: a tokenizer as GGUF keeps one, made from a Hugging Face folder's tokenizer.json
// or tokenizer.model. The idea: GGUF has lists of tokens, and a name for everything else.
// Byte-level BPE becomes "gpt2" if its way of cutting words is one that has a name; SentencePiece's
// BPE becomes "llama", whose scores stand for the order of merges. Anything else is refused by
// name.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "mdl/base/result.h"

namespace conduit::kernels {

struct GgufVocabulary {
  std::string model;                // tokenizer.ggml.model: "gpt2" or "llama"
  std::string pre;                  // tokenizer.ggml.pre
  std::vector<std::string> tokens;  // by id; as many as the model has rows
  std::vector<std::int32_t> kinds;  // by id: SentencePieceModel::Kind
  std::vector<std::string> merges;  // gpt2
  std::vector<float> scores;        // llama; by id
};

// `file`: tokenizer.json or tokenizer.model; `rows`: of the embedding, at least as many as tokens.
// Errors: invalid_argument names what GGUF cannot say; corrupt.
Result<GgufVocabulary> read_gguf_vocabulary(const std::filesystem::path& file, int rows);

}  // namespace conduit::kernels
