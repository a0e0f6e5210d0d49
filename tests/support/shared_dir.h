// Where reference data lies: the folder named by CONDUIT_SHARED_DIR, read at run time, or
// `../shared` beside the checkout.
#pragma once

#include <filesystem>
#include <string>

namespace conduit::testing {

// May not exist: a test then skips and says which path it missed.
std::filesystem::path shared_dir();
// The project's own reference data, tests/golden: always there.
std::filesystem::path own_golden_dir();
// A fresh folder for one test's files, removed when the object goes.
class TemporaryDir {
 public:
  TemporaryDir();
  ~TemporaryDir();
  TemporaryDir(const TemporaryDir&) = delete;
  TemporaryDir& operator=(const TemporaryDir&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace conduit::testing
