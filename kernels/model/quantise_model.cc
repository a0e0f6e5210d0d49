// The work: pieces of rows, taken by threads one after the other.
#include "kernels/model/quantise_model.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <mutex>
#include <thread>

#include "kernels/dequantise.h"
#include "kernels/model/quantise.h"

namespace conduit::kernels {
namespace {

using Target = QuantisePlan::Target;

// Values of a piece: 1 MB as floats, which a core's own cache holds.
constexpr std::int64_t kPieceValues = 1 << 18;
// How much is read before its pages are given back: memory stays free of what is done.
constexpr std::uint64_t kReleaseBytes = 256 << 20;

struct RowPiece {
  const Target* target;
  std::int64_t first_row, rows;
};

std::vector<RowPiece> pieces_of(const QuantisePlan& plan) {
  std::vector<RowPiece> pieces;
  for (const Target& target : plan.targets) {
    const std::int64_t cols = target.tensor.cols();
    const std::int64_t rows = target.tensor.elements() / cols;
    const std::int64_t step = std::max<std::int64_t>(kPieceValues / cols, 1);
    for (std::int64_t first = 0; first < rows; first += step)
      pieces.push_back({&target, first, std::min(step, rows - first)});
  }
  return pieces;
}

// Where a row of the new tensor lies in its source.
const std::byte* bytes_of_row(const GgufTensor& tensor, std::int64_t row) {
  const TensorView& first = tensor.parts.front();
  const std::int64_t cols = tensor.cols();
  const std::int64_t part_rows = first.elements() / cols;
  if (tensor.head_dim > 0) {  // pairs (2i, 2i + 1) come from (i, i + head_dim / 2)
    const std::int64_t within = row % tensor.head_dim;
    row += within / 2 + within % 2 * (tensor.head_dim / 2) - within;
  }
  const TensorView& part = tensor.parts[static_cast<std::size_t>(row / part_rows)];
  return part.data + row % part_rows * bytes_of(part.dtype, cols);
}

class Worker {
 public:
  explicit Worker(int descriptor) : descriptor_(descriptor) {}

  Status write(const RowPiece& piece);

 private:
  Status encode(const RowPiece& piece);
  Status write_bytes(std::uint64_t offset) const;

  int descriptor_;
  std::vector<float> values_;
  std::vector<std::byte> bytes_;
};

Status check_values(const Target& target, std::span<const float> values) {
  const float limit = largest_value(target.dtype);
  for (float value : values)
    if (!(std::abs(value) <= limit))  // NaN fails too
      return Error{Code::corrupt, "tensor '" + target.tensor.name + "' has the value " +
                                      std::to_string(value) + ", which a file of " +
                                      std::string(traits(target.dtype).name) + " cannot hold"};
  return ok();
}

Status Worker::encode(const RowPiece& piece) {
  const Target& target = *piece.target;
  const DType source = target.tensor.parts.front().dtype;
  const std::int64_t cols = target.tensor.cols();
  bytes_.resize(static_cast<std::size_t>(bytes_of(target.dtype, piece.rows * cols)));
  if (source == target.dtype && target.tensor.added == 0) {  // nothing is lost by rounding again
    const auto row_bytes = static_cast<std::size_t>(bytes_of(source, cols));
    for (std::int64_t i = 0; i < piece.rows; ++i)
      std::memcpy(bytes_.data() + static_cast<std::size_t>(i) * row_bytes,
                  bytes_of_row(target.tensor, piece.first_row + i), row_bytes);
    return ok();
  }
  values_.resize(static_cast<std::size_t>(piece.rows * cols));
  for (std::int64_t i = 0; i < piece.rows; ++i)
    dequantise(source, bytes_of_row(target.tensor, piece.first_row + i), cols,
               values_.data() + i * cols);
  for (float& value : values_) value += target.tensor.added;
  CONDUIT_TRY_STATUS(check_values(target, values_));
  quantise(target.dtype, values_, bytes_.data());
  return ok();
}

Status Worker::write_bytes(std::uint64_t offset) const {
  std::span<const std::byte> left = bytes_;
  while (!left.empty()) {
    const ssize_t length =
        pwrite(descriptor_, left.data(), left.size(), static_cast<off_t>(offset));
    if (length < 0 && errno == EINTR) continue;
    if (length < 0)
      return Error{Code::unavailable,
                   std::string("the new file cannot be written: ") + std::strerror(errno)};
    left = left.subspan(static_cast<std::size_t>(length));
    offset += static_cast<std::uint64_t>(length);
  }
  return ok();
}

Status Worker::write(const RowPiece& piece) {
  CONDUIT_TRY_STATUS(encode(piece));
  const std::int64_t before = piece.first_row * piece.target->tensor.cols();
  return write_bytes(piece.target->offset +
                     static_cast<std::uint64_t>(bytes_of(piece.target->dtype, before)));
}

// What all threads share.
struct Work {
  const QuantisePlan& plan;
  QuantiseProgress& progress;
  std::vector<RowPiece> pieces;
  std::atomic<std::size_t> next{0};
  std::mutex mutex{};
  Status outcome = ok();  // the first error; under the mutex
};

void run(Work& work, int descriptor) {
  Worker worker(descriptor);
  while (!work.progress.stop) {
    const std::size_t index = work.next++;
    if (index >= work.pieces.size()) return;
    const RowPiece& piece = work.pieces[index];
    const Status written = worker.write(piece);
    if (!written) {
      const std::lock_guard lock(work.mutex);
      if (work.outcome) work.outcome = written;
      work.progress.stop = true;
    }
    const GgufTensor& tensor = piece.target->tensor;
    const auto bytes = static_cast<std::uint64_t>(
        bytes_of(tensor.parts.front().dtype, piece.rows * tensor.cols()));
    const std::uint64_t before = work.progress.source_bytes.fetch_add(bytes);
    if (before / kReleaseBytes != (before + bytes) / kReleaseBytes)
      work.plan.source->release_pages();
  }
}

}  // namespace

Status write_quantised(const QuantisePlan& plan, int descriptor, QuantiseProgress& progress) {
  Work work{plan, progress, pieces_of(plan)};
  std::vector<std::thread> threads;
  for (int i = 0; i < plan.threads; ++i) threads.emplace_back([&] { run(work, descriptor); });
  for (std::thread& thread : threads) thread.join();
  if (!work.outcome) return work.outcome;
  if (progress.stop) return Error{Code::cancelled, "interrupted"};
  return plan.source->check_files();
}

}  // namespace conduit::kernels
