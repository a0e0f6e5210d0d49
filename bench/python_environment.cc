// venv, pip.
#include "bench/python_environment.h"

#include <cstdlib>
#include <filesystem>

#include "bench/child_process.h"
#include "mdl/base/log.h"

namespace conduit::bench {
namespace {

namespace fs = std::filesystem;

fs::path environment_folder() {
  if (const char* named = std::getenv("CONDUIT_BENCH_VENV")) return named;
  if (const char* cache = std::getenv("XDG_CACHE_HOME")) return fs::path(cache) / "conduit/bench";
  const char* home = std::getenv("HOME");
  return fs::path(home != nullptr ? home : ".") / ".cache/conduit/bench";
}

}  // namespace

Result<std::string> python_with(const std::string& package, const std::string& import) {
  const fs::path folder = environment_folder();
  const std::string python = (folder / "bin" / "python").string();
  if (fs::exists(python) && run_command({python, "-c", "import " + import})) return python;
  log::info("installing the peer into a virtual environment, once",
            {{"package", package}, {"folder", folder.string()}});
  if (!fs::exists(python)) {
    CONDUIT_TRY_STATUS(run_command({"python3", "-m", "venv", folder.string()}));
  }
  CONDUIT_TRY_STATUS(run_command({python, "-m", "pip", "install", "--quiet", package}));
  return python;
}

std::string bench_script(const std::string& name) {
  return (fs::path(__FILE__).parent_path() / name).string();
}

}  // namespace conduit::bench
