// One name after the other, from Hugging Face's notation to GGUF's.
#include "kernels/model/weights_to_gguf.h"

#include <array>
#include <cstring>
#include <string_view>
#include <utility>

#include "kernels/model/config_to_gguf.h"
#include "kernels/model/weights_names.h"

namespace conduit::kernels {
namespace {

using Stem = std::string_view Notation::*;

// What a layer may have, but for experts. Names are unlike in one notation; what a model lacks is
// not among its tensors.
constexpr std::array<Stem, 15> kLayerStems = {
    &Notation::attention_norm,
    &Notation::q,
    &Notation::k,
    &Notation::v,
    &Notation::qkv,
    &Notation::q_norm,
    &Notation::k_norm,
    &Notation::out,
    &Notation::attention_post_norm,
    &Notation::mlp_norm,
    &Notation::gate,
    &Notation::up,
    &Notation::gate_up,
    &Notation::down,
    &Notation::mlp_post_norm,
};

class Mapper {
 public:
  Mapper(const Model& source, Notation from, bool pairs_rows)
      : source_(source), from_(from), to_(gguf_notation()), pairs_rows_(pairs_rows) {}

  std::vector<GgufTensor> map();

 private:
  void take(const std::string& from, const std::string& to, Stem stem);
  void take_layer(int index);
  void take_experts(const std::string& from, const std::string& to);
  bool is_norm(std::string_view name) const { return name.find("norm.") != name.npos; }

  const Model& source_;
  Notation from_, to_;
  bool pairs_rows_;
  std::vector<GgufTensor> tensors_;
};

// A stem's weight and bias, as far as they are there.
void Mapper::take(const std::string& from, const std::string& to, Stem stem) {
  for (const char* ending : {".weight", ".bias"}) {
    const auto found = source_.tensors.find(from + std::string(from_.*stem) + ending);
    if ((from_.*stem).empty() || found == source_.tensors.end()) continue;
    GgufTensor tensor{to + std::string(to_.*stem) + ending, found->second.shape, {found->second}};
    if (pairs_rows_ && (stem == &Notation::q || stem == &Notation::k))
      tensor.head_dim = source_.config.head_dim;
    if (source_.config.norms_are_offsets && is_norm(tensor.name)) tensor.added = 1;
    tensors_.push_back(std::move(tensor));
  }
}

void Mapper::take_experts(const std::string& from, const std::string& to) {
  take(from, to, &Notation::router);
  const ModelConfig& config = source_.config;
  const std::pair<std::string_view, std::string_view> kinds[] = {
      {from_.gate, to_.all_gates}, {from_.up, to_.all_ups}, {from_.down, to_.all_downs}};
  for (const auto& [each, all] : kinds) {
    const std::string_view name = each.substr(each.find('.') + 1);
    GgufTensor tensor{to + std::string(all) + ".weight", {config.experts}, {}};
    for (int i = 0; i < config.experts; ++i)
      tensor.parts.push_back(source_.tensors.at(from + std::string(from_.experts) +
                                                std::to_string(i) + "." + std::string(name) +
                                                ".weight"));
    const auto& shape = tensor.parts.front().shape;
    tensor.shape.insert(tensor.shape.end(), shape.begin(), shape.end());
    tensors_.push_back(std::move(tensor));
  }
}

void Mapper::take_layer(int index) {
  const std::string number = std::to_string(index) + ".";
  const std::string from = std::string(from_.prefix) + std::string(from_.layers) + number;
  const std::string to = std::string(to_.layers) + number;
  for (Stem stem : kLayerStems) take(from, to, stem);
  if (source_.config.layer[static_cast<std::size_t>(index)].has_experts) take_experts(from, to);
}

std::vector<GgufTensor> Mapper::map() {
  const std::string prefix(from_.prefix);
  take(prefix, "", &Notation::embedding);
  for (int i = 0; i < source_.config.layers; ++i) take_layer(i);
  take(prefix, "", &Notation::final_norm);
  const auto head = source_.tensors.find(std::string(from_.head) + ".weight");
  if (head == source_.tensors.end()) return std::move(tensors_);
  const GgufTensor& embedding = tensors_.front();
  const bool is_copy = head->second.dtype == embedding.parts.front().dtype &&
                       std::memcmp(head->second.data, embedding.parts.front().data,
                                   static_cast<std::size_t>(head->second.bytes())) == 0;
  if (!source_.config.tied_embeddings || !is_copy) take("", "", &Notation::head);
  return std::move(tensors_);
}

}  // namespace

std::int64_t GgufTensor::elements() const {
  std::int64_t count = 1;
  for (std::int64_t extent : shape) count *= extent;
  return count;
}

Result<std::vector<GgufTensor>> gguf_tensors_of(const Model& source) {
  CONDUIT_TRY(const std::string architecture, gguf_architecture(source.config));
  CONDUIT_TRY(const Notation from, notation_of(source.config, source.tensors));
  std::vector<GgufTensor> tensors = Mapper(source, from, architecture == "llama").map();
  if (architecture == "gemma2" && tensors.back().name == "output.weight")
    return Error{Code::invalid_argument,
                 "tensor 'lm_head.weight' of a gemma2 cannot be written to GGUF"};
  return tensors;
}

}  // namespace conduit::kernels
