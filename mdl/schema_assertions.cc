// What each keyword says, brought into the words of Node.
#include <algorithm>
#include <cmath>

#include "mdl/formats.h"
#include "mdl/json_equality.h"
#include "mdl/mismatch_text.h"
#include "mdl/schema_reader.h"

namespace conduit::mdl {
namespace {

struct TypeName {
  std::string_view name;
  std::uint8_t types;
};
constexpr TypeName kTypeNames[] = {
    {"null", kNull},     {"boolean", kBoolean}, {"integer", kInteger}, {"number", kNumber},
    {"string", kString}, {"array", kArray},     {"object", kObject},
};

}  // namespace

void SchemaReader::read_types(Node& out, const Keywords& in) {
  const json::Value* type = in[Keyword::type];
  if (type == nullptr) return;
  out.types = 0;
  const auto add = [&](const json::Value& value) {
    const auto* found =
        std::find_if(std::begin(kTypeNames), std::end(kTypeNames), [&](const TypeName& known) {
          return value.is_string() && value.as_string() == known.name;
        });
    if (found != std::end(kTypeNames)) {
      out.types |= found->types;
    } else {
      fail(Keyword::type, "is " + value_text(value) +
                              "; it must be null, boolean, integer, number, string, array or "
                              "object, or a list of these");
    }
  };
  if (type->is_array() && !type->as_array().empty()) {
    for (const json::Value& value : type->as_array()) add(value);
  } else {
    add(*type);
  }
  // OpenAPI 3.0; a document that names its draft has no such keyword.
  const json::Value* nullable = in[Keyword::nullable];
  const bool may_be_openapi = document_.resource(0).root->find("$schema") == nullptr;
  if (may_be_openapi && nullable != nullptr && nullable->is_bool() && nullable->as_bool())
    out.types |= kNull;
}

void SchemaReader::read_values(Node& out, const Keywords& in) {
  const json::Value* list = in[Keyword::enum_];
  const json::Value* single = in[Keyword::const_];
  if (list != nullptr && !list->is_array()) return fail(Keyword::enum_, "must be a list");
  if (list != nullptr) {
    enum_values_ += list->as_array().size();
    if (enum_values_ > options_.limits.enum_values)
      return fail({Code::exhausted, "schema: more enum values than the limit of " +
                                        std::to_string(options_.limits.enum_values) + " at " +
                                        now_.at->place});
    out.values = list->as_array();
  }
  if (single == nullptr) return;
  const bool is_allowed =
      list == nullptr || std::any_of(out.values->begin(), out.values->end(),
                                     [&](const auto& value) { return is_equal(value, *single); });
  out.values.emplace();
  if (is_allowed) out.values->push_back(*single);
}

void SchemaReader::read_numbers(Node& out, const Keywords& in) {
  limit(in, Keyword::minimum, Keyword::exclusive_minimum, out.minimum, out.exclusive_minimum);
  limit(in, Keyword::maximum, Keyword::exclusive_maximum, out.maximum, out.exclusive_maximum);
  out.multiple_of = number(in, Keyword::multiple_of);
  if (out.multiple_of && out.multiple_of->as_double() <= 0)
    fail(Keyword::multiple_of, "is " + json::dump(*out.multiple_of) + "; it must be above 0");
}

// An exclusive limit is a number, or, in draft 4, says whether the other one is exclusive.
void SchemaReader::limit(const Keywords& in, Keyword inclusive, Keyword exclusive,
                         std::optional<json::Value>& inclusive_out,
                         std::optional<json::Value>& exclusive_out) {
  inclusive_out = number(in, inclusive);
  const json::Value* value = in[exclusive];
  if (value == nullptr || !value->is_bool()) {
    exclusive_out = number(in, exclusive);
  } else if (value->as_bool()) {
    exclusive_out = std::exchange(inclusive_out, std::nullopt);
  }
}

void SchemaReader::read_strings(Node& out, const Keywords& in) {
  out.min_length = count(in, Keyword::min_length).value_or(0);
  out.max_length = count(in, Keyword::max_length);
  if (const json::Value* pattern = in[Keyword::pattern]) {
    if (!pattern->is_string()) return fail(Keyword::pattern, "must be a string");
    out.pattern = pattern->as_string();
  }
  if (const json::Value* format = in[Keyword::format]) {
    if (!format->is_string()) return fail(Keyword::format, "must be a string");
    if (is_known_format(format->as_string())) out.format = format->as_string();
  }
}

void SchemaReader::read_arrays(Node& out, const Keywords& in) {
  const json::Value* items = in[Keyword::items];
  out.prefix_items = schemas(in, Keyword::prefix_items);
  if (items == nullptr || !items->is_array()) {
    out.items = schema(in, Keyword::items);
  } else if (in[Keyword::prefix_items] != nullptr) {
    fail(Keyword::items, "must be one schema beside prefixItems");
  } else {
    out.prefix_items = schemas(in, Keyword::items);
    out.items = schema(in, Keyword::additional_items);
  }
  out.min_items = count(in, Keyword::min_items).value_or(0);
  out.max_items = count(in, Keyword::max_items);
  out.unique_items = flag(in, Keyword::unique_items);
  out.unevaluated_items = schema(in, Keyword::unevaluated_items);
  read_contains(out, in);
}

void SchemaReader::read_contains(Node& out, const Keywords& in) {
  Node contains;
  contains.contains = schema(in, Keyword::contains);
  if (!contains.contains) return;
  contains.min_contains = count(in, Keyword::min_contains).value_or(1);
  contains.max_contains = count(in, Keyword::max_contains);
  if (now_.at->draft == 2019 && document_.has_unevaluated_items()) {
    // There `contains` evaluates no items; behind `not` nothing is evaluated.
    Node without, within;
    without.not_ = own_node(std::move(contains));
    within.not_ = own_node(std::move(without));
    out.all_of.push_back(own_node(std::move(within)));
    return;
  }
  out.contains = contains.contains;
  out.min_contains = contains.min_contains;
  out.max_contains = contains.max_contains;
}

void SchemaReader::read_objects(Node& out, const Keywords& in) {
  out.properties = named(in, Keyword::properties);
  out.pattern_properties = named(in, Keyword::pattern_properties);
  out.additional = schema(in, Keyword::additional_properties);
  out.property_names = schema(in, Keyword::property_names);
  out.unevaluated_properties = schema(in, Keyword::unevaluated_properties);
  out.min_properties = count(in, Keyword::min_properties).value_or(0);
  out.max_properties = count(in, Keyword::max_properties);
  if (const json::Value* required = in[Keyword::required])
    out.required = names(*required, Keyword::required);
}

void SchemaReader::read_dependencies(Node& out, const Keywords& in) {
  for (const Keyword keyword :
       {Keyword::dependencies, Keyword::dependent_required, Keyword::dependent_schemas}) {
    const json::Value* map = in[keyword];
    if (map == nullptr) continue;
    if (!map->is_object()) {
      fail(keyword, "must be an object");
      continue;
    }
    for (const json::Member* member : sorted_members(map->as_object())) {
      const bool holds_names = keyword == Keyword::dependent_required ||
                               (keyword == Keyword::dependencies && member->value.is_array());
      if (holds_names) {
        out.dependent_required.emplace_back(member->key, names(member->value, keyword));
      } else {
        out.dependent_schemas.emplace_back(member->key, node(member->value));
      }
    }
  }
}

void SchemaReader::read_applicators(Node& out, const Keywords& in) {
  for (const NodeId id : schemas(in, Keyword::all_of)) out.all_of.push_back(id);
  out.any_of = schemas(in, Keyword::any_of);
  out.one_of = schemas(in, Keyword::one_of);
  for (const Keyword keyword : {Keyword::any_of, Keyword::one_of})
    if (in[keyword] != nullptr && in[keyword]->is_array() && in[keyword]->as_array().empty())
      fail(keyword, "must have at least one schema");
  out.not_ = schema(in, Keyword::not_);
  out.if_ = schema(in, Keyword::if_);
  if (!out.if_) return;  // without it the others say nothing
  out.then_ = schema(in, Keyword::then_);
  out.else_ = schema(in, Keyword::else_);
}

std::optional<NodeId> SchemaReader::schema(const Keywords& in, Keyword keyword) {
  if (in[keyword] == nullptr) return std::nullopt;
  return node(*in[keyword]);
}

std::vector<NodeId> SchemaReader::schemas(const Keywords& in, Keyword keyword) {
  std::vector<NodeId> ids;
  if (in[keyword] == nullptr) return ids;
  if (!in[keyword]->is_array()) {
    fail(keyword, "must be a list of schemas");
    return ids;
  }
  for (const json::Value& value : in[keyword]->as_array()) ids.push_back(node(value));
  return ids;
}

std::vector<std::pair<std::string, NodeId>> SchemaReader::named(const Keywords& in,
                                                                Keyword keyword) {
  std::vector<std::pair<std::string, NodeId>> ids;
  if (in[keyword] == nullptr) return ids;
  if (!in[keyword]->is_object()) {
    fail(keyword, "must be an object of schemas");
    return ids;
  }
  const auto last = sorted_members(in[keyword]->as_object());
  for (const json::Member& member : in[keyword]->as_object())
    if (find_member(last, member.key) == &member) ids.emplace_back(member.key, node(member.value));
  return ids;
}

std::vector<std::string> SchemaReader::names(const json::Value& list, Keyword keyword) {
  std::vector<std::string> out;
  const bool is_list =
      list.is_array() && std::all_of(list.as_array().begin(), list.as_array().end(),
                                     [](const auto& value) { return value.is_string(); });
  if (!is_list) {
    fail(keyword, "must be a list of names, not " + value_text(list));
    return out;
  }
  for (const json::Value& value : list.as_array()) out.push_back(value.as_string());
  return out;
}

// A limit that no real length reaches is as good as the largest std::size_t.
std::optional<std::size_t> SchemaReader::count(const Keywords& in, Keyword keyword) {
  const json::Value* value = in[keyword];
  if (value == nullptr) return std::nullopt;
  const double size = value->is_number() ? value->as_double() : -1;
  if (size < 0 || size != std::floor(size)) {
    fail(keyword, "is " + value_text(*value) + "; it must be an integer from 0");
    return std::nullopt;
  }
  if (size >= 1e18) return SIZE_MAX;
  return value->is_integer() ? value->as_uint() : static_cast<std::size_t>(size);
}

std::optional<json::Value> SchemaReader::number(const Keywords& in, Keyword keyword) {
  if (in[keyword] == nullptr) return std::nullopt;
  if (!in[keyword]->is_number()) {
    fail(keyword, "is " + value_text(*in[keyword]) + "; it must be a number");
    return std::nullopt;
  }
  return *in[keyword];
}

bool SchemaReader::flag(const Keywords& in, Keyword keyword) {
  if (in[keyword] == nullptr) return false;
  if (in[keyword]->is_bool()) return in[keyword]->as_bool();
  fail(keyword, "must be true or false");
  return false;
}

}  // namespace conduit::mdl
