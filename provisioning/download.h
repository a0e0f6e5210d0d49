// One large file over HTTP to its place on disk: several ranges at once, continued where it
// stopped, checked before it gets its name.
// The idea: until it is whole the file is PATH.incomplete and holds a beginning of the content,
// nothing else, as huggingface_hub's has it: so either program continues what the other began, and
// a cut, Ctrl-C or a crash loses at most what had not been joined yet. Ranges that come before
// their turn wait in memory. SHA-256 runs along.
// Not here: two processes at once (file_lock.h), which file and why (hub_pull.h).
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "mdl/base/result.h"
#include "provisioning/retries.h"

namespace conduit::provisioning {

struct DownloadTarget {
  std::string name;  // for messages
  std::string url;
  std::string service, token;  // as RedirectingClient's
  std::uint64_t size = 0;      // bytes
  std::string sha256;          // lower-case hex; empty: not known
  std::filesystem::path path;
  std::function<Error(const HttpReply&)> refused;  // what an answer that is no file means
};

struct DownloadOptions {
  Patience patience = {};
  int connections = 4;
  // A range. Times twice the connections it is what may wait in memory.
  std::uint64_t range_bytes = 16 << 20;
  std::chrono::seconds silence_timeout{60};
};

// What others may watch.
struct PullProgress {
  std::atomic<std::uint64_t> done = 0, total = 0;  // bytes
  Note note = {};
};

// Errors: unavailable (the line, the server, after all patience), corrupt (another length or
// another SHA-256 than `target` says; the incomplete file is gone then), exhausted (the disk),
// invalid_argument and not_found (the server's refusal), cancelled.
Status download(const DownloadTarget& target, const DownloadOptions& options,
                PullProgress& progress, const std::atomic<bool>* cancelled);

// The name it has until it is whole.
std::filesystem::path incomplete_path(const std::filesystem::path& path);

}  // namespace conduit::provisioning
