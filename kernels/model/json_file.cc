// Read whole, then parsed.
#include "kernels/model/json_file.h"

#include <string>
#include <system_error>

#include "kernels/model/mapped_file.h"

namespace conduit::kernels {

bool is_there(const std::filesystem::path& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

Result<json::Value> read_json_file(const std::filesystem::path& path) {
  CONDUIT_TRY(const std::string text, read_text_file(path, kMaxConfigBytes));
  auto value = json::parse(text);
  if (!value) return Error{value.error().code, path.string() + ": " + value.error().message};
  return value;
}

}  // namespace conduit::kernels
