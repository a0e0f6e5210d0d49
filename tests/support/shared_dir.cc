// The test data folders.
#include "tests/support/shared_dir.h"

#include <cstdlib>
#include <system_error>

#include "mdl/base/check.h"

namespace conduit::testing {

std::filesystem::path shared_dir() {
  if (const char* named = std::getenv("CONDUIT_SHARED_DIR")) return named;
  return std::filesystem::path(CONDUIT_SOURCE_DIR).parent_path() / "shared";
}

std::filesystem::path own_golden_dir() {
  return std::filesystem::path(CONDUIT_SOURCE_DIR) / "tests" / "golden";
}

TemporaryDir::TemporaryDir() {
  std::string pattern = (std::filesystem::temp_directory_path() / "conduit-test-XXXXXX").string();
  CONDUIT_CHECK(mkdtemp(pattern.data()) != nullptr, "no temporary folder could be made");
  path_ = pattern;
}

TemporaryDir::~TemporaryDir() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace conduit::testing
