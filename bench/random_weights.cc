// A hash per value.
#include "bench/random_weights.h"

#include <cmath>
#include <string_view>
#include <vector>

#include "tests/support/quantise.h"

namespace conduit::bench {
namespace {

// std::hash and the distributions of <random> differ between libraries; these do not.
std::uint64_t fnv1a(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (const unsigned char c : text) hash = (hash ^ c) * 0x100000001b3u;
  return hash;
}

// SplitMix64's output function (Steele, Lea and Flood, 2014): a counter becomes a random number.
std::uint64_t mixed(std::uint64_t counter) {
  std::uint64_t bits = counter * 0x9E3779B97F4A7C15u;
  bits = (bits ^ bits >> 30) * 0xBF58476D1CE4E5B9u;
  bits = (bits ^ bits >> 27) * 0x94D049BB133111EBu;
  return bits ^ bits >> 31;
}

// Uniform with a spread that keeps activations near 1 and logits finite and well apart.
struct Values {
  float centre = 0, spread = 0;
};
Values values_of(const WeightSpec& weight) {
  if (!weight.is_matrix()) return {1.0f, 0.3f};
  return {0.0f, 1.7f / std::sqrt(static_cast<float>(weight.cols()))};
}

// Where a row of GGUF's order stands in Hugging Face's: pairs (2i, 2i + 1) come from halves.
std::int64_t source_row(const WeightSpec& weight, std::int64_t row) {
  if (weight.paired_heads == 0) return row;
  const std::int64_t head_dim = weight.rows() / weight.paired_heads;
  const std::int64_t within = row % head_dim;
  return row - within + within % 2 * (head_dim / 2) + within / 2;
}

}  // namespace

std::string weight_bytes(const WeightSpec& weight, RowSpan rows, kernels::DType dtype,
                         std::uint64_t seed) {
  const auto [centre, spread] = values_of(weight);
  const std::uint64_t stream = mixed(fnv1a(weight.hf_name) ^ seed);
  const auto cols = static_cast<std::uint64_t>(weight.cols());
  std::vector<float> values;
  values.reserve(static_cast<std::size_t>(rows.count) * cols);
  for (std::int64_t row = rows.first; row < rows.first + rows.count; ++row) {
    const auto source =
        static_cast<std::uint64_t>(rows.is_gguf ? source_row(weight, row) : row) * cols;
    for (std::uint64_t col = 0; col < cols; ++col) {
      const float unit = static_cast<float>(mixed(stream + source + col) >> 40) * 0x1p-24f;
      values.push_back(centre + spread * (2 * unit - 1));
    }
  }
  return testing::quantise(dtype, values);
}

}  // namespace conduit::bench
