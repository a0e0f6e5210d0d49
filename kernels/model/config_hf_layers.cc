// config.json: which layers see a window only, and which are mixtures of experts.
// Rules: transformers 5, configuration_{mistral,qwen2,gemma2,gemma3,phi3,qwen3_moe}.py.
#include <string>

#include "kernels/model/config_fields.h"

namespace conduit::kernels::config_checks {
namespace {

constexpr int kDefaultWindow = 4096;         // Mistral, Qwen, Gemma 3
constexpr int kDefaultMaxWindowLayers = 28;  // Qwen
constexpr int kGemma2Pattern = 2;            // every second layer sees everything
constexpr int kDefaultGemmaPattern = 6;      // Gemma 3: every sixth

// 0: no window.
Result<int> read_window(const Fields& fields, Kind kind) {
  constexpr const char* kKey = "sliding_window";
  if (kind == Kind::qwen2 || kind == Kind::qwen3 || kind == Kind::qwen3_moe) {
    CONDUIT_TRY(const bool is_used, fields.flag("use_sliding_window", false));
    if (!is_used) return 0;
  }
  if (kind == Kind::llama) return 0;  // a foreign key there
  const bool has_default = kind != Kind::phi3 && !fields.mentions(kKey);
  return fields.integer_or(kKey, kMaxPositions, has_default ? kDefaultWindow : 0);
}

// By the family's rule, where no layer_types say it.
Status set_windowed(ModelConfig& c, const Fields& fields, Kind kind) {
  int first = 0;    // the layers before it see everything
  int pattern = 0;  // as does every pattern-th
  if (kind == Kind::qwen2 || kind == Kind::qwen3) {
    first = kDefaultMaxWindowLayers;
    const json::Value* stated = fields.find("max_window_layers");
    if (stated != nullptr && *stated == json::Value(0)) {
      first = 0;
    } else {
      CONDUIT_TRY(first, fields.integer_or("max_window_layers", kMaxLayers, first));
    }
  }
  if (kind == Kind::gemma2) pattern = kGemma2Pattern;
  if (kind == Kind::gemma3) {
    CONDUIT_TRY(pattern,
                fields.integer_or("sliding_window_pattern", kMaxLayers, kDefaultGemmaPattern));
  }
  for (int i = 0; i < c.layers; ++i)
    c.layer[i].is_windowed = i >= first && (pattern == 0 || (i + 1) % pattern != 0);
  return ok();
}

Status read_layer_types(ModelConfig& c, const json::Value& types) {
  if (!types.is_array()) return corrupt("layer_types is not a list");
  if (types.as_array().size() != c.layer.size())
    return corrupt("layer_types has " + std::to_string(types.as_array().size()) +
                   " entries; num_hidden_layers is " + std::to_string(c.layers));
  for (std::size_t i = 0; i < c.layer.size(); ++i) {
    const json::Value& type = types.as_array()[i];
    c.layer[i].is_windowed = type == json::Value("sliding_attention");
    if (!c.layer[i].is_windowed && type != json::Value("full_attention"))
      return unsupported("layer_types with " + json::dump(type));
  }
  return ok();
}

bool has_windowed(const ModelConfig& c) {
  for (const LayerConfig& layer : c.layer)
    if (layer.is_windowed) return true;
  return false;
}

// The families whose layers are all of one kind: a list may repeat it, but not contradict.
bool has_uniform_layers(Kind kind) {
  return kind == Kind::llama || kind == Kind::mistral || kind == Kind::phi3 ||
         kind == Kind::qwen3_moe;
}

}  // namespace

Status read_hf_layers(ModelConfig& c, const Fields& fields, Kind kind) {
  CONDUIT_TRY(c.window, read_window(fields, kind));
  if (kind == Kind::qwen3_moe && c.window > 0)
    return unsupported("use_sliding_window in a qwen3_moe, which transformers 4 and 5 read apart,");
  if (c.window > 0 || is_gemma(kind)) CONDUIT_TRY_STATUS(set_windowed(c, fields, kind));
  const std::vector<LayerConfig> by_rule = c.layer;
  if (const json::Value* types = fields.find("layer_types"))
    CONDUIT_TRY_STATUS(read_layer_types(c, *types));
  for (std::size_t i = 0; has_uniform_layers(kind) && i < c.layer.size(); ++i)
    if (c.layer[i].is_windowed != by_rule[i].is_windowed)
      return unsupported("layer_types of several kinds in a " + c.architecture);
  if (has_windowed(c) && c.window == 0)
    return corrupt("layer_types has sliding_attention, but there is no sliding_window");
  return ok();
}

Status read_hf_experts(ModelConfig& c, const Fields& fields) {
  // transformers 5 calls num_experts num_local_experts.
  const char* count = fields.has("num_local_experts") ? "num_local_experts" : "num_experts";
  CONDUIT_TRY(c.experts, fields.integer(count, kMaxExperts));
  CONDUIT_TRY(c.experts_per_token, fields.integer("num_experts_per_tok", kMaxExperts));
  CONDUIT_TRY(c.expert_intermediate, fields.integer("moe_intermediate_size", kMaxWidth));
  CONDUIT_TRY(c.normalise_experts, fields.flag("norm_topk_prob", false));
  CONDUIT_TRY(const int step, fields.integer_or("decoder_sparse_step", kMaxLayers, 1));
  for (int i = 0; i < c.layers; ++i) c.layer[i].has_experts = (i + 1) % step == 0;
  const json::Value* dense = fields.find("mlp_only_layers");
  if (dense == nullptr) return ok();
  if (!dense->is_array()) return corrupt("mlp_only_layers is not a list");
  for (const json::Value& layer : dense->as_array()) {
    if (layer.kind() != json::Kind::integer || layer.as_int() < 0 || layer.as_int() >= c.layers)
      return corrupt("mlp_only_layers has " + json::dump(layer) + "; layers 0 to " +
                     std::to_string(c.layers - 1) + " exist");
    c.layer[static_cast<std::size_t>(layer.as_int())].has_experts = false;
  }
  return ok();
}

}  // namespace conduit::kernels::config_checks
