// config_from_hf over any JSON, which also serves as its own generation_config, modules.json and
// pooling; each family in turn, whatever model_type the JSON names. An accepted config keeps what
// the rest of the engine takes for granted.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "kernels/engine/transformer.h"
#include "kernels/model/config.h"
#include "kernels/model/config_pooling.h"
#include "mdl/base/check.h"

namespace {

using namespace conduit;

void check_rope(const kernels::RopeConfig& rope, int rotary_dim) {
  CONDUIT_CHECK(std::isfinite(rope.attention_factor), "the attention factor is finite");
  for (float frequency : kernels::rope_inverse_frequencies(rope, rotary_dim))
    CONDUIT_CHECK(std::isfinite(frequency), "frequencies are finite");
}

void check(const kernels::ModelConfig& c) {
  CONDUIT_CHECK(c.kv_heads > 0 && c.heads % c.kv_heads == 0, "heads divide");
  CONDUIT_CHECK(
      c.head_dim > 0 && c.rotary_dim >= 0 && c.rotary_dim <= c.head_dim && c.rotary_dim % 2 == 0,
      "rotary pairs are whole and within a head");
  CONDUIT_CHECK(c.layer.size() == static_cast<std::size_t>(c.layers), "every layer is described");
  CONDUIT_CHECK(c.experts_per_token <= c.experts, "no row asks for more experts than there are");
  CONDUIT_CHECK(std::isfinite(c.attention_scale) && c.max_position > 0, "scale and positions");
  for (const kernels::LayerConfig& layer : c.layer) {
    CONDUIT_CHECK(!layer.is_windowed || c.window > 0, "a windowed layer has a window");
    CONDUIT_CHECK(!layer.has_experts || (c.experts > 0 && c.expert_intermediate > 0), "experts");
  }
  check_rope(c.rope, c.rotary_dim);
  check_rope(c.windowed_rope, c.rotary_dim);
  CONDUIT_CHECK(kernels::Transformer::scratch_bytes(c, {1, 1}) > 0, "sizes do not overflow");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto json = json::parse(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!json) return 0;
  if (const auto config = kernels::config_from_hf(*json, *json)) check(*config);
  (void)kernels::modules_from_json(*json);
  (void)kernels::pooling_from_json(*json, 64);
  if (!json->is_object()) return 0;
  json::Value renamed = *json;
  renamed.set("architectures", nullptr);
  for (const char* family : {"llama", "mistral", "qwen2", "qwen3", "qwen3_moe", "gemma2",
                             "gemma3_text", "phi3", "bert"}) {
    renamed.set("model_type", family);
    if (const auto config = kernels::config_from_hf(renamed, *json)) check(*config);
  }
  return 0;
}
