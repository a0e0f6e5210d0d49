// venv, pip.
#include "bench/python_environment.h"

#include <cstdlib>
#include <system_error>

#include "bench/child_process.h"
#include "mdl/base/log.h"

namespace conduit::bench {
namespace {

namespace fs = std::filesystem;

bool can_import(const fs::path& environment, const std::string& import) {
  const std::string python = (environment / "bin" / "python").string();
  return fs::exists(python) && run_command({python, "-c", "import " + import});
}

// Extras first, so that a build that fails has not hidden that the network does.
std::vector<std::string> install_command(const std::string& python, const PythonPackage& package) {
  std::vector<std::string> command = {"env"};
  command.insert(command.end(), package.build.begin(), package.build.end());
  for (const char* word : {python.c_str(), "-m", "pip", "install"}) command.emplace_back(word);
  command.insert(command.end(), package.extras.begin(), package.extras.end());
  if (package.build.empty())
    command.emplace_back("--quiet");
  else
    command.insert(command.end(), {"--no-binary", package.name});
  command.push_back(package.name);
  return command;
}

}  // namespace

fs::path bench_cache() {
  if (const char* cache = std::getenv("XDG_CACHE_HOME")) return fs::path(cache) / "conduit/bench";
  const char* home = std::getenv("HOME");
  return fs::path(home != nullptr ? home : ".") / ".cache/conduit/bench";
}

Result<std::string> python_with(const PythonPackage& package) {
  const char* named = std::getenv("CONDUIT_BENCH_VENV");
  const fs::path folder = named != nullptr ? fs::path(named) : bench_cache() / package.name;
  const std::string python = (folder / "bin" / "python").string();
  if (can_import(folder, package.import)) return python;
  log::info("installing the peer into a virtual environment, once",
            {{"package", package.name},
             {"folder", folder.string()},
             {"compiled here", !package.build.empty()}});
  if (!fs::exists(python)) {
    CONDUIT_TRY_STATUS(run_command({"python3", "-m", "venv", folder.string()}));
  }
  CONDUIT_TRY_STATUS(run_command(install_command(python, package)));
  if (can_import(folder, package.import)) return python;
  return Error{Code::unavailable, package.name + " is installed in " + folder.string() +
                                      " but cannot be imported; what it said stands above"};
}

std::string bench_script(const std::string& name) {
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  return (program.parent_path().parent_path() / "share/conduit/bench" / name).string();
}

}  // namespace conduit::bench
