// The walk that finds subschemas and their names, and the resolution of references.
#include "mdl/schema_document.h"

#include <algorithm>
#include <charconv>

#include "mdl/base/utf8.h"
#include "mdl/json_equality.h"
#include "mdl/mismatch_text.h"
#include "mdl/uri.h"

namespace conduit::mdl {
namespace {

// Extended metaschemas have one for each vocabulary; every reference may look at them all.
constexpr std::size_t kMaxDynamicAnchors = 256;
// Of a base URI; resolving copies it.
constexpr std::size_t kMaxUriBytes = 1024;
// Objects of so many members are sorted before a name is looked up in them.
constexpr std::size_t kLargeObject = 32;

// A place one step further: a JSON pointer (RFC 6901), cut where it gets too long to be read, or to
// be kept for every subschema.
std::string stepped(const std::string& place, std::string_view name) {
  static constexpr std::size_t kMaxBytes = 300, kMaxNameBytes = 100;
  static constexpr std::string_view kCut = "/…";
  if (place.size() > kMaxBytes)
    return std::string_view(place).ends_with(kCut) ? place : place + std::string(kCut);
  std::string out = place + "/";
  for (const char c : name.substr(0, utf8::uncut_length(name.substr(0, kMaxNameBytes)))) {
    if (c == '~') {
      out += "~0";
    } else if (c == '/') {
      out += "~1";
    } else {
      out += c;
    }
  }
  return out;
}

std::string unescaped(std::string_view segment) {
  std::string out;
  for (std::size_t i = 0; i < segment.size(); ++i) {
    const char next = segment[i] == '~' && i + 1 < segment.size() ? segment[i + 1] : '\0';
    out += next == '0' ? '~' : next == '1' ? '/' : segment[i];
    if (next == '0' || next == '1') ++i;
  }
  return out;
}

const json::Value* item(const json::Value& parent, std::string_view name) {
  std::size_t index = 0;
  const char* end = name.data() + name.size();
  const auto [stop, error] = std::from_chars(name.data(), end, index);
  const bool is_canonical = !name.empty() && (name[0] != '0' || name.size() == 1);
  if (error != std::errc() || stop != end || !is_canonical) return nullptr;
  return index < parent.as_array().size() ? &parent.as_array()[index] : nullptr;
}

}  // namespace

Error schema_error(std::string_view keyword, std::string_view place, std::string_view what) {
  return {Code::invalid_argument, "schema: \"" + std::string(keyword) + "\" at " +
                                      std::string(place) + " " + std::string(what)};
}

const json::Value* SchemaDocument::Resource::dynamic_anchor(std::string_view name) const {
  for (const auto& [anchor, schema] : dynamic_anchors)
    if (anchor == name) return schema;
  return nullptr;
}

Result<SchemaDocument> SchemaDocument::read(const json::Value& root, const SchemaOptions& options) {
  SchemaDocument document;
  document.options_ = options;
  document.resources_.push_back({"", &root, {}, {}});
  document.by_uri_.emplace("", 0);
  CONDUIT_TRY_STATUS(document.add(root, {"#", 0, options.draft}, 1));
  document.is_read_ = true;
  return document;
}

Status SchemaDocument::add(const json::Value& schema, Subschema at, std::size_t depth) {
  if (depth > options_.limits.depth)
    return Error{Code::exhausted, "schema: subschemas nested deeper than the limit of " +
                                      std::to_string(options_.limits.depth) + " at " + at.place};
  if (subschemas_.size() >= options_.limits.nodes)
    return Error{Code::exhausted, "schema: more subschemas than the limit of " +
                                      std::to_string(options_.limits.nodes)};
  if (!schema.is_object()) {
    subschemas_.emplace(&schema, std::move(at));
    return ok();
  }
  if (const json::Value* meta = schema.find("$schema"); meta != nullptr && meta->is_string()) {
    at.draft = draft_of(meta->as_string()).value_or(options_.draft);
    if (at.draft == 0)
      return schema_error("$schema", at.place,
                          "is " + value_text(*meta) +
                              ", a draft that is not read; drafts 4, 6, 7, "
                              "2019-09 and 2020-12 are");
  }
  Keywords keywords(schema.as_object(), at.draft);
  // Up to draft 7 a $ref hides an $id beside it, but definitions there may still be referred to;
  // and generators write both at the root and mean both.
  const bool is_root = &schema == resources_[0].root;
  if (keywords[Keyword::ref] == nullptr || at.draft > 7 || is_root)
    CONDUIT_TRY_STATUS(add_names(schema, keywords, at));
  const bool is_dynamic =
      keywords[Keyword::dynamic_ref] != nullptr || keywords[Keyword::recursive_ref] != nullptr;
  if (is_dynamic && is_read_)
    return schema_error("$dynamicRef", at.place,
                        "cannot be kept where no keyword holds a schema; put it under $defs");
  has_dynamic_references_ |= is_dynamic;
  has_unevaluated_items_ |= keywords[Keyword::unevaluated_items] != nullptr;
  const Subschema& stored = subschemas_.emplace(&schema, std::move(at)).first->second;
  for (std::size_t i = 0; i < kKeywords; ++i) {
    const KeywordRow& row = mdl::row(static_cast<Keyword>(i));
    if (row.holds != Holds::nothing && keywords[row.keyword] != nullptr)
      CONDUIT_TRY_STATUS(add_children(row, *keywords[row.keyword], stored, depth + 1));
  }
  return ok();
}

// Values that are no schemas are left out; whoever reaches them says what is wrong.
Status SchemaDocument::add_children(const KeywordRow& row, const json::Value& value,
                                    const Subschema& at, std::size_t depth) {
  const std::string place = stepped(at.place, row.name);
  const bool holds_map = row.holds == Holds::map || row.holds == Holds::map_or_names;
  const bool holds_list = row.holds == Holds::list || row.holds == Holds::schema_or_list;
  if (holds_map && value.is_object()) {
    for (const auto& [key, member] : value.as_object())
      if (!member.is_array())
        CONDUIT_TRY_STATUS(add(member, {stepped(place, key), at.resource, at.draft}, depth));
  } else if (holds_list && value.is_array()) {
    std::size_t i = 0;
    for (const json::Value& item : value.as_array())
      CONDUIT_TRY_STATUS(
          add(item, {stepped(place, std::to_string(i++)), at.resource, at.draft}, depth));
  } else if (!holds_map && row.holds != Holds::list) {
    CONDUIT_TRY_STATUS(add(value, {place, at.resource, at.draft}, depth));
  }
  return ok();
}

Status SchemaDocument::add_names(const json::Value& schema, const Keywords& keywords,
                                 Subschema& at) {
  const auto text = [&](Keyword keyword) -> Result<std::string> {
    const json::Value* value = keywords[keyword];
    if (value == nullptr) return std::string();
    if (!value->is_string()) return schema_error(name(keyword), at.place, "must be a string");
    return value->as_string();
  };
  CONDUIT_TRY(const std::string id, text(Keyword::id));
  CONDUIT_TRY(const std::string anchor, text(Keyword::anchor));
  CONDUIT_TRY(const std::string dynamic_anchor, text(Keyword::dynamic_anchor));
  const auto [uri, fragment] = split_fragment(id);
  if (!uri.empty()) {
    std::string full = resolve_uri(resources_[at.resource].uri, uri);
    if (full.size() > kMaxUriBytes)
      return schema_error(name(Keyword::id), at.place,
                          "is longer than the limit of " + std::to_string(kMaxUriBytes) + " bytes");
    if (&schema == resources_[0].root) {
      resources_[0].uri = full;
    } else if (full != resources_[at.resource].uri) {
      at.resource = resources_.size();
      resources_.push_back({full, &schema, {}, {}});
    }
    by_uri_.emplace(std::move(full), at.resource);
  }
  Resource& resource = resources_[at.resource];
  if (!fragment.empty()) resource.anchors.emplace(fragment, &schema);
  if (!anchor.empty()) resource.anchors.emplace(anchor, &schema);
  if (!dynamic_anchor.empty()) resource.dynamic_anchors.emplace_back(dynamic_anchor, &schema);
  const json::Value* recursive = keywords[Keyword::recursive_anchor];
  if (recursive != nullptr && recursive->is_bool() && recursive->as_bool() &&
      resource.root == &schema)
    resource.dynamic_anchors.emplace_back("", &schema);
  if (!dynamic_anchor.empty() && ++dynamic_anchors_ > kMaxDynamicAnchors)
    return Error{Code::exhausted, "schema: more dynamic anchors than the limit of " +
                                      std::to_string(kMaxDynamicAnchors)};
  return ok();
}

const json::Value* SchemaDocument::child(const json::Value& parent, std::string_view name) {
  if (parent.is_array()) return item(parent, name);
  if (!parent.is_object() || parent.as_object().size() < kLargeObject) return parent.find(name);
  const auto [sorted, is_new] = members_.try_emplace(&parent);
  if (is_new) sorted->second = sorted_members(parent.as_object());
  const json::Member* member = find_member(sorted->second, name);
  return member == nullptr ? nullptr : &member->value;
}

Result<SchemaDocument::Target> SchemaDocument::resolve(const Subschema& from,
                                                       std::string_view keyword,
                                                       std::string_view reference) {
  const bool is_fragment = reference.substr(0, 1) == "#";
  const std::string uri =
      is_fragment ? std::string(reference) : resolve_uri(resources_[from.resource].uri, reference);
  const auto [base, encoded] = split_fragment(uri);
  const auto found = by_uri_.find(std::string(base));
  if (!is_fragment && found == by_uri_.end())
    return schema_error(keyword, from.place,
                        "is a remote reference, " + value_text(reference) +
                            "; only parts of this document can be referred to: bring that schema "
                            "in under $defs with its $id");
  const std::size_t index = is_fragment ? from.resource : found->second;
  const Resource& resource = resources_[index];
  const std::string fragment = percent_decoded(encoded);
  Target target;
  if (fragment.empty()) {
    target.schema = resource.root;
  } else if (fragment[0] == '/') {
    CONDUIT_TRY(target.schema, follow(index, fragment));
  } else {
    target.anchor = fragment;
    target.schema = resource.dynamic_anchor(fragment);
    target.is_dynamic = target.schema != nullptr;
    const auto anchor = resource.anchors.find(fragment);
    if (!target.is_dynamic && anchor != resource.anchors.end()) target.schema = anchor->second;
  }
  if (target.schema == nullptr)
    return schema_error(keyword, from.place,
                        "is " + value_text(reference) + ", which names nothing");
  if (!target.schema->is_object() && !target.schema->is_bool())
    return schema_error(keyword, from.place,
                        "is " + value_text(reference) + ", which is no schema");
  return target;
}

// What a JSON pointer leads to from the root of a resource; nullptr: nothing. It may lead where no
// keyword holds a schema (#/components/schemas/…): what is found there becomes one.
Result<const json::Value*> SchemaDocument::follow(std::size_t resource, std::string_view pointer) {
  const json::Value* value = resources_[resource].root;
  const Subschema* around = find(*value);
  std::string place = around->place;
  while (value != nullptr && !pointer.empty()) {
    pointer.remove_prefix(1);
    const std::string_view step = pointer.substr(0, pointer.find('/'));
    pointer.remove_prefix(step.size());
    const std::string name = unescaped(step);
    value = child(*value, name);
    place = stepped(place, name);
    if (value == nullptr) break;
    if (const Subschema* schema = find(*value)) around = schema;
  }
  if (value != nullptr && find(*value) == nullptr)
    CONDUIT_TRY_STATUS(add(*value, {place, around->resource, around->draft}, 1));
  return value;
}

const SchemaDocument::Subschema* SchemaDocument::find(const json::Value& schema) const {
  const auto found = subschemas_.find(&schema);
  return found == subschemas_.end() ? nullptr : &found->second;
}

}  // namespace conduit::mdl
