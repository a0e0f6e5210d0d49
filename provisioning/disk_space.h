// Room on a disk, asked before something large is begun.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "mdl/base/result.h"

namespace conduit::provisioning {

// "1.2 GiB", "93.0 MiB", "17 bytes".
std::string bytes_text(std::uint64_t bytes);

// Of all files in it, links not counted.
std::uint64_t bytes_below(const std::filesystem::path& folder);

// `folder` need not exist yet. `variable`: which one of the environment moves it to another disk.
// Error: exhausted, with both numbers.
Status check_disk_space(const std::filesystem::path& folder, std::uint64_t bytes,
                        std::string_view what, std::string_view variable);

}  // namespace conduit::provisioning
