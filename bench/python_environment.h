// The Python that a peer runs in: of a virtual environment of its own in the user's cache folder,
// made, and given the peer's package, at the first use.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "mdl/base/result.h"

namespace conduit::bench {

struct PythonPackage {
  std::string name;                      // as pip spells it
  std::string import;                    // as Python does, with what else the script imports
  std::vector<std::string> extras = {};  // packages beside it
  // NAME=VALUE for the build of a package that is compiled for this machine; empty: as published.
  std::vector<std::string> build = {};
};

// $XDG_CACHE_HOME/conduit/bench: environments, and the models of `table`.
std::filesystem::path bench_cache();
// CONDUIT_BENCH_VENV=FOLDER names one environment, with all packages, instead.
Result<std::string> python_with(const PythonPackage& package);
// The path of a script of this folder: beside the installed program, else in the build folder.
std::string bench_script(const std::string& name);

}  // namespace conduit::bench
