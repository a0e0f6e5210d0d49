// Rotary frequencies of every kind of scaling. Formulas: transformers, modeling_rope_utils.py.
#include <algorithm>
#include <cmath>
#include <numbers>

#include "kernels/model/config.h"

namespace conduit::kernels {
namespace {

// Low frequencies are slowed by the factor, high ones stay, those between are blended.
float llama3_scaled(float frequency, const RopeConfig& rope) {
  const auto original = static_cast<float>(rope.original_max_position);
  const float wavelength = 2 * std::numbers::pi_v<float> / frequency;
  if (wavelength < original / rope.high_freq_factor) return frequency;
  if (wavelength > original / rope.low_freq_factor) return frequency / rope.factor;
  const float smooth = (original / wavelength - rope.low_freq_factor) /
                       (rope.high_freq_factor - rope.low_freq_factor);
  return (1 - smooth) * frequency / rope.factor + smooth * frequency;
}

// Pairs that turn often within the original context stay, those that turn seldom are slowed, and
// between the two ends of a ramp both are blended.
struct YarnRamp {
  double low = 0, high = 0;  // in pairs

  YarnRamp() = default;
  YarnRamp(const RopeConfig& rope, int rotary_dim) {
    // The pair that makes so many turns.
    const auto pair_of = [&](double turns) {
      return rotary_dim * std::log(rope.original_max_position / (turns * 2 * std::numbers::pi)) /
             (2 * std::log(static_cast<double>(rope.theta)));
    };
    low = pair_of(rope.beta_fast);
    high = pair_of(rope.beta_slow);
    if (rope.truncate) {
      low = std::floor(low);
      high = std::ceil(high);
    }
    low = std::max(low, 0.0);
    high = std::min(high, rotary_dim - 1.0);
    if (low == high) high += 0.001;
  }

  float slowed_part(std::size_t pair) const {
    return static_cast<float>(
        std::clamp((static_cast<double>(pair) - low) / (high - low), 0.0, 1.0));
  }
};

}  // namespace

std::vector<float> rope_inverse_frequencies(const RopeConfig& rope, int rotary_dim) {
  std::vector<float> frequencies(static_cast<std::size_t>(rotary_dim / 2));
  const bool is_yarn = rope.scaling == RopeScaling::yarn;
  const YarnRamp ramp = is_yarn ? YarnRamp(rope, rotary_dim) : YarnRamp();
  for (std::size_t pair = 0; pair < frequencies.size(); ++pair) {
    const double exponent = 2.0 * static_cast<double>(pair) / rotary_dim;
    auto frequency = static_cast<float>(std::pow(static_cast<double>(rope.theta), -exponent));
    if (rope.scaling == RopeScaling::linear) frequency /= rope.factor;
    if (rope.scaling == RopeScaling::llama3) frequency = llama3_scaled(frequency, rope);
    if (is_yarn) {
      const float slowed = ramp.slowed_part(pair);
      frequency = frequency / rope.factor * slowed + frequency * (1 - slowed);
    }
    if (!rope.freq_factors.empty()) frequency /= rope.freq_factors[pair];
    frequencies[pair] = frequency;
  }
  return frequencies;
}

}  // namespace conduit::kernels
