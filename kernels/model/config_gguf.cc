// GGUF metadata → ModelConfig. Key names: ggml's docs/gguf.md and gguf-py, constants.py; what
// llama.cpp assumes where a key is absent is assumed here too. A key of the architecture that is
// not read here is refused: all of them are hyperparameters.
#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <string_view>
#include <utility>

#include "kernels/dequantise.h"
#include "kernels/model/config_checks.h"
#include "kernels/model/gguf.h"

namespace conduit::kernels {
namespace {

using namespace config_checks;

// Read below, or of no effect on the arithmetic.
constexpr std::array<std::string_view, 36> kKnownKeys = {
    "context_length",
    "embedding_length",
    "block_count",
    "feed_forward_length",
    "vocab_size",
    "pooling_type",
    "tensor_data_layout",
    "expert_count",
    "expert_used_count",
    "expert_feed_forward_length",
    "expert_weights_norm",
    "attn_logit_softcapping",
    "final_logit_softcapping",
    "attention.causal",
    "attention.head_count",
    "attention.head_count_kv",
    "attention.key_length",
    "attention.value_length",
    "attention.layer_norm_epsilon",
    "attention.layer_norm_rms_epsilon",
    "attention.sliding_window",
    "attention.sliding_window_pattern",
    "rope.dimension_count",
    "rope.dimension_count_swa",
    "rope.freq_base",
    "rope.freq_base_swa",
    "rope.scale_linear",
    "rope.scaling.type",
    "rope.scaling.factor",
    "rope.scaling.attn_factor",
    "rope.scaling.original_context_length",
    "rope.scaling.finetuned",
    "rope.scaling.yarn_ext_factor",
    "rope.scaling.yarn_attn_factor",
    "rope.scaling.yarn_beta_fast",
    "rope.scaling.yarn_beta_slow",
};

class GgufFields {
 public:
  GgufFields(const GgufFile& file, std::string architecture)
      : file_(file), prefix_(std::move(architecture) + ".") {}

  std::string full(std::string_view key) const { return prefix_ + std::string(key); }
  bool has(std::string_view key) const { return file_.find(full(key)) != nullptr; }
  bool has_tensor(std::string_view name) const { return file_.tensors().contains(name); }

  Result<int> integer(std::string_view key, std::int64_t limit) const {
    CONDUIT_TRY(const std::int64_t value, file_.integer(full(key)));
    return bounded(value, limit, full(key));
  }
  // As the two below: also where the key is absent, or 0, which means "none" in llama.cpp.
  Result<int> integer_or(std::string_view key, std::int64_t limit, int otherwise) const {
    if (!has(key)) return otherwise;
    return integer(key, limit);
  }
  Result<int> integer_or_none(std::string_view key, std::int64_t limit) const {
    if (!has(key)) return 0;
    CONDUIT_TRY(const std::int64_t value, file_.integer(full(key)));
    if (value == 0) return 0;
    return bounded(value, limit, full(key));
  }
  Result<float> real(std::string_view key, double minimum) const {
    CONDUIT_TRY(const double value, file_.real(full(key)));
    return at_least(minimum, value, full(key));
  }
  Result<float> real_or(std::string_view key, double minimum, float otherwise) const {
    if (!has(key)) return otherwise;
    return real(key, minimum);
  }
  Result<std::string> text(std::string_view key) const { return file_.text(full(key)); }
  Result<bool> flag(std::string_view key, bool otherwise) const {
    const GgufValue* value = file_.find(full(key));
    if (value == nullptr) return otherwise;
    const bool* stated = std::get_if<bool>(value);
    if (stated == nullptr) return corrupt("'" + full(key) + "' is not true or false");
    return *stated;
  }

  Status refuse_unknown_keys() const {
    for (const auto& [name, value] : file_.metadata()) {
      if (!name.starts_with(prefix_)) continue;
      const std::string_view key = std::string_view(name).substr(prefix_.size());
      if (std::find(kKnownKeys.begin(), kKnownKeys.end(), key) == kKnownKeys.end())
        return unsupported("key '" + name + "'");
    }
    return ok();
  }

 private:
  const GgufFile& file_;
  std::string prefix_;
};

Result<int> gguf_vocab(const GgufFile& file, const GgufFields& fields) {
  const auto embedding = file.tensors().find("token_embd.weight");
  if (embedding == file.tensors().end()) return corrupt("tensor 'token_embd.weight' is missing");
  CONDUIT_TRY(const int rows,
              bounded(embedding->second.shape.front(), kMaxVocab, "token_embd.weight's rows"));
  CONDUIT_TRY(const int stated, fields.integer_or("vocab_size", kMaxVocab, rows));
  if (stated != rows)
    return corrupt(fields.full("vocab_size") + " is " + std::to_string(stated) +
                   ", but tensor 'token_embd.weight' has " + std::to_string(rows) + " rows");
  return rows;
}

Status read_gguf_sizes(ModelConfig& c, const GgufFile& file, const GgufFields& fields, Kind kind) {
  CONDUIT_TRY(c.hidden, fields.integer("embedding_length", kMaxWidth));
  CONDUIT_TRY(c.layers, fields.integer("block_count", kMaxLayers));
  CONDUIT_TRY(c.heads, fields.integer("attention.head_count", kMaxHeads));
  CONDUIT_TRY(c.kv_heads, fields.integer_or("attention.head_count_kv", kMaxHeads, c.heads));
  CONDUIT_TRY(c.intermediate, fields.integer("feed_forward_length", kMaxWidth));
  CONDUIT_TRY(c.max_position, fields.integer("context_length", kMaxPositions));
  CONDUIT_TRY(c.norm_eps, fields.real(kind == Kind::bert ? "attention.layer_norm_epsilon"
                                                         : "attention.layer_norm_rms_epsilon",
                                      kTiny));
  CONDUIT_TRY(c.vocab, gguf_vocab(file, fields));
  CONDUIT_TRY(const int derived, bounded(c.hidden / c.heads, kMaxHeadDim, "the head size"));
  CONDUIT_TRY(c.head_dim, fields.integer_or("attention.key_length", kMaxHeadDim, derived));
  CONDUIT_TRY(const int value_length,
              fields.integer_or("attention.value_length", kMaxHeadDim, c.head_dim));
  if (value_length != c.head_dim)
    return unsupported(fields.full("attention.value_length") + " " + std::to_string(value_length) +
                       " with heads of " + std::to_string(c.head_dim));
  return ok();
}

// llama.cpp's build_qwen3moe always brings the chosen experts' weights to a sum of 1.
Status read_gguf_experts(ModelConfig& c, const GgufFields& fields, Kind kind) {
  CONDUIT_TRY(c.experts, fields.integer_or_none("expert_count", kMaxExperts));
  if (kind != Kind::qwen3_moe) {
    if (c.experts == 0) return ok();
    return unsupported(fields.full("expert_count") + " " + std::to_string(c.experts));
  }
  if (c.experts == 0) return corrupt(fields.full("expert_count") + " is missing");
  CONDUIT_TRY(c.experts_per_token, fields.integer("expert_used_count", kMaxExperts));
  CONDUIT_TRY(c.expert_intermediate, fields.integer("expert_feed_forward_length", kMaxWidth));
  CONDUIT_TRY(c.normalise_experts, fields.flag("expert_weights_norm", true));
  for (int i = 0; i < c.layers; ++i)
    c.layer[i].has_experts = fields.has_tensor("blk." + std::to_string(i) + ".ffn_gate_inp.weight");
  return ok();
}

Status read_gguf_window(ModelConfig& c, const GgufFields& fields, Kind kind) {
  CONDUIT_TRY(c.window, fields.integer_or_none("attention.sliding_window", kMaxPositions));
  int pattern = 0;  // 0: all layers are alike
  if (kind == Kind::gemma2) {
    pattern = 2;
  } else if (kind == Kind::gemma3) {
    constexpr int kGemmaPattern = 6;  // every sixth layer sees everything
    CONDUIT_TRY(pattern,
                fields.integer_or("attention.sliding_window_pattern", kMaxLayers, kGemmaPattern));
  } else if (fields.has("attention.sliding_window_pattern")) {
    return unsupported("key '" + fields.full("attention.sliding_window_pattern") + "'");
  }
  for (int i = 0; i < c.layers; ++i)
    c.layer[i].is_windowed = c.window > 0 && (pattern == 0 || (i + 1) % pattern != 0);
  return ok();
}

Status read_gguf_gemma(ModelConfig& c, const GgufFields& fields, Kind kind) {
  if (kind == Kind::gemma2) {  // llama.cpp's defaults, which are the models' own
    c.attention_softcap = 50;
    c.logit_softcap = 30;
  }
  for (auto [key, value] : {std::pair("attn_logit_softcapping", &c.attention_softcap),
                            std::pair("final_logit_softcapping", &c.logit_softcap)}) {
    if (!fields.has(key)) continue;
    if (!is_gemma(kind)) return unsupported("key '" + fields.full(key) + "'");
    CONDUIT_TRY(*value, fields.real(key, kTiny));
  }
  if (kind == Kind::gemma3) c.attention_softcap = 0;  // as in config_hf.cc
  // The models whose scale is another (27B) are known by their layers alone, as in llama.cpp.
  if ((kind == Kind::gemma2 && c.layers == 46) || (kind == Kind::gemma3 && c.layers == 62))
    c.attention_scale = 1 / std::sqrt(static_cast<float>(c.hidden) / static_cast<float>(c.heads));
  return ok();
}

// Llama 3's factors, one per rotary pair, computed by the file's writer.
Result<std::vector<float>> rope_factors(const GgufFile& file, int pairs) {
  const auto found = file.tensors().find("rope_freqs.weight");
  if (found == file.tensors().end()) return std::vector<float>{};
  const TensorView& tensor = found->second;
  if (tensor.dtype != DType::f32 || tensor.elements() != pairs)
    return corrupt("tensor 'rope_freqs.weight' is not F32 [" + std::to_string(pairs) + "]");
  std::vector<float> factors(static_cast<std::size_t>(pairs));
  dequantise(tensor.dtype, tensor.data, pairs, factors.data());
  for (float factor : factors) {
    CONDUIT_TRY([[maybe_unused]] const float checked,
                at_least(kTiny, factor, "a value of tensor 'rope_freqs.weight'"));
  }
  return factors;
}

// ggml's YaRN: as transformers', its factor of cosine and sine multiplied by attn_factor.
Status read_gguf_yarn(RopeConfig& r, const ModelConfig& c, const GgufFields& fields) {
  CONDUIT_TRY(const float mixed, fields.real_or("rope.scaling.yarn_ext_factor", kTiny, 1));
  if (mixed != 1) return unsupported(fields.full("rope.scaling.yarn_ext_factor"));
  CONDUIT_TRY(r.original_max_position, fields.integer_or("rope.scaling.original_context_length",
                                                         kMaxPositions, c.max_position));
  CONDUIT_TRY(r.beta_fast, fields.real_or("rope.scaling.yarn_beta_fast", kTiny, 32));
  CONDUIT_TRY(r.beta_slow, fields.real_or("rope.scaling.yarn_beta_slow", kTiny, 1));
  const char* key = fields.has("rope.scaling.yarn_attn_factor") ? "rope.scaling.yarn_attn_factor"
                                                                : "rope.scaling.attn_factor";
  CONDUIT_TRY(const float attention, fields.real_or(key, kTiny, 1));
  r.attention_factor = attention * yarn_attention_factor(r.factor);
  r.scaling = RopeScaling::yarn;
  return ok();
}

Status read_gguf_scaling(RopeConfig& r, const ModelConfig& c, const GgufFields& fields) {
  std::string kind = "linear";  // llama.cpp's reading of a factor without a type
  if (fields.has("rope.scaling.type")) {
    CONDUIT_TRY(kind, fields.text("rope.scaling.type"));
  }
  if (kind == "none") return ok();
  if (kind != "linear" && kind != "yarn")
    return unsupported("rope scaling '" + kind + "' in a " + c.architecture);
  for (const char* key : {"rope.scaling.factor", "rope.scale_linear"}) {
    if (!fields.has(key)) continue;
    CONDUIT_TRY(r.factor, fields.real(key, 1));
    r.scaling = RopeScaling::linear;
    break;
  }
  return kind == "yarn" ? read_gguf_yarn(r, c, fields) : ok();
}

Status read_gguf_rope(ModelConfig& c, const GgufFile& file, const GgufFields& fields, Kind kind) {
  // llama.cpp's converter reorders the rows of Llama's q and k to pairs (2i, 2i + 1), others' not.
  c.rope_interleaved = kind == Kind::llama;
  CONDUIT_TRY(c.rotary_dim, fields.integer_or("rope.dimension_count", kMaxHeadDim, c.head_dim));
  if (c.rotary_dim > c.head_dim || (c.rotary_dim < c.head_dim && kind != Kind::phi3))
    return unsupported(fields.full("rope.dimension_count") + " " + std::to_string(c.rotary_dim) +
                       " with heads of " + std::to_string(c.head_dim));
  for (const char* name : {"rope_factors_long.weight", "rope_factors_short.weight"})
    if (fields.has_tensor(name))
      return unsupported("longrope (tensor '" + std::string(name) + "')");
  CONDUIT_TRY(c.rope.theta, fields.real_or("rope.freq_base", 1, c.rope.theta));
  CONDUIT_TRY(c.rope.freq_factors, rope_factors(file, c.rotary_dim / 2));
  CONDUIT_TRY_STATUS(read_gguf_scaling(c.rope, c, fields));
  if (kind != Kind::gemma3) {
    c.windowed_rope = c.rope;
    return ok();
  }
  // Unscaled, as in llama.cpp; its base is seldom stated.
  CONDUIT_TRY(c.windowed_rope.theta, fields.real_or("rope.freq_base_swa", 1, 10000));
  return ok();
}

Status read_gguf_bert(ModelConfig& c, const GgufFile& file, const GgufFields& fields) {
  const auto types = file.tensors().find("token_types.weight");
  if (types == file.tensors().end()) return corrupt("tensor 'token_types.weight' is missing");
  CONDUIT_TRY(c.token_types,
              bounded(types->second.shape.front(), kMaxTypes, "token_types.weight's rows"));
  CONDUIT_TRY(const bool is_causal, fields.flag("attention.causal", false));
  if (is_causal) return unsupported(fields.full("attention.causal") + " true");
  return ok();
}

// llama.cpp's numbers (llama.h, llama_pooling_type); it normalises what it pooled.
Status read_gguf_pooling(ModelConfig& c, const GgufFile& file, const GgufFields& fields) {
  if (!fields.has("pooling_type")) return ok();
  CONDUIT_TRY(const std::int64_t number, file.integer(fields.full("pooling_type")));
  constexpr std::array kPoolings = {Pooling::none, Pooling::mean, Pooling::cls, Pooling::last};
  if (number < 0 || number >= static_cast<std::int64_t>(kPoolings.size()))
    return unsupported(fields.full("pooling_type") + " " + std::to_string(number));
  c.pooling = kPoolings[static_cast<std::size_t>(number)];
  c.normalise_embedding = c.pooling != Pooling::none;
  return ok();
}

Status read_gguf_ends(ModelConfig& c, const GgufFile& file) {
  const auto read = [&](const char* key) -> Result<std::optional<std::int32_t>> {
    if (file.find(key) == nullptr) return std::optional<std::int32_t>{};
    CONDUIT_TRY(const std::int64_t value, file.integer(key));
    CONDUIT_TRY(const std::int32_t id, token_id(value, key));
    return std::optional(id);
  };
  CONDUIT_TRY(const auto bos, read("tokenizer.ggml.bos_token_id"));
  c.bos = bos.value_or(-1);
  for (const char* key : {"tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id",
                          "tokenizer.ggml.eom_token_id"}) {
    CONDUIT_TRY(const auto id, read(key));
    if (id && std::find(c.eos.begin(), c.eos.end(), *id) == c.eos.end()) c.eos.push_back(*id);
  }
  return ok();
}

void read_gguf_biases(ModelConfig& c, const GgufFields& fields) {
  c.tied_embeddings = !fields.has_tensor("output.weight");
  c.qkv_bias = fields.has_tensor("blk.0.attn_q.bias");
  c.out_bias = fields.has_tensor("blk.0.attn_output.bias");
  c.mlp_bias = fields.has_tensor("blk.0.ffn_up.bias");
}

}  // namespace

Result<ModelConfig> config_from_gguf(const GgufFile& file) {
  ModelConfig c;
  CONDUIT_TRY(c.architecture, file.text("general.architecture"));
  CONDUIT_TRY(const Family family, family_of_gguf(c.architecture));
  const Kind kind = family.kind;
  const GgufFields fields(file, c.architecture);
  CONDUIT_TRY_STATUS(fields.refuse_unknown_keys());
  set_family(c, kind);
  CONDUIT_TRY_STATUS(read_gguf_sizes(c, file, fields, kind));
  set_derived(c, kind);
  read_gguf_biases(c, fields);
  if (kind == Kind::bert) {
    CONDUIT_TRY_STATUS(read_gguf_bert(c, file, fields));
  } else {
    CONDUIT_TRY_STATUS(read_gguf_window(c, fields, kind));
    CONDUIT_TRY_STATUS(read_gguf_rope(c, file, fields, kind));
  }
  CONDUIT_TRY_STATUS(read_gguf_experts(c, fields, kind));
  CONDUIT_TRY_STATUS(read_gguf_gemma(c, fields, kind));
  CONDUIT_TRY_STATUS(read_gguf_pooling(c, file, fields));
  CONDUIT_TRY_STATUS(read_gguf_ends(c, file));
  CONDUIT_TRY_STATUS(check(c));
  return c;
}

}  // namespace conduit::kernels
