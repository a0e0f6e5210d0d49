// Routing: which rows of a step go to which expert, and with which weight.
// The idea: chosen on the host from the router's logits, row by row, so a row's experts do not
// depend on who else is in the batch; then turned round, so that each expert computes its rows at
// once. Formula: transformers, modeling_qwen3_moe.py.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/model/config.h"
#include "kernels/tensor.h"

namespace conduit::kernels {

class Routing {
 public:
  // The rows of one expert, ascending, and by how much its output counts for each.
  struct Share {
    std::vector<std::int64_t> rows;
    std::vector<float> factors;
  };

  explicit Routing(const ModelConfig& config);

  // Softmax over all experts in float32, the experts_per_token largest of each row (the lower
  // number on ties), made to sum to 1 if the config says so. logits: [rows, experts].
  void choose(Tensor logits);
  const std::vector<Share>& shares() const { return shares_; }  // [experts]

 private:
  void choose_row(const float* logits, std::int64_t row);

  int per_token_;
  bool normalise_;
  std::vector<Share> shares_;
  std::vector<float> weights_;  // [experts], of the row at hand
  std::vector<int> chosen_;
};

}  // namespace conduit::kernels
