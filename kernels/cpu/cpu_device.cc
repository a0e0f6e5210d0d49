// The CPU device: picks a table of kernels, and cuts every operation over the threads.
// The idea: nothing here computes; matmul.cc and attention.cc cut the two operations that need
// thought, the others are cut by rows below. One token takes no thread but the caller's wherever a
// fork would cost more than the work.
#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "kernels/cpu/attention.h"
#include "kernels/cpu/kernels.h"
#include "kernels/cpu/machine.h"
#include "kernels/cpu/matmul.h"
#include "kernels/cpu/memory.h"
#include "kernels/cpu/thread_pool.h"
#include "kernels/dequantise.h"
#include "kernels/device.h"

namespace conduit::kernels {
namespace {

using cpu::InstructionSet;
using cpu::Kernels;

// More threads than any single machine has cores: a larger number is a mistake.
constexpr int kMaxThreads = 1024;
// Elements of an elementwise operation that are worth one thread's wake-up.
constexpr std::int64_t kElementsPerChunk = 16 << 10;
// Elements of one matrix (2^40 weights: a terabyte), so that sizes in bytes do not overflow.
constexpr std::int64_t kMaxElements = std::int64_t{1} << 40;

class CpuDevice final : public Device {
 public:
  CpuDevice(const Kernels& kernels, int threads)
      : kernels_(kernels), pool_(threads), matmul_(kernels, pool_), attention_(kernels, pool_) {}

  std::string name() const override {
    return "cpu " + std::string(kernels_.name) + " " + std::to_string(pool_.threads()) +
           (pool_.threads() == 1 ? " thread" : " threads");
  }
  std::size_t memory_bytes() const override { return cpu::usable_memory(); }
  Result<Buffer> allocate(std::size_t bytes) override { return cpu::allocate_memory(bytes); }

  Result<Matrix> load_matrix(const TensorView& file, Precision precision) override;
  std::int64_t weight_bytes(const TensorView& file) const override;
  Result<Buffer> load_vector(const TensorView& file) override;
  void stop_loading() override { is_stopped_.store(true); }
  DType kv_dtype(Precision precision, DType weights) const override {
    if (precision == Precision::f32) return DType::f32;
    return weights == DType::bf16 && has_kv(DType::bf16) ? DType::bf16 : DType::f16;
  }
  Result<KvPages> allocate_kv(int layers, std::int64_t pages, int page_size, int kv_heads,
                              int head_dim, DType dtype) override;

  void embed(Tensor out, const Matrix& table, std::span<const std::int32_t> ids) override;
  void rms_norm(Tensor out, Tensor x, const float* weight, float eps) override;
  void head_rms_norm(Tensor x, int head_dim, const float* weight, float eps) override;
  void layer_norm(Tensor out, Tensor x, const float* weight, const float* bias, float eps) override;
  void matmul(std::span<const Product> products, Tensor x) override {
    matmul_.multiply(products, x, false);
  }
  void matmul_add(Tensor out, Tensor x, const Matrix& weight) override {
    const Product product{out, &weight};
    matmul_.multiply({&product, 1}, x, true);
  }
  void add_bias(Tensor x, const float* bias) override;
  void rope(Tensor x, int head_dim, const Rope& rope,
            std::span<const std::int32_t> positions) override;
  void append_kv(KvPages& kv, int layer, Tensor k, Tensor v,
                 std::span<const SequenceRows> sequences) override {
    attention_.append(kv, layer, k, v, sequences);
  }
  void paged_attention(Tensor out, Tensor q, const KvPages& kv, int layer,
                       const AttentionMask& mask,
                       std::span<const SequenceRows> sequences) override {
    attention_.attend(out, q, kv, layer, mask, sequences);
  }
  void activate_mul(Tensor out, Tensor gate, Tensor up, Activation f) override;
  void activate(Tensor x, Activation f) override;
  void add(Tensor x, Tensor y) override;
  void scale(Tensor x, float factor) override;
  void softcap(Tensor x, float cap) override;
  void gather_rows(Tensor out, Tensor x, std::span<const std::int64_t> rows) override;
  void scatter_add_rows(Tensor out, Tensor x, std::span<const std::int64_t> rows,
                        std::span<const float> factors) override;

 private:
  // The cosines and sines of a step's positions: every layer asks for the same ones, twice.
  struct Angles {
    std::vector<std::int32_t> positions;
    Rope rope;
    std::vector<float> cosines;  // [positions, inv_freq]
    std::vector<float> sines;
  };

  bool has_kv(DType dtype) const {
    return kernels_.attention[static_cast<std::size_t>(cpu::kv_format(dtype))].attend != nullptr;
  }
  const Angles& angles_of(const Rope& rope, std::span<const std::int32_t> positions);
  void compute(Angles& angles);

  // task(row) for each row of `x`, as many at a time as make a fork worth it.
  template <class Task>
  void each_row(Tensor x, Task task) {
    const std::int64_t rows =
        std::max<std::int64_t>(kElementsPerChunk / std::max<std::int64_t>(x.cols, 1), 1);
    const auto chunks = static_cast<std::uint32_t>((x.rows + rows - 1) / rows);
    pool_.run(chunks, [&](std::uint32_t chunk) {
      const std::int64_t end = std::min(x.rows, (chunk + 1) * rows);
      for (std::int64_t row = chunk * rows; row < end; ++row) task(row);
    });
  }

  const Kernels& kernels_;
  cpu::Arena weights_;
  // Packs beside a step that computes; made by the thread that loads, whose priority it inherits.
  std::unique_ptr<cpu::ThreadPool> loading_pool_;
  std::atomic<bool> is_stopped_{false};
  cpu::ThreadPool pool_;
  cpu::Matmul matmul_;
  cpu::Attention attention_;
  // Two, since layers may take turns between two ropes (Gemma); the one used last comes first.
  std::array<Angles, 2> angles_;
};

Result<Matrix> CpuDevice::load_matrix(const TensorView& file, Precision precision) {
  if (file.shape.size() != 2)
    return Error{Code::invalid_argument,
                 "a matrix has 2 dimensions, not " + std::to_string(file.shape.size())};
  const std::int64_t rows = file.shape[0];
  const std::int64_t cols = file.shape[1];
  if (rows < 1 || cols < 1 || rows > kMaxElements / cols)
    return Error{Code::invalid_argument, "a matrix of " + std::to_string(rows) + " x " +
                                             std::to_string(cols) + " is not supported"};
  const DTypeTraits format = traits(file.dtype);
  if (!is_weight(file.dtype))
    return Error{Code::invalid_argument, "a matrix cannot be " + std::string(format.name)};
  if (cols % format.block_elements != 0)
    return Error{Code::invalid_argument,
                 std::string(format.name) + " needs rows of a multiple of " +
                     std::to_string(format.block_elements) + ", not " + std::to_string(cols)};
  const std::int64_t panels = cpu::panel_count(rows);
  const std::int64_t bytes = cpu::panel_bytes(file.dtype, cols);
  CONDUIT_TRY(Buffer storage, weights_.allocate(static_cast<std::size_t>(panels * bytes)));
  if (!loading_pool_) loading_pool_ = std::make_unique<cpu::ThreadPool>(pool_.threads());
  loading_pool_->run(static_cast<std::uint32_t>(panels), [&](std::uint32_t panel) {
    if (!is_stopped_) cpu::pack_panel(file, panel, storage.data + panel * bytes);
  });
  if (is_stopped_) return Error{Code::cancelled, "loading was stopped"};
  return Matrix{rows, cols, file.dtype, static_cast<int>(precision), std::move(storage)};
}

std::int64_t CpuDevice::weight_bytes(const TensorView& file) const {
  if (!is_weight(file.dtype) || file.elements() == 0) return 0;
  if (file.shape.size() < 2) return bytes_of(DType::f32, file.elements());
  const std::int64_t cols = file.shape.back();
  return cpu::matrix_bytes(file.dtype, file.elements() / cols, cols);
}

Result<Buffer> CpuDevice::load_vector(const TensorView& file) {
  if (!is_weight(file.dtype) || file.elements() % traits(file.dtype).block_elements != 0)
    return Error{Code::invalid_argument, "a vector of " + std::to_string(file.elements()) +
                                             " elements cannot be " +
                                             std::string(traits(file.dtype).name)};
  CONDUIT_TRY(Buffer storage, allocate(static_cast<std::size_t>(file.elements()) * sizeof(float)));
  dequantise(file.dtype, file.data, file.elements(), reinterpret_cast<float*>(storage.data));
  return storage;
}

Result<KvPages> CpuDevice::allocate_kv(int layers, std::int64_t pages, int page_size, int kv_heads,
                                       int head_dim, DType dtype) {
  if ((dtype != DType::f32 && dtype != DType::f16 && dtype != DType::bf16) || !has_kv(dtype))
    return Error{Code::invalid_argument,
                 name() + " cannot keep keys and values in " + std::string(traits(dtype).name)};
  if (layers < 1 || pages < 1 || page_size < 1 || kv_heads < 1 || head_dim < 1)
    return Error{Code::invalid_argument, "a KV cache needs at least one of everything"};
  if (head_dim > cpu::kMaxHeadDim)
    return Error{Code::invalid_argument, "head_dim " + std::to_string(head_dim) +
                                             " is above the CPU device's limit of " +
                                             std::to_string(cpu::kMaxHeadDim)};
  KvPages kv{layers, pages, page_size, kv_heads, head_dim, dtype, {}};
  const double bytes =
      static_cast<double>(cpu::KvLayout(kv).page_bytes()) * static_cast<double>(pages) * layers;
  if (bytes > static_cast<double>(memory_bytes()))
    return Error{Code::exhausted, "a KV cache of " + std::to_string(pages) + " pages in " +
                                      std::to_string(layers) + " layers exceeds the memory of " +
                                      std::to_string(memory_bytes()) + " bytes"};
  CONDUIT_TRY(kv.storage, allocate(static_cast<std::size_t>(bytes)));
  return kv;
}

void CpuDevice::embed(Tensor out, const Matrix& table, std::span<const std::int32_t> ids) {
  each_row(out, [&](std::int64_t row) {
    cpu::unpack_row(table, ids[static_cast<std::size_t>(row)], out.row(row));
  });
}

void CpuDevice::rms_norm(Tensor out, Tensor x, const float* weight, float eps) {
  each_row(x, [&](std::int64_t row) {
    kernels_.rms_norm(out.row(row), x.row(row), weight, x.cols, eps);
  });
}

void CpuDevice::head_rms_norm(Tensor x, int head_dim, const float* weight, float eps) {
  each_row(x, [&](std::int64_t row) {
    for (float* head = x.row(row); head != x.row(row + 1); head += head_dim)
      kernels_.rms_norm(head, head, weight, head_dim, eps);
  });
}

void CpuDevice::layer_norm(Tensor out, Tensor x, const float* weight, const float* bias,
                           float eps) {
  each_row(x, [&](std::int64_t row) {
    kernels_.layer_norm(out.row(row), x.row(row), weight, bias, x.cols, eps);
  });
}

void CpuDevice::add_bias(Tensor x, const float* bias) {
  each_row(x, [&](std::int64_t row) { kernels_.add(x.row(row), bias, 1, x.cols); });
}

void CpuDevice::rope(Tensor x, int head_dim, const Rope& rope,
                     std::span<const std::int32_t> positions) {
  const Angles& angles = angles_of(rope, positions);
  const auto pairs = static_cast<std::int64_t>(rope.inv_freq.size());
  each_row(x, [&](std::int64_t row) {
    const float* cosines = angles.cosines.data() + row * pairs;
    const float* sines = angles.sines.data() + row * pairs;
    for (float* head = x.row(row); head != x.row(row + 1); head += head_dim)
      kernels_.rotate(head, cosines, sines, pairs, rope.interleaved);
  });
}

const CpuDevice::Angles& CpuDevice::angles_of(const Rope& rope,
                                              std::span<const std::int32_t> positions) {
  const auto is_asked_for = [&](const Angles& angles) {
    return std::ranges::equal(angles.positions, positions) && angles.rope.scale == rope.scale &&
           angles.rope.inv_freq == rope.inv_freq;
  };
  if (is_asked_for(angles_[0])) return angles_[0];
  std::swap(angles_[0], angles_[1]);
  if (is_asked_for(angles_[0])) return angles_[0];
  angles_[0].positions.assign(positions.begin(), positions.end());
  angles_[0].rope = rope;
  compute(angles_[0]);
  return angles_[0];
}

void CpuDevice::compute(Angles& angles) {
  const std::vector<float>& inv_freq = angles.rope.inv_freq;
  const std::size_t pairs = inv_freq.size();
  angles.cosines.resize(angles.positions.size() * pairs);
  angles.sines.resize(angles.positions.size() * pairs);
  const Tensor shape{angles.cosines.data(), static_cast<std::int64_t>(angles.positions.size()),
                     static_cast<std::int64_t>(pairs)};
  each_row(shape, [&](std::int64_t row) {
    const auto first = static_cast<std::size_t>(row) * pairs;
    const auto position = static_cast<float>(angles.positions[static_cast<std::size_t>(row)]);
    for (std::size_t i = 0; i < pairs; ++i) {
      // In float32, as the models were trained and their references compute it.
      const float angle = position * inv_freq[i];
      angles.cosines[first + i] = angles.rope.scale * std::cos(angle);
      angles.sines[first + i] = angles.rope.scale * std::sin(angle);
    }
  });
}

void CpuDevice::activate_mul(Tensor out, Tensor gate, Tensor up, Activation f) {
  const cpu::ActivationKernel kernel = kernels_.activation_for(f);
  each_row(gate,
           [&](std::int64_t row) { kernel(out.row(row), gate.row(row), up.row(row), gate.cols); });
}

void CpuDevice::activate(Tensor x, Activation f) {
  const cpu::ActivationKernel kernel = kernels_.activation_for(f);
  each_row(x, [&](std::int64_t row) { kernel(x.row(row), x.row(row), nullptr, x.cols); });
}

void CpuDevice::add(Tensor x, Tensor y) {
  each_row(x, [&](std::int64_t row) { kernels_.add(x.row(row), y.row(row), 1, x.cols); });
}

void CpuDevice::scale(Tensor x, float factor) {
  each_row(x, [&](std::int64_t row) { kernels_.scale(x.row(row), factor, x.cols); });
}

void CpuDevice::softcap(Tensor x, float cap) {
  each_row(x, [&](std::int64_t row) { kernels_.softcap(x.row(row), cap, x.cols); });
}

void CpuDevice::gather_rows(Tensor out, Tensor x, std::span<const std::int64_t> rows) {
  for (std::size_t i = 0; i < rows.size(); ++i)
    std::copy_n(x.row(rows[i]), x.cols, out.row(static_cast<std::int64_t>(i)));
}

void CpuDevice::scatter_add_rows(Tensor out, Tensor x, std::span<const std::int64_t> rows,
                                 std::span<const float> factors) {
  each_row(x, [&](std::int64_t row) {
    const auto at = static_cast<std::size_t>(row);
    kernels_.add(out.row(rows[at]), x.row(row), factors[at], x.cols);
  });
}

const Kernels& kernels_for(InstructionSet set) {
  switch (set) {
    case InstructionSet::scalar: return cpu::scalar_kernels();
    case InstructionSet::avx2: return cpu::avx2_kernels();
    case InstructionSet::avx512:
      return cpu::has_avx512_bf16() ? cpu::avx512_bf16_kernels() : cpu::avx512_kernels();
    case InstructionSet::amx: return cpu::amx_kernels();
  }
  return cpu::scalar_kernels();
}

}  // namespace

Result<std::unique_ptr<Device>> make_cpu_device(const CpuOptions& options) {
  if (options.threads < 0 || options.threads > kMaxThreads)
    return Error{Code::invalid_argument, "threads must be 0 (one per usable core) to " +
                                             std::to_string(kMaxThreads) + ", not " +
                                             std::to_string(options.threads)};
  const InstructionSet best = cpu::best_instruction_set();
  InstructionSet wanted = best;
  if (!options.instructions.empty()) {
    const auto all = {InstructionSet::scalar, InstructionSet::avx2, InstructionSet::avx512,
                      InstructionSet::amx};
    const auto* named = std::ranges::find(all, options.instructions, cpu::to_string);
    if (named == all.end())
      return Error{Code::invalid_argument,
                   "instructions must be scalar, avx2, avx512 or amx, not " + options.instructions};
    wanted = *named;
  }
  if (wanted > best)
    return Error{Code::invalid_argument, "this CPU has no " + options.instructions +
                                             " as Conduit needs it; its best is " +
                                             std::string(cpu::to_string(best))};
  const int threads = options.threads > 0 ? options.threads : cpu::usable_cores();
  return std::unique_ptr<Device>(std::make_unique<CpuDevice>(kernels_for(wanted), threads));
}

}  // namespace conduit::kernels
