// A model from a hub into the cache: asks what the repository holds, chooses, looks for room, and
// fetches what is missing.
// The idea: the commit is asked for first, and every file is fetched of that commit; the revision's
// ref is written last, so an older model stays whole while a newer one comes. Hugging Face's API:
// GET /api/models/REPO/revision/REV, GET and HEAD /REPO/resolve/COMMIT/FILE.
#pragma once

#include <atomic>
#include <filesystem>

#include "mdl/base/result.h"
#include "provisioning/download.h"
#include "provisioning/hub_cache.h"
#include "provisioning/model_name.h"

namespace conduit::provisioning {

// FILE.gguf or the folder, as a reader of models opens it. Errors: not_found and invalid_argument
// (a name, a revision, a token; with what helps), exhausted (the disk), unavailable, corrupt,
// cancelled. What has come stays for the next time.
Result<std::filesystem::path> pull_from_hub(const HubSettings& hub, const HubName& name,
                                            const DownloadOptions& options, PullProgress& progress,
                                            const std::atomic<bool>* cancelled);

}  // namespace conduit::provisioning
