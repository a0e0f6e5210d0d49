// Which tokenizer a path holds: tokenizer.json, a SentencePiece model, a GGUF file, or a model's
// folder. The idea: what a file is, its first bytes say, so any name will do; a folder has its
// tokenizer under the names that publishers use. Not here: what is in them (tokenizer.h).
#pragma once

#include <filesystem>
#include <stop_token>

#include "kernels/model/tokenizer.h"
#include "mdl/base/result.h"

namespace conduit::kernels {

// Errors name the path: not_found where there is no tokenizer, else what Tokenizer's readers say.
Result<Tokenizer> open_tokenizer(const std::filesystem::path& path,
                                 const std::stop_token& stop = {});
// The one of a model's folder that counts. Error: not_found.
Result<std::filesystem::path> tokenizer_file_of(const std::filesystem::path& folder);

}  // namespace conduit::kernels
