// What Validator asks of arrays and objects.
#include <algorithm>

#include "mdl/validate_parts.h"

namespace conduit::mdl {
namespace {

std::string keys_text(const Members& members) {
  if (members.empty()) return "no keys";
  json::Array keys;
  for (const json::Member* member : members) keys.emplace_back(member->key);
  return "only " + list_text(keys);
}

// What beside `additional` may stand in an object.
std::string known_keys_text(const Node& node) {
  json::Array keys;
  for (const auto& [key, id] : node.properties) keys.emplace_back(key);
  std::string text = keys.empty() ? "no keys" : "no keys but " + list_text(keys);
  for (const auto& [pattern, id] : node.pattern_properties)
    text += (keys.empty() ? " but what matches " : " and what matches ") + pattern;
  return text;
}

}  // namespace

bool Validator::Parts::fits_array(const Turn& turn) {
  const Node& node = turn.node;
  const json::Array& items = turn.at.value.as_array();
  if (!is_counted(turn, items.size(), node.min_items, node.max_items, "minItems", "maxItems",
                  "item", "items"))
    return false;
  const std::size_t prefix = node.prefix_items.size();
  if (node.items && is_false(*node.items) &&
      !is_counted(turn, items.size(), 0, prefix, "", "items", "item", "items"))
    return false;
  const std::size_t checked = node.items ? items.size() : std::min(prefix, items.size());
  for (std::size_t i = 0; i < checked; ++i) {
    const PathStep step{turn.at.path, {}, i, false};
    const NodeId item = i < prefix ? node.prefix_items[i] : *node.items;
    if (!fits(item, Instance(items[i], &step), nullptr, turn.why)) return false;
    if (turn.marks != nullptr) (*turn.marks)[i] = true;
  }
  if (node.contains && !fits_contains(turn)) return false;
  if (node.unique_items && !has_unique_items(items))
    return fail(turn, "uniqueItems", [] { return std::string("items that all differ"); });
  return true;
}

bool Validator::Parts::fits_contains(const Turn& turn) {
  const Node& node = turn.node;
  const json::Array& items = turn.at.value.as_array();
  std::size_t count = 0;
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (!fits(*node.contains, Instance(items[i]), nullptr, nullptr)) continue;
    ++count;
    if (turn.marks != nullptr) (*turn.marks)[i] = true;
  }
  const auto says = [&](std::string_view keyword, std::string_view words, std::size_t limit) {
    return fail(
        turn, keyword,
        [&] {
          return std::string(words) + counted(limit, "item that fits ", "items that fit ") +
                 schema.at(*node.contains).place;
        },
        [&] { return std::to_string(count); });
  };
  if (count < node.min_contains)
    return says(node.min_contains == 1 ? "contains" : "minContains", "at least ",
                node.min_contains);
  if (node.max_contains && count > *node.max_contains)
    return says("maxContains", "at most ", *node.max_contains);
  return true;
}

bool Validator::Parts::has_unique_items(const json::Array& items) {
  if (items.size() < 2) return true;
  const std::size_t before = steps;
  std::vector<std::pair<std::uint64_t, std::size_t>> hashes;
  for (std::size_t i = 0; i < items.size(); ++i)
    hashes.emplace_back(equality_hash(items[i], steps), i);
  const std::size_t each = (steps - before) / items.size();
  std::sort(hashes.begin(), hashes.end());
  for (std::size_t i = 0; i < hashes.size(); ++i) {
    for (std::size_t j = i + 1; j < hashes.size() && hashes[j].first == hashes[i].first; ++j) {
      spend(each);
      if (is_over() || is_equal(items[hashes[i].second], items[hashes[j].second])) return false;
    }
  }
  return true;
}

bool Validator::Parts::fits_object(const Turn& turn, const Prepared& prepared) {
  const Node& node = turn.node;
  const Members& members = turn.at.members();
  const auto found = [&] { return keys_text(members); };
  spend((members.size() + node.required.size()) / 4);
  for (const std::string& name : node.required)
    if (find_member(members, name) == nullptr)
      return fail(
          turn, "required", [&] { return "the key " + json::quote(name); }, found);
  if (!is_counted(turn, members.size(), node.min_properties, node.max_properties, "minProperties",
                  "maxProperties", "key", "keys"))
    return false;
  for (std::size_t i = 0; i < members.size(); ++i)
    if (!fits_member(turn, prepared, i)) return false;
  return fits_dependencies(turn);
}

bool Validator::Parts::fits_member(const Turn& turn, const Prepared& prepared, std::size_t index) {
  const Node& node = turn.node;
  const auto& [key, value] = *turn.at.members()[index];
  const auto quoted = [&] { return json::quote(key); };
  if (node.property_names) {
    Mismatch inner;
    const json::Value name(key);
    if (!fits(*node.property_names, Instance(name), nullptr,
              turn.why != nullptr ? &inner : nullptr))
      return fail(
          turn, "propertyNames", [&] { return "keys to be " + inner.expected; }, quoted);
  }
  const PathStep step{turn.at.path, key, 0, true};
  const auto property = std::lower_bound(
      prepared.properties.begin(), prepared.properties.end(), std::string_view(key),
      [](const auto& entry, std::string_view name) { return entry.first < name; });
  const bool is_property = property != prepared.properties.end() && property->first == key;
  bool is_named = is_property;
  const Instance at(value, &step);
  if (is_property && !fits(property->second, at, nullptr, turn.why)) return false;
  for (std::size_t i = 0; i < prepared.pattern_properties.size(); ++i) {
    if (!matches(prepared.pattern_properties[i], key)) continue;
    is_named = true;
    if (!fits(node.pattern_properties[i].second, at, nullptr, turn.why)) return false;
  }
  if (!is_named && node.additional) {
    is_named = true;
    if (is_false(*node.additional))
      return fail(
          turn, "additionalProperties", [&] { return known_keys_text(node); }, quoted);
    if (!fits(*node.additional, at, nullptr, turn.why)) return false;
  }
  if (is_named && turn.marks != nullptr) (*turn.marks)[index] = true;
  return true;
}

bool Validator::Parts::fits_dependencies(const Turn& turn) {
  const Members& members = turn.at.members();
  spend((turn.node.dependent_required.size() + turn.node.dependent_schemas.size()) / 4);
  for (const auto& [key, names] : turn.node.dependent_required) {
    if (find_member(members, key) == nullptr) continue;
    spend(names.size() / 4);
    for (const std::string& name : names) {
      if (find_member(members, name) != nullptr) continue;
      return fail(
          turn, "dependentRequired",
          [&] { return "the key " + json::quote(name) + " beside " + json::quote(key); },
          [&] { return keys_text(members); });
    }
  }
  for (const auto& [key, id] : turn.node.dependent_schemas)
    if (find_member(members, key) != nullptr && !fits(id, turn.at, turn.marks, turn.why))
      return false;
  return true;
}

}  // namespace conduit::mdl
