// config_from_hf over any JSON, which also serves as its own generation_config; an accepted config
// keeps what the rest of the engine takes for granted.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "kernels/model/config.h"
#include "mdl/base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace conduit;
  const auto json = json::parse(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!json) return 0;
  const auto config = kernels::config_from_hf(*json, *json);
  if (!config) return 0;
  CONDUIT_CHECK(config->kv_heads > 0 && config->heads % config->kv_heads == 0, "heads divide");
  CONDUIT_CHECK(config->head_dim > 0 && config->head_dim % 2 == 0, "rotary pairs are whole");
  for (float frequency : kernels::rope_inverse_frequencies(*config))
    CONDUIT_CHECK(std::isfinite(frequency), "frequencies are finite");
  return 0;
}
