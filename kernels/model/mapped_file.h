// A file mapped read-only into memory: the bytes of weights without a copy. What is cut off while
// they are read reads as zeros (mapping_guard.h): check() tells.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

#include "mdl/base/result.h"

namespace conduit::kernels {

class MappedFile {
 public:
  // Errors: not_found, invalid_argument (no regular file), corrupt (empty).
  static Result<MappedFile> open(const std::filesystem::path& path);

  std::span<const std::byte> bytes() const { return bytes_; }
  const std::filesystem::path& path() const { return path_; }
  // Gives the pages back to the system once their content has been repacked elsewhere; they are
  // read again if touched.
  void release_pages() const;
  // The same of the pages that lie wholly within `part`; nothing where that is not of this file.
  void release_pages(std::span<const std::byte> part) const;
  // Once all has been read. Error: corrupt when the file was changed since it was opened.
  Status check() const;

 private:
  struct Mapping;

  std::filesystem::path path_;
  std::shared_ptr<const Mapping> mapping_;  // unmaps when the last owner goes
  std::span<const std::byte> bytes_;
};

// A small text file (config, tokenizer, template) as a string. Error names path and limit.
Result<std::string> read_text_file(const std::filesystem::path& path, std::size_t limit_bytes);

}  // namespace conduit::kernels
