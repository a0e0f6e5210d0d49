// The search for scales, and the rounding.
#include "kernels/model/quantise.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>

#include "kernels/half.h"
#include "kernels/model/block_bits.h"
#include "mdl/base/check.h"

namespace conduit::kernels {
namespace {

using Values = std::span<const float>;

constexpr int kLanes = 8;  // independent sums, which the compiler keeps in vector registers
constexpr float kLargestHalf = 65504;
constexpr float kNothing = 1e-15F;  // a group whose values are all below counts as zeros

// To the nearest integer, ties to even; |x| < 2^22. Vectorises on every x86-64.
inline float nearest_integer(float x) {
  constexpr float kMagic = 12582912;  // 1.5 * 2^23: its unit in the last place is 1
  return (x + kMagic) - kMagic;
}

float sum_of_lanes(const std::array<float, kLanes>& lanes) {
  float total = 0;
  for (float lane : lanes) total += lane;
  return total;
}

// Weighted sums over a group whose values took the levels q.
struct Moments {
  float q = 0, qq = 0, xq = 0;
};

// q = round((x - minimum) * inverse) within low … high.
Moments moments(Values x, Values weights, float minimum, float inverse, float low, float high) {
  std::array<float, kLanes> sum_q{}, sum_qq{}, sum_xq{};
  for (std::size_t i = 0; i < x.size(); i += kLanes)
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      const float value = x[i + lane];
      const float q = std::min(high, std::max(low, nearest_integer((value - minimum) * inverse)));
      const float weighted = weights[i + lane] * q;
      sum_q[lane] += weighted;
      sum_qq[lane] += weighted * q;
      sum_xq[lane] += weighted * value;
    }
  return {sum_of_lanes(sum_q), sum_of_lanes(sum_qq), sum_of_lanes(sum_xq)};
}

struct Range {
  float low = 0, high = 0;
  float largest = 0;  // of both, the farther from 0
};

Range range_of(Values x) {
  Range range{x[0], x[0], x[0]};
  for (float value : x) {
    range.low = std::min(range.low, value);
    range.high = std::max(range.high, value);
  }
  range.largest = -range.low > range.high ? range.low : range.high;
  return range;
}

// --- scale * q, q in -reach … reach - 1: the largest value takes the level of more reach

float fit_scale(Values x, Values weights, float reach) {
  const float largest = range_of(x).largest;
  if (std::abs(largest) < kNothing) return 0;
  float scale = -largest / reach;
  float best = -1;  // what the fit takes off the sum of squares
  for (int step = -9; step <= 9; ++step) {
    const float inverse = -(reach + 0.1F * static_cast<float>(step)) / largest;
    const Moments m = moments(x, weights, 0, inverse, -reach, reach - 1);
    if (m.qq <= 0 || m.xq * m.xq <= best * m.qq) continue;
    scale = m.xq / m.qq;
    best = scale * m.xq;
  }
  return scale;
}

// --- scale * q + minimum, q in 0 … top

struct Fit {
  float scale = 0, minimum = 0;
};

// below_zero: the format's minimum cannot be positive.
Fit fit_range(Values x, Values weights, float top, bool below_zero) {
  Range range = range_of(x);
  if (below_zero) range.low = std::min(range.low, 0.0F);
  const float width = range.high - range.low;
  Fit best{width / top, range.low};
  if (width < kNothing) return {0, range.low};
  float sum_w = 0, sum_x = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    sum_w += weights[i];
    sum_x += weights[i] * x[i];
  }
  float most = -1;  // what the fit takes off the sum of squares
  for (int step = -10; step <= 10; ++step) {
    const float inverse = (top + 0.1F * static_cast<float>(step)) / width;
    const Moments m = moments(x, weights, range.low, inverse, 0, top);
    const float determinant = sum_w * m.qq - m.q * m.q;
    if (determinant <= 0) continue;
    Fit fit{(sum_w * m.xq - sum_x * m.q) / determinant, (m.qq * sum_x - m.q * m.xq) / determinant};
    if (below_zero && fit.minimum > 0) fit = {m.xq / m.qq, 0};
    const float taken = fit.scale * m.xq + fit.minimum * sum_x;
    if (taken <= most || fit.scale <= 0) continue;
    most = taken;
    best = fit;
  }
  return best;
}

// --- integers, once scale and minimum are what the file says

void round_values(Values x, float scale, float minimum, int zero, int top, std::uint8_t* q) {
  const float inverse = scale == 0 ? 0 : 1 / scale;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const float level = nearest_integer((x[i] - minimum) * inverse) + static_cast<float>(zero);
    q[i] = static_cast<std::uint8_t>(std::clamp(level, 0.0F, static_cast<float>(top)));
  }
}

int top_of(DType dtype) { return (1 << form_of(dtype).bits) - 1; }

// --- formats with one scale per block

constexpr std::array<float, 32> ones() {
  std::array<float, 32> all{};
  for (float& one : all) one = 1;
  return all;
}
constexpr std::array<float, 32> kOnes = ones();

void fit_block(DType dtype, Values x, QuantBlock& block) {
  const QuantForm form = form_of(dtype);
  Fit fit;
  if (form.has_minimum) {
    fit = fit_range(x, kOnes, static_cast<float>(top_of(dtype)), /*below_zero=*/false);
  } else if (dtype == DType::q8_0) {  // so many levels that a search gains nothing
    fit.scale = std::abs(range_of(x).largest) / 127;
  } else {
    fit.scale = fit_scale(x, kOnes, static_cast<float>(form.zero));
  }
  block.d = float_to_half(fit.scale);
  block.m = float_to_half(fit.minimum);
  round_values(x, half_to_float(block.d), half_to_float(block.m), form.zero, top_of(dtype),
               block.q.data());
}

// --- formats of 256 columns with a small integer for each group's scale (and minimum)

constexpr int kMaxGroups = 16;

// Integers 0 … top (or -128 … 127, top negative), and d such that d * integer is near each scale.
std::uint16_t spread(std::span<const float> scales, float top, std::int8_t* integers) {
  float unit = range_of(scales).largest / top;
  if (std::abs(unit) < kNothing) unit = 0;
  const float lowest = std::min(top, 0.0F);
  const float highest = top < 0 ? -top - 1 : top;
  float squares = 0, products = 0;
  for (std::size_t i = 0; i < scales.size(); ++i) {
    const float integer =
        unit == 0 ? 0 : std::clamp(nearest_integer(scales[i] / unit), lowest, highest);
    integers[i] = static_cast<std::int8_t>(integer);
    squares += integer * integer;
    products += integer * scales[i];
  }
  return float_to_half(squares == 0 ? 0 : products / squares);
}

// Large values count more: the error they make is multiplied by large activations as a rule
// (llama.cpp's weights where it has no statistics of them).
std::array<float, 32> group_weights(DType dtype, Values x) {
  std::array<float, 32> weights{};
  float squares = 0;
  for (float value : x) squares += value * value;
  if (squares == 0) return kOnes;
  const float inverse_mean = std::sqrt(static_cast<float>(x.size()) / squares);
  for (std::size_t i = 0; i < x.size(); ++i) {
    const float size = std::abs(x[i]) * inverse_mean;
    weights[i] = dtype == DType::q6_k ? size * size : 1 + size;
  }
  return weights;
}

void fit_groups(DType dtype, Values x, QuantBlock& block) {
  const QuantForm form = form_of(dtype);
  const auto columns = static_cast<std::size_t>(form.scale_columns);
  const std::size_t groups = x.size() / columns;
  std::array<float, kMaxGroups> scales{}, minima{};
  for (std::size_t i = 0; i < groups; ++i) {
    const Values group = x.subspan(i * columns, columns);
    const auto weights = group_weights(dtype, group);
    const Values used = Values(weights).first(columns);
    if (form.has_minimum) {
      const Fit fit =
          fit_range(group, used, static_cast<float>(top_of(dtype)), /*below_zero=*/true);
      scales[i] = fit.scale;
      minima[i] = -fit.minimum;
    } else {
      scales[i] = fit_scale(group, used, static_cast<float>(form.zero));
    }
  }
  constexpr float kSixBits = 63, kEightBits = -128;  // the largest scale takes the longer side
  block.d = spread(Values(scales).first(groups), form.has_minimum ? kSixBits : kEightBits,
                   block.scales.data());
  if (form.has_minimum)
    block.m = spread(Values(minima).first(groups), kSixBits, block.minima.data());
  for (std::size_t i = 0; i < groups; ++i) {
    const QuantTerms terms = quant_terms(dtype, block.d, block.m, block.scales[i], block.minima[i]);
    round_values(x.subspan(i * columns, columns), terms.scale, terms.minimum, form.zero,
                 top_of(dtype), block.q.data() + i * columns);
  }
}

template <class Encode>
void encode_each(Values values, std::byte* out, const Encode& encode) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::uint16_t bits = encode(values[i]);
    std::memcpy(out + i * sizeof bits, &bits, sizeof bits);
  }
}

}  // namespace

bool can_quantise_to(DType dtype) {
  switch (dtype) {
    case DType::f32:
    case DType::f16:
    case DType::bf16:
    case DType::q8_0:
    case DType::q4_0:
    case DType::q4_1:
    case DType::q5_0:
    case DType::q5_1:
    case DType::q4_k:
    case DType::q5_k:
    case DType::q6_k: return true;
    default: return false;
  }
}

float largest_value(DType dtype) {
  return dtype == DType::f32 || dtype == DType::bf16 ? std::numeric_limits<float>::max()
                                                     : kLargestHalf;
}

void quantise(DType dtype, Values values, std::byte* out) {
  CONDUIT_CHECK(can_quantise_to(dtype), "no type that is written");
  if (dtype == DType::f32) std::memcpy(out, values.data(), values.size_bytes());
  if (dtype == DType::f16) encode_each(values, out, float_to_half);
  if (dtype == DType::bf16) encode_each(values, out, float_to_bf16);
  if (!is_quantised(dtype)) return;
  const DTypeTraits format = traits(dtype);
  const auto elements = static_cast<std::size_t>(format.block_elements);
  CONDUIT_CHECK(values.size() % elements == 0, "a block cannot be cut");
  QuantBlock block;
  for (; !values.empty(); values = values.subspan(elements), out += format.block_bytes) {
    const Values x = values.first(elements);
    form_of(dtype).scale_columns == 0 ? fit_block(dtype, x, block) : fit_groups(dtype, x, block);
    write_block(dtype, block, out);
  }
}

}  // namespace conduit::kernels
