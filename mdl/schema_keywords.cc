// The table of keywords, and a schema object read by it.
#include "mdl/schema_keywords.h"

#include <algorithm>
#include <unordered_map>

namespace conduit::mdl {
namespace {

// In the order of Keyword. Wider than the drafts where a schema can mean only one thing and is met
// often: `$defs` and `definitions` hold schemas in every draft, `dependencies` asserts in every
// draft (the metaschemas of 2019-09 and 2020-12 keep it), and so does an `items` that is a list.
constexpr std::array<KeywordRow, kKeywords> kRows = {{
    {"$id", Keyword::id, Holds::nothing, 6},
    {"$schema", Keyword::schema},
    {"$ref", Keyword::ref},
    {"$anchor", Keyword::anchor, Holds::nothing, 2019},
    {"$dynamicRef", Keyword::dynamic_ref, Holds::nothing, 2020},
    {"$dynamicAnchor", Keyword::dynamic_anchor, Holds::nothing, 2020},
    {"$recursiveRef", Keyword::recursive_ref, Holds::nothing, 2019, 2019},
    {"$recursiveAnchor", Keyword::recursive_anchor, Holds::nothing, 2019, 2019},
    {"$defs", Keyword::defs, Holds::map},
    {"definitions", Keyword::definitions, Holds::map},
    {"type", Keyword::type},
    {"nullable", Keyword::nullable},
    {"enum", Keyword::enum_},
    {"const", Keyword::const_, Holds::nothing, 6},
    {"minimum", Keyword::minimum},
    {"maximum", Keyword::maximum},
    {"exclusiveMinimum", Keyword::exclusive_minimum},
    {"exclusiveMaximum", Keyword::exclusive_maximum},
    {"multipleOf", Keyword::multiple_of},
    {"minLength", Keyword::min_length},
    {"maxLength", Keyword::max_length},
    {"pattern", Keyword::pattern},
    {"format", Keyword::format},
    {"prefixItems", Keyword::prefix_items, Holds::list, 2020},
    {"items", Keyword::items, Holds::schema_or_list},
    {"additionalItems", Keyword::additional_items, Holds::schema},
    {"minItems", Keyword::min_items},
    {"maxItems", Keyword::max_items},
    {"contains", Keyword::contains, Holds::schema, 6},
    {"minContains", Keyword::min_contains, Holds::nothing, 2019},
    {"maxContains", Keyword::max_contains, Holds::nothing, 2019},
    {"uniqueItems", Keyword::unique_items},
    {"unevaluatedItems", Keyword::unevaluated_items, Holds::schema, 2019},
    {"properties", Keyword::properties, Holds::map},
    {"patternProperties", Keyword::pattern_properties, Holds::map},
    {"additionalProperties", Keyword::additional_properties, Holds::schema},
    {"propertyNames", Keyword::property_names, Holds::schema, 6},
    {"required", Keyword::required},
    {"minProperties", Keyword::min_properties},
    {"maxProperties", Keyword::max_properties},
    {"dependencies", Keyword::dependencies, Holds::map_or_names},
    {"dependentRequired", Keyword::dependent_required, Holds::nothing, 2019},
    {"dependentSchemas", Keyword::dependent_schemas, Holds::map, 2019},
    {"unevaluatedProperties", Keyword::unevaluated_properties, Holds::schema, 2019},
    {"allOf", Keyword::all_of, Holds::list},
    {"anyOf", Keyword::any_of, Holds::list},
    {"oneOf", Keyword::one_of, Holds::list},
    {"not", Keyword::not_, Holds::schema},
    {"if", Keyword::if_, Holds::schema, 7},
    {"then", Keyword::then_, Holds::schema, 7},
    {"else", Keyword::else_, Holds::schema, 7},
}};

constexpr bool is_in_order() {
  for (std::size_t i = 0; i < kRows.size(); ++i)
    if (kRows[i].keyword != static_cast<Keyword>(i)) return false;
  return true;
}
static_assert(is_in_order());

constexpr KeywordRow kDraft4Id = {"id", Keyword::id, Holds::nothing, 4, 4};

const KeywordRow* find_row(std::string_view name) {
  static const auto rows = [] {
    std::unordered_map<std::string_view, const KeywordRow*> by_name{{kDraft4Id.name, &kDraft4Id}};
    for (const KeywordRow& row : kRows) by_name.emplace(row.name, &row);
    return by_name;
  }();
  const auto found = rows.find(name);
  return found == rows.end() ? nullptr : found->second;
}

}  // namespace

const KeywordRow& row(Keyword keyword) { return kRows[static_cast<std::size_t>(keyword)]; }

Keywords::Keywords(const json::Object& schema, int draft) {
  for (const auto& [name, value] : schema) {
    const KeywordRow* row = find_row(name);
    if (row != nullptr && row->first <= draft && draft <= row->last)
      values_[static_cast<std::size_t>(row->keyword)] = &value;
  }
}

void Keywords::drop_siblings_of_ref() {
  const json::Value* ref = (*this)[Keyword::ref];
  values_ = {};
  values_[static_cast<std::size_t>(Keyword::ref)] = ref;
}

std::optional<int> draft_of(std::string_view schema_uri) {
  static constexpr std::pair<std::string_view, int> kDrafts[] = {
      {"draft-04/", 4}, {"draft-05/", 4},         {"draft-06/", 6},
      {"draft-07/", 7}, {"draft/2019-09/", 2019}, {"draft/2020-12/", 2020},
  };
  const std::size_t scheme = schema_uri.find("://");
  if (scheme != std::string_view::npos) schema_uri.remove_prefix(scheme + 3);
  static constexpr std::string_view kHost = "json-schema.org/";
  if (schema_uri.substr(0, kHost.size()) != kHost) return std::nullopt;
  schema_uri.remove_prefix(kHost.size());
  if (schema_uri == "schema" || schema_uri == "schema#") return std::nullopt;  // "the newest one"
  for (const auto& [prefix, draft] : kDrafts)
    if (schema_uri.substr(0, prefix.size()) == prefix) return draft;
  return 0;
}

}  // namespace conduit::mdl
