// The scalar reference of every kernel, in plain C++ for any CPU.
// The idea: the shortest text that says what is meant, sums in double; all other kernels are
// tested against it. It reads and writes the same layouts as they do.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <numbers>
#include <vector>

#include "kernels/cpu/kernels.h"
#include "kernels/cpu/scalar_matmul.h"
#include "kernels/dequantise.h"
#include "kernels/half.h"

namespace conduit::kernels::cpu {
namespace {

using scalar::kTallestTile;

// --- attention

float element(const std::byte* data, KvFormat format, std::int64_t index) {
  switch (format) {
    case KvFormat::f32: return blocks::load<float>(data + index * 4);
    case KvFormat::f16: return half_to_float(blocks::load<std::uint16_t>(data + index * 2));
    case KvFormat::bf16: return bf16_to_float(blocks::load<std::uint16_t>(data + index * 2));
  }
  return 0;
}

double score_of(const AttentionTask& task, const float* q, std::int64_t token) {
  const KvLayout& layout = *task.layout;
  const std::int32_t page = task.pages[token / layout.page_size];
  const std::byte* keys = task.layer + layout.keys_offset(page, task.kv_head);
  const std::int64_t slot = token % layout.page_size;
  double score = 0;
  for (std::int64_t i = 0; i < layout.head_dim; ++i)
    score += double{q[i]} * double{element(keys, layout.format, layout.key_index(i, slot))};
  score *= double{task.scale};
  return task.softcap == 0 ? score : double{task.softcap} * std::tanh(score / double{task.softcap});
}

// The state of a row that sees the tokens [from, until) of the span.
void attend_row(const AttentionTask& task, const float* q, std::int64_t from, std::int64_t until,
                float* state) {
  const KvLayout& layout = *task.layout;
  std::vector<double> weights;
  for (std::int64_t token = from; token < until; ++token)
    weights.push_back(score_of(task, q, token));
  const double largest = weights.empty() ? double{kNoScore} : *std::ranges::max_element(weights);
  double total = 0;
  for (double& weight : weights) total += weight = std::exp(weight - largest);
  std::vector<double> sums(static_cast<std::size_t>(layout.head_dim));
  for (std::int64_t token = from; token < until; ++token) {
    const std::int32_t page = task.pages[token / layout.page_size];
    const std::byte* values =
        task.layer + layout.keys_offset(page, task.kv_head) + layout.keys_bytes();
    for (std::size_t i = 0; i < sums.size(); ++i) {
      const std::int64_t index =
          layout.value_index(static_cast<std::int64_t>(i), token % layout.page_size);
      sums[i] += weights[static_cast<std::size_t>(token - from)] *
                 double{element(values, layout.format, index)};
    }
  }
  std::ranges::transform(sums, state, [](double sum) { return static_cast<float>(sum); });
  state[layout.value_dim] = static_cast<float>(largest);
  state[layout.value_dim + 1] = static_cast<float>(total);
}

void attend(const AttentionTask& task) {
  const KvLayout& layout = *task.layout;
  for (int i = 0; i < task.rows; ++i) {
    const AttentionRow& row = task.row[i];
    attend_row(task, row.q, std::max(row.from, task.first_page * layout.page_size),
               std::min(row.until, task.last_page * layout.page_size),
               task.states + i * state_floats(layout.value_dim));
  }
}

void merge_states(float* state, const float* next, std::int64_t value_dim) {
  const float largest = std::max(state[value_dim], next[value_dim]);
  const float factor = std::exp(state[value_dim] - largest);
  const float next_factor = std::exp(next[value_dim] - largest);
  for (std::int64_t i = 0; i < value_dim + 2; ++i)
    state[i] = state[i] * factor + next[i] * next_factor;
  state[value_dim] = largest;
}

void finish_state(float* out, const float* state, std::int64_t head_dim, std::int64_t value_dim) {
  for (std::int64_t i = 0; i < head_dim; ++i) out[i] = state[i] / state[value_dim + 1];
}

// --- one row at a time

void rms_norm(float* out, const float* x, const float* weight, std::int64_t cols, float eps) {
  double squares = 0;
  for (std::int64_t i = 0; i < cols; ++i) squares += double{x[i]} * double{x[i]};
  const double mean = squares / static_cast<double>(cols);
  const auto factor = static_cast<float>(1 / std::sqrt(mean + double{eps}));
  for (std::int64_t i = 0; i < cols; ++i) out[i] = x[i] * factor * weight[i];
}

void layer_norm(float* out, const float* x, const float* weight, const float* bias,
                std::int64_t cols, float eps) {
  double sum = 0;
  for (std::int64_t i = 0; i < cols; ++i) sum += double{x[i]};
  const double mean = sum / static_cast<double>(cols);
  double squares = 0;
  for (std::int64_t i = 0; i < cols; ++i) squares += (double{x[i]} - mean) * (double{x[i]} - mean);
  const double factor = 1 / std::sqrt(squares / static_cast<double>(cols) + double{eps});
  for (std::int64_t i = 0; i < cols; ++i)
    out[i] = static_cast<float>((double{x[i]} - mean) * factor) * weight[i] + bias[i];
}

float silu(float x) { return x / (1 + std::exp(-x)); }
float gelu(float x) { return x * (std::erfc(-x / std::numbers::sqrt2_v<float>) / 2); }
float gelu_tanh(float x) {
  const float slope = std::sqrt(2 * std::numbers::inv_pi_v<float>);
  return x / (1 + std::exp(-2 * slope * (x + 0.044715f * x * x * x)));  // x (1 + tanh …) / 2
}
float tanh(float x) { return std::tanh(x); }

template <float (*f)(float)>
void activate(float* out, const float* x, const float* up, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) out[i] = f(x[i]) * (up == nullptr ? 1 : up[i]);
}

void add(float* x, const float* y, float factor, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) x[i] += factor * y[i];
}

void scale(float* x, float factor, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) x[i] *= factor;
}

void softcap(float* x, float cap, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) x[i] = cap * std::tanh(x[i] / cap);
}

void rotate(float* head, const float* cosines, const float* sines, std::int64_t pairs,
            bool is_interleaved) {
  const std::int64_t step = is_interleaved ? 2 : 1;
  const std::int64_t distance = is_interleaved ? 1 : pairs;
  for (std::int64_t i = 0; i < pairs; ++i) {
    float& a = head[i * step];
    float& b = head[i * step + distance];
    const float rotated = a * cosines[i] - b * sines[i];
    b = b * cosines[i] + a * sines[i];
    a = rotated;
  }
}

// The largest finite value of a format stands for what is beyond it, and for NaN.
template <float (*f)(std::uint16_t), std::uint16_t (*g)(float), std::uint16_t largest>
void to_16_bits(void* out, const float* x, std::int64_t count) {
  const float limit = f(largest);
  for (std::int64_t i = 0; i < count; ++i) {
    const float least = x[i] > -limit ? x[i] : -limit;
    static_cast<std::uint16_t*>(out)[i] = g(least < limit ? least : limit);
  }
}

void to_f32(void* out, const float* x, std::int64_t count) {
  std::memcpy(out, x, static_cast<std::size_t>(count) * sizeof(float));
}

Kernels make_table() {
  Kernels table;
  table.name = "scalar";
  table.tallest_tile = kTallestTile;
  scalar::fill_matmul(table);
  table.attention.fill({[](const AttentionTask&) {}, attend});
  table.merge_states = merge_states;
  table.finish_state = finish_state;
  table.rms_norm = rms_norm;
  table.layer_norm = layer_norm;
  table.activation = {activate<silu>, activate<gelu>, activate<gelu_tanh>, activate<tanh>};
  table.add = add;
  table.scale = scale;
  table.softcap = softcap;
  table.rotate = rotate;
  table.to_kv = {to_f32, to_16_bits<half_to_float, float_to_half, 0x7BFF>,
                 to_16_bits<bf16_to_float, float_to_bf16, 0x7F7F>};
  return table;
}

}  // namespace

const Kernels& scalar_kernels() {
  static const Kernels table = make_table();
  return table;
}

}  // namespace conduit::kernels::cpu
