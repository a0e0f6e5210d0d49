// Loader: takes named tensors to a device, each checked against the shape the config needs, and
// remembers which it took; without a device it only checks. Private to kernels/model/weights*.cc.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/device.h"
#include "kernels/model/weights.h"
#include "mdl/base/result.h"

namespace conduit::kernels {

// Some rows of a matrix that holds several parts, one below the other.
struct RowRange {
  std::int64_t first = 0;
  std::int64_t rows = 0;
};

class Loader {
 public:
  using Shape = std::vector<std::int64_t>;

  Loader(Device* device, const NamedTensors& tensors, const ModelConfig& config,
         Precision precision, const OnLoaded& on_loaded)
      : device_(device),
        tensors_(tensors),
        config_(config),
        precision_(precision),
        on_loaded_(on_loaded) {}

  bool has(const std::string& name) const { return tensors_.contains(name); }
  void skip(const std::string& name) { taken_.insert(name); }

  // All take stems; `.weight` or `.bias` follows. Errors name the tensor.
  Result<Matrix> matrix(const std::string& stem, std::int64_t rows, std::int64_t cols);
  // The same in float32 at every precision.
  Result<Matrix> exact_matrix(const std::string& stem, std::int64_t rows, std::int64_t cols);
  // Part of a matrix of shape [total_rows, cols].
  Result<Matrix> rows_of(const std::string& stem, std::int64_t total_rows, std::int64_t cols,
                         RowRange range);
  // Matrix `index` of a tensor of shape [count, rows, cols].
  Result<Matrix> layer_of(const std::string& stem, std::int64_t count, std::int64_t index,
                          std::int64_t rows, std::int64_t cols);
  Result<Linear> linear(const std::string& stem, std::int64_t rows, std::int64_t cols,
                        bool has_bias);
  // A norm's weight: 1 is added where the file holds offsets.
  Result<Buffer> norm_weight(const std::string& stem, std::int64_t size);
  Result<Norm> norm(const std::string& stem, std::int64_t size);

  Status check_all_taken() const;

 private:
  Result<const TensorView*> take(const std::string& name, const Shape& shape);
  Result<const TensorView*> take_vector(const std::string& name, std::int64_t size);
  Result<Matrix> load(const std::string& name, const TensorView& view, Precision precision);
  Result<Buffer> load(const TensorView& vector);

  Device* device_;  // null: nothing is loaded
  const NamedTensors& tensors_;
  const ModelConfig& config_;
  Precision precision_;
  OnLoaded on_loaded_;  // may be empty
  std::set<std::string, std::less<>> taken_;
};

}  // namespace conduit::kernels
