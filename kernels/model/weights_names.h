// What each family's files call the parts of a model. Private to kernels/model/weights*.cc.
// The idea: one table per notation (Hugging Face's Llama-like families, Gemma 3, BERT; GGUF's
// decoders, GGUF's BERT); families that lack a part are never asked for its name.
#pragma once

#include <string>
#include <string_view>

#include "kernels/model/config.h"
#include "kernels/model/weights.h"
#include "mdl/base/result.h"

namespace conduit::kernels {

// Stems: `.weight` or `.bias` follows.
struct Notation {
  std::string_view prefix{};  // of all but head and classifier; may be absent
  std::string_view embedding{}, positions{}, token_types{}, embedding_norm{};
  std::string_view final_norm{}, head{}, pooler{}, classifier{};
  std::string_view layers{};  // then "N."
  std::string_view attention_norm{}, q{}, k{}, v{}, qkv{}, out{}, q_norm{}, k_norm{},
      attention_post_norm{};
  std::string_view mlp_norm{}, gate{}, up{}, gate_up{}, down{}, mlp_post_norm{};
  std::string_view router{};
  std::string_view experts{};  // then "N." and gate, up or down; empty: all in one tensor, as below
  std::string_view all_gates{}, all_ups{}, all_downs{};  // [experts, outputs, inputs]
};

// The notation of these tensors, its prefix as they have it.
// Error: corrupt, when not even the embedding is there.
Result<Notation> notation_of(const ModelConfig& config, const NamedTensors& tensors);

// GGUF's decoders.
const Notation& gguf_notation();

}  // namespace conduit::kernels
