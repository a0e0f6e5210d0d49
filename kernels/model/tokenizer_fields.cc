// Typed reading of tokenizer.json.
#include "kernels/model/tokenizer_fields.h"

#include <utility>

#include "mdl/base/utf8.h"

namespace conduit::kernels {

const json::Value* TokenizerFields::find(std::string_view key) const {
  const json::Value* value = object_.find(key);
  return value == nullptr || value->is_null() ? nullptr : value;
}

Result<bool> TokenizerFields::flag(std::string_view key, bool otherwise) const {
  const json::Value* value = find(key);
  if (value == nullptr) return otherwise;
  if (!value->is_bool()) return corrupt(key, "true or false");
  return value->as_bool();
}

Result<std::string> TokenizerFields::text(std::string_view key) const {
  const json::Value* value = find(key);
  if (value == nullptr || !value->is_string()) return corrupt(key, "a string");
  return value->as_string();
}

Result<std::string> TokenizerFields::text(std::string_view key, std::string_view otherwise) const {
  if (find(key) == nullptr) return std::string(otherwise);
  return text(key);
}

Result<std::string> TokenizerFields::character(std::string_view key) const {
  const json::Value* value = find(key);
  std::string_view held;
  if (value != nullptr && value->is_string()) held = value->as_string();
  if (held.empty() || utf8::read(held).length != held.size()) return corrupt(key, "one character");
  return std::string(held);
}

Result<std::int32_t> TokenizerFields::id(std::string_view key) const {
  const json::Value* value = find(key);
  if (value == nullptr) return corrupt(key, "an integer");
  return checked_token_id(*value, std::string(part_) + "." + std::string(key));
}

Result<const json::Array*> TokenizerFields::list(std::string_view key) const {
  const json::Value* value = find(key);
  if (value == nullptr || !value->is_array()) return corrupt(key, "a list");
  return &value->as_array();
}

Error TokenizerFields::unsupported(std::string_view what) const {
  return Error{Code::invalid_argument, "tokenizer " + std::string(part_) + " \"" +
                                           std::string(what) + "\" is not supported yet"};
}

Error TokenizerFields::corrupt(std::string_view key, std::string_view expected) const {
  return Error{Code::corrupt, "tokenizer: " + std::string(part_) + "." + std::string(key) +
                                  " must be " + std::string(expected)};
}

// "add_prefix_space": false is how older files write the scheme "never".
Result<MetaspaceFields> read_metaspace(const TokenizerFields& fields) {
  constexpr std::pair<std::string_view, PrependScheme> kSchemes[] = {
      {"always", PrependScheme::always},
      {"first", PrependScheme::first},
      {"never", PrependScheme::never}};
  MetaspaceFields read;
  if (fields.find("replacement") != nullptr) {
    CONDUIT_TRY(read.replacement, fields.character("replacement"));
  }
  CONDUIT_TRY(read.splits, fields.flag("split", true));
  CONDUIT_TRY(const bool adds_prefix, fields.flag("add_prefix_space", true));
  CONDUIT_TRY(const std::string name,
              fields.text("prepend_scheme", adds_prefix ? "always" : "never"));
  for (const auto& [spelling, scheme] : kSchemes) {
    if (spelling != name) continue;
    read.scheme = scheme;
    return read;
  }
  return fields.corrupt("prepend_scheme", "always, first or never");
}

Result<std::int32_t> checked_token_id(const json::Value& value, std::string_view name) {
  if (value.kind() != json::Kind::integer || value.as_int() < 0 || value.as_int() > kMaxTokenId)
    return Error{Code::corrupt, "tokenizer: " + std::string(name) + " must be an id from 0 to " +
                                    std::to_string(kMaxTokenId)};
  return static_cast<std::int32_t>(value.as_int());
}

Status check_piece(std::string_view spelling) {
  if (spelling.size() <= kMaxPieceBytes) return ok();
  return Error{Code::exhausted, "tokenizer: a token of " + std::to_string(spelling.size()) +
                                    " bytes is over the limit of " +
                                    std::to_string(kMaxPieceBytes)};
}

}  // namespace conduit::kernels
