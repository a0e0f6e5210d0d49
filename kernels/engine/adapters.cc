// Loading, grouping, adding.
#include "kernels/engine/adapters.h"

#include <algorithm>
#include <utility>

namespace conduit::kernels {
namespace {

TensorView view_of(const std::vector<float>& values, std::int64_t rows) {
  const auto count = static_cast<std::int64_t>(values.size());
  return {reinterpret_cast<const std::byte*>(values.data()), DType::f32, {rows, count / rows}};
}

// So that two tensors never share a cache line between threads.
std::int64_t whole_lines(std::int64_t floats) {
  constexpr std::int64_t kLineFloats = 16;
  return (floats + kLineFloats - 1) / kLineFloats * kLineFloats;
}

// Where the rows of a group are computed.
struct Scratch {
  std::int64_t in = 0, out = 0, low = 0;  // floats

  std::int64_t bytes() const { return (in + out + low) * static_cast<std::int64_t>(sizeof(float)); }
};

Scratch scratch_of(const ModelConfig& config, std::int64_t rows, std::int64_t rank) {
  ProjectionShape widest;
  for (int i = 0; i < kProjections; ++i) {
    const ProjectionShape shape = shape_of(config, static_cast<Projection>(i));
    widest.inputs = std::max(widest.inputs, shape.inputs);
    widest.outputs = std::max(widest.outputs, shape.outputs);
  }
  return {whole_lines(rows * widest.inputs), whole_lines(rows * widest.outputs), rows * rank};
}

}  // namespace

std::int64_t Adapters::bytes_of(std::span<const Adapter> adapters, const Device& device,
                                const ModelConfig& config, std::int64_t rows) {
  std::int64_t bytes = 0, rank = 0;
  for (const Adapter& adapter : adapters) {
    rank = std::max(rank, adapter.rank);
    for (const auto& layer : adapter.layers)
      for (const LowRank& part : layer)
        if (part.rank > 0)
          bytes += device.weight_bytes(view_of(part.a, part.rank)) +
                   device.weight_bytes(
                       view_of(part.b, static_cast<std::int64_t>(part.b.size()) / part.rank));
  }
  return rank == 0 ? 0 : bytes + scratch_of(config, rows, rank).bytes();
}

Result<Adapters::Change> Adapters::load(const LowRank& part, Projection projection) {
  Change change;
  if (part.rank == 0) return change;
  std::vector<float> scaled = part.b;
  for (float& value : scaled) value *= part.scale;
  CONDUIT_TRY(change.a, device_->load_matrix(view_of(part.a, part.rank), Precision::f32));
  CONDUIT_TRY(change.b, device_->load_matrix(view_of(scaled, shape_of(config_, projection).outputs),
                                             Precision::f32));
  device_bytes_ += change.a.storage.bytes + change.b.storage.bytes;
  return change;
}

Result<AdapterId> Adapters::load(const Adapter& adapter) {
  CONDUIT_TRY_STATUS(make_room(adapter.rank));
  Layers layers(adapter.layers.size());
  for (std::size_t i = 0; i < layers.size(); ++i)
    for (std::size_t j = 0; j < kProjections; ++j) {
      CONDUIT_TRY(layers[i][j], load(adapter.layers[i][j], static_cast<Projection>(j)));
    }
  loaded_.push_back(std::move(layers));
  return static_cast<AdapterId>(loaded_.size());
}

// Once for all adapters: a pass allocates nothing.
Status Adapters::make_room(std::int64_t rank) {
  if (rank <= rank_) return ok();
  const Scratch needed = scratch_of(config_, rows_, rank);
  CONDUIT_TRY(Buffer scratch, device_->allocate(static_cast<std::size_t>(needed.bytes())));
  device_bytes_ += scratch.bytes - scratch_.bytes;
  scratch_ = std::move(scratch);
  rank_ = rank;
  in_ = reinterpret_cast<float*>(scratch_.data);
  out_ = in_ + needed.in;
  low_ = out_ + needed.out;
  ones_.assign(static_cast<std::size_t>(rows_), 1.0F);
  return ok();
}

void Adapters::begin(const Batch& batch) {
  groups_.clear();
  for (std::size_t i = 0; i < batch.adapters.size(); ++i) {
    const AdapterId id = batch.adapters[i];
    if (id == 0) continue;
    auto group = std::find_if(groups_.begin(), groups_.end(),
                              [id](const Group& known) { return known.adapter == id; });
    if (group == groups_.end()) group = groups_.insert(group, {id});
    const SequenceRows& part = batch.sequences[i];
    for (std::int64_t row = 0; row < part.rows; ++row) group->rows.push_back(part.first_row + row);
  }
}

void Adapters::add(Tensor out, Tensor x, int layer, Projection projection) {
  for (const Group& group : groups_) {
    const Change& change =
        loaded_[static_cast<std::size_t>(group.adapter - 1)][static_cast<std::size_t>(layer)]
               [static_cast<std::size_t>(projection)];
    if (change.a.rows == 0) continue;
    const auto rows = static_cast<std::int64_t>(group.rows.size());
    const Tensor in{in_, rows, x.cols}, low{low_, rows, change.a.rows}, made{out_, rows, out.cols};
    device_->gather_rows(in, x, group.rows);
    device_->matmul(std::array{Product{low, &change.a}}, in);
    device_->matmul(std::array{Product{made, &change.b}}, low);
    device_->scatter_add_rows(out, made, group.rows, std::span(ones_).first(group.rows.size()));
  }
}

}  // namespace conduit::kernels
