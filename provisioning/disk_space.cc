// statvfs of the nearest folder that exists.
#include "provisioning/disk_space.h"

#include <array>
#include <cstdio>

namespace conduit::provisioning {

std::string bytes_text(std::uint64_t bytes) {
  if (bytes < 1024) return std::to_string(bytes) + " bytes";
  constexpr std::array<const char*, 4> kUnits = {"KiB", "MiB", "GiB", "TiB"};
  double value = double(bytes) / 1024;
  std::size_t unit = 0;
  while (value >= 1024 && unit + 1 < kUnits.size()) {
    value /= 1024;
    ++unit;
  }
  char text[32];
  std::snprintf(text, sizeof text, "%.1f %s", value, kUnits[unit]);
  return text;
}

std::uint64_t bytes_below(const std::filesystem::path& folder) {
  std::uint64_t bytes = 0;
  std::error_code error;
  for (auto entry = std::filesystem::recursive_directory_iterator(folder, error);
       !error && entry != std::filesystem::recursive_directory_iterator(); entry.increment(error)) {
    std::error_code gone;  // meanwhile
    const bool is_file = entry->is_regular_file(gone) && !entry->is_symlink(gone);
    const std::uintmax_t size = is_file ? entry->file_size(gone) : 0;
    if (!gone) bytes += size;
  }
  return bytes;
}

Status check_disk_space(const std::filesystem::path& folder, std::uint64_t bytes,
                        std::string_view what, std::string_view variable) {
  std::error_code error;
  std::filesystem::path there = std::filesystem::absolute(folder, error);
  while (!std::filesystem::exists(there, error) && there.has_relative_path())
    there = there.parent_path();
  const auto space = std::filesystem::space(there, error);
  if (error || space.available >= bytes) return ok();  // what cannot be told is tried
  return Error{Code::exhausted, std::string(what) + " needs " + bytes_text(bytes) + " in " +
                                    folder.string() + ", where " + bytes_text(space.available) +
                                    " are free: make room there, or set " + std::string(variable) +
                                    " to a folder on another disk"};
}

}  // namespace conduit::provisioning
