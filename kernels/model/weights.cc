// Names and shapes of a dense Llama-like transformer's tensors, and their way to a device.
// The idea: three notations of the same parts (Hugging Face with its head, Hugging Face's bare base
// model, GGUF), one table each; the loader asks for every part by its notation's name and in the
// end nobody may be left over.
#include "kernels/model/weights.h"

#include <cstring>
#include <initializer_list>
#include <set>
#include <string_view>
#include <utility>

namespace conduit::kernels {
namespace {

// Stems: `.weight` or `.bias` follows.
struct Notation {
  std::string_view embedding, final_norm, head;
  std::string_view layers;  // then "N."
  std::string_view attention_norm, q, k, v, out, q_norm, k_norm;
  std::string_view mlp_norm, gate, up, down;
};

constexpr Notation kHuggingFace = {
    .embedding = "model.embed_tokens",
    .final_norm = "model.norm",
    .head = "lm_head",
    .layers = "model.layers.",
    .attention_norm = "input_layernorm",
    .q = "self_attn.q_proj",
    .k = "self_attn.k_proj",
    .v = "self_attn.v_proj",
    .out = "self_attn.o_proj",
    .q_norm = "self_attn.q_norm",
    .k_norm = "self_attn.k_norm",
    .mlp_norm = "post_attention_layernorm",
    .gate = "mlp.gate_proj",
    .up = "mlp.up_proj",
    .down = "mlp.down_proj",
};

// Saved without its head (published Qwen3 embedding checkpoints): no `model.` before a name.
constexpr Notation without_prefix(Notation notation) {
  constexpr std::size_t kPrefix = std::string_view("model.").size();
  notation.embedding.remove_prefix(kPrefix);
  notation.final_norm.remove_prefix(kPrefix);
  notation.layers.remove_prefix(kPrefix);
  return notation;
}

constexpr Notation kGguf = {
    .embedding = "token_embd",
    .final_norm = "output_norm",
    .head = "output",
    .layers = "blk.",
    .attention_norm = "attn_norm",
    .q = "attn_q",
    .k = "attn_k",
    .v = "attn_v",
    .out = "attn_output",
    .q_norm = "attn_q_norm",
    .k_norm = "attn_k_norm",
    .mlp_norm = "ffn_norm",
    .gate = "ffn_gate",
    .up = "ffn_up",
    .down = "ffn_down",
};

// Computed from the config, yet saved by some writers.
constexpr std::string_view kDerivable[] = {
    "rotary_emb.inv_freq",    // buffers of transformers before 4.32
    "rotary_emb.cos_cached",  //
    "rotary_emb.sin_cached",  //
    "rope_freqs.weight",      // GGUF: already in ModelConfig::rope_freq_factors
};

using Shape = std::vector<std::int64_t>;

std::string text_of(const Shape& shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i)
    text += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
  return text + "]";
}

Error corrupt(const std::string& what) { return {Code::corrupt, what}; }

// Takes tensors by name, once each, and remembers which.
class Loader {
 public:
  Loader(Device& device, const NamedTensors& tensors, Precision precision)
      : device_(device), tensors_(tensors), precision_(precision) {}

  Result<Matrix> matrix(const std::string& stem, std::int64_t rows, std::int64_t cols) {
    CONDUIT_TRY(const TensorView* view, take(stem + ".weight", {rows, cols}));
    return device_.load_matrix(*view, precision_);
  }

  Result<Buffer> vector(const std::string& name, std::int64_t size) {
    CONDUIT_TRY(const TensorView* view, take(name, {size}));
    if (traits(view->dtype).block_elements != 1)
      return corrupt("tensor '" + name + "' is a vector of type " +
                     std::string(traits(view->dtype).name) + "; F32, F16 or BF16 is needed");
    return device_.load_vector(*view);
  }

  // An empty Buffer when the model has no such part.
  Result<Buffer> vector_if(bool is_present, const std::string& name, std::int64_t size) {
    if (!is_present) return Buffer{};
    return vector(name, size);
  }

  void skip(const std::string& name) { taken_.insert(name); }

  Status check_all_taken(const ModelConfig& config) const {
    for (const auto& [name, view] : tensors_) {
      if (taken_.contains(name) || is_derivable(name)) continue;
      return corrupt("tensor '" + name + "' has no place in a " + config.architecture +
                     " model of " + std::to_string(config.layers) + " layers");
    }
    return ok();
  }

 private:
  Result<const TensorView*> take(const std::string& name, const Shape& shape) {
    const auto found = tensors_.find(name);
    if (found == tensors_.end()) return corrupt("tensor '" + name + "' is missing");
    if (found->second.shape != shape)
      return corrupt("tensor '" + name + "' has shape " + text_of(found->second.shape) +
                     "; the config needs " + text_of(shape));
    taken_.insert(name);
    return &found->second;
  }

  static bool is_derivable(std::string_view name) {
    for (std::string_view ending : kDerivable)
      if (name.ends_with(ending)) return true;
    return false;
  }

  Device& device_;
  const NamedTensors& tensors_;
  Precision precision_;
  std::set<std::string, std::less<>> taken_;
};

Result<Notation> notation_of(const NamedTensors& tensors) {
  static constexpr Notation kBare = without_prefix(kHuggingFace);
  for (const Notation& notation : {kHuggingFace, kBare, kGguf})
    if (tensors.contains(std::string(notation.embedding) + ".weight")) return notation;
  return corrupt("tensor 'model.embed_tokens.weight' (GGUF: 'token_embd.weight') is missing");
}

Status load_attention(LayerWeights& layer, Loader& loader, const ModelConfig& c,
                      const Notation& names, const std::string& prefix) {
  const std::int64_t q_rows = std::int64_t{c.heads} * c.head_dim;
  const std::int64_t kv_rows = std::int64_t{c.kv_heads} * c.head_dim;
  const auto stem = [&](std::string_view name) { return prefix + std::string(name); };
  const auto bias = [&](std::string_view name, std::int64_t size) {
    return loader.vector_if(c.attention_bias, stem(name) + ".bias", size);
  };
  CONDUIT_TRY(layer.attention_norm,
              loader.vector(stem(names.attention_norm) + ".weight", c.hidden));
  CONDUIT_TRY(layer.q, loader.matrix(stem(names.q), q_rows, c.hidden));
  CONDUIT_TRY(layer.k, loader.matrix(stem(names.k), kv_rows, c.hidden));
  CONDUIT_TRY(layer.v, loader.matrix(stem(names.v), kv_rows, c.hidden));
  CONDUIT_TRY(layer.out, loader.matrix(stem(names.out), c.hidden, q_rows));
  CONDUIT_TRY(layer.q_bias, bias(names.q, q_rows));
  CONDUIT_TRY(layer.k_bias, bias(names.k, kv_rows));
  CONDUIT_TRY(layer.v_bias, bias(names.v, kv_rows));
  CONDUIT_TRY(layer.out_bias, bias(names.out, c.hidden));
  CONDUIT_TRY(layer.q_norm,
              loader.vector_if(c.qk_norm, stem(names.q_norm) + ".weight", c.head_dim));
  CONDUIT_TRY(layer.k_norm,
              loader.vector_if(c.qk_norm, stem(names.k_norm) + ".weight", c.head_dim));
  return ok();
}

Status load_mlp(LayerWeights& layer, Loader& loader, const ModelConfig& c, const Notation& names,
                const std::string& prefix) {
  const auto stem = [&](std::string_view name) { return prefix + std::string(name); };
  const auto bias = [&](std::string_view name, std::int64_t size) {
    return loader.vector_if(c.mlp_bias, stem(name) + ".bias", size);
  };
  CONDUIT_TRY(layer.mlp_norm, loader.vector(stem(names.mlp_norm) + ".weight", c.hidden));
  CONDUIT_TRY(layer.gate, loader.matrix(stem(names.gate), c.intermediate, c.hidden));
  CONDUIT_TRY(layer.up, loader.matrix(stem(names.up), c.intermediate, c.hidden));
  CONDUIT_TRY(layer.down, loader.matrix(stem(names.down), c.hidden, c.intermediate));
  CONDUIT_TRY(layer.gate_bias, bias(names.gate, c.intermediate));
  CONDUIT_TRY(layer.up_bias, bias(names.up, c.intermediate));
  CONDUIT_TRY(layer.down_bias, bias(names.down, c.hidden));
  return ok();
}

bool is_same(const TensorView& a, const TensorView& b) {
  return a.dtype == b.dtype && a.shape == b.shape &&
         std::memcmp(a.data, b.data, static_cast<std::size_t>(a.bytes())) == 0;
}

// A config may say "tied" and the file still carry a head. Like transformers 5: a copy of the
// embedding is left out, a head of its own is used.
bool needs_head(const ModelConfig& config, const NamedTensors& tensors,
                const std::string& embedding, const std::string& head) {
  if (!config.tied_embeddings) return true;
  const auto found = tensors.find(head);
  return found != tensors.end() && !is_same(found->second, tensors.at(embedding));
}

}  // namespace

Result<Weights> load_weights(Device& device, const ModelConfig& config, const NamedTensors& tensors,
                             Precision precision) {
  CONDUIT_TRY(const Notation names, notation_of(tensors));
  Loader loader(device, tensors, precision);
  Weights weights;
  const std::string embedding(names.embedding), head(names.head);
  CONDUIT_TRY(weights.embedding, loader.matrix(embedding, config.vocab, config.hidden));
  for (int i = 0; i < config.layers; ++i) {
    const std::string prefix = std::string(names.layers) + std::to_string(i) + ".";
    LayerWeights layer;
    CONDUIT_TRY_STATUS(load_attention(layer, loader, config, names, prefix));
    CONDUIT_TRY_STATUS(load_mlp(layer, loader, config, names, prefix));
    weights.layers.push_back(std::move(layer));
  }
  CONDUIT_TRY(weights.final_norm,
              loader.vector(std::string(names.final_norm) + ".weight", config.hidden));
  if (needs_head(config, tensors, embedding + ".weight", head + ".weight")) {
    CONDUIT_TRY(weights.head, loader.matrix(head, config.vocab, config.hidden));
  } else {
    loader.skip(head + ".weight");
  }
  CONDUIT_TRY_STATUS(loader.check_all_taken(config));
  return weights;
}

}  // namespace conduit::kernels
