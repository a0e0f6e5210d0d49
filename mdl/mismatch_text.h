// The words in which a mismatch is told. Not here: what is a mismatch (validate.cc).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "mdl/base/json.h"

namespace conduit::mdl {

// From a value back to the root, by the links of the recursion that reached it.
struct PathStep {
  const PathStep* parent = nullptr;  // nullptr: directly under the root
  std::string_view key;              // of an object, when `is_key`
  std::size_t index = 0;             // of an array otherwise
  bool is_key = false;
};

std::string path_text(const PathStep* last);       // parts.wheel[2].size; ["a b"] where needed
std::string types_text(std::uint8_t types);        // an integer or null
std::string kind_text(const json::Value& value);   // a string
std::string value_text(const json::Value& value);  // the value itself, shortened
std::string list_text(const std::vector<json::Value>& values);  // "a", "b"; shortened
std::string counted(std::size_t count, std::string_view one, std::string_view many);  // 2 items

}  // namespace conduit::mdl
