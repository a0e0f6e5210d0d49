// GGUF metadata → ModelConfig. Key names: ggml's docs/gguf.md; what llama.cpp assumes where a key
// is absent is assumed here too.
#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include "kernels/dequantise.h"
#include "kernels/model/config_checks.h"
#include "kernels/model/gguf.h"

namespace conduit::kernels {
namespace {

using namespace config_checks;

class GgufFields {
 public:
  GgufFields(const GgufFile& file, std::string architecture)
      : file_(file), prefix_(std::move(architecture) + ".") {}

  std::string full(std::string_view key) const { return prefix_ + std::string(key); }
  bool has(std::string_view key) const { return file_.find(full(key)) != nullptr; }

  Result<int> integer(std::string_view key, std::int64_t limit) const {
    CONDUIT_TRY(const std::int64_t value, file_.integer(full(key)));
    return bounded(value, limit, full(key));
  }
  Result<int> integer_or(std::string_view key, std::int64_t limit, int otherwise) const {
    if (!has(key)) return otherwise;
    return integer(key, limit);
  }
  Result<float> real(std::string_view key, double minimum) const {
    CONDUIT_TRY(const double value, file_.real(full(key)));
    return at_least(minimum, value, full(key));
  }
  Result<std::string> text(std::string_view key) const { return file_.text(full(key)); }

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

Status read_gguf_sizes(ModelConfig& c, const GgufFile& file, const GgufFields& fields) {
  CONDUIT_TRY(c.hidden, fields.integer("embedding_length", kMaxWidth));
  CONDUIT_TRY(c.layers, fields.integer("block_count", kMaxLayers));
  CONDUIT_TRY(c.heads, fields.integer("attention.head_count", kMaxHeads));
  CONDUIT_TRY(c.kv_heads, fields.integer_or("attention.head_count_kv", kMaxHeads, c.heads));
  CONDUIT_TRY(c.intermediate, fields.integer("feed_forward_length", kMaxWidth));
  CONDUIT_TRY(c.max_position, fields.integer("context_length", kMaxPositions));
  CONDUIT_TRY(c.rms_eps, fields.real("attention.layer_norm_rms_epsilon", kTiny));
  CONDUIT_TRY(c.vocab, gguf_vocab(file, fields));
  CONDUIT_TRY(const int derived, bounded(c.hidden / c.heads, kMaxHeadDim, "the head size"));
  CONDUIT_TRY(c.head_dim, fields.integer_or("attention.key_length", kMaxHeadDim, derived));
  for (const char* same : {"attention.value_length", "rope.dimension_count"}) {
    CONDUIT_TRY(const int value, fields.integer_or(same, kMaxHeadDim, c.head_dim));
    if (value != c.head_dim)
      return unsupported(fields.full(same) + " " + std::to_string(value) + " with heads of " +
                         std::to_string(c.head_dim));
  }
  for (const char* feature : {"expert_count", "attention.sliding_window"}) {
    if (!fields.has(feature)) continue;
    CONDUIT_TRY(const std::int64_t value, file.integer(fields.full(feature)));
    if (value != 0) return unsupported(fields.full(feature) + " " + std::to_string(value));
  }
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

Status read_gguf_rope(ModelConfig& c, const GgufFile& file, const GgufFields& fields) {
  // llama.cpp's converter reorders the rows of Llama's q and k to pairs (2i, 2i + 1), others' not.
  c.rope_interleaved = c.architecture == "llama";
  if (fields.has("rope.freq_base")) {
    CONDUIT_TRY(c.rope_theta, fields.real("rope.freq_base", 1));
  }
  CONDUIT_TRY(c.rope_freq_factors, rope_factors(file, c.head_dim / 2));
  std::string kind = "linear";  // llama.cpp's reading of a factor without a type
  if (fields.has("rope.scaling.type")) {
    CONDUIT_TRY(kind, fields.text("rope.scaling.type"));
  }
  if (kind == "none") return ok();
  if (kind != "linear") return unsupported("rope scaling '" + kind + "'");
  for (const char* key : {"rope.scaling.factor", "rope.scale_linear"}) {
    if (!fields.has(key)) continue;
    CONDUIT_TRY(c.rope_factor, fields.real(key, 1));
    c.rope_scaling = RopeScaling::linear;
    break;
  }
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

}  // namespace

Result<ModelConfig> config_from_gguf(const GgufFile& file) {
  ModelConfig c;
  CONDUIT_TRY(c.architecture, file.text("general.architecture"));
  CONDUIT_TRY(const Family family, family_of(c.architecture));
  c.qk_norm = family.qk_norm;
  const GgufFields fields(file, c.architecture);
  CONDUIT_TRY_STATUS(read_gguf_sizes(c, file, fields));
  c.tied_embeddings = !file.tensors().contains("output.weight");
  c.attention_bias = file.tensors().contains("blk.0.attn_q.bias");
  c.mlp_bias = file.tensors().contains("blk.0.ffn_gate.bias");
  CONDUIT_TRY_STATUS(read_gguf_rope(c, file, fields));
  CONDUIT_TRY_STATUS(read_gguf_ends(c, file));
  CONDUIT_TRY_STATUS(check(c));
  return c;
}

}  // namespace conduit::kernels
