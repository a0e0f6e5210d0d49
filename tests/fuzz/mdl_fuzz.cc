// Any bytes as MDL text: an error with its place, or a type whose hint reads back as the same hint
// and whose JSON Schema is taken.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "mdl/base/check.h"
#include "mdl/schema.h"
#include "mdl/schema_hint.h"
#include "mdl/type.h"

namespace {

std::string hint_of(const conduit::mdl::Type& type) {
  const auto lines = conduit::mdl::hint(type);
  CONDUIT_CHECK(lines.has_value(), "what was parsed has no hint");
  std::string text;
  for (const std::string& line : *lines) text += line + "\n";
  return text;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto type = conduit::mdl::parse_mdl(text);
  if (!type) {
    CONDUIT_CHECK(type.error().message.starts_with("line ") || size > (256 << 10), "no place");
    return 0;
  }
  const std::string written = hint_of(*type);
  const auto again = conduit::mdl::parse_mdl(written);
  CONDUIT_CHECK(again.has_value(), "a hint cannot be read");
  CONDUIT_CHECK(hint_of(*again) == written, "a hint reads as something else");
  const auto document = conduit::mdl::to_json_schema(*type);
  CONDUIT_CHECK(document.has_value(), "what was parsed has no JSON Schema");
  const auto schema = conduit::mdl::read_schema(*document);
  if (schema) (void)conduit::mdl::hint(*schema);
  CONDUIT_CHECK(schema.has_value() || schema.error().code == conduit::Code::exhausted,
                "a type's own JSON Schema is refused");
  return 0;
}
