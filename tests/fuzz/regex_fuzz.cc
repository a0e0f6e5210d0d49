// Any bytes as a pattern, and behind a NUL as a text: a refusal, or an expression whose steps,
// shortest text and lengths agree with each other.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "mdl/base/check.h"
#include "mdl/regex.h"

using conduit::mdl::Regexes;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view all(reinterpret_cast<const char*>(data), size);
  const std::size_t cut = all.find('\0');
  const std::string_view text = cut == all.npos ? std::string_view() : all.substr(cut + 1);
  Regexes regexes(Regexes::Limits{.expressions = 20'000, .work = 200'000});
  const auto id = regexes.pattern(all.substr(0, cut));
  if (!id) return 0;
  const bool is_empty = regexes.is_empty(*id);
  const auto shortest = regexes.shortest(*id);
  const auto [least, most] = regexes.lengths(*id);
  const Regexes::Id end = regexes.walk(*id, text);
  if (end != Regexes::kNothing && !is_empty) {
    const auto rest = regexes.shortest(end);
    if (regexes.is_exhausted()) return 0;
    CONDUIT_CHECK(rest && regexes.matches(end, *rest), "a state without an end");
  }
  if (regexes.is_exhausted()) return 0;
  CONDUIT_CHECK(is_empty != shortest.has_value(), "the shortest text of nothing");
  CONDUIT_CHECK(!most || least <= *most, "lengths in the wrong order");
  const bool is_match = !shortest || regexes.matches(*id, *shortest);
  CONDUIT_CHECK(is_match || regexes.is_exhausted(), "the shortest text does not match");
  return 0;
}
