// The schema decides whether a value fits. Of what does not, fields that are missing or unknown are
// looked for along the type, so that they are told as such also within a union.
#include "mdl/payload.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "mdl/schema.h"
#include "mdl/validate.h"

namespace conduit::mdl {

namespace {

using Kind = Type::Kind;

constexpr std::string_view kThinkBegin = "<think>";
constexpr std::string_view kThinkEnd = "</think>";

struct Fault {
  std::string kind;
  std::string path;
  std::string expected, found;
};

Error error_of(const Fault& fault) {
  return {Code::corrupt, fault.kind + (fault.path.empty() ? "" : " at " + fault.path) +
                             ": expected " + fault.expected + ", found " + fault.found};
}

std::string shortened(std::string text) {
  constexpr std::size_t kShown = 60;
  if (text.size() <= kShown) return text;
  std::size_t end = kShown;
  while ((static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return text.substr(0, end) + "…";
}

// --- missing and unknown fields

bool is_object(const Type& type) { return type.kind == Kind::record || type.kind == Kind::dict; }
bool is_array(const Type& type) {
  return type.kind == Kind::list || type.kind == Kind::repeated || type.kind == Kind::tuple;
}

std::optional<Fault> find_fault_of_fields(const Type& type, const json::Value& value,
                                          const std::string& path);

std::optional<Fault> find_fault_of_record(const Type& record, const json::Value& value,
                                          const std::string& path) {
  const auto& names = record.fields;
  for (const std::string& name : names)
    if (value.find(name) == nullptr)
      return Fault{"missing_field", json::member_path(path, name), "this field, as every one",
                   "none"};
  for (const auto& [key, member] : value.as_object()) {
    const auto field = std::find(names.begin(), names.end(), key);
    const std::string inner = json::member_path(path, key);
    if (field == names.end())
      return Fault{"unknown_field", inner, "no field of this name", shortened(json::dump(member))};
    const Type& type = record.of[static_cast<std::size_t>(field - names.begin())];
    if (auto fault = find_fault_of_fields(type, member, inner)) return fault;
  }
  return std::nullopt;
}

// What a union means of a value: the one member whose values look like it.
const Type* meant_by(const Type& type, const json::Value& value) {
  const Type* meant = nullptr;
  for (const Type* member : members_of(type).types) {
    if (!(value.is_object() ? is_object(*member) : value.is_array() && is_array(*member))) continue;
    if (meant != nullptr) return nullptr;
    meant = member;
  }
  return meant;
}

std::optional<Fault> find_fault_of_items(const Type& type, const json::Array& items,
                                         const std::string& path) {
  for (std::size_t i = 0; i < items.size(); ++i) {
    const std::size_t part = type.kind == Kind::tuple ? i : 0;
    if (part >= type.of.size()) break;
    if (auto fault = find_fault_of_fields(type.of[part], items[i], json::item_path(path, i)))
      return fault;
  }
  return std::nullopt;
}

std::optional<Fault> find_fault_of_fields(const Type& type, const json::Value& value,
                                          const std::string& path) {
  if (type.kind == Kind::optional || type.kind == Kind::either) {
    const Type* meant = meant_by(type, value);
    return meant == nullptr ? std::nullopt : find_fault_of_fields(*meant, value, path);
  }
  if (type.kind == Kind::record && value.is_object())
    return find_fault_of_record(type, value, path);
  if (type.kind == Kind::dict && value.is_object()) {
    for (const auto& [key, item] : value.as_object())
      if (auto fault = find_fault_of_fields(type.of[1], item, json::member_path(path, key)))
        return fault;
  }
  if (is_array(type) && value.is_array()) return find_fault_of_items(type, value.as_array(), path);
  return std::nullopt;
}

// --- the two parts of a reply

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n";
  const std::size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return "";
  return text.substr(begin, text.find_last_not_of(kBlanks) + 1 - begin);
}

Error invalid_json(const Error& error) {
  return {Code::corrupt,
          "invalid_json: expected one JSON object and nothing else; " + error.message};
}

}  // namespace

struct PayloadReader::Parts {
  Type type;
  std::string schema_text;
  Schema schema;
  std::optional<Validator> validator;  // of `schema`
};

PayloadReader::PayloadReader(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
PayloadReader::PayloadReader(PayloadReader&&) noexcept = default;
PayloadReader& PayloadReader::operator=(PayloadReader&&) noexcept = default;
PayloadReader::~PayloadReader() = default;

Result<PayloadReader> PayloadReader::make(const Type& type) {
  CONDUIT_TRY(const json::Value document, to_json_schema(type));
  auto parts = std::make_unique<Parts>();
  parts->type = type;
  parts->schema_text = json::dump(document);
  CONDUIT_TRY(parts->schema, read_schema(document));
  CONDUIT_TRY(parts->validator, Validator::make(parts->schema));
  return PayloadReader(std::move(parts));
}

Result<Payload> PayloadReader::read(std::string_view reply) {
  Payload payload;
  auto value = json::parse(reply);
  const std::size_t end = reply.find(kThinkEnd);
  if (!value && end != std::string_view::npos) {
    std::string_view reasoning = trimmed(reply.substr(0, end));
    if (reasoning.starts_with(kThinkBegin)) reasoning.remove_prefix(kThinkBegin.size());
    payload.reasoning = trimmed(reasoning);
    value = json::parse(reply.substr(end + kThinkEnd.size()));
  }
  if (!value) return invalid_json(value.error());
  CONDUIT_TRY_STATUS(check(*value));
  payload.value = *std::move(value);
  return payload;
}

Status PayloadReader::check(const json::Value& value) {
  if (!value.is_object())
    return error_of({"not_an_object", "", "an object", shortened(json::dump(value))});
  if (const auto path = json::repeated_key(value))
    return error_of({"duplicate_field", *path, "every field once", "it again"});
  CONDUIT_TRY(const auto mismatch, parts_->validator->check(value));
  if (!mismatch) return ok();
  if (const auto fault = find_fault_of_fields(parts_->type, value, "")) return error_of(*fault);
  return error_of({"type_mismatch", mismatch->path, mismatch->expected, mismatch->found});
}

const std::string& PayloadReader::json_schema() const { return parts_->schema_text; }

}  // namespace conduit::mdl
