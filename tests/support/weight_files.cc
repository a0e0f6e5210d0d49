// Bytes of GGUF and safetensors files.
#include "tests/support/weight_files.h"

#include <fstream>

#include "mdl/base/check.h"
#include "mdl/base/json.h"

namespace conduit::testing {
namespace {

template <class T>
void append(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

void append_text(std::string& out, std::string_view text) {
  append(out, static_cast<std::uint64_t>(text.size()));
  out += text;
}

void pad(std::string& out, std::uint64_t alignment) {
  while (out.size() % alignment != 0) out.push_back('\0');
}

template <class T>
std::string bytes_of(T value) {
  std::string out;
  append(out, value);
  return out;
}

}  // namespace

void write_file(const std::filesystem::path& path, std::string_view bytes) {
  std::ofstream file(path, std::ios::binary);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  CONDUIT_CHECK(file.good(), "a test file could not be written");
}

void GgufWriter::raw(std::string_view key, std::uint32_t type, std::string_view bytes) {
  append_text(metadata_, key);
  append(metadata_, type);
  metadata_ += bytes;
  ++keys_;
}

void GgufWriter::number(std::string_view key, std::uint32_t value) {
  raw(key, static_cast<std::uint32_t>(GgufType::uint32), bytes_of(value));
}

void GgufWriter::real(std::string_view key, float value) {
  raw(key, static_cast<std::uint32_t>(GgufType::float32), bytes_of(value));
}

void GgufWriter::flag(std::string_view key, bool value) {
  raw(key, static_cast<std::uint32_t>(GgufType::boolean), bytes_of(value));
}

void GgufWriter::text(std::string_view key, std::string_view value) {
  std::string bytes;
  append_text(bytes, value);
  raw(key, static_cast<std::uint32_t>(GgufType::string), bytes);
}

void GgufWriter::texts(std::string_view key, const std::vector<std::string>& values) {
  std::string bytes = bytes_of(GgufType::string);
  append(bytes, static_cast<std::uint64_t>(values.size()));
  for (const std::string& value : values) append_text(bytes, value);
  raw(key, static_cast<std::uint32_t>(GgufType::array), bytes);
}

void GgufWriter::numbers(std::string_view key, const std::vector<std::int32_t>& values) {
  std::string bytes = bytes_of(GgufType::int32);
  append(bytes, static_cast<std::uint64_t>(values.size()));
  for (std::int32_t value : values) append(bytes, value);
  raw(key, static_cast<std::uint32_t>(GgufType::array), bytes);
}

void GgufWriter::tensor(std::string_view name, const std::vector<std::int64_t>& shape,
                        std::uint32_t ggml_type, std::string_view bytes) {
  pad(data_, alignment);
  tensor_at(name, shape, ggml_type, data_.size());
  data_ += bytes;
}

void GgufWriter::tensor_at(std::string_view name, const std::vector<std::int64_t>& shape,
                           std::uint32_t ggml_type, std::uint64_t offset) {
  append_text(directory_, name);
  append(directory_, static_cast<std::uint32_t>(shape.size()));
  for (std::size_t i = shape.size(); i > 0; --i) append(directory_, shape[i - 1]);
  append(directory_, ggml_type);
  append(directory_, offset);
  ++tensors_;
}

std::string GgufWriter::finish() const {
  std::string out = "GGUF";
  append(out, version);
  append(out, tensors_);
  append(out, keys_);
  out += metadata_ + directory_;
  pad(out, alignment);
  out += data_;
  pad(out, alignment);
  return out;
}

std::string safetensors_file(std::string_view header, std::string_view data) {
  std::string out;
  append_text(out, header);
  out += data;
  return out;
}

std::string safetensors_file(const std::vector<SafetensorsEntry>& entries) {
  json::Object header;
  std::string data;
  for (const SafetensorsEntry& entry : entries) {
    json::Value fields;
    fields.set("dtype", entry.dtype);
    fields.set("shape", json::Array(entry.shape.begin(), entry.shape.end()));
    fields.set("data_offsets", json::Array{data.size(), data.size() + entry.bytes.size()});
    header.push_back({entry.name, std::move(fields)});
    data += entry.bytes;
  }
  return safetensors_file(json::dump(std::move(header)), data);
}

}  // namespace conduit::testing
