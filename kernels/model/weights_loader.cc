// Shapes, parts of tensors, and who is left over.
#include "kernels/model/weights_loader.h"

#include <cstddef>

#include "kernels/dequantise.h"

namespace conduit::kernels {
namespace {

// Computed from the config, or from nothing, yet saved by some writers.
constexpr std::string_view kDerivable[] = {
    "rotary_emb.inv_freq",      // buffers of transformers before 4.32
    "rotary_emb.cos_cached",    //
    "rotary_emb.sin_cached",    //
    "embeddings.position_ids",  // 0, 1, 2, …: a buffer of transformers before 4.31
    "rope_freqs.weight",        // GGUF: already in RopeConfig::freq_factors
};

Error corrupt_weights(const std::string& what) { return {Code::corrupt, what}; }

std::string text_of(const Loader::Shape& shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i)
    text += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
  return text + "]";
}

bool is_derivable(std::string_view name) {
  for (std::string_view ending : kDerivable)
    if (name.ends_with(ending)) return true;
  return false;
}

// Rows are whole numbers of blocks, or the device refuses the whole matrix.
TensorView part_of(const TensorView& view, std::int64_t first_row, std::int64_t rows,
                   std::int64_t cols) {
  return {view.data + first_row * bytes_of(view.dtype, cols), view.dtype, {rows, cols}};
}

}  // namespace

Result<const TensorView*> Loader::take(const std::string& name, const Shape& shape) {
  const auto found = tensors_.find(name);
  if (found == tensors_.end()) return corrupt_weights("tensor '" + name + "' is missing");
  if (found->second.shape != shape)
    return corrupt_weights("tensor '" + name + "' has shape " + text_of(found->second.shape) +
                           "; the config needs " + text_of(shape));
  taken_.insert(name);
  return &found->second;
}

Result<Matrix> Loader::load(const std::string& name, const TensorView& view, Precision precision) {
  if (!is_weight(view.dtype) || view.shape.back() % traits(view.dtype).block_elements != 0)
    return corrupt_weights("tensor '" + name + "' of type " + std::string(traits(view.dtype).name) +
                           " cannot be a matrix with rows of " + std::to_string(view.shape.back()));
  if (device_ == nullptr) return Matrix{};
  auto matrix = device_->load_matrix(view, precision);
  if (!matrix)
    return Error{matrix.error().code, "tensor '" + name + "': " + matrix.error().message};
  if (on_loaded_) on_loaded_(view);
  return matrix;
}

Result<Buffer> Loader::load(const TensorView& vector) {
  if (device_ == nullptr) return Buffer{};
  return device_->load_vector(vector);
}

Result<Matrix> Loader::matrix(const std::string& stem, std::int64_t rows, std::int64_t cols) {
  CONDUIT_TRY(const TensorView* view, take(stem + ".weight", {rows, cols}));
  return load(stem + ".weight", *view, precision_);
}

Result<Matrix> Loader::exact_matrix(const std::string& stem, std::int64_t rows, std::int64_t cols) {
  CONDUIT_TRY(const TensorView* view, take(stem + ".weight", {rows, cols}));
  return load(stem + ".weight", *view, Precision::f32);
}

Result<Matrix> Loader::rows_of(const std::string& stem, std::int64_t total_rows, std::int64_t cols,
                               RowRange range) {
  CONDUIT_TRY(const TensorView* view, take(stem + ".weight", {total_rows, cols}));
  return load(stem + ".weight", part_of(*view, range.first, range.rows, cols), precision_);
}

Result<Matrix> Loader::layer_of(const std::string& stem, std::int64_t count, std::int64_t index,
                                std::int64_t rows, std::int64_t cols) {
  CONDUIT_TRY(const TensorView* view, take(stem + ".weight", {count, rows, cols}));
  return load(stem + ".weight", part_of(*view, index * rows, rows, cols), precision_);
}

Result<Linear> Loader::linear(const std::string& stem, std::int64_t rows, std::int64_t cols,
                              bool has_bias) {
  Linear linear;
  CONDUIT_TRY(linear.weight, matrix(stem, rows, cols));
  if (!has_bias) return linear;
  CONDUIT_TRY(const TensorView* bias, take_vector(stem + ".bias", rows));
  CONDUIT_TRY(linear.bias, load(*bias));
  return linear;
}

Result<const TensorView*> Loader::take_vector(const std::string& name, std::int64_t size) {
  CONDUIT_TRY(const TensorView* view, take(name, {size}));
  if (!is_weight(view->dtype) || traits(view->dtype).block_elements != 1)
    return corrupt_weights("tensor '" + name + "' is a vector of type " +
                           std::string(traits(view->dtype).name) +
                           "; F32, F16, BF16 or F8 is needed");
  return view;
}

Result<Buffer> Loader::norm_weight(const std::string& stem, std::int64_t size) {
  CONDUIT_TRY(const TensorView* view, take_vector(stem + ".weight", size));
  if (!config_.norms_are_offsets) return load(*view);
  std::vector<float> weights(static_cast<std::size_t>(size));
  dequantise(view->dtype, view->data, size, weights.data());
  for (float& weight : weights) weight += 1;
  return load({reinterpret_cast<const std::byte*>(weights.data()), DType::f32, {size}});
}

Result<Norm> Loader::norm(const std::string& stem, std::int64_t size) {
  Norm norm;
  CONDUIT_TRY(norm.weight, norm_weight(stem, size));
  if (!config_.is_layer_norm) return norm;
  CONDUIT_TRY(const TensorView* bias, take_vector(stem + ".bias", size));
  CONDUIT_TRY(norm.bias, load(*bias));
  return norm;
}

Status Loader::check_all_taken() const {
  for (const auto& [name, view] : tensors_) {
    if (taken_.contains(name) || is_derivable(name)) continue;
    return corrupt_weights("tensor '" + name + "' has no place in a " + config_.architecture +
                           " model of " + std::to_string(config_.layers) + " layers");
  }
  return ok();
}

}  // namespace conduit::kernels
