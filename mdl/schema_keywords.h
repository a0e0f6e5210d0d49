// The keywords of JSON Schema: which draft knows each, and where it holds further schemas.
// The idea: one table says all that the drafts differ in but meaning; a keyword that its draft does
// not know is no keyword there (the specification has such ignored). Not here: what they assert
// (schema.cc), and identifiers and references (schema_document.h).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "mdl/base/json.h"

namespace conduit::mdl {

enum class Keyword : std::uint8_t {
  id,
  schema,
  ref,
  anchor,
  dynamic_ref,
  dynamic_anchor,
  recursive_ref,
  recursive_anchor,
  defs,
  definitions,
  type,
  nullable,
  enum_,
  const_,
  minimum,
  maximum,
  exclusive_minimum,
  exclusive_maximum,
  multiple_of,
  min_length,
  max_length,
  pattern,
  format,
  prefix_items,
  items,
  additional_items,
  min_items,
  max_items,
  contains,
  min_contains,
  max_contains,
  unique_items,
  unevaluated_items,
  properties,
  pattern_properties,
  additional_properties,
  property_names,
  required,
  min_properties,
  max_properties,
  dependencies,
  dependent_required,
  dependent_schemas,
  unevaluated_properties,
  all_of,
  any_of,
  one_of,
  not_,
  if_,
  then_,
  else_,
};
inline constexpr std::size_t kKeywords = static_cast<std::size_t>(Keyword::else_) + 1;

// What schemas a keyword's value holds.
enum class Holds : std::uint8_t {
  nothing,
  schema,
  list,            // of schemas
  map,             // of name to schema
  schema_or_list,  // items
  map_or_names,    // dependencies: of name to schema, or to a list of names
};

struct KeywordRow {
  std::string_view name;
  Keyword keyword;
  Holds holds = Holds::nothing;
  int first = 4, last = 2020;  // drafts
};

const KeywordRow& row(Keyword keyword);
inline std::string_view name(Keyword keyword) { return row(keyword).name; }

// The keywords of one schema object, as `draft` knows them: a pointer each, nullptr when absent.
class Keywords {
 public:
  Keywords(const json::Object& schema, int draft);
  const json::Value* operator[](Keyword keyword) const {
    return values_[static_cast<std::size_t>(keyword)];
  }
  void drop_siblings_of_ref();  // drafts up to 7 read nothing beside $ref

 private:
  std::array<const json::Value*, kKeywords> values_{};
};

// The draft that a `$schema` names; 0 for a draft that we do not read (3 and older);
// nothing for a metaschema elsewhere, which says nothing to us.
std::optional<int> draft_of(std::string_view schema_uri);

}  // namespace conduit::mdl
