// Reference data as the golden tests read it: JSON files, and named arrays in safetensors files.
// The idea: the arrays are read here by a few lines of their own, in any dtype the makers use, so a
// mistake in the engine's own reader cannot hide itself. Data that contradicts itself aborts: it is
// the project's, not a stranger's.
#pragma once

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "mdl/base/check.h"
#include "mdl/base/json.h"

namespace conduit::testing {

inline std::string read_bytes(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  CONDUIT_CHECK(file, path.c_str());
  std::ostringstream bytes;
  bytes << file.rdbuf();
  return std::move(bytes).str();
}

inline json::Value read_json(const std::filesystem::path& path) {
  Result<json::Value> value = json::parse(read_bytes(path));
  CONDUIT_CHECK(value, (path.string() + ": " + value.error().message).c_str());
  return *std::move(value);
}

// A member that must be there.
inline const json::Value& member(const json::Value& object, std::string_view key) {
  const json::Value* value = object.find(key);
  CONDUIT_CHECK(value != nullptr, std::string(key).c_str());
  return *value;
}

inline std::vector<std::int32_t> ids_of(const json::Value& object, std::string_view key) {
  std::vector<std::int32_t> ids;
  for (const json::Value& id : member(object, key).as_array()) {
    ids.push_back(static_cast<std::int32_t>(id.as_int()));
  }
  return ids;
}

class ReferenceArrays {
 public:
  explicit ReferenceArrays(const std::filesystem::path& path) : bytes_(read_bytes(path)) {
    std::uint64_t header_bytes = 0;
    CONDUIT_CHECK(bytes_.size() >= sizeof header_bytes, path.c_str());
    std::memcpy(&header_bytes, bytes_.data(), sizeof header_bytes);
    CONDUIT_CHECK(header_bytes <= bytes_.size() - sizeof header_bytes, path.c_str());
    data_ = sizeof header_bytes + header_bytes;
    Result<json::Value> header =
        json::parse(std::string_view(bytes_).substr(sizeof header_bytes, header_bytes));
    CONDUIT_CHECK(header, path.c_str());
    header_ = *std::move(header);
  }

  bool has(std::string_view name) const { return header_.find(name) != nullptr; }
  std::vector<float> floats(std::string_view name) const { return array<float>(name, "F32"); }
  std::vector<std::int32_t> ints(std::string_view name) const {
    return array<std::int32_t>(name, "I32");
  }
  std::vector<std::uint8_t> bytes(std::string_view name) const {
    return array<std::uint8_t>(name, "U8");
  }

 private:
  template <class T>
  std::vector<T> array(std::string_view name, std::string_view dtype) const {
    const json::Value& entry = member(header_, name);
    CONDUIT_CHECK(member(entry, "dtype").as_string() == dtype, std::string(name).c_str());
    const json::Array& offsets = member(entry, "data_offsets").as_array();
    const auto begin = static_cast<std::size_t>(offsets.at(0).as_int());
    const auto end = static_cast<std::size_t>(offsets.at(1).as_int());
    CONDUIT_CHECK(begin <= end && end <= bytes_.size() - data_, std::string(name).c_str());
    std::vector<T> values((end - begin) / sizeof(T));
    std::memcpy(values.data(), bytes_.data() + data_ + begin, values.size() * sizeof(T));
    return values;
  }

  std::string bytes_;
  std::size_t data_ = 0;  // where the arrays begin
  json::Value header_;
};

}  // namespace conduit::testing
