// Shapes by name, by config.json, and their weights.
#include "bench/model_shape.h"

#include <utility>

#include "kernels/model/mapped_file.h"

namespace conduit::bench {
namespace {

constexpr std::size_t kMaxConfigBytes = 16 << 20;
constexpr std::int64_t kMaxExtent = 1 << 22;  // the largest vocabularies have a quarter million
constexpr std::int64_t kMaxLayers = 1024;

const std::vector<std::pair<std::string, ModelShape>>& named_shapes() {
  static const std::vector<std::pair<std::string, ModelShape>> all = {
      {"smollm2-135m", {"llama", 30, 576, 9, 3, 64, 1536, 49152, 8192, 100'000, true}},
      {"qwen3-0.6b", {"qwen3", 28, 1024, 16, 8, 128, 3072, 151936, 40960, 1'000'000, true}},
      {"qwen3-1.7b", {"qwen3", 28, 2048, 16, 8, 128, 6144, 151936, 40960, 1'000'000, true}},
      {"llama-3.2-1b", {"llama", 16, 2048, 32, 8, 64, 8192, 128256, 131072, 500'000, true}},
      {"qwen3-8b", {"qwen3", 36, 4096, 32, 8, 128, 12288, 151936, 40960, 1'000'000, false}},
  };
  return all;
}

Error bad_key(std::string_view key, std::string_view wanted) {
  return {Code::corrupt, "config.json: " + std::string(key) + " is not " + std::string(wanted)};
}

// `fallback` < 0: the key is needed.
Result<int> integer_of(const json::Value& config, std::string_view key, int fallback = -1) {
  const json::Value* value = config.find(key);
  if ((value == nullptr || value->is_null()) && fallback >= 0) return fallback;
  if (value == nullptr || !value->is_integer() || value->as_double() < 1 ||
      value->as_double() > static_cast<double>(kMaxExtent))
    return bad_key(key, "a number of 1 to " + std::to_string(kMaxExtent));
  return static_cast<int>(value->as_int());
}

Result<ModelShape> shape_of(const json::Value& config) {
  ModelShape shape;
  const json::Value* type = config.find("model_type");
  if (type == nullptr || (*type != json::Value("llama") && *type != json::Value("qwen3")))
    return bad_key("model_type", "\"llama\" or \"qwen3\"");
  shape.architecture = type->as_string();
  CONDUIT_TRY(shape.layers, integer_of(config, "num_hidden_layers"));
  CONDUIT_TRY(shape.hidden, integer_of(config, "hidden_size"));
  CONDUIT_TRY(shape.heads, integer_of(config, "num_attention_heads"));
  CONDUIT_TRY(shape.kv_heads, integer_of(config, "num_key_value_heads", shape.heads));
  CONDUIT_TRY(shape.head_dim, integer_of(config, "head_dim", shape.hidden / shape.heads));
  CONDUIT_TRY(shape.intermediate, integer_of(config, "intermediate_size"));
  CONDUIT_TRY(shape.vocab, integer_of(config, "vocab_size"));
  CONDUIT_TRY(shape.max_position,
              integer_of(config, "max_position_embeddings", shape.max_position));
  const json::Value* theta = config.find("rope_theta");
  if (theta != nullptr && theta->is_number()) shape.rope_theta = theta->as_double();
  const json::Value* tied = config.find("tie_word_embeddings");
  shape.is_tied = tied != nullptr && tied->is_bool() && tied->as_bool();
  return shape;
}

void add_layer(const ModelShape& s, int layer, std::vector<WeightSpec>& weights) {
  const std::string hf = "model.layers." + std::to_string(layer) + ".";
  const std::string gguf = "blk." + std::to_string(layer) + ".";
  const auto add = [&](const char* hf_name, const char* gguf_name, std::vector<std::int64_t> shape,
                       int paired_heads = 0) {
    weights.push_back({hf + hf_name + ".weight", gguf + gguf_name + ".weight", std::move(shape),
                       s.architecture == "llama" ? paired_heads : 0});
  };
  const int q_rows = s.heads * s.head_dim, kv_rows = s.kv_heads * s.head_dim;
  add("input_layernorm", "attn_norm", {s.hidden});
  add("self_attn.q_proj", "attn_q", {q_rows, s.hidden}, s.heads);
  add("self_attn.k_proj", "attn_k", {kv_rows, s.hidden}, s.kv_heads);
  add("self_attn.v_proj", "attn_v", {kv_rows, s.hidden});
  add("self_attn.o_proj", "attn_output", {s.hidden, q_rows});
  if (s.architecture == "qwen3") {
    add("self_attn.q_norm", "attn_q_norm", {s.head_dim});
    add("self_attn.k_norm", "attn_k_norm", {s.head_dim});
  }
  add("post_attention_layernorm", "ffn_norm", {s.hidden});
  add("mlp.gate_proj", "ffn_gate", {s.intermediate, s.hidden});
  add("mlp.up_proj", "ffn_up", {s.intermediate, s.hidden});
  add("mlp.down_proj", "ffn_down", {s.hidden, s.intermediate});
}

}  // namespace

std::vector<std::string> shape_names() {
  std::vector<std::string> names;
  for (const auto& [name, shape] : named_shapes()) names.push_back(name);
  return names;
}

Result<ModelShape> find_shape(const std::string& name_or_path) {
  for (const auto& [name, shape] : named_shapes())
    if (name == name_or_path) return shape;
  if (!name_or_path.ends_with(".json")) {
    std::string names;
    for (const std::string& name : shape_names()) names += name + ", ";
    return Error{Code::not_found,
                 "--shape " + name_or_path + " is none of " + names + "nor a config.json"};
  }
  CONDUIT_TRY(const std::string text, kernels::read_text_file(name_or_path, kMaxConfigBytes));
  CONDUIT_TRY(const json::Value config, json::parse(text));
  return shape_of(config);
}

Status check_shape(const ModelShape& s) {
  const std::pair<const char*, std::int64_t> extents[] = {{"hidden", s.hidden},
                                                          {"heads", s.heads},
                                                          {"kv-heads", s.kv_heads},
                                                          {"head-dim", s.head_dim},
                                                          {"intermediate", s.intermediate},
                                                          {"vocab", s.vocab}};
  for (const auto& [name, extent] : extents)
    if (extent < 1 || extent > kMaxExtent)
      return Error{Code::invalid_argument, std::string(name) + " is " + std::to_string(extent) +
                                               "; 1 to " + std::to_string(kMaxExtent) +
                                               " is needed"};
  if (s.layers < 1 || s.layers > kMaxLayers)
    return Error{Code::invalid_argument, "layers is " + std::to_string(s.layers) + "; 1 to " +
                                             std::to_string(kMaxLayers) + " is needed"};
  if (s.heads % s.kv_heads != 0)
    return Error{Code::invalid_argument, "heads must be a multiple of kv-heads"};
  if (s.head_dim % 2 != 0) return Error{Code::invalid_argument, "head-dim must be even"};
  if (std::int64_t{s.heads} * s.head_dim > kMaxExtent)
    return Error{Code::invalid_argument,
                 "heads x head-dim is above the limit of " + std::to_string(kMaxExtent)};
  return ok();
}

json::Value config_json(const ModelShape& s) {
  json::Value config;
  config.set("architectures",
             json::Array{s.architecture == "qwen3" ? "Qwen3ForCausalLM" : "LlamaForCausalLM"});
  config.set("model_type", s.architecture);
  config.set("hidden_act", "silu");
  config.set("hidden_size", s.hidden);
  config.set("num_hidden_layers", s.layers);
  config.set("num_attention_heads", s.heads);
  config.set("num_key_value_heads", s.kv_heads);
  config.set("head_dim", s.head_dim);
  config.set("intermediate_size", s.intermediate);
  config.set("vocab_size", s.vocab);
  config.set("max_position_embeddings", s.max_position);
  config.set("rms_norm_eps", 1e-6);
  config.set("rope_theta", s.rope_theta);
  config.set("attention_bias", false);
  config.set("tie_word_embeddings", s.is_tied);
  config.set("torch_dtype", "bfloat16");
  config.set("bos_token_id", 1);
  config.set("eos_token_id", 2);
  return config;
}

std::vector<WeightSpec> weights_of(const ModelShape& s) {
  std::vector<WeightSpec> weights = {
      {"model.embed_tokens.weight", "token_embd.weight", {s.vocab, s.hidden}, 0}};
  for (int layer = 0; layer < s.layers; ++layer) add_layer(s, layer, weights);
  weights.push_back({"model.norm.weight", "output_norm.weight", {s.hidden}, 0});
  if (!s.is_tied) weights.push_back({"lm_head.weight", "output.weight", {s.vocab, s.hidden}, 0});
  return weights;
}

}  // namespace conduit::bench
