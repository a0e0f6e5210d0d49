// The names, and the rules.
#include "kernels/model/quantise_types.h"

#include <charconv>

namespace conduit::kernels {
namespace {

constexpr QuantiseType kTypes[] = {
    {"Q4_K_M", DType::q4_k, true, 15}, {"Q5_K_M", DType::q5_k, true, 17},
    {"Q4_K", DType::q4_k, false, 14},  {"Q5_K", DType::q5_k, false, 16},
    {"Q6_K", DType::q6_k, false, 18},  {"Q8_0", DType::q8_0, false, 7},
    {"Q4_0", DType::q4_0, false, 2},   {"Q4_1", DType::q4_1, false, 3},
    {"Q5_0", DType::q5_0, false, 8},   {"Q5_1", DType::q5_1, false, 9},
    {"BF16", DType::bf16, false, 32},  {"F16", DType::f16, false, 1},
    {"F32", DType::f32, false, 0},
};

// "blk.7.attn_v.weight" → 7.
int layer_of(std::string_view name) {
  int layer = 0;
  constexpr std::string_view kStart = "blk.";
  if (name.starts_with(kStart))
    std::from_chars(name.data() + kStart.size(), name.data() + name.size(), layer);
  return layer;
}

// The first and last eighth of the layers, and every third between: llama.cpp's use_more_bits.
bool has_more_bits(int layer, int layers) {
  return layer < layers / 8 || layer >= 7 * layers / 8 || (layer - layers / 8) % 3 == 2;
}

// llama.cpp's tensor_type_fallback: about as many bits in blocks of 32, or else a half.
DType fitting(DType dtype, std::int64_t cols) {
  if (cols % traits(dtype).block_elements == 0) return dtype;
  DType smaller = DType::f16;
  if (dtype == DType::q4_k) smaller = DType::q5_0;
  if (dtype == DType::q5_k) smaller = DType::q5_1;
  if (dtype == DType::q6_k) smaller = DType::q8_0;
  return cols % traits(smaller).block_elements == 0 ? smaller : DType::f16;
}

}  // namespace

Result<QuantiseType> quantise_type_of(std::string_view name) {
  for (const QuantiseType& type : kTypes)
    if (type.name == name) return type;
  return Error{Code::invalid_argument,
               "type '" + std::string(name) +
                   "' is not one that is written; these are: " + quantise_type_names()};
}

std::string quantise_type_names() {
  std::string names;
  for (const QuantiseType& type : kTypes)
    names += (names.empty() ? "" : ", ") + std::string(type.name);
  return names;
}

bool is_quantisable(const GgufTensor& tensor) {
  // A router makes choices, which rounding must not make; the others are only looked up.
  for (const char* kept : {"ffn_gate_inp.weight", "position_embd.weight", "token_types.weight"})
    if (tensor.name.ends_with(kept)) return false;
  return tensor.shape.size() > 1;
}

DType TypeChoice::wanted(std::string_view name) const {
  const DType base = type_.matrices;
  const bool is_output =
      name == "output.weight" || (config_.tied_embeddings && name == "token_embd.weight");
  if (is_output && output_) return *output_;
  if (!is_quantised(base)) return base;
  if (is_output) return base == DType::q8_0 ? base : DType::q6_k;
  if (!type_.is_mixture) return base;
  const bool is_value = name.find("attn_v.") != name.npos;
  const bool is_down = name.find("ffn_down") != name.npos;
  if ((is_value || is_down) && has_more_bits(layer_of(name), config_.layers)) return DType::q6_k;
  if (name.find("attn_qkv.") != name.npos) return base == DType::q4_k ? DType::q5_k : DType::q6_k;
  return base;
}

TypeChoice::Chosen TypeChoice::of(const GgufTensor& tensor) const {
  const DType dtype = wanted(tensor.name);
  return {fitting(dtype, tensor.shape.back()), dtype};
}

}  // namespace conduit::kernels
