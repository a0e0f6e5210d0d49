// FieldReader: the fields of a request's JSON body, with types and ranges checked.
// The idea: reading goes straight on and the first failure is kept, so a parser reads like the list
// of its fields and asks once, at the end, whether all was well. A field that is null counts as
// left out, as OpenAI's clients send it.
// A parser is also the description of its fields: run by a describing reader, it leaves their JSON
// schema, so that /openapi.json cannot say anything else than what is checked.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cluster/gateway/api_error.h"
#include "mdl/base/json.h"

namespace conduit::cluster {

class FieldReader {
 public:
  // `prefix`: of the names in messages, for a nested object: "stream_options.".
  explicit FieldReader(const json::Value& object, std::string prefix = "");
  // Reads an object without fields, fails at nothing, and notes what is asked for.
  static FieldReader describing();
  // Of a describing reader: {"type":"object","properties":…,"required":…}.
  json::Value schema() const;
  // For fields with a shape of their own, which the reader cannot see. `schema`: JSON text.
  void describe(std::string_view name, const char* schema, bool is_required = false);

  // nullptr: left out.
  const json::Value* find(std::string_view name) const;

  bool boolean(std::string_view name, bool fallback);
  // Within [lowest, highest].
  std::int64_t integer(std::string_view name, std::int64_t fallback, std::int64_t lowest,
                       std::int64_t highest);
  double number(std::string_view name, double fallback, double lowest, double highest);
  std::string text(std::string_view name);           // empty: left out
  std::string required_text(std::string_view name);  // not empty
  const json::Value* object(std::string_view name);  // nullptr: left out
  // A field of which nothing but the values of `neutral` is supported: they ask for nothing.
  void refuse_unless(std::string_view name, const std::vector<json::Value>& neutral);
  std::vector<std::int32_t> token_ids(std::string_view name, std::size_t at_most);

  // The first one counts.
  void fail(std::string_view name, std::string_view problem);
  // … also of a nested object's reader.
  void take_failure(const FieldReader& nested);
  const std::optional<ApiError>& failure() const { return failure_; }

 private:
  void note(std::string_view name, json::Value schema);  // may also be null

  const json::Value& object_;
  std::string prefix_;
  std::optional<json::Value> properties_;  // of a describing one
  json::Array required_;
  std::optional<ApiError> failure_;
};

// A parser at work, and its description.
template <class Plan>
std::optional<ApiError> read_fields(const json::Value& body, Plan& plan,
                                    void (*fields)(FieldReader&, Plan&)) {
  FieldReader reader(body);
  fields(reader, plan);
  return reader.failure();
}
template <class Plan>
json::Value schema_of(void (*fields)(FieldReader&, Plan&)) {
  FieldReader reader = FieldReader::describing();
  Plan plan;
  fields(reader, plan);
  return reader.schema();
}

// A value as a message shows it: its beginning, cut between two characters.
std::string shortened(std::string text);

// vLLM's truncate_prompt_tokens, as the wire has it: 0: left out, -1: to what fits, else how many
// tokens.
std::int32_t read_truncation(FieldReader& body);

// A list of token ids, each from 0 to 2^31 - 1; nothing when it is something else.
std::optional<std::vector<std::int32_t>> as_token_ids(const json::Value& value);

}  // namespace conduit::cluster
