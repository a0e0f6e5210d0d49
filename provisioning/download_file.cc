// POSIX files, and the order of ranges.
#include "provisioning/download_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

namespace conduit::provisioning {

namespace {

Error download_failed(const std::filesystem::path& path, const char* what) {
  const Code code = errno == ENOSPC || errno == EDQUOT ? Code::exhausted : Code::unavailable;
  return {code, path.string() + ": " + what + ": " + std::strerror(errno)};
}

}  // namespace

DownloadFile::~DownloadFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

Status DownloadFile::open(const std::filesystem::path& path, std::uint64_t size) {
  path_ = path;
  descriptor_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (descriptor_ < 0) return download_failed(path_, "cannot be made");
  std::vector<char> piece(1 << 20);
  for (;;) {
    const ssize_t length = ::read(descriptor_, piece.data(), piece.size());
    if (length < 0 && errno == EINTR) continue;
    if (length < 0) return download_failed(path_, "cannot be read");
    if (length == 0) return ok();
    written_ += static_cast<std::uint64_t>(length);
    if (written_ > size) return clear();
    sum_.update({piece.data(), static_cast<std::size_t>(length)});
  }
}

Status DownloadFile::append(std::string_view piece) {
  while (!piece.empty()) {
    const ssize_t length = ::write(descriptor_, piece.data(), piece.size());
    if (length < 0 && errno == EINTR) continue;
    if (length < 0) return download_failed(path_, "cannot be written");
    const auto taken = static_cast<std::size_t>(length);
    sum_.update(piece.substr(0, taken));
    written_ += taken;
    piece.remove_prefix(taken);
  }
  return ok();
}

Status DownloadFile::put(std::uint64_t begin, std::string_view piece) {
  if (ranges_.begin()->first == begin) return append(piece);
  ranges_[begin].waiting += piece;
  return ok();
}

Status DownloadFile::end_range(std::uint64_t begin) {
  ranges_[begin].is_whole = true;
  while (!ranges_.empty() && ranges_.begin()->second.is_whole) {
    ranges_.erase(ranges_.begin());
    if (ranges_.empty()) break;
    CONDUIT_TRY_STATUS(append(std::exchange(ranges_.begin()->second.waiting, {})));
  }
  return ok();
}

Status DownloadFile::finish(const std::filesystem::path& name) {
  if (::fsync(descriptor_) != 0) return download_failed(path_, "cannot be written");
  if (::rename(path_.c_str(), name.c_str()) != 0) return download_failed(name, "cannot be made");
  return ok();
}

void DownloadFile::remove() { ::unlink(path_.c_str()); }

Status DownloadFile::clear() {
  if (::ftruncate(descriptor_, 0) != 0) return download_failed(path_, "cannot be emptied");
  written_ = 0;
  sum_.hex();
  ranges_.clear();
  return ok();
}

}  // namespace conduit::provisioning
