// GgufHeader: what stands before the tensors' bytes of a GGUF v3 file: metadata and the directory.
// The idea: the directory says where each tensor will lie before any of its bytes exist, so that
// those can be written in any order, by several threads, and the file's size is known beforehand.
// Format: github.com/ggml-org/ggml, docs/gguf.md. Not here: reading (gguf.h), files.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/tensor.h"

namespace conduit::kernels {

class GgufHeader {
 public:
  // Metadata, in the order of the calls. Integers are written as uint32, lists as int32, numbers as
  // float32: what llama.cpp expects of every key that it reads.
  void add(std::string_view key, std::uint32_t value);
  void add(std::string_view key, float value);
  void add_flag(std::string_view key, bool value);
  void add_text(std::string_view key, std::string_view value);
  void add_texts(std::string_view key, std::span<const std::string> values);
  void add_integers(std::string_view key, std::span<const std::int32_t> values);
  void add_numbers(std::string_view key, std::span<const float> values);
  // A value as another file has it: GgufFile::encoded().
  void add_encoded(std::string_view key, std::span<const std::byte> value);

  // shape: as a TensorView's, [rows, cols]. Returns where its bytes begin, counted from
  // the end of bytes().
  std::uint64_t add_tensor(std::string_view name, DType dtype, std::span<const std::int64_t> shape);

  std::string bytes() const;  // the file up to the first tensor, padding included
  // The sum of all tensors, each padded.
  std::uint64_t data_bytes() const { return data_bytes_; }

 private:
  void begin_entry(std::string_view key, std::uint32_t type);

  std::string entries_, directory_;
  std::uint64_t entry_count_ = 0, tensor_count_ = 0, data_bytes_ = 0;
};

// ggml's number of a weight's type; `dtype` is one that GGUF has.
std::uint32_t ggml_type_of(DType dtype);

}  // namespace conduit::kernels
