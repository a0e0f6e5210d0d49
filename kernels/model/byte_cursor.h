// Reads little-endian values forward over bytes that a stranger wrote. It cannot leave them: a read
// past the end is an error that says what was being read, and sizes are compared with what is left
// before anything is allocated.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

#include "mdl/base/result.h"

namespace conduit::kernels {

class ByteCursor {
 public:
  // `format` opens each error: "GGUF: ".
  ByteCursor(std::span<const std::byte> bytes, std::string_view format)
      : bytes_(bytes), format_(format) {}

  std::size_t position() const { return position_; }
  std::size_t remaining() const { return bytes_.size() - position_; }

  template <class T>
  Result<T> number(const std::string& what) {
    CONDUIT_TRY(const auto bytes, take(sizeof(T), what));
    T value;
    std::memcpy(&value, bytes.data(), sizeof value);
    return value;
  }

  Result<std::string> text(std::size_t limit, const std::string& what) {
    CONDUIT_TRY(const auto size, number<std::uint64_t>(what));
    if (size > limit)
      return failure(what + " has " + std::to_string(size) + " bytes; the limit is " +
                     std::to_string(limit));
    CONDUIT_TRY(const auto bytes, take(size, what));
    return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }

  Result<std::span<const std::byte>> take(std::uint64_t size, const std::string& what) {
    if (size > remaining()) return failure("the file ends within " + what);
    const auto taken = bytes_.subspan(position_, static_cast<std::size_t>(size));
    position_ += taken.size();
    return taken;
  }

 private:
  Error failure(const std::string& what) const {
    return {Code::corrupt, std::string(format_) + what};
  }

  std::span<const std::byte> bytes_;
  std::string_view format_;
  std::size_t position_ = 0;
};

}  // namespace conduit::kernels
