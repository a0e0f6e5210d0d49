// GGUF v3: metadata and named tensors of one mapped file, or of a file in parts; nothing copied but
// the metadata.
// Format: github.com/ggml-org/ggml, docs/gguf.md. Every count, length, type, offset and overlap is
// checked against the file's size before it is used; a bad file is an Error that names the key or
// tensor.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "kernels/model/mapped_file.h"
#include "kernels/tensor.h"
#include "mdl/base/result.h"

namespace conduit::kernels {

// Integers of all widths arrive as int64/uint64, floats as double; arrays are homogeneous.
using GgufValue =
    std::variant<bool, std::int64_t, std::uint64_t, double, std::string, std::vector<std::int64_t>,
                 std::vector<double>, std::vector<std::string>>;

class GgufFile {
 public:
  // A file that says it is the first of several (split.count, as llama.cpp's gguf-split writes
  // them: NAME-00001-of-00003.gguf) is opened with the others, which lie beside it. The metadata is
  // the first part's; later ones repeat none of it but split.* and perhaps general.architecture.
  // Errors name the part: missing (not_found), one that says it is another, a tensor that two have.
  static Result<GgufFile> open(const std::filesystem::path& path);
  // One file over bytes that outlive the result (fuzzing, tests).
  static Result<GgufFile> parse(std::span<const std::byte> bytes);

  const std::map<std::string, GgufValue, std::less<>>& metadata() const { return metadata_; }
  const std::map<std::string, TensorView, std::less<>>& tensors() const {
    return tensors_;
  }  // shape: [rows, cols]

  // nullptr when absent; the typed look-ups return an error that names the key.
  const GgufValue* find(std::string_view key) const;
  Result<std::int64_t> integer(std::string_view key) const;
  Result<double> real(std::string_view key) const;  // also of an integer
  Result<std::string> text(std::string_view key) const;
  // A value's type and bytes as the (first) file has them, for another file; the key is there.
  std::span<const std::byte> encoded(std::string_view key) const;

  // What the tensors point into; empty when parsed from borrowed bytes.
  const std::vector<std::shared_ptr<const MappedFile>>& files() const { return files_; }

 private:
  static Result<GgufFile> open_one(const std::filesystem::path& path);
  Status take_part(GgufFile part, const std::filesystem::path& path);

  std::vector<std::shared_ptr<const MappedFile>> files_;
  std::map<std::string, GgufValue, std::less<>> metadata_;
  std::map<std::string, TensorView, std::less<>> tensors_;
  std::map<std::string, std::span<const std::byte>, std::less<>> encoded_;
};

}  // namespace conduit::kernels
