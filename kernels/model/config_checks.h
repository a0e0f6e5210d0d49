// What both readers of a ModelConfig share: the families, the limits of its numbers, and the checks
// between them. Private to kernels/model/config*.cc.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "kernels/model/config.h"

namespace conduit::kernels::config_checks {

// Far above any model, low enough that products of two fit an int64 and heads * head_dim an int.
inline constexpr std::int64_t kMaxLayers = 4096;
inline constexpr std::int64_t kMaxHeads = 4096;
inline constexpr std::int64_t kMaxHeadDim = 1024;
inline constexpr std::int64_t kMaxWidth = 1 << 20;  // hidden, intermediate
inline constexpr std::int64_t kMaxVocab = 1 << 24;
inline constexpr std::int64_t kMaxPositions = 1 << 28;

// A family by its model_type, which is also its general.architecture.
struct Family {
  std::string_view name;
  std::string_view hf_class;
  bool qk_norm;
  bool has_defaults;  // of kv heads, head size and rope_theta (transformers' LlamaConfig)
};

Error corrupt(const std::string& what);
Error unsupported(const std::string& what);  // "… is not supported yet"

Result<Family> family_of(const std::string& architecture);
// 1 … limit, or an error that names the key.
Result<int> bounded(std::int64_t value, std::int64_t limit, const std::string& key);
// minimum … 10^12; kTiny for what must only be safe to divide by.
inline constexpr double kTiny = 1e-30;
Result<float> at_least(double minimum, double value, const std::string& key);
Result<std::int32_t> token_id(std::int64_t value, const std::string& key);
// What must hold between fields, wherever they come from.
Status check(const ModelConfig& config);

}  // namespace conduit::kernels::config_checks
