// The families, and the checks that every ModelConfig passes. The readers: config_hf.cc,
// config_gguf.cc; rotary frequencies: config_rope.cc.
#include "kernels/model/config.h"

#include <cmath>
#include <limits>

#include "kernels/model/config_checks.h"

namespace conduit::kernels::config_checks {
namespace {

constexpr double kMaxReal = 1e12;  // rope_theta of long-context models reaches 1e9

constexpr Family kFamilies[] = {
    {Kind::llama, "llama", "llama", "LlamaForCausalLM", "LlamaModel"},
    {Kind::mistral, "mistral", "", "MistralForCausalLM", "MistralModel"},
    {Kind::qwen2, "qwen2", "qwen2", "Qwen2ForCausalLM", "Qwen2Model"},
    {Kind::qwen3, "qwen3", "qwen3", "Qwen3ForCausalLM", "Qwen3Model"},
    {Kind::qwen3_moe, "qwen3_moe", "qwen3moe", "Qwen3MoeForCausalLM", "Qwen3MoeModel"},
    {Kind::gemma2, "gemma2", "gemma2", "Gemma2ForCausalLM", "Gemma2Model"},
    {Kind::gemma3, "gemma3_text", "gemma3", "Gemma3ForCausalLM", "Gemma3TextModel"},
    {Kind::phi3, "phi3", "phi3", "Phi3ForCausalLM", "Phi3Model"},
    {Kind::bert, "bert", "bert", "BertForSequenceClassification", "BertModel"},
};

Result<Family> family_of(const std::string& name, std::string_view Family::*field) {
  std::string known;
  for (const Family& family : kFamilies) {
    if ((family.*field).empty()) continue;
    if (family.*field == name) return family;
    known += (known.empty() ? "" : ", ") + std::string(family.*field);
  }
  return Error{Code::invalid_argument,
               "architecture '" + name + "' is not supported yet; these are: " + known};
}

Status check_rope(const RopeConfig& rope) {
  if (rope.scaling == RopeScaling::llama3 && rope.high_freq_factor <= rope.low_freq_factor)
    return corrupt("llama3 rope scaling needs high_freq_factor above low_freq_factor");
  if (rope.scaling != RopeScaling::yarn) return ok();
  if (rope.beta_fast < rope.beta_slow)
    return corrupt("yarn rope scaling needs beta_fast of at least beta_slow");
  if (!(rope.theta > 1)) return corrupt("yarn rope scaling needs a rope_theta above 1");
  return ok();
}

Status check_experts(const ModelConfig& c) {
  if (c.experts_per_token > c.experts)
    return corrupt("the number of experts per token, " + std::to_string(c.experts_per_token) +
                   ", is above the number of experts, " + std::to_string(c.experts));
  return ok();
}

}  // namespace

Error corrupt(const std::string& what) { return {Code::corrupt, what}; }

Error unsupported(const std::string& what) {
  return {Code::invalid_argument, what + " is not supported yet"};
}

Result<Family> family_of_hf(const std::string& model_type) {
  return family_of(model_type, &Family::model_type);
}

Result<Family> family_of_gguf(const std::string& architecture) {
  return family_of(architecture, &Family::gguf);
}

void set_family(ModelConfig& c, Kind kind) {
  c.qk_norm = kind == Kind::qwen3 || kind == Kind::qwen3_moe || kind == Kind::gemma3;
  c.qkv_bias = kind == Kind::qwen2;
  c.has_fused_inputs = kind == Kind::phi3;
  if (is_gemma(kind)) {
    c.norms = NormPlacement::around;
    c.activation = Activation::gelu_tanh;
  }
  if (kind == Kind::bert) {
    c.norms = NormPlacement::after;
    c.is_layer_norm = true;
    c.is_causal = false;
    c.is_gated = false;
    c.has_learned_positions = true;
    c.has_head = false;
    c.qkv_bias = c.out_bias = c.mlp_bias = true;
    c.activation = Activation::gelu;
  }
}

void set_derived(ModelConfig& c, Kind kind) {
  c.attention_scale = 1 / std::sqrt(static_cast<float>(c.head_dim));
  c.rotary_dim = c.has_learned_positions ? 0 : c.head_dim;
  if (is_gemma(kind)) c.embedding_scale = std::sqrt(static_cast<float>(c.hidden));
  c.layer.resize(static_cast<std::size_t>(c.layers));
}

Result<int> bounded(std::int64_t value, std::int64_t limit, const std::string& key) {
  if (value < 1 || value > limit)
    return corrupt(key + " is " + std::to_string(value) + "; 1 to " + std::to_string(limit) +
                   " is possible");
  return static_cast<int>(value);
}

Result<float> at_least(double minimum, double value, const std::string& key) {
  if (!(value >= minimum && value <= kMaxReal))  // NaN fails too
    return corrupt(key + " is " + std::to_string(value) + "; a number from " +
                   (minimum < 1 ? "above 0 up" : "from 1") + " to 10^12 is needed");
  return static_cast<float>(value);
}

Result<std::int32_t> token_id(std::int64_t value, const std::string& key) {
  if (value < 0 || value > std::numeric_limits<std::int32_t>::max())
    return corrupt(key + " is " + std::to_string(value) + ", no token id");
  return static_cast<std::int32_t>(value);
}

float yarn_attention_factor(float factor, float mscale) {
  return static_cast<float>(0.1 * mscale * std::log(static_cast<double>(factor)) + 1);
}

Status check(const ModelConfig& c) {
  if (c.heads % c.kv_heads != 0)
    return corrupt("the number of key/value heads, " + std::to_string(c.kv_heads) +
                   ", does not divide the number of heads, " + std::to_string(c.heads));
  if (c.rotary_dim % 2 != 0)
    return corrupt("the rotary part of a head, " + std::to_string(c.rotary_dim) +
                   ", is odd: rotary embeddings turn pairs");
  if (c.is_layer_norm && c.heads * c.head_dim != c.hidden)
    return corrupt("the number of heads, " + std::to_string(c.heads) +
                   ", does not divide the hidden size, " + std::to_string(c.hidden));
  CONDUIT_TRY_STATUS(check_rope(c.rope));
  CONDUIT_TRY_STATUS(check_rope(c.windowed_rope));
  return check_experts(c);
}

}  // namespace conduit::kernels::config_checks
