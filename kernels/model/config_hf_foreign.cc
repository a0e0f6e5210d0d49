// Keys of config.json that change the arithmetic of some family, and which families read them. In
// any other, a value that is not neutral is refused: an answer that looks right would not be.
#include <initializer_list>
#include <string_view>

#include "kernels/model/config_fields.h"

namespace conduit::kernels::config_checks {
namespace {

struct ForeignKey {
  std::string_view key;
  int neutral;  // null, false and empty lists are neutral everywhere
  std::initializer_list<Kind> readers{};
};

bool is_neutral(const json::Value& value, int neutral) {
  if (value.is_null() || value == json::Value(false) || value == json::Value(neutral)) return true;
  return (value.is_array() && value.as_array().empty()) ||
         (value.is_object() && value.as_object().empty());
}

bool reads(const ForeignKey& entry, Kind kind) {
  for (Kind reader : entry.readers)
    if (reader == kind) return true;
  return false;
}

}  // namespace

Status refuse_foreign_keys(const Fields& fields, Kind kind) {
  static const ForeignKey kKeys[] = {
      {"attn_logit_softcapping", 0, {Kind::gemma2, Kind::gemma3}},
      {"final_logit_softcapping", 0, {Kind::gemma2, Kind::gemma3}},
      {"query_pre_attn_scalar", 0, {Kind::gemma2, Kind::gemma3}},
      {"rope_local_base_freq", 0, {Kind::gemma3}},
      {"use_bidirectional_attention", 0, {Kind::gemma3}},
      {"sliding_window",
       0,
       {Kind::mistral, Kind::qwen2, Kind::qwen3, Kind::qwen3_moe, Kind::gemma2, Kind::gemma3,
        Kind::phi3}},
      {"use_sliding_window", 0, {Kind::qwen2, Kind::qwen3, Kind::qwen3_moe}},
      {"num_experts", 0, {Kind::qwen3_moe}},
      {"num_local_experts", 0, {Kind::qwen3_moe}},  // and Mixtral
      {"n_routed_experts", 0},                      // DeepSeek
      {"shared_expert_intermediate_size", 0},       // Qwen2-MoE
      {"kv_lora_rank", 0},                          // DeepSeek
      {"rotary_pct", 1},                            // GPT-NeoX
      {"rotary_dim", 0},                            // GPT-J
      {"rope_ratio", 1},                            // GLM
      {"alibi", 0},                                 // Bloom
      {"clip_qkv", 0},                              // OLMo
      {"logit_scale", 1},                           // Cohere
      {"logits_scaling", 1},                        // Granite, and the next three
      {"embedding_multiplier", 1},
      {"residual_multiplier", 1},
      {"attention_multiplier", 0},
      {"scale_emb", 1},  // MiniCPM, and the next
      {"scale_depth", 0},
      {"use_parallel_residual", 0},
      {"parallel_attn", 0},
      {"use_qk_norm", 0},
      {"qk_layernorm", 0},
      {"no_rope_layers", 0},  // Llama 4, and the next
      {"attn_temperature_tuning", 0},
      {"attention_chunk_size", 0},
      {"use_mrope", 0},         // Qwen2-VL
      {"rope_interleaved", 0},  // SmolLM's training code
  };
  // Encoders made of a decoder (GTE) run their own code.
  CONDUIT_TRY(const bool is_causal, fields.flag("is_causal", true));
  if (!is_causal && kind != Kind::bert) return unsupported("is_causal false");
  for (const ForeignKey& entry : kKeys) {
    const json::Value* value = fields.find(entry.key);
    if (value == nullptr || reads(entry, kind) || is_neutral(*value, entry.neutral)) continue;
    return unsupported(fields.full(entry.key) + " in a " +
                       fields.text("model_type", "").value_or(""));
  }
  return ok();
}

}  // namespace conduit::kernels::config_checks
