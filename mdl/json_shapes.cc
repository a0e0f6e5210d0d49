// How a conjunction is multiplied out: what is certain first, then one choice after the other.
#include "mdl/json_shapes.h"

#include <fmt/format.h>

#include <algorithm>

#include "mdl/json_draft.h"

namespace conduit::mdl {
namespace {

// Alternatives that one conjunction may be multiplied out into, the dead ones included.
constexpr std::size_t kMaxDrafts = 5'000;
// Members of an anyOf under unevaluatedProperties or -Items, where each combination is an
// alternative.
constexpr std::size_t kMaxDecided = 6;

bool contains(const std::vector<std::string>& sorted, std::string_view text) {
  return std::binary_search(sorted.begin(), sorted.end(), text, std::less<>());
}

}  // namespace

Result<std::unique_ptr<JsonShapes>> JsonShapes::make(Schema schema) {
  std::unique_ptr<JsonShapes> shapes(new JsonShapes(std::move(schema)));
  for (const Node& node : shapes->schema_.nodes) {
    if (node.pattern) shapes->pattern(*node.pattern);
    for (const auto& [text, value] : node.pattern_properties) shapes->pattern(text);
    if (shapes->fault_) {
      shapes->fault_->message += fmt::format(" (at {})", node.place);
      return *shapes->fault_;
    }
  }
  return shapes;
}

void JsonShapes::fail(Code code, std::string message) {
  if (!fault_) fault_ = Error{code, std::move(message)};
}

ConjunctionId JsonShapes::conjunction(Conjunction literals) {
  std::sort(literals.begin(), literals.end());
  literals.erase(std::unique(literals.begin(), literals.end()), literals.end());
  const auto [place, is_new] =
      conjunction_ids_.try_emplace(literals, static_cast<ConjunctionId>(conjunctions_.size()));
  if (is_new) {
    conjunctions_.push_back(std::make_unique<Known>());
    conjunctions_.back()->literals = std::move(literals);
  }
  return place->second;
}

const std::vector<ShapeId>& JsonShapes::shapes(ConjunctionId conjunction, ValueType type) {
  Known& known = *conjunctions_[conjunction];
  const auto index = static_cast<std::size_t>(type);
  if (!known.has_shapes[index]) {
    known.has_shapes[index] = true;
    Draft draft;
    for (const Literal literal : known.literals) draft.add(literal);
    const std::size_t outer = std::exchange(drafts_, 0);
    std::vector<ShapeId> shapes;
    expand(std::move(draft), type, shapes);
    drafts_ = outer;
    std::sort(shapes.begin(), shapes.end());
    shapes.erase(std::unique(shapes.begin(), shapes.end()), shapes.end());
    known.shapes[index] = std::move(shapes);
  }
  return known.shapes[index];
}

// What is certain first, so that contradictions end an alternative before it is multiplied.
void JsonShapes::expand(Draft draft, ValueType type, std::vector<ShapeId>& out) {
  if (++drafts_ > kMaxDrafts) {
    return fail(
        Code::exhausted,
        fmt::format(
            "the schema's anyOf, oneOf and not combine to more than {} alternatives for one value",
            kMaxDrafts));
  }
  while (!draft.todo.empty()) {
    if (fault_) return;
    Draft::Todo todo = std::move(draft.todo.back());
    draft.todo.pop_back();
    if (std::find(draft.seen.begin(), draft.seen.end(), todo) != draft.seen.end()) continue;
    draft.seen.push_back(todo);
    const bool is_left = (todo.literal & 1) == 0
                             ? add_positive(draft, todo.literal >> 1, std::move(todo.owners), type)
                             : add_negative(draft, todo.literal >> 1, type);
    if (!is_left) return;
  }
  if (draft.choices.empty()) return finish(std::move(draft), type, out);
  const std::vector<Option> options = std::move(draft.choices.back());
  draft.choices.pop_back();
  for (const Option& option : options) {
    Draft branch = draft;
    if (option(branch)) expand(std::move(branch), type, out);
  }
}

bool JsonShapes::add_positive(Draft& draft, NodeId id, Owners owners, ValueType type) {
  if ((schema_.at(id).types & type_bits(type)) == 0) return false;
  if (schema_.at(id).values) {
    const std::vector<json::Value> values = values_of(schema_.at(id), type);
    if (values.empty()) return false;
    if (type == ValueType::array || type == ValueType::object) {
      std::vector<Option> options;
      for (const json::Value& value : values) {
        options.push_back(
            [literal = positive(constant(value))](Draft& branch) { return branch.add(literal); });
      }
      draft.choices.push_back(std::move(options));
    } else if (type == ValueType::number) {
      draft.number.keep(decimals(values));
    } else if (type == ValueType::string) {
      std::vector<Regexes::Id> texts;
      for (const json::Value& value : values) texts.push_back(regexes_.literal(value.as_string()));
      draft.texts.push_back(regexes_.any_of(texts));
    }
  }
  const Node& node = schema_.at(id);
  for (const std::uint32_t owner : owners) draft.unevaluated[owner].evaluators.push_back(id);
  if (type == ValueType::string && !assert_string(draft, node)) return false;
  if (type == ValueType::number && !assert_number(draft, node)) return false;
  if (type == ValueType::array) assert_array(draft, id);
  if (type == ValueType::object) assert_object(draft, id);
  const auto rest = type == ValueType::array    ? node.unevaluated_items
                    : type == ValueType::object ? node.unevaluated_properties
                                                : std::nullopt;
  if (rest) {
    owners.push_back(static_cast<std::uint32_t>(draft.unevaluated.size()));
    draft.unevaluated.push_back({positive(*rest), {id}});
  }
  add_applicators(draft, id, owners, type);
  return !fault_;
}

void JsonShapes::add_applicators(Draft& draft, NodeId id, const Owners& owners, ValueType type) {
  const Node& node = schema_.at(id);
  for (const NodeId member : node.all_of) draft.add(positive(member), owners);
  if (node.not_) draft.add(negative(*node.not_));
  if (!node.any_of.empty()) {
    std::vector<Option> options;
    if (owners.empty()) {
      for (const NodeId member : node.any_of)
        options.push_back([member](Draft& branch) { return branch.add(positive(member)); });
    } else if (node.any_of.size() > kMaxDecided) {
      fail(Code::exhausted,
           fmt::format("anyOf of {} members beside unevaluated*, at most {} are kept apart (at {})",
                       node.any_of.size(), kMaxDecided, node.place));
    } else {
      for (std::uint32_t holds = 1; holds < 1u << node.any_of.size(); ++holds) {
        options.push_back([members = node.any_of, owners, holds](Draft& branch) {
          for (std::size_t i = 0; i < members.size(); ++i) {
            if ((holds >> i & 1) != 0)
              branch.add(positive(members[i]), owners);
            else
              branch.add(negative(members[i]));
          }
          return true;
        });
      }
    }
    draft.choices.push_back(std::move(options));
  }
  if (!node.one_of.empty()) {
    const std::vector<NodeId> members = node.one_of;
    std::vector<Option> options;
    for (const NodeId one : members) {
      std::vector<NodeId> others;
      for (const NodeId other : members) {
        if (other != one && !are_disjoint(one, other, type)) others.push_back(other);
      }
      const bool is_twice = std::count(members.begin(), members.end(), one) > 1;
      if (is_twice) continue;
      options.push_back([one, others, owners](Draft& branch) {
        branch.add(positive(one), owners);
        for (const NodeId other : others) branch.add(negative(other));
        return true;
      });
    }
    draft.choices.push_back(std::move(options));
  }
  const Node& same = schema_.at(id);
  if (same.if_ && (same.then_ || same.else_ || !owners.empty())) {
    draft.choices.push_back({[=, condition = *same.if_, then = same.then_](Draft& branch) {
                               branch.add(positive(condition), owners);
                               return !then || branch.add(positive(*then), owners);
                             },
                             [=, condition = *same.if_, otherwise = same.else_](Draft& branch) {
                               branch.add(negative(condition));
                               return !otherwise || branch.add(positive(*otherwise), owners);
                             }});
  }
  if (type != ValueType::object) return;
  for (const auto& [name, member] : same.dependent_schemas) {
    draft.choices.push_back({[name = name](Draft& branch) {
                               insert(branch.object.forbidden, name);
                               return true;
                             },
                             [name = name, member = member, owners](Draft& branch) {
                               insert(branch.object.required, name);
                               return branch.add(positive(member), owners);
                             }});
  }
  for (const auto& [name, others] : same.dependent_required) {
    if (others.empty()) continue;
    draft.choices.push_back({[name = name](Draft& branch) {
                               insert(branch.object.forbidden, name);
                               return true;
                             },
                             [name = name, others = others](Draft& branch) {
                               insert(branch.object.required, name);
                               for (const std::string& other : others)
                                 insert(branch.object.required, other);
                               return true;
                             }});
  }
}

bool JsonShapes::assert_string(Draft& draft, const Node& node) {
  draft.least = std::max(draft.least, node.min_length);
  if (node.max_length) draft.most = std::min(draft.most, *node.max_length);
  if (node.pattern) draft.texts.push_back(pattern(*node.pattern));
  if (!node.format.empty()) {
    auto text = format_expression(regexes_, node.format);
    if (!text) {
      fail(text.error().code, text.error().message);
      return false;
    }
    draft.texts.push_back(*text);
  }
  return draft.least <= draft.most;
}

bool JsonShapes::assert_number(Draft& draft, const Node& node) {
  NumberSet& set = draft.number;
  set.has_integers = set.has_integers && (node.types & kInteger) != 0;
  set.has_fractions = set.has_fractions && (node.types & kFraction) != 0;
  if (const auto low = bound(node.minimum, false)) set.raise_low(*low);
  if (const auto low = bound(node.exclusive_minimum, true)) set.raise_low(*low);
  if (const auto high = bound(node.maximum, false)) set.lower_high(*high);
  if (const auto high = bound(node.exclusive_maximum, true)) set.lower_high(*high);
  if (const auto step = bound(node.multiple_of, false)) set.multiples.push_back(step->value);
  return set.has_integers || set.has_fractions;
}

void JsonShapes::assert_array(Draft& draft, NodeId id) {
  const Node& node = schema_.at(id);
  ArrayShape& array = draft.array;
  if (!node.prefix_items.empty() || node.items) array.sources.push_back(id);
  array.least = std::max(array.least, node.min_items);
  if (node.max_items) array.most = std::min(array.most, *node.max_items);
  array.is_unique = array.is_unique || node.unique_items;
  if (node.contains && (node.min_contains > 0 || node.max_contains)) {
    array.counts.push_back({0, SIZE_MAX, positive(*node.contains), node.min_contains,
                            node.max_contains.value_or(SIZE_MAX)});
  }
}

void JsonShapes::assert_object(Draft& draft, NodeId id) {
  const Node& node = schema_.at(id);
  ObjectShape& object = draft.object;
  if (!node.properties.empty() || !node.pattern_properties.empty() || node.additional)
    object.sources.push_back(id);
  for (const std::string& name : node.required) insert(object.required, name);
  if (node.property_names) object.names.push_back(positive(*node.property_names));
  object.least = std::max(object.least, node.min_properties);
  if (node.max_properties) object.most = std::min(object.most, *node.max_properties);
  if (node.is_ordered) {
    object.is_ordered = true;
    for (const auto& [name, value] : node.properties) object.order.push_back(name);
  }
}

// Whether no value of the type fits both: then oneOf need not say so.
bool JsonShapes::are_disjoint(NodeId a, NodeId b, ValueType type) {
  const ConjunctionId both = conjunction({positive(a), positive(b)});
  const std::size_t unsure = unsure_;
  for (const ShapeId id : shapes(both, type)) {
    switch (type) {
      case ValueType::number:
        if (number(id).shortest()) return false;
        break;
      case ValueType::string:
        if (shortest(string(id))) return false;
        break;
      case ValueType::array:
        if (shortest_rest(array(id), Place::opened, {})) return false;
        break;
      case ValueType::object:
        if (shortest_rest(object(id), Place::opened, {})) return false;
        break;
      default: return false;
    }
  }
  return unsure_ == unsure;
}

void JsonShapes::finish(Draft draft, ValueType type, std::vector<ShapeId>& out) {
  switch (type) {
    case ValueType::null:
    case ValueType::true_:
    case ValueType::false_: out.push_back(0); return;
    case ValueType::number: out.push_back(intern(std::move(draft.number))); return;
    case ValueType::string: {
      StringShape shape;
      shape.text = draft.texts.empty() ? Regexes::kText : regexes_.all_of(draft.texts);
      shape.excluded = std::move(draft.excluded);
      if (shape.text == Regexes::kText) {
        shape.least = draft.least;
        shape.most = draft.most;
      } else {
        if (draft.least > 0 || draft.most != SIZE_MAX) {
          const std::vector<Regexes::Id> parts{
              shape.text,
              regexes_.code_points(
                  draft.least, draft.most == SIZE_MAX ? std::nullopt : std::optional(draft.most))};
          shape.text = regexes_.all_of(parts);
        }
        if (regexes_.is_empty(shape.text)) return;
      }
      out.push_back(intern(std::move(shape)));
      return;
    }
    case ValueType::array: {
      ArrayShape& shape = draft.array;
      shape.unevaluated = std::move(draft.unevaluated);
      const auto extend = [&](const std::vector<NodeId>& nodes) {
        for (const NodeId id : nodes)
          shape.horizon = std::max(shape.horizon, schema_.at(id).prefix_items.size());
      };
      extend(shape.sources);
      for (const Unevaluated& rest : shape.unevaluated) extend(rest.evaluators);
      for (const ArrayShape::Count& count : shape.counts)
        shape.horizon = std::max(shape.horizon, count.to == SIZE_MAX ? count.from : count.to);
      if (shape.least > shape.most) return;
      out.push_back(static_cast<ShapeId>(arrays_.size()));
      arrays_.push_back(std::move(shape));
      return;
    }
    case ValueType::object: {
      ObjectShape& shape = draft.object;
      shape.unevaluated = std::move(draft.unevaluated);
      shape.known = shape.required;
      const auto extend = [&](const std::vector<NodeId>& nodes) {
        for (const NodeId id : nodes) {
          for (const auto& [name, value] : schema_.at(id).properties) shape.known.push_back(name);
        }
      };
      extend(shape.sources);
      for (const Unevaluated& rest : shape.unevaluated) extend(rest.evaluators);
      shape.known.insert(shape.known.end(), shape.forbidden.begin(), shape.forbidden.end());
      std::sort(shape.known.begin(), shape.known.end());
      shape.known.erase(std::unique(shape.known.begin(), shape.known.end()), shape.known.end());
      for (const std::string& name : shape.required) {
        if (contains(shape.forbidden, name)) return;
      }
      if (shape.least > shape.most || shape.required.size() > shape.most) return;
      out.push_back(static_cast<ShapeId>(objects_.size()));
      objects_.push_back(std::move(shape));
      return;
    }
  }
}

ShapeId JsonShapes::intern(StringShape shape) {
  std::string key = fmt::format("{} {} {}", shape.text, shape.least, shape.most);
  for (const std::string& text : shape.excluded) key += ' ' + json::quote(text);
  const auto [place, is_new] =
      string_ids_.try_emplace(std::move(key), static_cast<ShapeId>(strings_.size()));
  if (is_new) strings_.push_back(std::move(shape));
  return place->second;
}

ShapeId JsonShapes::intern(NumberSet set) {
  const auto [place, is_new] =
      number_ids_.try_emplace(set.key(), static_cast<ShapeId>(numbers_.size()));
  if (is_new) numbers_.push_back(std::move(set));
  return place->second;
}

ShapeId JsonShapes::without(ValueType type, ShapeId id, const std::vector<json::Value>& seen) {
  if (type == ValueType::number) {
    NumberSet set = numbers_[id];
    for (const json::Value& value : seen) {
      if (const auto number = value.is_number() ? LongDecimal::of(value) : std::nullopt)
        set.excluded.push_back(*number);
    }
    return intern(std::move(set));
  }
  StringShape shape = strings_[id];
  for (const json::Value& value : seen) {
    if (value.is_string()) insert(shape.excluded, value.as_string());
  }
  return intern(std::move(shape));
}

Regexes::Id JsonShapes::pattern(const Pattern& pattern) {
  const auto known = patterns_.find(pattern);
  if (known != patterns_.end()) return known->second;
  auto id = regexes_.pattern(pattern);
  if (!id) fail(id.error().code, id.error().message);
  return patterns_.emplace(pattern, id ? *id : Regexes::kNothing).first->second;
}

// A node that this array or object alone fits.
NodeId JsonShapes::constant(const json::Value& value) {
  const std::string key = json::dump(value);
  if (const auto known = constants_.find(key); known != constants_.end()) return known->second;
  Node node;
  node.place = "enum";
  if (value.is_array()) {
    node.types = kArray;
    for (const json::Value& item : value.as_array()) node.prefix_items.push_back(constant(item));
    node.min_items = value.as_array().size();
    node.max_items = value.as_array().size();
  } else if (value.is_object()) {
    node.types = kObject;
    for (const json::Member& member : value.as_object()) {
      node.properties.emplace_back(member.key, constant(member.value));
      node.required.push_back(member.key);
    }
    node.min_properties = value.as_object().size();
    node.max_properties = value.as_object().size();
  } else {
    node.values = std::vector<json::Value>{value};
  }
  schema_.nodes.push_back(std::move(node));
  return constants_[key] = static_cast<NodeId>(schema_.nodes.size() - 1);
}

NodeId JsonShapes::any_of(std::vector<NodeId> members) {
  if (members.size() == 1) return members.front();
  std::string key = "|";
  for (const NodeId member : members) key += fmt::format("{},", member);
  if (const auto known = constants_.find(key); known != constants_.end()) return known->second;
  Node node;
  node.any_of = std::move(members);
  schema_.nodes.push_back(std::move(node));
  return constants_[key] = static_cast<NodeId>(schema_.nodes.size() - 1);
}

}  // namespace conduit::mdl
