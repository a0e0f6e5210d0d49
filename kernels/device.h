// Device: memory and the operations a transformer is made of. The one virtual seam of the engine.
// The idea: the engine says what to compute on which rows; a device decides layout, threads,
// instruction set or streams. Weights are handed over once (`load_matrix`) and come back as a
// Matrix in whatever layout the device multiplies best; the file's pages are not needed after that.
// Operations cannot fail: shapes are checked where weights are loaded, memory is allocated
// beforehand. Not here: which rows run when (engine/scheduler.h), what a layer is
// (engine/transformer.h). Thread safety: one caller at a time (the device actor), and beside it one
// that loads: allocates and hands over weights while the other computes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "kernels/tensor.h"
#include "mdl/base/result.h"

namespace conduit::kernels {

// How exact: `fast` rounds activations to 8 bits (quantised weights) or bf16 where that is faster
// and keeps the KV cache in 16 bits; `f32` computes everything in float32 from dequantised weights.
enum class Precision : std::uint8_t { fast, f32 };

// Memory of a device; freed when the last owner lets go. `data` is null when empty.
struct Buffer {
  std::shared_ptr<void> owner;
  std::byte* data = nullptr;
  std::size_t bytes = 0;
};

// A weight on a device: y = x · Wᵀ, W [rows = outputs, cols = inputs].
struct Matrix {
  std::int64_t rows = 0;
  std::int64_t cols = 0;
  DType dtype = DType::f32;  // of the file; the layout of `storage` is the device's own business
  int layout = 0;
  Buffer storage;
};

// One matrix of a product that shares its input with others (q, k, v; gate, up).
struct Product {
  Tensor out;  // [tokens, weight->rows]
  const Matrix* weight = nullptr;
};

// Rotary embedding's angles: inv_freq[i] radians per position for pair i of a head; computed once
// from the config.
struct Rope {
  std::vector<float> inv_freq;  // [rotary_dim / 2]; the rest of a head stays as it is
  bool interleaved =
      false;        // pairs (2i, 2i + 1) as GGUF's llama; otherwise (i, i + rotary_dim / 2) as HF
  float scale = 1;  // of cosine and sine (YaRN's attention factor)
};

// Of a multilayer perceptron or pooler. gelu: x Φ(x) by erf; gelu_tanh: its usual approximation.
enum class Activation : std::uint8_t { silu, gelu, gelu_tanh, tanh };

// Which keys a query sees, and how its scores are made.
struct AttentionMask {
  float scale = 1;        // of q·k
  float softcap = 0;      // c: scores become c * tanh(score / c); 0: they stay
  int window = 0;         // a query sees itself and the window - 1 positions before; 0: all of them
  bool is_causal = true;  // false: every query sees all of context and rows; window is 0 then
};

// Keys and values of all layers in pages. Page p, slot s of a page: token slot p * page_size + s.
struct KvPages {
  int layers = 0;
  std::int64_t pages = 0;
  int page_size = 0;  // token slots of a page
  int kv_heads = 0;
  int head_dim = 0;
  DType dtype = DType::f32;  // f32, f16 or bf16
  Buffer storage;            // layout: the device's own
};

// The rows of one sequence within a step, and where its past lies.
struct SequenceRows {
  std::int64_t first_row = 0;             // in the step's activations
  std::int64_t rows = 0;                  // tokens it computes now: the prompt's next chunk, or 1
  std::int64_t context = 0;               // tokens before this step, already in pages
  std::span<const std::int32_t> pages{};  // its block table; covers context + rows tokens
};

class Device {
 public:
  virtual ~Device() = default;

  // "cpu avx512 2 threads"
  virtual std::string name() const = 0;
  virtual std::size_t memory_bytes() const = 0;  // what it has in all
  virtual Result<Buffer> allocate(std::size_t bytes) = 0;

  // --- weights: copied or repacked, so the file may be unmapped afterwards
  virtual Result<Matrix> load_matrix(const TensorView& file,
                                     Precision precision) = 0;  // [rows, cols]
  // What it takes of a matrix, or of several of a shape [.., rows, cols], or of a vector.
  virtual std::int64_t weight_bytes(const TensorView& file) const = 0;
  virtual Result<Buffer> load_vector(const TensorView& file) = 0;  // any float dtype → f32 [n]
  // From any thread: load_matrix() gives `cancelled` from now on, the one under way too, soon.
  virtual void stop_loading() = 0;
  // In which it keeps keys and values: f32, or 16 bits where `fast`: bf16 beside weights of that
  // kind, if it multiplies it faster; else f16, which rounds eight times finer.
  virtual DType kv_dtype(Precision precision, DType weights) const = 0;
  // Zeros. Error: invalid_argument for a dtype it cannot keep them in, exhausted.
  virtual Result<KvPages> allocate_kv(int layers, std::int64_t pages, int page_size, int kv_heads,
                                      int head_dim, DType dtype) = 0;

  // --- operations; a Tensor's rows are tokens
  // out[t] = table[ids[t]]
  virtual void embed(Tensor out, const Matrix& table, std::span<const std::int32_t> ids) = 0;
  // out = x / sqrt(mean(x²) + eps) * weight, per row; weight: f32 [cols]. out may be x.
  virtual void rms_norm(Tensor out, Tensor x, const float* weight, float eps) = 0;
  // The same over each head of every row: x [tokens, heads * head_dim], weight [head_dim]; in place
  // (Qwen3's q and k norms).
  virtual void head_rms_norm(Tensor x, int head_dim, const float* weight, float eps) = 0;
  // out = (x - mean) / sqrt(variance + eps) * weight + bias, per row; f32 [cols]. out may be x.
  virtual void layer_norm(Tensor out, Tensor x, const float* weight, const float* bias,
                          float eps) = 0;
  // products[i].out = x · products[i].weightᵀ
  virtual void matmul(std::span<const Product> products, Tensor x) = 0;
  // out += x · weightᵀ
  virtual void matmul_add(Tensor out, Tensor x, const Matrix& weight) = 0;
  // Every row += bias [cols].
  virtual void add_bias(Tensor x, const float* bias) = 0;
  // Rotates each head of x [tokens, heads * head_dim] in place by its row's position.
  virtual void rope(Tensor x, int head_dim, const Rope& rope,
                    std::span<const std::int32_t> positions) = 0;
  // Writes k and v [tokens, kv_heads * head_dim] of each sequence's rows to slots context, context
  // + 1, … of its pages.
  virtual void append_kv(KvPages& kv, int layer, Tensor k, Tensor v,
                         std::span<const SequenceRows> sequences) = 0;
  // softmax(q·kᵀ)·v over what the mask lets each row see of its sequence's context and own rows;
  // out, q: [tokens, heads * head_dim]. A row's result does not depend on the other sequences, nor
  // on how its prompt was cut into chunks beyond rounding.
  virtual void paged_attention(Tensor out, Tensor q, const KvPages& kv, int layer,
                               const AttentionMask& mask,
                               std::span<const SequenceRows> sequences) = 0;
  // out = f(gate) * up; out may be gate.
  virtual void activate_mul(Tensor out, Tensor gate, Tensor up, Activation f) = 0;
  // x = f(x)
  virtual void activate(Tensor x, Activation f) = 0;
  // x += y
  virtual void add(Tensor x, Tensor y) = 0;
  // x *= factor
  virtual void scale(Tensor x, float factor) = 0;
  // x = cap * tanh(x / cap)
  virtual void softcap(Tensor x, float cap) = 0;
  // out[i] = x[rows[i]]
  virtual void gather_rows(Tensor out, Tensor x, std::span<const std::int64_t> rows) = 0;
  // out[rows[i]] += factors[i] * x[i]; no row twice
  virtual void scatter_add_rows(Tensor out, Tensor x, std::span<const std::int64_t> rows,
                                std::span<const float> factors) = 0;
};

struct CpuOptions {
  int threads = 0;  // 0: one per core this process may use
  std::string
      instructions;  // "", "scalar", "avx2", "avx512", "amx": at most this; "" takes the best
};

// The CPU as a device: the scalar reference of every operation, or AVX2 / AVX-512 kernels picked by
// cpuid. Error: invalid_argument for instructions this CPU lacks (names what it has).
Result<std::unique_ptr<Device>> make_cpu_device(const CpuOptions& options = {});

}  // namespace conduit::kernels
