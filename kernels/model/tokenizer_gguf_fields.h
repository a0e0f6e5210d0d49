// Typed reading of GGUF's tokenizer.ggml.* metadata, as far as gguf.h does not have it; each error
// names the key.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/model/gguf.h"
#include "kernels/model/vocabulary.h"
#include "mdl/base/result.h"

namespace conduit::kernels {

Error wrong_type(std::string_view key, std::string_view expected);
// Absent: `otherwise`.
Result<bool> gguf_flag(const GgufFile& file, std::string_view key, bool otherwise);
Result<const std::vector<std::string>*> gguf_texts(const GgufFile& file, std::string_view key);
// One item for each token; nullptr when absent.
Result<const std::vector<std::int64_t>*> gguf_integers(const GgufFile& file, std::string_view key,
                                                       std::size_t tokens);
Result<const std::vector<double>*> gguf_numbers(const GgufFile& file, std::string_view key,
                                                std::size_t tokens);

// Which tokens stand around a text.
struct GgufEdges {
  std::optional<TokenId> first, last;
};
// "add_bos_token" and "add_eos_token", or else what the family does, and the ids of both.
Result<GgufEdges> gguf_edges(const GgufFile& file, bool adds_first, bool adds_last,
                             std::size_t tokens);

}  // namespace conduit::kernels
