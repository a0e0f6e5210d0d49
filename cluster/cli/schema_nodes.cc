// One function per kind of assertion.
#include "cluster/cli/schema_nodes.h"

#include <string>
#include <utility>

namespace conduit::cluster {

namespace {

using mdl::Node;
using mdl::NodeId;

template <class T>
void put(json::Value& keywords, const char* name, const std::optional<T>& value) {
  if (value) keywords.set(name, *value);
}
void put_ids(json::Value& keywords, const char* name, const std::vector<NodeId>& ids) {
  if (!ids.empty()) keywords.set(name, json::Array(ids.begin(), ids.end()));
}
template <class Key>
void put_named(json::Value& keywords, const char* name,
               const std::vector<std::pair<Key, NodeId>>& ids) {
  if (ids.empty()) return;
  json::Object members;
  for (const auto& [key, id] : ids) members.push_back({key, id});
  keywords.set(name, std::move(members));
}
// A limit from below that is 0 when nothing is said.
void put_least(json::Value& keywords, const char* name, std::size_t least) {
  if (least > 0) keywords.set(name, least);
}

json::Value types_json(std::uint8_t types) {
  static constexpr std::pair<std::uint8_t, const char*> kNames[] = {
      {mdl::kNull, "null"},   {mdl::kBoolean, "boolean"}, {mdl::kString, "string"},
      {mdl::kArray, "array"}, {mdl::kObject, "object"},
  };
  json::Array names;
  for (const auto& [bit, name] : kNames)
    if ((types & bit) != 0) names.emplace_back(name);
  if ((types & mdl::kFraction) != 0) names.emplace_back("number");
  if ((types & mdl::kNumber) == mdl::kInteger) names.emplace_back("integer");
  return names;
}

void put_numbers(json::Value& keywords, const Node& node) {
  put(keywords, "minimum", node.minimum);
  put(keywords, "maximum", node.maximum);
  put(keywords, "exclusiveMinimum", node.exclusive_minimum);
  put(keywords, "exclusiveMaximum", node.exclusive_maximum);
  put(keywords, "multipleOf", node.multiple_of);
}

void put_strings(json::Value& keywords, const Node& node) {
  put_least(keywords, "minLength", node.min_length);
  put(keywords, "maxLength", node.max_length);
  put(keywords, "pattern", node.pattern);
  if (!node.format.empty()) keywords.set("format", node.format);
}

void put_arrays(json::Value& keywords, const Node& node) {
  put_ids(keywords, "prefixItems", node.prefix_items);
  put(keywords, "items", node.items);
  put_least(keywords, "minItems", node.min_items);
  put(keywords, "maxItems", node.max_items);
  put(keywords, "contains", node.contains);
  if (node.contains) keywords.set("minContains", node.min_contains);
  put(keywords, "maxContains", node.max_contains);
  if (node.unique_items) keywords.set("uniqueItems", true);
}

void put_objects(json::Value& keywords, const Node& node) {
  put_named(keywords, "properties", node.properties);
  put_named(keywords, "patternProperties", node.pattern_properties);
  put(keywords, "additionalProperties", node.additional);
  put(keywords, "propertyNames", node.property_names);
  if (!node.required.empty())
    keywords.set("required", json::Array(node.required.begin(), node.required.end()));
  put_least(keywords, "minProperties", node.min_properties);
  put(keywords, "maxProperties", node.max_properties);
  json::Object dependent;
  for (const auto& [key, names] : node.dependent_required)
    dependent.push_back({key, json::Array(names.begin(), names.end())});
  if (!dependent.empty()) keywords.set("dependentRequired", std::move(dependent));
  put_named(keywords, "dependentSchemas", node.dependent_schemas);
}

void put_applicators(json::Value& keywords, const Node& node) {
  put_ids(keywords, "allOf", node.all_of);
  put_ids(keywords, "anyOf", node.any_of);
  put_ids(keywords, "oneOf", node.one_of);
  put(keywords, "not", node.not_);
  put(keywords, "if", node.if_);
  put(keywords, "then", node.then_);
  put(keywords, "else", node.else_);
  put(keywords, "unevaluatedProperties", node.unevaluated_properties);
  put(keywords, "unevaluatedItems", node.unevaluated_items);
}

json::Value keywords_json(const Node& node) {
  if (node.types == 0) return false;
  json::Value keywords = json::Object{};
  if (node.types != mdl::kAnyType) keywords.set("type", types_json(node.types));
  if (node.values) keywords.set("enum", *node.values);
  put_numbers(keywords, node);
  put_strings(keywords, node);
  put_arrays(keywords, node);
  put_objects(keywords, node);
  put_applicators(keywords, node);
  return keywords;
}

}  // namespace

json::Value nodes_json(const mdl::Schema& schema) {
  json::Array nodes;
  for (std::size_t id = 0; id < schema.nodes.size(); ++id)
    nodes.push_back(json::Object{{"id", id},
                                 {"place", schema.nodes[id].place},
                                 {"keywords", keywords_json(schema.nodes[id])}});
  return nodes;
}

}  // namespace conduit::cluster
