// The checks that every ModelConfig passes, and rotary frequencies. The readers: config_hf.cc,
// config_gguf.cc.
#include "kernels/model/config.h"

#include <cmath>
#include <limits>
#include <numbers>

#include "kernels/model/config_checks.h"

namespace conduit::kernels {
namespace config_checks {
namespace {

constexpr double kMaxReal = 1e12;  // rope_theta of long-context models reaches 1e9

constexpr Family kFamilies[] = {
    {"llama", "LlamaForCausalLM", false, true},
    {"qwen3", "Qwen3ForCausalLM", true, false},
};

}  // namespace

Error corrupt(const std::string& what) { return {Code::corrupt, what}; }

Error unsupported(const std::string& what) {
  return {Code::invalid_argument, what + " is not supported yet"};
}

Result<Family> family_of(const std::string& architecture) {
  for (const Family& family : kFamilies)
    if (family.name == architecture) return family;
  return Error{Code::invalid_argument,
               "architecture '" + architecture + "' is not supported yet; llama and qwen3 are"};
}

Result<int> bounded(std::int64_t value, std::int64_t limit, const std::string& key) {
  if (value < 1 || value > limit)
    return corrupt(key + " is " + std::to_string(value) + "; 1 to " + std::to_string(limit) +
                   " is possible");
  return static_cast<int>(value);
}

Result<float> at_least(double minimum, double value, const std::string& key) {
  if (!(value >= minimum && value <= kMaxReal))  // NaN fails too
    return corrupt(key + " is " + std::to_string(value) + "; a number from " +
                   (minimum < 1 ? "above 0 up" : "from 1") + " to 10^12 is needed");
  return static_cast<float>(value);
}

Result<std::int32_t> token_id(std::int64_t value, const std::string& key) {
  if (value < 0 || value > std::numeric_limits<std::int32_t>::max())
    return corrupt(key + " is " + std::to_string(value) + ", no token id");
  return static_cast<std::int32_t>(value);
}

Status check(const ModelConfig& c) {
  if (c.heads % c.kv_heads != 0)
    return corrupt("the number of key/value heads, " + std::to_string(c.kv_heads) +
                   ", does not divide the number of heads, " + std::to_string(c.heads));
  if (c.head_dim % 2 != 0)
    return corrupt("the head size, " + std::to_string(c.head_dim) +
                   ", is odd: rotary embeddings turn pairs");
  if (c.rope_scaling == RopeScaling::llama3 && c.rope_high_freq_factor <= c.rope_low_freq_factor)
    return corrupt("llama3 rope scaling needs high_freq_factor above low_freq_factor");
  return ok();
}

}  // namespace config_checks

namespace {

// Low frequencies are slowed by the factor, high ones stay, those between are blended.
float llama3_scaled(float frequency, const ModelConfig& c) {
  const auto original = static_cast<float>(c.rope_original_max_position);
  const float wavelength = 2 * std::numbers::pi_v<float> / frequency;
  if (wavelength < original / c.rope_high_freq_factor) return frequency;
  if (wavelength > original / c.rope_low_freq_factor) return frequency / c.rope_factor;
  const float smooth = (original / wavelength - c.rope_low_freq_factor) /
                       (c.rope_high_freq_factor - c.rope_low_freq_factor);
  return (1 - smooth) * frequency / c.rope_factor + smooth * frequency;
}

}  // namespace

std::vector<float> rope_inverse_frequencies(const ModelConfig& config) {
  std::vector<float> frequencies(static_cast<std::size_t>(config.head_dim / 2));
  for (std::size_t pair = 0; pair < frequencies.size(); ++pair) {
    const double exponent = 2.0 * static_cast<double>(pair) / config.head_dim;
    auto frequency =
        static_cast<float>(std::pow(static_cast<double>(config.rope_theta), -exponent));
    if (config.rope_scaling == RopeScaling::linear) frequency /= config.rope_factor;
    if (config.rope_scaling == RopeScaling::llama3) frequency = llama3_scaled(frequency, config);
    if (!config.rope_freq_factors.empty()) frequency /= config.rope_freq_factors[pair];
    frequencies[pair] = frequency;
  }
  return frequencies;
}

}  // namespace conduit::kernels
