// Writers of GGUF and safetensors files for tests, good ones and, on request, bad ones.
// The idea: nothing is checked, so a test can state any count, type, offset or length it wants the
// readers to refuse.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace conduit::testing {

void write_file(const std::filesystem::path& path, std::string_view bytes);

// GGUF's numbers for value types (docs/gguf.md), as far as tests write them.
enum class GgufType : std::uint32_t {
  uint32 = 4,
  int32 = 5,
  float32 = 6,
  boolean = 7,
  string = 8,
  array = 9,
  uint64 = 10,
};

class GgufWriter {
 public:
  std::uint32_t version = 3;
  std::uint64_t alignment = 32;  // of the data; to be stated under general.alignment if another

  void number(std::string_view key, std::uint32_t value);
  void real(std::string_view key, float value);
  void flag(std::string_view key, bool value);
  void text(std::string_view key, std::string_view value);
  void texts(std::string_view key, const std::vector<std::string>& values);
  void numbers(std::string_view key, const std::vector<std::int32_t>& values);
  // A key, a type number and the value's bytes as they are.
  void raw(std::string_view key, std::uint32_t type, std::string_view bytes);

  // Extents as numpy lists them, the last varying fastest (they are written the other way round).
  void tensor(std::string_view name, const std::vector<std::int64_t>& shape,
              std::uint32_t ggml_type, std::string_view bytes);
  // The same with an offset of the caller's choice; its bytes are not written.
  void tensor_at(std::string_view name, const std::vector<std::int64_t>& shape,
                 std::uint32_t ggml_type, std::uint64_t offset);

  std::string finish() const;  // header, metadata, tensor list, data

 private:
  std::uint64_t keys_ = 0;
  std::uint64_t tensors_ = 0;
  std::string metadata_;
  std::string directory_;
  std::string data_;
};

// u64 length, header, data.
std::string safetensors_file(std::string_view header, std::string_view data);

struct SafetensorsEntry {
  std::string name;
  std::string dtype;  // "F32"
  std::vector<std::int64_t> shape;
  std::string bytes;
};
// A well-formed file of these.
std::string safetensors_file(const std::vector<SafetensorsEntry>& entries);

}  // namespace conduit::testing
