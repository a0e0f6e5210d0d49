// config.json and generation_config.json → ModelConfig.
#include <string_view>
#include <utility>

#include "kernels/model/config_checks.h"

namespace conduit::kernels {
namespace {

using namespace config_checks;

// One object's members, each read as what it must be; `null` counts as absent.
class Fields {
 public:
  explicit Fields(const json::Value& object, std::string prefix = {})
      : object_(object), prefix_(std::move(prefix)) {}

  const json::Value* find(std::string_view key) const {
    const json::Value* value = object_.find(key);
    return value == nullptr || value->is_null() ? nullptr : value;
  }
  bool has(std::string_view key) const { return find(key) != nullptr; }
  std::string full(std::string_view key) const { return prefix_ + std::string(key); }

  Result<int> integer(std::string_view key, std::int64_t limit) const {
    const json::Value* value = find(key);
    if (value == nullptr) return corrupt(full(key) + " is missing");
    if (value->kind() != json::Kind::integer) return corrupt(full(key) + " is not an integer");
    return bounded(value->as_int(), limit, full(key));
  }
  Result<float> real(std::string_view key, double minimum = kTiny) const {
    const json::Value* value = find(key);
    if (value == nullptr) return corrupt(full(key) + " is missing");
    if (!value->is_number()) return corrupt(full(key) + " is not a number");
    return at_least(minimum, value->as_double(), full(key));
  }
  Result<bool> flag(std::string_view key, bool otherwise) const {
    const json::Value* value = find(key);
    if (value == nullptr) return otherwise;
    if (!value->is_bool()) return corrupt(full(key) + " is not true or false");
    return value->as_bool();
  }
  Result<std::string> text(std::string_view key, std::string_view otherwise) const {
    const json::Value* value = find(key);
    if (value == nullptr) return std::string(otherwise);
    if (!value->is_string()) return corrupt(full(key) + " is not a string");
    return value->as_string();
  }

 private:
  const json::Value& object_;
  std::string prefix_;
};

Status read_hf_sizes(ModelConfig& c, const Fields& fields, const Family& family) {
  CONDUIT_TRY(c.hidden, fields.integer("hidden_size", kMaxWidth));
  CONDUIT_TRY(c.layers, fields.integer("num_hidden_layers", kMaxLayers));
  CONDUIT_TRY(c.heads, fields.integer("num_attention_heads", kMaxHeads));
  CONDUIT_TRY(c.intermediate, fields.integer("intermediate_size", kMaxWidth));
  CONDUIT_TRY(c.vocab, fields.integer("vocab_size", kMaxVocab));
  CONDUIT_TRY(c.max_position, fields.integer("max_position_embeddings", kMaxPositions));
  CONDUIT_TRY(c.rms_eps, fields.real("rms_norm_eps"));
  c.kv_heads = c.heads;
  if (!family.has_defaults || fields.has("num_key_value_heads")) {
    CONDUIT_TRY(c.kv_heads, fields.integer("num_key_value_heads", kMaxHeads));
  }
  if (!family.has_defaults || fields.has("head_dim")) {
    CONDUIT_TRY(c.head_dim, fields.integer("head_dim", kMaxHeadDim));
  } else {
    CONDUIT_TRY(c.head_dim, bounded(c.hidden / c.heads, kMaxHeadDim,
                                    "head_dim (hidden_size / num_attention_heads)"));
  }
  return ok();
}

Status read_hf_switches(ModelConfig& c, const Fields& fields) {
  CONDUIT_TRY(c.tied_embeddings, fields.flag("tie_word_embeddings", false));
  CONDUIT_TRY(c.attention_bias, fields.flag("attention_bias", false));
  CONDUIT_TRY(c.mlp_bias, fields.flag("mlp_bias", false));
  CONDUIT_TRY(const std::string activation, fields.text("hidden_act", "silu"));
  if (activation != "silu") return unsupported("hidden_act '" + activation + "'");
  if (fields.has("quantization_config")) return unsupported("a quantization_config");
  CONDUIT_TRY(const bool has_window, fields.flag("use_sliding_window", false));
  if (has_window && fields.has("sliding_window")) return unsupported("use_sliding_window");
  if (const json::Value* types = fields.find("layer_types")) {
    if (!types->is_array()) return corrupt("layer_types is not a list");
    for (const json::Value& type : types->as_array())
      if (type != json::Value("full_attention"))
        return unsupported("layer_types with " + json::dump(type));
  }
  return ok();
}

Status read_llama3_scaling(ModelConfig& c, const Fields& rope, const Fields& config) {
  c.rope_scaling = RopeScaling::llama3;
  CONDUIT_TRY(c.rope_low_freq_factor, rope.real("low_freq_factor"));
  CONDUIT_TRY(c.rope_high_freq_factor, rope.real("high_freq_factor"));
  constexpr const char* kOriginal = "original_max_position_embeddings";
  c.rope_original_max_position = c.max_position;
  // The order of transformers' standardize_rope_params.
  for (const Fields* fields : {&config, &rope}) {
    if (!fields->has(kOriginal)) continue;
    CONDUIT_TRY(c.rope_original_max_position, fields->integer(kOriginal, kMaxPositions));
    break;
  }
  return ok();
}

// transformers 5 keeps everything in rope_parameters; 4 has rope_theta beside rope_scaling, whose
// kind is `rope_type` or, older, `type`.
Status read_hf_rope(ModelConfig& c, const Fields& config, const Family& family) {
  static const json::Value kNothing = json::Object{};
  const char* key = config.has("rope_scaling") ? "rope_scaling" : "rope_parameters";
  const json::Value* stated = config.find(key);
  if (stated != nullptr && !stated->is_object()) return corrupt(std::string(key) + " is no object");
  const Fields rope(stated != nullptr ? *stated : kNothing, std::string(key) + ".");

  if (rope.has("rope_theta")) {
    CONDUIT_TRY(c.rope_theta, rope.real("rope_theta", 1));
  } else if (config.has("rope_theta") || !family.has_defaults) {
    CONDUIT_TRY(c.rope_theta, config.real("rope_theta", 1));
  }
  for (const Fields* fields : {&rope, &config}) {
    const json::Value* part = fields->find("partial_rotary_factor");
    if (part != nullptr && *part != json::Value(1)) return unsupported("partial_rotary_factor");
  }
  CONDUIT_TRY(const std::string older_kind, rope.text("type", "default"));
  CONDUIT_TRY(const std::string kind, rope.text("rope_type", older_kind));
  if (kind == "default") return ok();
  if (kind != "linear" && kind != "llama3") return unsupported("rope scaling '" + kind + "'");
  CONDUIT_TRY(c.rope_factor, rope.real("factor", 1));
  if (kind == "llama3") return read_llama3_scaling(c, rope, config);
  c.rope_scaling = RopeScaling::linear;
  return ok();
}

// An id, or a list of them; absent: none.
Result<std::vector<std::int32_t>> read_ids(const Fields& fields, std::string_view key) {
  std::vector<std::int32_t> ids;
  const json::Value* value = fields.find(key);
  if (value == nullptr) return ids;
  const json::Array items = value->is_array() ? value->as_array() : json::Array{*value};
  for (const json::Value& item : items) {
    if (item.kind() != json::Kind::integer)
      return corrupt(fields.full(key) + " is neither an integer nor a list of integers");
    CONDUIT_TRY(const std::int32_t id, token_id(item.as_int(), fields.full(key)));
    ids.push_back(id);
  }
  return ids;
}

Status read_hf_ends(ModelConfig& c, const Fields& config, const Fields& generation) {
  CONDUIT_TRY(const auto bos, read_ids(config, "bos_token_id"));
  if (!bos.empty()) c.bos = bos.front();
  CONDUIT_TRY(c.eos,
              read_ids(generation.has("eos_token_id") ? generation : config, "eos_token_id"));
  return ok();
}

Status check_class(const json::Value& config, const Family& family) {
  const json::Value* classes = config.find("architectures");
  if (classes == nullptr || classes->is_null()) return ok();
  if (!classes->is_array()) return corrupt("architectures is not a list");
  if (classes->as_array().empty()) return ok();
  const json::Value& first = classes->as_array().front();
  if (first == json::Value(family.hf_class)) return ok();
  return unsupported("architecture " + json::dump(first));
}

}  // namespace

Result<ModelConfig> config_from_hf(const json::Value& config,
                                   const json::Value& generation_config) {
  const Fields fields(config);
  ModelConfig c;
  CONDUIT_TRY(c.architecture, fields.text("model_type", ""));
  if (c.architecture.empty()) return corrupt("model_type is missing");
  CONDUIT_TRY(const Family family, family_of(c.architecture));
  CONDUIT_TRY_STATUS(check_class(config, family));
  c.qk_norm = family.qk_norm;
  CONDUIT_TRY_STATUS(read_hf_sizes(c, fields, family));
  CONDUIT_TRY_STATUS(read_hf_switches(c, fields));
  CONDUIT_TRY_STATUS(read_hf_rope(c, fields, family));
  CONDUIT_TRY_STATUS(read_hf_ends(c, fields, Fields(generation_config, "generation_config.")));
  CONDUIT_TRY_STATUS(check(c));
  return c;
}

}  // namespace conduit::kernels
