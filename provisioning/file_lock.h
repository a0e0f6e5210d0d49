// A lock between processes, by a file: flock(2), as huggingface_hub's filelock takes it on Unix.
// The kernel frees it when its holder ends, however that comes about, so none is ever stale; the
// file stays and means nothing.
#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <utility>

#include "mdl/base/result.h"

namespace conduit::provisioning {

class FileLock {
 public:
  // Waits for whoever holds it; `on_wait` is called once if it comes to that. Errors: unavailable
  // (the file cannot be made), cancelled.
  static Result<FileLock> take(const std::filesystem::path& path,
                               const std::function<void()>& on_wait,
                               const std::atomic<bool>* cancelled);
  ~FileLock();
  FileLock(FileLock&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  FileLock& operator=(FileLock&&) = delete;

 private:
  explicit FileLock(int descriptor) : descriptor_(descriptor) {}
  int descriptor_;
};

}  // namespace conduit::provisioning
