// The Python that a peer runs in: of a virtual environment, the one named by CONDUIT_BENCH_VENV, or
// one in the user's cache folder that is made, and gets the peer's package, at the first use.
#pragma once

#include <string>

#include "mdl/base/result.h"

namespace conduit::bench {

// `package` as pip names it, `import` as Python does.
Result<std::string> python_with(const std::string& package, const std::string& import);
// The path of a script of this folder: conduit-bench is run from its checkout.
std::string bench_script(const std::string& name);

}  // namespace conduit::bench
