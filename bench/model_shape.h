// The shape of a dense decoder: what a random-weight model is made from.
// The idea: speed depends on the shape and the types of the weights, not on what they say; so a
// model of any size and type can be measured without a download. Llama and Qwen3 cover the
// matrices of nearly all dense models.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "mdl/base/json.h"
#include "mdl/base/result.h"

namespace conduit::bench {

struct ModelShape {
  std::string architecture = "llama";  // or qwen3: with a norm on each head's query and key
  int layers = 0;
  int hidden = 0;
  int heads = 0;
  int kv_heads = 0;
  int head_dim = 0;
  int intermediate = 0;
  int vocab = 0;
  int max_position = 32768;
  double rope_theta = 10000;
  bool is_tied = true;  // the output head is the embedding
};

std::vector<std::string> shape_names();
// A name of shape_names() or a config.json. Errors: not_found lists the names; corrupt names the
// key.
Result<ModelShape> find_shape(const std::string& name_or_path);
// Every size within its named limit, heads divisible; the error names the field.
Status check_shape(const ModelShape& shape);

json::Value config_json(const ModelShape& shape);

// A weight: where each notation keeps it.
struct WeightSpec {
  std::string hf_name;
  std::string gguf_name;
  std::vector<std::int64_t> shape;
  // GGUF's llama orders the rows of each head of q and k by rotary pairs; 0: rows as they are.
  int paired_heads = 0;

  bool is_matrix() const { return shape.size() == 2; }
  std::int64_t rows() const { return is_matrix() ? shape.front() : 1; }
  std::int64_t cols() const { return shape.back(); }
};
std::vector<WeightSpec> weights_of(const ModelShape& shape);

}  // namespace conduit::bench
