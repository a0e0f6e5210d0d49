// A model folder's small JSON files: config.json and its like.
#pragma once

#include <cstddef>
#include <filesystem>

#include "mdl/base/json.h"
#include "mdl/base/result.h"

namespace conduit::kernels {

inline constexpr std::size_t kMaxConfigBytes = 16 << 20;  // tokenizer_config.json reaches 1 MB

bool is_there(const std::filesystem::path& path);

// Error names the path, and the limit where that is what fails.
Result<json::Value> read_json_file(const std::filesystem::path& path);

}  // namespace conduit::kernels
