// Sizes and times as people write them in a configuration: "12GB", "512MiB", "5m", "90s".
// Not here: the settings that hold them (node_config.h).
#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

#include "mdl/base/result.h"

namespace conduit::cluster {

inline constexpr std::chrono::milliseconds kForever = std::chrono::milliseconds::max();

// A number, perhaps with a fraction, and B, KB, MB, GB, TB (powers of 1000) or KiB … TiB (of 1024);
// without a unit: bytes. Error: invalid_argument.
Result<std::int64_t> parse_bytes(std::string_view text);

// Numbers with ms, s, m or h behind each, as in "1h30m"; without a unit: seconds. "never", or a
// negative number, is kForever. Error: invalid_argument.
Result<std::chrono::milliseconds> parse_duration(std::string_view text);

}  // namespace conduit::cluster
