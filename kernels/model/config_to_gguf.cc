// Sizes, rope, windows, experts; then the comparison.
#include "kernels/model/config_to_gguf.h"

#include <cmath>
#include <cstdint>
#include <string_view>

#include "kernels/model/config_checks.h"

namespace conduit::kernels {
namespace {

using config_checks::Family;
using config_checks::Kind;

// Adds keys of the architecture.
class Keys {
 public:
  Keys(GgufHeader& header, const std::string& architecture)
      : header_(header), prefix_(architecture + ".") {}

  void add(std::string_view key, int value) {
    header_.add(prefix_ + std::string(key), static_cast<std::uint32_t>(value));
  }
  void add(std::string_view key, float value) { header_.add(prefix_ + std::string(key), value); }
  void add(std::string_view key, const char* value) {
    header_.add_text(prefix_ + std::string(key), value);
  }
  void add_flag(std::string_view key, bool value) {
    header_.add_flag(prefix_ + std::string(key), value);
  }

 private:
  GgufHeader& header_;
  std::string prefix_;
};

Error not_written(const std::string& what) {
  return {Code::invalid_argument, what + " cannot be written to GGUF"};
}

Result<Family> gguf_family(const ModelConfig& config) {
  CONDUIT_TRY(const Family family, config_checks::family_of_hf(config.architecture));
  if (family.kind == Kind::bert) return not_written("a model of family " + config.architecture);
  return family;
}

void add_sizes(Keys& keys, const ModelConfig& c) {
  keys.add("context_length", c.max_position);
  keys.add("embedding_length", c.hidden);
  keys.add("block_count", c.layers);
  keys.add("feed_forward_length", c.intermediate);
  keys.add("vocab_size", c.vocab);
  keys.add("attention.head_count", c.heads);
  keys.add("attention.head_count_kv", c.kv_heads);
  keys.add("attention.key_length", c.head_dim);
  keys.add("attention.value_length", c.head_dim);
  keys.add("attention.layer_norm_rms_epsilon", c.norm_eps);
  if (c.attention_softcap > 0) keys.add("attn_logit_softcapping", c.attention_softcap);
  if (c.logit_softcap > 0) keys.add("final_logit_softcapping", c.logit_softcap);
  if (c.pooling == Pooling::mean) keys.add("pooling_type", 1);  // llama.h, llama_pooling_type
  if (c.pooling == Pooling::cls) keys.add("pooling_type", 2);
  if (c.pooling == Pooling::last) keys.add("pooling_type", 3);
}

Status add_rope(Keys& keys, const ModelConfig& c, Kind kind) {
  const RopeConfig& rope = c.rope;
  keys.add("rope.dimension_count", c.rotary_dim);
  keys.add("rope.freq_base", rope.theta);
  if (kind == Kind::gemma3) keys.add("rope.freq_base_swa", c.windowed_rope.theta);
  switch (rope.scaling) {
    case RopeScaling::none: return ok();
    case RopeScaling::llama3:  // in a tensor of its own, which llama.cpp reads in a llama alone
      return kind == Kind::llama
                 ? ok()
                 : Status(not_written("rope scaling 'llama3' in a " + c.architecture));
    case RopeScaling::linear: keys.add("rope.scaling.type", "linear"); break;
    case RopeScaling::yarn:
      keys.add("rope.scaling.type", "yarn");
      keys.add("rope.scaling.original_context_length", rope.original_max_position);
      keys.add("rope.scaling.yarn_beta_fast", rope.beta_fast);
      keys.add("rope.scaling.yarn_beta_slow", rope.beta_slow);
      keys.add("rope.scaling.yarn_attn_factor",
               rope.attention_factor / config_checks::yarn_attention_factor(rope.factor));
      break;
  }
  keys.add("rope.scaling.factor", rope.factor);
  return ok();
}

void add_window(Keys& keys, const ModelConfig& c, Kind kind) {
  // llama.cpp tells Phi-3 from Phi-4 by a window of 0.
  if (c.window > 0 || kind == Kind::phi3) keys.add("attention.sliding_window", c.window);
  if (kind != Kind::gemma3) return;
  int pattern = 1;
  for (const LayerConfig& layer : c.layer) {
    if (!layer.is_windowed) break;
    ++pattern;
  }
  keys.add("attention.sliding_window_pattern", pattern);
}

void add_experts(Keys& keys, const ModelConfig& c) {
  if (c.experts == 0) return;
  keys.add("expert_count", c.experts);
  keys.add("expert_used_count", c.experts_per_token);
  keys.add("expert_feed_forward_length", c.expert_intermediate);
  keys.add_flag("expert_weights_norm", c.normalise_experts);
}

// --- the comparison

struct Compared {
  const char* name;
  double source, written;
};

Error differs(const std::string& what) {
  return not_written("this model's " + what + ", which its GGUF family does not have,");
}

Status check_numbers(const ModelConfig& a, const ModelConfig& b) {
  const Compared all[] = {
      {"max_position_embeddings", double(a.max_position), double(b.max_position)},
      {"embedding scale", a.embedding_scale, b.embedding_scale},
      {"placement of norms", double(a.norms), double(b.norms)},
      {"norms of q and k", double(a.qk_norm), double(b.qk_norm)},
      {"norm epsilon", a.norm_eps, b.norm_eps},
      {"attention scale", a.attention_scale, b.attention_scale},
      {"attn_logit_softcapping", a.attention_softcap, b.attention_softcap},
      {"sliding_window", double(a.window), double(b.window)},
      {"bias of q, k and v", double(a.qkv_bias), double(b.qkv_bias)},
      {"bias of the attention's output", double(a.out_bias), double(b.out_bias)},
      {"bias of the MLP", double(a.mlp_bias), double(b.mlp_bias)},
      {"partial_rotary_factor", double(a.rotary_dim), double(b.rotary_dim)},
      {"activation", double(a.activation), double(b.activation)},
      {"norm_topk_prob", double(a.normalise_experts), double(b.normalise_experts)},
      {"final_logit_softcapping", a.logit_softcap, b.logit_softcap},
      {"pooling", double(a.pooling), double(b.pooling)},
      {"rope attention factor", a.rope.attention_factor, b.rope.attention_factor},
  };
  constexpr double kRounding = 1e-6;
  for (const Compared& value : all)
    if (std::abs(value.source - value.written) > kRounding * std::abs(value.source))
      return differs(value.name);
  return ok();
}

bool is_same_rope(const RopeConfig& a, const RopeConfig& b, int rotary_dim) {
  const std::vector<float> first = rope_inverse_frequencies(a, rotary_dim);
  const std::vector<float> second = rope_inverse_frequencies(b, rotary_dim);
  constexpr float kRounding = 1e-5F;
  for (std::size_t i = 0; i < first.size(); ++i)
    if (std::abs(first[i] - second[i]) > kRounding * first[i]) return false;
  return true;
}

}  // namespace

Result<std::string> gguf_architecture(const ModelConfig& config) {
  CONDUIT_TRY(const Family family, gguf_family(config));
  return std::string(family.gguf.empty() ? "llama" : family.gguf);
}

Status add_config(GgufHeader& header, const ModelConfig& config) {
  CONDUIT_TRY(const Family family, gguf_family(config));
  CONDUIT_TRY(const std::string architecture, gguf_architecture(config));
  Keys keys(header, architecture);
  add_sizes(keys, config);
  add_window(keys, config, family.kind);
  add_experts(keys, config);
  return add_rope(keys, config, family.kind);
}

std::vector<float> rope_factors_of(const ModelConfig& config) {
  if (config.rope.scaling != RopeScaling::llama3) return {};
  RopeConfig unscaled = config.rope;
  unscaled.scaling = RopeScaling::none;
  std::vector<float> factors = rope_inverse_frequencies(unscaled, config.rotary_dim);
  const std::vector<float> scaled = rope_inverse_frequencies(config.rope, config.rotary_dim);
  for (std::size_t i = 0; i < factors.size(); ++i) factors[i] /= scaled[i];
  return factors;
}

Status check_same_config(const ModelConfig& source, const ModelConfig& written) {
  CONDUIT_TRY_STATUS(check_numbers(source, written));
  if (!is_same_rope(source.rope, written.rope, source.rotary_dim)) return differs("rope scaling");
  for (std::size_t i = 0; i < source.layer.size(); ++i) {
    const bool is_windowed = source.layer[i].is_windowed;
    if (is_windowed != written.layer[i].is_windowed) return differs("choice of windowed layers");
    if (is_windowed &&
        !is_same_rope(source.windowed_rope, written.windowed_rope, source.rotary_dim))
      return differs("rope of windowed layers");
  }
  return ok();
}

}  // namespace conduit::kernels
