// Which type each tensor of a quantised file has.
// The idea: as llama.cpp's own files (llama-quant.cpp, without an importance matrix): one type for
// all matrices, more bits for the output and, in mixtures, for some of the values and down
// projections; vectors and routers stay as they are.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "kernels/model/weights_to_gguf.h"
#include "mdl/base/result.h"

namespace conduit::kernels {

struct QuantiseType {
  std::string_view name;  // "Q4_K_M"
  DType matrices = DType::q4_k;
  bool is_mixture = false;
  std::uint32_t file_type = 0;  // general.file_type: llama.h, llama_ftype
};

// Error: invalid_argument lists the names.
Result<QuantiseType> quantise_type_of(std::string_view name);
std::string quantise_type_names();  // "Q4_K_M, Q5_K_M, …"

// The types of one file.
class TypeChoice {
 public:
  // output: of the output matrix, which a tied embedding is; none: as llama.cpp.
  TypeChoice(const QuantiseType& type, std::optional<DType> output, const ModelConfig& config)
      : type_(type), output_(output), config_(config) {}

  struct Chosen {
    DType dtype;
    DType wanted;  // another where rows are no multiple of its blocks
  };
  // `tensor` is_quantisable().
  Chosen of(const GgufTensor& tensor) const;

 private:
  DType wanted(std::string_view name) const;

  QuantiseType type_;
  std::optional<DType> output_;
  const ModelConfig& config_;
};

// Whether a tensor is one that takes another type at all: a matrix that a pass multiplies with.
bool is_quantisable(const GgufTensor& tensor);

}  // namespace conduit::kernels
