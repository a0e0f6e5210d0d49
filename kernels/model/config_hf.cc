// config.json and generation_config.json → ModelConfig: sizes, switches, and where answers end.
#include <algorithm>
#include <cmath>
#include <string_view>
#include <utility>

#include "kernels/model/config_fields.h"

namespace conduit::kernels {
namespace {

using namespace config_checks;

// What transformers' config classes give where a file leaves it out.
bool has_default_kv_heads(Kind kind) { return kind == Kind::llama || kind == Kind::phi3; }
bool has_default_head_dim(Kind kind) { return kind != Kind::qwen3 && !is_gemma(kind); }

Status read_hf_heads(ModelConfig& c, const Fields& fields, Kind kind) {
  CONDUIT_TRY(c.heads, fields.integer("num_attention_heads", kMaxHeads));
  c.kv_heads = c.heads;
  if (kind != Kind::bert && (!has_default_kv_heads(kind) || fields.has("num_key_value_heads"))) {
    CONDUIT_TRY(c.kv_heads, fields.integer("num_key_value_heads", kMaxHeads));
  }
  if (kind != Kind::bert && (!has_default_head_dim(kind) || fields.has("head_dim"))) {
    CONDUIT_TRY(c.head_dim, fields.integer("head_dim", kMaxHeadDim));
  } else {
    CONDUIT_TRY(c.head_dim, bounded(c.hidden / c.heads, kMaxHeadDim,
                                    "head_dim (hidden_size / num_attention_heads)"));
  }
  return ok();
}

Status read_hf_sizes(ModelConfig& c, const Fields& fields, Kind kind) {
  CONDUIT_TRY(c.hidden, fields.integer("hidden_size", kMaxWidth));
  CONDUIT_TRY(c.layers, fields.integer("num_hidden_layers", kMaxLayers));
  CONDUIT_TRY(c.intermediate, fields.integer("intermediate_size", kMaxWidth));
  CONDUIT_TRY(c.vocab, fields.integer("vocab_size", kMaxVocab));
  CONDUIT_TRY(c.max_position, fields.integer("max_position_embeddings", kMaxPositions));
  return read_hf_heads(c, fields, kind);
}

Result<Activation> activation_of(const std::string& name, const std::string& key) {
  if (name == "silu" || name == "swish") return Activation::silu;
  if (name == "gelu") return Activation::gelu;
  if (name == "gelu_new" || name == "gelu_pytorch_tanh") return Activation::gelu_tanh;
  return unsupported(key + " '" + name + "'");
}

Status read_hf_switches(ModelConfig& c, const Fields& fields, Kind kind) {
  CONDUIT_TRY(c.tied_embeddings, fields.flag("tie_word_embeddings", is_gemma(kind)));
  if (kind == Kind::llama || kind == Kind::qwen3 || kind == Kind::qwen3_moe || is_gemma(kind)) {
    CONDUIT_TRY(c.qkv_bias, fields.flag("attention_bias", false));
    c.out_bias = c.qkv_bias;
  }
  if (kind == Kind::llama) {
    CONDUIT_TRY(c.mlp_bias, fields.flag("mlp_bias", false));
  }
  const char* key = is_gemma(kind) ? "hidden_activation" : "hidden_act";
  const char* otherwise = is_gemma(kind)       ? "gelu_pytorch_tanh"
                          : kind == Kind::bert ? "gelu"
                                               : "silu";
  CONDUIT_TRY(const std::string activation, fields.text(key, otherwise));
  CONDUIT_TRY(c.activation, activation_of(activation, key));
  if (fields.has("quantization_config")) return unsupported("a quantization_config");
  return ok();
}

// A cap that is null is none; one that is left out has its default.
Result<float> read_softcap(const Fields& fields, const char* key, float otherwise) {
  return fields.real_or(key, fields.mentions(key) ? 0 : otherwise);
}

Status read_gemma(ModelConfig& c, const Fields& fields, Kind kind) {
  c.norms_are_offsets = true;
  CONDUIT_TRY(const float scalar, fields.real_or("query_pre_attn_scalar", 256));
  c.attention_scale = 1 / std::sqrt(scalar);
  const bool is_second = kind == Kind::gemma2;
  CONDUIT_TRY(c.attention_softcap,
              read_softcap(fields, "attn_logit_softcapping", is_second ? 50 : 0));
  CONDUIT_TRY(c.logit_softcap, read_softcap(fields, "final_logit_softcapping", is_second ? 30 : 0));
  // Gemma 3 has norms of q and k instead: its authors' code and transformers leave the cap out.
  if (!is_second) c.attention_softcap = 0;
  CONDUIT_TRY(const bool sees_all, fields.flag("use_bidirectional_attention", false));
  if (sees_all) return unsupported("use_bidirectional_attention");
  return ok();
}

// A classifier's labels are counted by their names; transformers' default is two.
Result<int> read_labels(const Fields& fields) {
  CONDUIT_TRY(int labels, fields.integer_or("num_labels", kMaxLabels, 2));
  const json::Value* names = fields.find("id2label");
  if (names == nullptr) return labels;
  if (!names->is_object()) return corrupt("id2label is no object");
  return bounded(static_cast<std::int64_t>(names->as_object().size()), kMaxLabels,
                 "the number of labels in id2label");
}

Status read_bert(ModelConfig& c, const Fields& fields, bool is_classifier) {
  CONDUIT_TRY(c.norm_eps, fields.real_or("layer_norm_eps", 1e-12F));
  CONDUIT_TRY(c.token_types, fields.integer_or("type_vocab_size", kMaxTypes, 2));
  const json::Value* positions = fields.find("position_embedding_type");
  if (positions != nullptr && *positions != json::Value("absolute"))
    return unsupported("position_embedding_type " + json::dump(*positions));
  for (const char* key : {"is_decoder", "add_cross_attention"}) {
    CONDUIT_TRY(const bool is_set, fields.flag(key, false));
    if (is_set) return unsupported(key);
  }
  if (!is_classifier) return ok();
  CONDUIT_TRY(c.labels, read_labels(fields));
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

// The class that wrote the checkpoint; the family's base class where none is named.
Result<std::string> writer_of(const json::Value& config, const Family& family) {
  const json::Value* classes = config.find("architectures");
  if (classes == nullptr || classes->is_null()) return std::string(family.base_class);
  if (!classes->is_array()) return corrupt("architectures is not a list");
  if (classes->as_array().empty()) return std::string(family.base_class);
  const json::Value& first = classes->as_array().front();
  if (first != json::Value(family.hf_class) && first != json::Value(family.base_class))
    return unsupported("architecture " + json::dump(first));
  return first.as_string();
}

}  // namespace

Result<ModelConfig> config_from_hf(const json::Value& config,
                                   const json::Value& generation_config) {
  const Fields fields(config);
  ModelConfig c;
  CONDUIT_TRY(c.architecture, fields.text("model_type", ""));
  if (c.architecture.empty()) return corrupt("model_type is missing");
  CONDUIT_TRY(const Family family, family_of_hf(c.architecture));
  const Kind kind = family.kind;
  CONDUIT_TRY(const std::string written_by, writer_of(config, family));
  CONDUIT_TRY_STATUS(refuse_foreign_keys(fields, kind));
  set_family(c, kind);
  CONDUIT_TRY_STATUS(read_hf_sizes(c, fields, kind));
  set_derived(c, kind);
  CONDUIT_TRY_STATUS(read_hf_switches(c, fields, kind));
  if (kind == Kind::bert) {
    CONDUIT_TRY_STATUS(read_bert(c, fields, written_by == family.hf_class));
  } else {
    CONDUIT_TRY(c.norm_eps, fields.real("rms_norm_eps"));
    CONDUIT_TRY_STATUS(read_hf_layers(c, fields, kind));
    CONDUIT_TRY_STATUS(read_hf_rope(c, fields, kind));
  }
  if (is_gemma(kind)) CONDUIT_TRY_STATUS(read_gemma(c, fields, kind));
  if (kind == Kind::qwen3_moe) CONDUIT_TRY_STATUS(read_hf_experts(c, fields));
  CONDUIT_TRY_STATUS(read_hf_ends(c, fields, Fields(generation_config, "generation_config.")));
  CONDUIT_TRY_STATUS(check(c));
  return c;
}

}  // namespace conduit::kernels
