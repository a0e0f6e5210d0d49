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
};

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
  return OpenFile{std::move(descriptor), static_cast<std::size_t>(status.st_size)};
}

}  // namespace

Result<MappedFile> MappedFile::open(const std::filesystem::path& path) {
  CONDUIT_TRY(OpenFile file, open_regular(path));
  if (file.bytes == 0) return Error{Code::corrupt, path.string() + ": the file is empty"};
  void* address = ::mmap(nullptr, file.bytes, PROT_READ, MAP_PRIVATE, file.descriptor.number(), 0);
  if (address == MAP_FAILED) return system_error(path, "map");
  MappedFile mapped;
  mapped.path_ = path;
  mapped.mapping_ = std::shared_ptr<const std::byte>(
      static_cast<const std::byte*>(address),
      [address, bytes = file.bytes](const std::byte*) { ::munmap(address, bytes); });
  mapped.bytes_ = {mapped.mapping_.get(), file.bytes};
  return mapped;
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
