// mmap behind a shared owner, and small files as strings.
#include "kernels/model/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "kernels/model/mapping_guard.h"

namespace conduit::kernels {
namespace {

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  int number() const { return number_; }

 private:
  int number_;
};

struct OpenFile {
  Descriptor descriptor;
  std::size_t bytes = 0;
  struct stat status {};
};

bool is_same_file(const struct stat& a, const struct stat& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

bool is_unchanged(const struct stat& a, const struct stat& b) {
  return a.st_size == b.st_size && a.st_mtim.tv_sec == b.st_mtim.tv_sec &&
         a.st_mtim.tv_nsec == b.st_mtim.tv_nsec;
}

Error system_error(const std::filesystem::path& path, const char* action) {
  const int reason = errno;
  const Code code = reason == ENOENT || reason == ENOTDIR ? Code::not_found : Code::unavailable;
  return {code, path.string() + ": cannot " + action + ": " + std::strerror(reason)};
}

Result<OpenFile> open_regular(const std::filesystem::path& path) {
  // O_NONBLOCK: a named pipe must be refused below, not waited for.
  Descriptor descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (descriptor.number() < 0) return system_error(path, "open");
  struct stat status {};
  if (::fstat(descriptor.number(), &status) != 0) return system_error(path, "stat");
  if (!S_ISREG(status.st_mode))
    return Error{Code::invalid_argument, path.string() + ": not a regular file"};
  return OpenFile{std::move(descriptor), static_cast<std::size_t>(status.st_size), status};
}

}  // namespace

struct MappedFile::Mapping {
  Mapping(const std::byte* begin, std::size_t size, const struct stat& at_opening)
      : address(begin), bytes(size), opened(at_opening), guard(begin, size) {}
  ~Mapping() { ::munmap(const_cast<std::byte*>(address), bytes); }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;

  const std::byte* address;
  std::size_t bytes;
  struct stat opened;
  MappingGuard guard;
};

Result<MappedFile> MappedFile::open(const std::filesystem::path& path) {
  CONDUIT_TRY(OpenFile file, open_regular(path));
  if (file.bytes == 0) return Error{Code::corrupt, path.string() + ": the file is empty"};
  void* address = ::mmap(nullptr, file.bytes, PROT_READ, MAP_PRIVATE, file.descriptor.number(), 0);
  if (address == MAP_FAILED) return system_error(path, "map");
  MappedFile mapped;
  mapped.path_ = path;
  mapped.mapping_ = std::make_shared<const Mapping>(static_cast<const std::byte*>(address),
                                                    file.bytes, file.status);
  mapped.bytes_ = {mapped.mapping_->address, file.bytes};
  return mapped;
}

// A file of the same name that took its place does no harm: the one that was opened is still whole.
Status MappedFile::check() const {
  struct stat now {};
  const bool is_there = ::stat(path_.c_str(), &now) == 0 && is_same_file(now, mapping_->opened);
  if (!mapping_->guard.is_damaged() && (!is_there || is_unchanged(now, mapping_->opened)))
    return ok();
  return Error{Code::corrupt, path_.string() +
                                  ": was changed while it was read; a new version of a file "
                                  "should be written beside it and then take its name"};
}

void MappedFile::release_pages() const {
  // Advice only: where the system does not take it, the pages stay until it needs the memory.
  ::madvise(const_cast<std::byte*>(bytes_.data()), bytes_.size(), MADV_DONTNEED);
}

void MappedFile::release_pages(std::span<const std::byte> part) const {
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  const std::size_t offset = static_cast<std::size_t>(part.data() - bytes_.data());
  if (part.data() < bytes_.data() || offset > bytes_.size() - std::min(part.size(), bytes_.size()))
    return;
  const std::size_t first = (offset + page - 1) / page * page;
  const std::size_t end = (offset + part.size()) / page * page;
  if (first < end)
    ::madvise(const_cast<std::byte*>(bytes_.data()) + first, end - first, MADV_DONTNEED);
}

Result<std::string> read_text_file(const std::filesystem::path& path, std::size_t limit_bytes) {
  CONDUIT_TRY(OpenFile file, open_regular(path));
  if (file.bytes > limit_bytes) {
    return Error{Code::exhausted, path.string() + " has " + std::to_string(file.bytes) +
                                      " bytes; the limit is " + std::to_string(limit_bytes)};
  }
  std::string text(file.bytes, '\0');
  std::size_t filled = 0;
  while (filled < text.size()) {
    const ssize_t count =
        ::read(file.descriptor.number(), text.data() + filled, text.size() - filled);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return system_error(path, "read");
    if (count == 0) break;  // cut while we read
    filled += static_cast<std::size_t>(count);
  }
  text.resize(filled);
  return text;
}

}  // namespace conduit::kernels
