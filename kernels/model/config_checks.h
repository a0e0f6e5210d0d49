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
inline constexpr std::int64_t kMaxExperts = 4096;
inline constexpr std::int64_t kMaxLabels = 1 << 16;
inline constexpr std::int64_t kMaxTypes = 1 << 16;

enum class Kind : std::uint8_t {
  llama,
  mistral,
  qwen2,
  qwen3,
  qwen3_moe,
  gemma2,
  gemma3,
  phi3,
  bert
};
constexpr bool is_gemma(Kind kind) { return kind == Kind::gemma2 || kind == Kind::gemma3; }

struct Family {
  Kind kind;
  std::string_view model_type;  // config.json's
  std::string_view gguf;        // general.architecture; empty: GGUF calls it llama
  std::string_view hf_class;    // with its head: one of config.json's architectures
  std::string_view base_class;  // without
};

Error corrupt(const std::string& what);
Error unsupported(const std::string& what);  // "… is not supported yet"

Result<Family> family_of_hf(const std::string& model_type);
Result<Family> family_of_gguf(const std::string& architecture);
// The switches that a family has by its nature, in every file.
void set_family(ModelConfig& config, Kind kind);
// What follows from the sizes, once they are read: attention_scale, rotary_dim, embedding_scale.
void set_derived(ModelConfig& config, Kind kind);

// 1 … limit, or an error that names the key.
Result<int> bounded(std::int64_t value, std::int64_t limit, const std::string& key);
// minimum … 10^12; kTiny for what must only be safe to divide by.
inline constexpr double kTiny = 1e-30;
Result<float> at_least(double minimum, double value, const std::string& key);
Result<std::int32_t> token_id(std::int64_t value, const std::string& key);
// YaRN's factor of cosine and sine where the file states none: 0.1 ln(factor) + 1.
float yarn_attention_factor(float factor, float mscale = 1);
// What must hold between fields, wherever they come from.
Status check(const ModelConfig& config);

}  // namespace conduit::kernels::config_checks
