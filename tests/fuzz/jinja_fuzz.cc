// Any bytes as a chat template, rendered with a small conversation: an error or a prompt, within
// the limits.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "kernels/model/chat_template.h"
#include "mdl/base/check.h"
#include "mdl/base/json.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto variables = conduit::json::parse(
      R"({"messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":null}],)"
      R"("tools":[{"type":"function","function":{"name":"f","parameters":{}}}],"number":-7.5,)"
      R"("add_generation_prompt":true,"bos_token":"<s>","eos_token":"</s>"})");
  // Below the defaults, so that an input which meets them still counts as quick.
  conduit::kernels::TemplateLimits limits;
  limits.steps = 20'000;
  limits.output_bytes = 1 << 16;
  const std::string_view source(reinterpret_cast<const char*>(data), size);
  const auto parsed = conduit::kernels::ChatTemplate::parse(source, limits);
  if (!parsed) return 0;
  const auto prompt = parsed->render(*variables, 1'768'480'496);
  if (prompt) CONDUIT_CHECK(prompt->size() <= limits.output_bytes, "longer than its limit");
  return 0;
}
