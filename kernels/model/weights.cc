// Which parts a model of a given config has, in reading order; names: weights_names.h.
#include "kernels/model/weights.h"

#include <cstring>
#include <string_view>
#include <utility>

#include "kernels/model/weights_loader.h"
#include "kernels/model/weights_names.h"

namespace conduit::kernels {
namespace {

// The loader of one model: its config and notation at hand.
class WeightsReader {
 public:
  WeightsReader(Device* device, const ModelConfig& config, const NamedTensors& tensors,
                const Notation& names, Precision precision, const OnLoaded& on_loaded)
      : config_(config),
        tensors_(tensors),
        names_(names),
        prefix_(names.prefix),
        loader_(device, tensors, config, precision, on_loaded) {}

  Result<Weights> read();

 private:
  Status read_input(Weights& weights);
  Status read_attention(LayerWeights& layer, const std::string& stem);
  Status read_inputs(LayerWeights& layer, const std::string& stem);
  Status read_mlp(LayerWeights& layer, const std::string& stem);
  Status read_experts(LayerWeights& layer, const std::string& stem);
  Result<Mlp> read_expert(const std::string& stem, int index);
  Status read_output(Weights& weights);
  bool needs_head(const std::string& embedding, const std::string& head) const;

  bool has_norm_before() const { return config_.norms != NormPlacement::after; }
  bool has_norm_after() const { return config_.norms != NormPlacement::before; }
  std::int64_t q_rows() const { return std::int64_t{config_.heads} * config_.head_dim; }
  std::int64_t kv_rows() const { return std::int64_t{config_.kv_heads} * config_.head_dim; }
  // Of one part of a layer, or of the model.
  static std::string join(const std::string& stem, std::string_view name) {
    return stem + std::string(name);
  }

  const ModelConfig& config_;
  const NamedTensors& tensors_;
  const Notation& names_;
  std::string prefix_;
  Loader loader_;
};

Result<Weights> WeightsReader::read() {
  Weights weights;
  CONDUIT_TRY_STATUS(read_input(weights));
  for (int i = 0; i < config_.layers; ++i) {
    const std::string stem = join(prefix_, names_.layers) + std::to_string(i) + ".";
    LayerWeights layer;
    CONDUIT_TRY_STATUS(read_attention(layer, stem));
    CONDUIT_TRY_STATUS(config_.layer[i].has_experts ? read_experts(layer, stem)
                                                    : read_mlp(layer, stem));
    weights.layers.push_back(std::move(layer));
  }
  CONDUIT_TRY_STATUS(read_output(weights));
  CONDUIT_TRY_STATUS(loader_.check_all_taken());
  return weights;
}

Status WeightsReader::read_input(Weights& weights) {
  const int hidden = config_.hidden;
  CONDUIT_TRY(weights.embedding,
              loader_.matrix(join(prefix_, names_.embedding), config_.vocab, hidden));
  if (config_.has_learned_positions) {
    CONDUIT_TRY(weights.positions,
                loader_.matrix(join(prefix_, names_.positions), config_.max_position, hidden));
  }
  if (config_.token_types > 0) {
    CONDUIT_TRY(weights.token_types,
                loader_.matrix(join(prefix_, names_.token_types), config_.token_types, hidden));
  }
  if (has_norm_before()) return ok();
  CONDUIT_TRY(weights.embedding_norm, loader_.norm(join(prefix_, names_.embedding_norm), hidden));
  return ok();
}

Status WeightsReader::read_attention(LayerWeights& layer, const std::string& stem) {
  if (has_norm_before()) {
    CONDUIT_TRY(layer.attention_norm,
                loader_.norm(join(stem, names_.attention_norm), config_.hidden));
  }
  CONDUIT_TRY_STATUS(read_inputs(layer, stem));
  if (config_.qk_norm) {
    CONDUIT_TRY(layer.q_norm, loader_.norm_weight(join(stem, names_.q_norm), config_.head_dim));
    CONDUIT_TRY(layer.k_norm, loader_.norm_weight(join(stem, names_.k_norm), config_.head_dim));
  }
  CONDUIT_TRY(layer.out,
              loader_.linear(join(stem, names_.out), config_.hidden, q_rows(), config_.out_bias));
  if (!has_norm_after()) return ok();
  CONDUIT_TRY(layer.attention_post_norm,
              loader_.norm(join(stem, names_.attention_post_norm), config_.hidden));
  return ok();
}

Status WeightsReader::read_inputs(LayerWeights& layer, const std::string& stem) {
  const int hidden = config_.hidden;
  if (config_.has_fused_inputs) {
    const std::string qkv = join(stem, names_.qkv);
    const std::int64_t total = q_rows() + 2 * kv_rows();
    CONDUIT_TRY(layer.q.weight, loader_.rows_of(qkv, total, hidden, {0, q_rows()}));
    CONDUIT_TRY(layer.k.weight, loader_.rows_of(qkv, total, hidden, {q_rows(), kv_rows()}));
    CONDUIT_TRY(layer.v.weight,
                loader_.rows_of(qkv, total, hidden, {q_rows() + kv_rows(), kv_rows()}));
    return ok();
  }
  const bool bias = config_.qkv_bias;
  CONDUIT_TRY(layer.q, loader_.linear(join(stem, names_.q), q_rows(), hidden, bias));
  CONDUIT_TRY(layer.k, loader_.linear(join(stem, names_.k), kv_rows(), hidden, bias));
  CONDUIT_TRY(layer.v, loader_.linear(join(stem, names_.v), kv_rows(), hidden, bias));
  return ok();
}

Status WeightsReader::read_mlp(LayerWeights& layer, const std::string& stem) {
  const int hidden = config_.hidden;
  const int inner = config_.intermediate;
  const bool bias = config_.mlp_bias;
  if (has_norm_before()) {
    CONDUIT_TRY(layer.mlp_norm, loader_.norm(join(stem, names_.mlp_norm), hidden));
  }
  Mlp& mlp = layer.mlp;
  if (config_.has_fused_inputs) {
    const std::string gate_up = join(stem, names_.gate_up);
    const std::int64_t total = std::int64_t{2} * inner;
    CONDUIT_TRY(mlp.gate.weight, loader_.rows_of(gate_up, total, hidden, {0, inner}));
    CONDUIT_TRY(mlp.up.weight, loader_.rows_of(gate_up, total, hidden, {inner, inner}));
  } else {
    if (config_.is_gated) {
      CONDUIT_TRY(mlp.gate, loader_.linear(join(stem, names_.gate), inner, hidden, bias));
    }
    CONDUIT_TRY(mlp.up, loader_.linear(join(stem, names_.up), inner, hidden, bias));
  }
  CONDUIT_TRY(mlp.down, loader_.linear(join(stem, names_.down), hidden, inner, bias));
  if (!has_norm_after()) return ok();
  CONDUIT_TRY(layer.mlp_post_norm, loader_.norm(join(stem, names_.mlp_post_norm), hidden));
  return ok();
}

Status WeightsReader::read_experts(LayerWeights& layer, const std::string& stem) {
  CONDUIT_TRY(layer.mlp_norm, loader_.norm(join(stem, names_.mlp_norm), config_.hidden));
  // A row's experts are a choice, which rounding must not make: the matrix is small.
  CONDUIT_TRY(layer.router,
              loader_.exact_matrix(join(stem, names_.router), config_.experts, config_.hidden));
  for (int i = 0; i < config_.experts; ++i) {
    CONDUIT_TRY(Mlp expert, read_expert(stem, i));
    layer.experts.push_back(std::move(expert));
  }
  return ok();
}

Result<Mlp> WeightsReader::read_expert(const std::string& stem, int index) {
  const int hidden = config_.hidden;
  const int inner = config_.expert_intermediate;
  const auto matrix = [&](std::string_view each, std::string_view all, int rows, int cols) {
    if (names_.experts.empty())
      return loader_.layer_of(join(stem, all), config_.experts, index, rows, cols);
    // `mlp.gate_proj` of expert 3 is `mlp.experts.3.gate_proj`.
    const std::string_view name = each.substr(each.find('.') + 1);
    return loader_.matrix(join(join(stem, names_.experts) + std::to_string(index) + ".", name),
                          rows, cols);
  };
  Mlp expert;
  CONDUIT_TRY(expert.gate.weight, matrix(names_.gate, names_.all_gates, inner, hidden));
  CONDUIT_TRY(expert.up.weight, matrix(names_.up, names_.all_ups, inner, hidden));
  CONDUIT_TRY(expert.down.weight, matrix(names_.down, names_.all_downs, hidden, inner));
  return expert;
}

bool is_same_tensor(const TensorView& a, const TensorView& b) {
  return a.dtype == b.dtype && a.shape == b.shape &&
         std::memcmp(a.data, b.data, static_cast<std::size_t>(a.bytes())) == 0;
}

// A config may say "tied" and the file still carry a head. Like transformers 5: a copy of the
// embedding is left out, a head of its own is used.
bool WeightsReader::needs_head(const std::string& embedding, const std::string& head) const {
  if (!config_.tied_embeddings) return true;
  const auto found = tensors_.find(head);
  return found != tensors_.end() && !is_same_tensor(found->second, tensors_.at(embedding));
}

Status WeightsReader::read_output(Weights& weights) {
  const int hidden = config_.hidden;
  if (has_norm_before()) {
    CONDUIT_TRY(weights.final_norm, loader_.norm(join(prefix_, names_.final_norm), hidden));
  }
  if (config_.has_head) {
    const std::string head(names_.head);
    if (needs_head(join(prefix_, names_.embedding) + ".weight", head + ".weight")) {
      CONDUIT_TRY(weights.head, loader_.matrix(head, config_.vocab, hidden));
    } else {
      loader_.skip(head + ".weight");
    }
  }
  if (names_.pooler.empty()) return ok();
  const std::string pooler = join(prefix_, names_.pooler);
  if (config_.labels > 0) {
    CONDUIT_TRY(weights.pooler, loader_.linear(pooler, hidden, hidden, true));
    CONDUIT_TRY(weights.classifier,
                loader_.linear(std::string(names_.classifier), config_.labels, hidden, true));
  } else {  // an embedding is pooled otherwise
    loader_.skip(pooler + ".weight");
    loader_.skip(pooler + ".bias");
  }
  return ok();
}

}  // namespace

Result<Weights> load_weights(Device& device, const ModelConfig& config, const NamedTensors& tensors,
                             Precision precision, const OnLoaded& on_loaded) {
  CONDUIT_TRY(const Notation names, notation_of(config, tensors));
  return WeightsReader(&device, config, tensors, names, precision, on_loaded).read();
}

Status check_weights(const ModelConfig& config, const NamedTensors& tensors) {
  CONDUIT_TRY(const Notation names, notation_of(config, tensors));
  const auto read = WeightsReader(nullptr, config, tensors, names, Precision::fast, {}).read();
  return read ? ok() : Status(read.error());
}

bool is_saved_without_head(const ModelConfig& config, const NamedTensors& tensors) {
  const Result<Notation> names = notation_of(config, tensors);
  return names && names->prefix.empty() && !names->experts.empty() && !config.tied_embeddings &&
         !tensors.contains(std::string(names->head) + ".weight");
}

std::size_t device_bytes_of(const Weights& weights) {
  std::size_t bytes = 0;
  const auto add_norm = [&](const Norm& norm) { bytes += norm.weight.bytes + norm.bias.bytes; };
  const auto add_linear = [&](const Linear& linear) {
    bytes += linear.weight.storage.bytes + linear.bias.bytes;
  };
  const auto add_mlp = [&](const Mlp& mlp) {
    for (const Linear* linear : {&mlp.gate, &mlp.up, &mlp.down}) add_linear(*linear);
  };
  bytes += weights.embedding.storage.bytes;
  for (const auto* matrix : {&weights.positions, &weights.token_types, &weights.head})
    if (*matrix) bytes += (*matrix)->storage.bytes;
  for (const auto* linear : {&weights.pooler, &weights.classifier})
    if (*linear) add_linear(**linear);
  add_norm(weights.embedding_norm);
  add_norm(weights.final_norm);
  for (const LayerWeights& layer : weights.layers) {
    for (const Norm* norm :
         {&layer.attention_norm, &layer.attention_post_norm, &layer.mlp_norm, &layer.mlp_post_norm})
      add_norm(*norm);
    for (const Linear* linear : {&layer.q, &layer.k, &layer.v, &layer.out}) add_linear(*linear);
    bytes += layer.q_norm.bytes + layer.k_norm.bytes + layer.router.storage.bytes;
    add_mlp(layer.mlp);
    for (const Mlp& expert : layer.experts) add_mlp(expert);
  }
  return bytes;
}

}  // namespace conduit::kernels
