// Adapters: the low-rank changes (model/adapter.h) that a model has on its device, and their part
// of a pass. The idea: the rows of a batch are grouped by adapter once; after each product every
// group's rows are gathered, multiplied by its two small matrices, and added where they came from.
// Rows without an adapter are not touched, so they are the same to the bit whoever stands beside
// them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "kernels/device.h"
#include "kernels/engine/batch.h"
#include "kernels/model/adapter.h"
#include "kernels/model/config.h"
#include "mdl/base/result.h"

namespace conduit::kernels {

class Adapters {
 public:
  // `device` outlives it; rows: of the largest batch.
  Adapters(Device& device, const ModelConfig& config, std::int64_t rows)
      : device_(&device), config_(config), rows_(rows) {}

  // What these will take, loaded one after the other.
  static std::int64_t bytes_of(std::span<const Adapter> adapters, const Device& device,
                               const ModelConfig& config, std::int64_t rows);

  // Puts one on the device; it is asked for by what this returns (SequenceSpec::adapter), from the
  // next pass on. Error: exhausted.
  Result<AdapterId> load(const Adapter& adapter);
  bool has(AdapterId id) const { return id >= 0 && id <= static_cast<AdapterId>(loaded_.size()); }
  std::size_t device_bytes() const { return device_bytes_; }

  // Before the products of a pass.
  void begin(const Batch& batch);
  // out += what each row's adapter makes of x, [batch rows, inputs], in place of this matrix.
  void add(Tensor out, Tensor x, int layer, Projection projection);

 private:
  struct Change {
    Matrix a, b;  // [rank, inputs], [outputs, rank] with the scale in it; rank 0: none
  };
  using Layers = std::vector<std::array<Change, kProjections>>;
  struct Group {
    AdapterId adapter = 0;
    std::vector<std::int64_t> rows{};
  };

  Result<Change> load(const LowRank& part, Projection projection);
  Status make_room(std::int64_t rank);

  Device* device_;
  ModelConfig config_;
  std::int64_t rows_;
  std::vector<Layers> loaded_;  // by id - 1
  std::size_t device_bytes_ = 0;

  std::vector<Group> groups_;  // of the batch at hand
  std::vector<float> ones_;    // [rows]
  std::int64_t rank_ = 0;      // the largest loaded
  Buffer scratch_;
  float *in_ = nullptr, *low_ = nullptr, *out_ = nullptr;  // [rows, …], within scratch_
};

}  // namespace conduit::kernels
