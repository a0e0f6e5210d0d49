// Wording, and the cutting of what would be too long for one line.
#include "mdl/mismatch_text.h"

#include <algorithm>
#include <cctype>

#include "mdl/base/utf8.h"
#include "mdl/decimal.h"
#include "mdl/schema.h"
#include "mdl/validate.h"

namespace conduit::mdl {
namespace {

constexpr std::size_t kMaxValueBytes = 60;
constexpr std::size_t kMaxListBytes = 300;

bool is_word(std::string_view key) {
  return !key.empty() && std::all_of(key.begin(), key.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '_' || c == '-' || c == '$' || c >= 0x80;
  });
}

std::string shortened(std::string text, std::size_t most) {
  if (text.size() <= most) return text;
  text.resize(utf8::uncut_length(std::string_view(text).substr(0, most)));
  return text + "…";
}

}  // namespace

std::string Mismatch::message() const {
  return (path.empty() ? "the value" : path) + ": expected " + expected + ", found " + found;
}

std::string path_text(const PathStep* last) {
  std::vector<const PathStep*> steps;
  for (; last != nullptr; last = last->parent) steps.push_back(last);
  std::reverse(steps.begin(), steps.end());
  std::string text;
  for (const PathStep* step : steps) {
    if (!step->is_key) {
      text += "[" + std::to_string(step->index) + "]";
    } else if (is_word(step->key)) {
      text.append(text.empty() ? "" : ".").append(step->key);
    } else {
      text += "[" + json::quote(step->key) + "]";
    }
  }
  return text;
}

std::string types_text(std::uint8_t types) {
  static constexpr std::pair<std::uint8_t, std::string_view> kNames[] = {
      {kString, "a string"},       {kNumber, "a number"},
      {kInteger, "an integer"},    {kFraction, "a number with a fraction"},
      {kBoolean, "true or false"}, {kArray, "an array"},
      {kObject, "an object"},      {kNull, "null"},
  };
  std::vector<std::string_view> names;
  for (const auto& [bits, name] : kNames) {
    if ((types & bits) != bits) continue;
    names.push_back(name);
    types = static_cast<std::uint8_t>(types & ~bits);
  }
  std::string text;
  for (std::size_t i = 0; i < names.size(); ++i)
    text.append(i == 0 ? "" : i + 1 < names.size() ? ", " : " or ").append(names[i]);
  return text.empty() ? "nothing" : text;
}

std::string kind_text(const json::Value& value) {
  switch (value.kind()) {
    case json::Kind::null: return "null";
    case json::Kind::boolean: return value.as_bool() ? "true" : "false";
    case json::Kind::string: return "a string";
    case json::Kind::array: return "an array";
    case json::Kind::object: return "an object";
    default: return value_text(value);
  }
}

std::string value_text(const json::Value& value) {
  return shortened(json::dump(value), kMaxValueBytes);
}

std::string list_text(const std::vector<json::Value>& values) {
  std::string text;
  for (const json::Value& value : values) {
    text.append(text.empty() ? "" : ", ").append(value_text(value));
    if (text.size() > kMaxListBytes) break;
  }
  return shortened(std::move(text), kMaxListBytes);
}

std::string counted(std::size_t count, std::string_view one, std::string_view many) {
  return std::to_string(count) + " " + std::string(count == 1 ? one : many);
}

}  // namespace conduit::mdl
