// flock(2), asked again and again: a blocking call could not be taken back.
#include "provisioning/file_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>

namespace conduit::provisioning {

Result<FileLock> FileLock::take(const std::filesystem::path& path,
                                const std::function<void()>& on_wait,
                                const std::atomic<bool>* cancelled) {
  const auto failed = [&] {
    return Error{Code::unavailable, path.string() + ": cannot be locked: " + std::strerror(errno)};
  };
  std::error_code ignored;
  std::filesystem::create_directories(path.parent_path(), ignored);
  FileLock lock(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  if (lock.descriptor_ < 0) return failed();
  constexpr std::chrono::milliseconds kTick{50};
  for (bool is_waiting = false; ::flock(lock.descriptor_, LOCK_EX | LOCK_NB) != 0;) {
    if (errno != EWOULDBLOCK && errno != EINTR) return failed();
    if (cancelled != nullptr && *cancelled) return Error{Code::cancelled, "cancelled"};
    if (!std::exchange(is_waiting, true) && on_wait) on_wait();
    std::this_thread::sleep_for(kTick);
  }
  return lock;
}

FileLock::~FileLock() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

}  // namespace conduit::provisioning
