// Any bytes as JSON: an error, or a value whose text reads back as the same value.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "mdl/base/check.h"
#include "mdl/base/json.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto value = conduit::json::parse(text);
  if (!value) return 0;
  const std::string written = conduit::json::dump(*value);
  const auto again = conduit::json::parse(written);
  CONDUIT_CHECK(again.has_value(), "what was written cannot be read");
  CONDUIT_CHECK(conduit::json::dump(*again) == written, "what was written reads as something else");
  return 0;
}
