// Checked reading of JSON fields.
#include "cluster/gateway/field_reader.h"

#include <charconv>

namespace conduit::cluster {

namespace {

std::string short_number(double value) {
  char text[32];
  auto end = std::to_chars(text, text + sizeof text, value).ptr;
  return {text, end};
}

// What a describing reader reads.
const json::Value& no_fields() {
  static const json::Value empty = json::Object{};
  return empty;
}

json::Value range_schema(const char* type, json::Value lowest, json::Value highest) {
  return json::Object{
      {"type", type}, {"minimum", std::move(lowest)}, {"maximum", std::move(highest)}};
}

}  // namespace

FieldReader FieldReader::describing() {
  FieldReader reader(no_fields());
  reader.properties_ = json::Object{};
  return reader;
}

json::Value FieldReader::schema() const {
  json::Value schema = json::Object{{"type", "object"}, {"properties", *properties_}};
  if (!required_.empty()) schema.set("required", required_);
  return schema;
}

void FieldReader::note(std::string_view name, json::Value schema) {
  if (!properties_) return;
  json::Array either{std::move(schema), json::Object{{"type", "null"}}};
  properties_->set(std::string(name), json::Object{{"anyOf", std::move(either)}});
}

void FieldReader::describe(std::string_view name, const char* schema, bool is_required) {
  if (!properties_) return;
  json::Value parsed = *json::parse(schema);
  if (!is_required) return note(name, std::move(parsed));
  properties_->set(std::string(name), std::move(parsed));
  required_.emplace_back(std::string(name));
}

FieldReader::FieldReader(const json::Value& object, std::string prefix)
    : object_(object), prefix_(std::move(prefix)) {
  if (!object.is_object()) failure_ = invalid_request("", "the body must be a JSON object");
}

const json::Value* FieldReader::find(std::string_view name) const {
  const json::Value* value = object_.find(name);
  return value == nullptr || value->is_null() ? nullptr : value;
}

void FieldReader::fail(std::string_view name, std::string_view problem) {
  if (failure_ || properties_) return;
  const std::string param = prefix_ + std::string(name);
  failure_ = invalid_request(param, param + " " + std::string(problem));
}

void FieldReader::take_failure(const FieldReader& nested) {
  if (!failure_) failure_ = nested.failure_;
}

bool FieldReader::boolean(std::string_view name, bool fallback) {
  if (properties_) note(name, json::Object{{"type", "boolean"}, {"default", fallback}});
  const json::Value* value = find(name);
  if (value == nullptr) return fallback;
  if (value->is_bool()) return value->as_bool();
  fail(name, "must be true or false");
  return fallback;
}

std::int64_t FieldReader::integer(std::string_view name, std::int64_t fallback, std::int64_t lowest,
                                  std::int64_t highest) {
  if (properties_) note(name, range_schema("integer", lowest, highest));
  const json::Value* value = find(name);
  if (value == nullptr) return fallback;
  if (value->kind() == json::Kind::integer && value->as_int() >= lowest &&
      value->as_int() <= highest)
    return value->as_int();
  fail(name, "must be an integer from " + std::to_string(lowest) + " to " +
                 std::to_string(highest) + ", not " + shortened(json::dump(*value)));
  return fallback;
}

double FieldReader::number(std::string_view name, double fallback, double lowest, double highest) {
  if (properties_) note(name, range_schema("number", lowest, highest));
  const json::Value* value = find(name);
  if (value == nullptr) return fallback;
  if (value->is_number() && value->as_double() >= lowest && value->as_double() <= highest)
    return value->as_double();
  fail(name, "must be a number from " + short_number(lowest) + " to " + short_number(highest) +
                 ", not " + shortened(json::dump(*value)));
  return fallback;
}

std::string FieldReader::text(std::string_view name) {
  if (properties_) note(name, json::Object{{"type", "string"}});
  const json::Value* value = find(name);
  if (value == nullptr) return "";
  if (value->is_string()) return value->as_string();
  fail(name, "must be a string");
  return "";
}

std::string FieldReader::required_text(std::string_view name) {
  std::string value = text(name);
  describe(name, R"({"type":"string","minLength":1})", true);
  if (value.empty()) fail(name, "is required");
  return value;
}

const json::Value* FieldReader::object(std::string_view name) {
  if (properties_) note(name, json::Object{{"type", "object"}});
  const json::Value* value = find(name);
  if (value == nullptr || value->is_object()) return value;
  fail(name, "must be an object");
  return nullptr;
}

void FieldReader::refuse_unless(std::string_view name, const std::vector<json::Value>& neutral) {
  if (properties_) {
    json::Array values(neutral);
    values.emplace_back(nullptr);
    properties_->set(std::string(name), json::Object{{"enum", std::move(values)}});
  }
  const json::Value* value = find(name);
  if (value == nullptr) return;
  for (const json::Value& one : neutral)
    if (*value == one) return;
  fail(name, "is not supported with the value " + shortened(json::dump(*value)));
}

std::vector<std::int32_t> FieldReader::token_ids(std::string_view name, std::size_t at_most) {
  if (properties_)
    note(name, json::Object{{"type", "array"},
                            {"maxItems", at_most},
                            {"items", range_schema("integer", 0, INT32_MAX)}});
  const json::Value* value = find(name);
  if (value == nullptr) return {};
  auto ids = as_token_ids(*value);
  if (ids && ids->size() <= at_most) return *std::move(ids);
  fail(name, "must be a list of at most " + std::to_string(at_most) + " token ids");
  return {};
}

std::string shortened(std::string text) {
  constexpr std::size_t kShown = 60;
  if (text.size() <= kShown) return text;
  std::size_t end = kShown;
  while (end > 0 && (text[end] & 0xC0) == 0x80) --end;
  return text.substr(0, end) + "…";
}

std::int32_t read_truncation(FieldReader& body) {
  constexpr auto kName = "truncate_prompt_tokens";
  const auto tokens = static_cast<std::int32_t>(body.integer(kName, 0, -1, INT32_MAX));
  body.describe(kName, R"({"anyOf":[{"enum":[-1]},
      {"type":"integer","minimum":1,"maximum":2147483647}]})");
  if (tokens == 0 && body.find(kName) != nullptr) body.fail(kName, "must be -1 or at least 1");
  return tokens;
}

std::optional<std::vector<std::int32_t>> as_token_ids(const json::Value& value) {
  if (!value.is_array()) return std::nullopt;
  std::vector<std::int32_t> ids;
  ids.reserve(value.as_array().size());
  for (const json::Value& item : value.as_array()) {
    if (item.kind() != json::Kind::integer) return std::nullopt;
    const std::int64_t id = item.as_int();
    if (id < 0 || id > INT32_MAX) return std::nullopt;
    ids.push_back(static_cast<std::int32_t>(id));
  }
  return ids;
}

}  // namespace conduit::cluster
