// The tensors of a tiny model, their random values, and the two kinds of files.
#include "tests/support/tiny_model.h"

#include <cmath>
#include <random>
#include <vector>

#include "kernels/model/config.h"
#include "kernels/model/gguf_writer.h"
#include "mdl/base/check.h"
#include "mdl/base/json.h"
#include "tests/support/quantise.h"
#include "tests/support/tiny_tokenizer.h"
#include "tests/support/weight_files.h"

namespace conduit::testing {
namespace {

using kernels::DType;
using kernels::RopeScaling;

constexpr float kRopeTheta = 10000;
constexpr float kRmsEps = 1e-5f;
constexpr float kRopeFactor = 4;
constexpr int kRopeOriginalMaxPosition = 64;  // llama3: short, so that every band of it is used

enum class Role { matrix, embedding, norm, bias };

struct TinyTensor {
  std::string hf_name;
  std::string gguf_name;
  Role role = Role::matrix;
  std::vector<std::int64_t> shape;
  int rotary_heads = 0;  // q and k: GGUF's llama orders the rows of each head by rotary pairs
};

bool is_qwen3(const TinyModelOptions& options) { return options.architecture == "qwen3"; }

std::vector<TinyTensor> layer_tensors(const TinyModelOptions& o, int layer) {
  const std::string hf = "model.layers." + std::to_string(layer) + ".";
  const std::string gguf = "blk." + std::to_string(layer) + ".";
  std::vector<TinyTensor> tensors;
  const auto vector = [&](const char* hf_name, const char* gguf_name, Role role, int size) {
    tensors.push_back({hf + hf_name, gguf + gguf_name, role, {size}});
  };
  const auto matrix = [&](std::string hf_name, std::string gguf_name, int rows, int cols,
                          bool has_bias, int rotary_heads = 0) {
    tensors.push_back({hf + hf_name + ".weight",
                       gguf + gguf_name + ".weight",
                       Role::matrix,
                       {rows, cols},
                       rotary_heads});
    if (has_bias)
      tensors.push_back(
          {hf + hf_name + ".bias", gguf + gguf_name + ".bias", Role::bias, {rows}, rotary_heads});
  };
  const bool bias = o.attention_bias;
  const int q_rows = o.heads * o.head_dim, kv_rows = o.kv_heads * o.head_dim;
  vector("input_layernorm.weight", "attn_norm.weight", Role::norm, o.hidden);
  matrix("self_attn.q_proj", "attn_q", q_rows, o.hidden, bias, o.heads);
  matrix("self_attn.k_proj", "attn_k", kv_rows, o.hidden, bias, o.kv_heads);
  matrix("self_attn.v_proj", "attn_v", kv_rows, o.hidden, bias);
  matrix("self_attn.o_proj", "attn_output", o.hidden, q_rows, bias);
  if (is_qwen3(o)) {
    vector("self_attn.q_norm.weight", "attn_q_norm.weight", Role::norm, o.head_dim);
    vector("self_attn.k_norm.weight", "attn_k_norm.weight", Role::norm, o.head_dim);
  }
  vector("post_attention_layernorm.weight", "ffn_norm.weight", Role::norm, o.hidden);
  matrix("mlp.gate_proj", "ffn_gate", o.intermediate, o.hidden, false);
  matrix("mlp.up_proj", "ffn_up", o.intermediate, o.hidden, false);
  matrix("mlp.down_proj", "ffn_down", o.hidden, o.intermediate, false);
  return tensors;
}

std::vector<TinyTensor> model_tensors(const TinyModelOptions& o) {
  std::vector<TinyTensor> tensors = {
      {"model.embed_tokens.weight", "token_embd.weight", Role::embedding, {o.vocab, o.hidden}}};
  for (int layer = 0; layer < o.layers; ++layer)
    for (TinyTensor& tensor : layer_tensors(o, layer)) tensors.push_back(std::move(tensor));
  tensors.push_back({"model.norm.weight", "output_norm.weight", Role::norm, {o.hidden}});
  if (!o.tied_embeddings)
    tensors.push_back({"lm_head.weight", "output.weight", Role::matrix, {o.vocab, o.hidden}});
  return tensors;
}

// std::hash and the distributions of <random> differ between libraries; these do not.
std::uint64_t fnv1a(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (unsigned char c : text) hash = (hash ^ c) * 0x100000001b3u;
  return hash;
}

// Uniform with a spread that keeps activations near 1 and logits well apart.
std::vector<float> random_values(const TinyTensor& tensor, std::uint64_t seed) {
  std::int64_t count = 1;
  for (std::int64_t extent : tensor.shape) count *= extent;
  const float spread = tensor.role == Role::matrix
                           ? 3.0f / std::sqrt(static_cast<float>(tensor.shape.back()))
                       : tensor.role == Role::embedding ? 1.5f
                                                        : 0.3f;
  const float centre = tensor.role == Role::norm ? 1.0f : 0.0f;
  std::mt19937_64 random(fnv1a(tensor.hf_name) ^ seed);
  std::vector<float> values(static_cast<std::size_t>(count));
  for (float& value : values) {
    const float unit = static_cast<float>(random() >> 40) * 0x1p-24f;  // [0, 1)
    value = centre + spread * (2 * unit - 1);
  }
  return values;
}

// Rows of each head from halves (i, i + half) to pairs (2i, 2i + 1).
std::vector<float> interleave_rows(const std::vector<float>& values, int heads, int head_dim) {
  const std::size_t cols = values.size() / static_cast<std::size_t>(heads * head_dim);
  std::vector<float> result;
  result.reserve(values.size());
  for (int head = 0; head < heads; ++head) {
    for (int row = 0; row < head_dim; ++row) {
      const int source = head * head_dim + (row % 2) * (head_dim / 2) + row / 2;
      const auto first = values.begin() + static_cast<std::ptrdiff_t>(source * cols);
      result.insert(result.end(), first, first + static_cast<std::ptrdiff_t>(cols));
    }
  }
  return result;
}

json::Value rope_scaling_json(const TinyModelOptions& options) {
  json::Value rope;
  if (options.rope_scaling.empty()) return rope;
  rope.set("rope_type", options.rope_scaling);
  rope.set("factor", kRopeFactor);
  if (options.rope_scaling == "llama3") {
    rope.set("low_freq_factor", 1.0);
    rope.set("high_freq_factor", 4.0);
    rope.set("original_max_position_embeddings", kRopeOriginalMaxPosition);
  }
  return rope;
}

json::Value config_json(const TinyModelOptions& o) {
  json::Value config;
  config.set("architectures", json::Array{is_qwen3(o) ? "Qwen3ForCausalLM" : "LlamaForCausalLM"});
  config.set("model_type", o.architecture);
  config.set("hidden_act", "silu");
  config.set("hidden_size", o.hidden);
  config.set("num_hidden_layers", o.layers);
  config.set("num_attention_heads", o.heads);
  config.set("num_key_value_heads", o.kv_heads);
  config.set("head_dim", o.head_dim);
  config.set("intermediate_size", o.intermediate);
  config.set("vocab_size", o.vocab);
  config.set("max_position_embeddings", o.max_position);
  config.set("rms_norm_eps", static_cast<double>(kRmsEps));
  config.set("rope_theta", static_cast<double>(kRopeTheta));
  config.set("rope_scaling", rope_scaling_json(o));
  config.set("attention_bias", o.attention_bias);
  config.set("tie_word_embeddings", o.tied_embeddings);
  config.set("bos_token_id", 1);
  config.set("eos_token_id", 2);
  return config;
}

void write_json(const std::filesystem::path& path, const json::Value& value) {
  write_file(path, json::dump(value));
}

std::string shard_name(int shard, int shards) {
  if (shards == 1) return "model.safetensors";
  const auto five_digits = [](int number) {
    const std::string digits = std::to_string(number);
    return std::string(5 - digits.size(), '0') + digits;
  };
  return "model-" + five_digits(shard + 1) + "-of-" + five_digits(shards) + ".safetensors";
}

void write_safetensors(const std::filesystem::path& folder, const TinyModelOptions& options) {
  std::vector<std::vector<SafetensorsEntry>> shards(static_cast<std::size_t>(options.shards));
  json::Value weight_map = json::Object{};
  std::size_t total = 0, next = 0;
  for (const TinyTensor& tensor : model_tensors(options)) {
    const std::size_t shard = next++ % shards.size();
    std::string bytes = quantise(options.dtype, random_values(tensor, options.seed));
    total += bytes.size();
    weight_map.set(tensor.hf_name, shard_name(static_cast<int>(shard), options.shards));
    shards[shard].push_back({tensor.hf_name, std::string(kernels::traits(options.dtype).name),
                             tensor.shape, std::move(bytes)});
  }
  for (std::size_t shard = 0; shard < shards.size(); ++shard)
    write_file(folder / shard_name(static_cast<int>(shard), options.shards),
               safetensors_file(shards[shard]));
  if (options.shards == 1) return;
  json::Value metadata;
  metadata.set("total_size", total);
  json::Value index;
  index.set("metadata", metadata);
  index.set("weight_map", weight_map);
  write_json(folder / "model.safetensors.index.json", index);
}

void write_tokenizer_files(const std::filesystem::path& folder, const TinyModelOptions& options) {
  if (options.tokenizer)
    write_json(folder / "tokenizer.json", tiny_tokenizer_json(make_tiny_tokenizer(options.vocab)));
  json::Value config;
  config.set("bos_token", kTinyBos);
  config.set("eos_token", kTinyEos);
  if (options.chat_template) config.set("chat_template", tiny_chat_template());
  write_json(folder / "tokenizer_config.json", config);
}

void add_gguf_config(GgufWriter& file, const TinyModelOptions& o) {
  const auto key = [&](const char* name) { return o.architecture + "." + name; };
  const auto number = [&](const char* name, int value) {
    file.number(key(name), static_cast<std::uint32_t>(value));
  };
  file.text("general.architecture", o.architecture);
  file.text("general.name", "tiny");
  number("context_length", o.max_position);
  number("embedding_length", o.hidden);
  number("block_count", o.layers);
  number("feed_forward_length", o.intermediate);
  number("attention.head_count", o.heads);
  number("attention.head_count_kv", o.kv_heads);
  number("attention.key_length", o.head_dim);
  number("attention.value_length", o.head_dim);
  number("rope.dimension_count", o.head_dim);
  number("vocab_size", o.vocab);
  file.real(key("attention.layer_norm_rms_epsilon"), kRmsEps);
  file.real(key("rope.freq_base"), kRopeTheta);
  if (o.rope_scaling == "linear") {
    file.text(key("rope.scaling.type"), "linear");
    file.real(key("rope.scaling.factor"), kRopeFactor);
  }
  file.number("tokenizer.ggml.bos_token_id", 1);
  file.number("tokenizer.ggml.eos_token_id", 2);
}

void add_gguf_tokenizer(GgufWriter& file, const TinyModelOptions& options) {
  constexpr std::int32_t kNormal = 1, kControl = 3, kUnused = 5;  // docs/gguf.md, token_type
  TinyTokenizer tokenizer = make_tiny_tokenizer(options.vocab);
  std::vector<std::int32_t> types(tokenizer.tokens.size(), kNormal);
  for (int id = 0; id < 3; ++id) types[static_cast<std::size_t>(id)] = kControl;
  while (static_cast<int>(tokenizer.tokens.size()) < options.vocab) {
    tokenizer.tokens.push_back("[PAD" + std::to_string(tokenizer.tokens.size()) + "]");
    types.push_back(kUnused);
  }
  file.text("tokenizer.ggml.model", "gpt2");
  file.text("tokenizer.ggml.pre", "gpt-2");
  file.texts("tokenizer.ggml.tokens", tokenizer.tokens);
  file.numbers("tokenizer.ggml.token_type", types);
  file.texts("tokenizer.ggml.merges", tokenizer.merges);
  file.flag("tokenizer.ggml.add_bos_token", false);
}

// What llama.cpp's converter writes for llama3 scaling: by how much each pair turns slower.
void add_rope_factors(GgufWriter& file, const TinyModelOptions& options) {
  kernels::RopeConfig rope;
  rope.theta = kRopeTheta;
  std::vector<float> factors = kernels::rope_inverse_frequencies(rope, options.head_dim);
  rope.scaling = RopeScaling::llama3;
  rope.factor = kRopeFactor;
  rope.original_max_position = kRopeOriginalMaxPosition;
  const std::vector<float> scaled = kernels::rope_inverse_frequencies(rope, options.head_dim);
  for (std::size_t i = 0; i < factors.size(); ++i) factors[i] /= scaled[i];
  file.tensor("rope_freqs.weight", {static_cast<std::int64_t>(factors.size())},
              kernels::ggml_type_of(DType::f32), quantise(DType::f32, factors));
}

void check(const TinyModelOptions& o) {
  CONDUIT_CHECK(is_qwen3(o) || o.architecture == "llama", "tiny models are llama or qwen3");
  CONDUIT_CHECK(o.rope_scaling.empty() || o.rope_scaling == "linear" || o.rope_scaling == "llama3",
                "rope_scaling is \"\", linear or llama3");
  CONDUIT_CHECK(o.shards >= 1 && o.shards < 100000, "a shard's number has five digits");
}

}  // namespace

std::filesystem::path write_tiny_hf_model(const std::filesystem::path& folder,
                                          const TinyModelOptions& options) {
  check(options);
  CONDUIT_CHECK(kernels::traits(options.dtype).block_elements == 1,
                "safetensors has no block formats");
  std::filesystem::create_directories(folder);
  write_json(folder / "config.json", config_json(options));
  json::Value generation;
  generation.set("bos_token_id", 1);
  generation.set("eos_token_id", json::Array{2, 0});
  write_json(folder / "generation_config.json", generation);
  write_safetensors(folder, options);
  write_tokenizer_files(folder, options);
  return folder;
}

std::filesystem::path write_tiny_gguf(const std::filesystem::path& folder,
                                      const TinyModelOptions& options) {
  check(options);
  GgufWriter file;
  add_gguf_config(file, options);
  if (options.tokenizer) add_gguf_tokenizer(file, options);
  if (options.chat_template) file.text("tokenizer.chat_template", tiny_chat_template());
  for (const TinyTensor& tensor : model_tensors(options)) {
    std::vector<float> values = random_values(tensor, options.seed);
    if (tensor.rotary_heads > 0 && options.architecture == "llama")
      values = interleave_rows(values, tensor.rotary_heads, options.head_dim);
    const bool is_vector = tensor.shape.size() == 1;
    const DType dtype = is_vector ? DType::f32 : options.dtype;
    file.tensor(tensor.gguf_name, tensor.shape, kernels::ggml_type_of(dtype),
                quantise(dtype, values));
  }
  if (options.rope_scaling == "llama3") add_rope_factors(file, options);
  std::filesystem::create_directories(folder);
  std::filesystem::path path = folder / "tiny.gguf";
  write_file(path, file.finish());
  return path;
}

}  // namespace conduit::testing
