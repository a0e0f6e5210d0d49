// Adapter: low-rank changes to a model's matrices (LoRA), as PEFT saves them in a folder:
// adapter_config.json and adapter_model.safetensors. A product x · Wᵀ gets scale * (x · Aᵀ) · Bᵀ
// added.
// The idea: everything is checked against the model here (which matrices, their shapes, the rank),
// and what PEFT can do beyond that is refused by name, so that the engine only multiplies.
// Formats and formulas: github.com/huggingface/peft, tuners/lora (config.py, layer.py).
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <vector>

#include "kernels/model/config.h"
#include "kernels/model/mapped_file.h"
#include "kernels/tensor.h"
#include "mdl/base/result.h"

namespace conduit::kernels {

// The matrices of a layer that an adapter can change.
enum class Projection : std::uint8_t { q, k, v, out, gate, up, down };
inline constexpr int kProjections = static_cast<int>(Projection::down) + 1;

// Of one matrix [outputs, inputs]; rank 0: it stays.
struct LowRank {
  std::int64_t rank = 0;
  float scale = 0;
  std::vector<float> a;  // [rank, inputs]
  std::vector<float> b;  // [outputs, rank], rows in the order of the model's own file
};

struct Adapter {
  std::filesystem::path path;
  std::vector<std::array<LowRank, kProjections>> layers;  // [config.layers]
  std::int64_t rank = 0;                                  // the largest
};

// What a projection takes and gives.
struct ProjectionShape {
  std::int64_t outputs = 0, inputs = 0;
};
ProjectionShape shape_of(const ModelConfig& config, Projection projection);

// Errors name the folder: not_found; invalid_argument for what is not supported (DoRA, biases,
// whole modules, an embedding's or expert's adapter, …) and for a tensor that does not fit the
// model; corrupt.
Result<Adapter> open_adapter(const std::filesystem::path& folder, const ModelConfig& config);

}  // namespace conduit::kernels
