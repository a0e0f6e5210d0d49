// GGUF v3: metadata and named tensors of one mapped file; nothing copied but the metadata.
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
  static Result<GgufFile> open(const std::filesystem::path& path);
  // The same over bytes that outlive the result (fuzzing, tests).
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

  // What the tensors point into; null when parsed from borrowed bytes.
  const std::shared_ptr<const MappedFile>& file() const { return file_; }

 private:
  std::shared_ptr<const MappedFile> file_;
  std::map<std::string, GgufValue, std::less<>> metadata_;
  std::map<std::string, TensorView, std::less<>> tensors_;
};

}  // namespace conduit::kernels
