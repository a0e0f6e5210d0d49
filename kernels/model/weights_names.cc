// The tables. Names: transformers' modeling files; gguf-py, constants.py.
#include "kernels/model/weights_names.h"

#include <array>

namespace conduit::kernels {
namespace {

constexpr Notation kLlama = {
    .prefix = "model.",
    .embedding = "embed_tokens",
    .final_norm = "norm",
    .head = "lm_head",
    .layers = "layers.",
    .attention_norm = "input_layernorm",
    .q = "self_attn.q_proj",
    .k = "self_attn.k_proj",
    .v = "self_attn.v_proj",
    .qkv = "self_attn.qkv_proj",
    .out = "self_attn.o_proj",
    .q_norm = "self_attn.q_norm",
    .k_norm = "self_attn.k_norm",
    .mlp_norm = "post_attention_layernorm",
    .gate = "mlp.gate_proj",
    .up = "mlp.up_proj",
    .gate_up = "mlp.gate_up_proj",
    .down = "mlp.down_proj",
    .router = "mlp.gate",
    .experts = "mlp.experts.",
};

constexpr Notation gemma() {
  Notation names = kLlama;
  names.attention_post_norm = "post_attention_layernorm";
  names.mlp_norm = "pre_feedforward_layernorm";
  names.mlp_post_norm = "post_feedforward_layernorm";
  return names;
}

constexpr Notation kBert = {
    .prefix = "bert.",
    .embedding = "embeddings.word_embeddings",
    .positions = "embeddings.position_embeddings",
    .token_types = "embeddings.token_type_embeddings",
    .embedding_norm = "embeddings.LayerNorm",
    .pooler = "pooler.dense",
    .classifier = "classifier",
    .layers = "encoder.layer.",
    .q = "attention.self.query",
    .k = "attention.self.key",
    .v = "attention.self.value",
    .out = "attention.output.dense",
    .attention_post_norm = "attention.output.LayerNorm",
    .up = "intermediate.dense",
    .down = "output.dense",
    .mlp_post_norm = "output.LayerNorm",
};

constexpr Notation kGguf = {
    .embedding = "token_embd",
    .final_norm = "output_norm",
    .head = "output",
    .layers = "blk.",
    .attention_norm = "attn_norm",
    .q = "attn_q",
    .k = "attn_k",
    .v = "attn_v",
    .qkv = "attn_qkv",
    .out = "attn_output",
    .q_norm = "attn_q_norm",
    .k_norm = "attn_k_norm",
    .attention_post_norm = "post_attention_norm",
    .mlp_norm = "ffn_norm",
    .gate = "ffn_gate",
    .up = "ffn_up",
    .gate_up = "ffn_up",
    .down = "ffn_down",
    .mlp_post_norm = "post_ffw_norm",
    .router = "ffn_gate_inp",
    .all_gates = "ffn_gate_exps",
    .all_ups = "ffn_up_exps",
    .all_downs = "ffn_down_exps",
};

constexpr Notation gguf_bert() {
  Notation names = kGguf;
  names.positions = "position_embd";
  names.token_types = "token_types";
  names.embedding_norm = "token_embd_norm";
  names.attention_post_norm = "attn_output_norm";
  names.mlp_post_norm = "layer_output_norm";
  return names;
}

}  // namespace

const Notation& gguf_notation() { return kGguf; }

Result<Notation> notation_of(const ModelConfig& config, const NamedTensors& tensors) {
  static constexpr Notation kGemma = gemma();
  static constexpr Notation kGgufBert = gguf_bert();
  const bool is_bert = config.norms == NormPlacement::after;
  const Notation& hugging_face = is_bert                                 ? kBert
                                 : config.norms == NormPlacement::around ? kGemma
                                                                         : kLlama;
  Notation bare = hugging_face;
  bare.prefix = "";
  for (const Notation& names : {hugging_face, bare, is_bert ? kGgufBert : kGguf}) {
    const std::string embedding = std::string(names.prefix) + std::string(names.embedding);
    if (tensors.contains(embedding + ".weight")) return names;
  }
  return Error{Code::corrupt, "tensor '" + std::string(hugging_face.prefix) +
                                  std::string(hugging_face.embedding) +
                                  ".weight' (GGUF: 'token_embd.weight') is missing"};
}

}  // namespace conduit::kernels
