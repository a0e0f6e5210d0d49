// JsonShapes: what the properties of an object must fit, by name or, of names that no schema has,
// by the patterns that they match; and which such names there are.
#include <fmt/format.h>

#include <algorithm>

#include "mdl/json_shapes.h"

namespace conduit::mdl {
namespace {

constexpr std::size_t kMaxPatterns = 4;  // whose combinations are told apart
constexpr std::size_t kMaxChoices = 6;   // counts or witnesses that are open at one value

bool has(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

Conjunction JsonShapes::property_of(const ObjectShape& shape, const std::string* name,
                                    const Matches& matches) {
  Conjunction literals;
  for (const NodeId id : shape.sources) {
    const Node& node = schema_.at(id);
    bool is_named = false;
    for (const auto& [text, value] : node.properties) {
      if (name == nullptr || text != *name) continue;
      literals.push_back(positive(value));
      is_named = true;
    }
    for (const auto& [text, value] : node.pattern_properties) {
      if (!matches(text)) continue;
      literals.push_back(positive(value));
      is_named = true;
    }
    if (!is_named && node.additional) literals.push_back(positive(*node.additional));
  }
  for (const auto& [text, literal] : shape.fields) {
    if (name != nullptr && text == *name) literals.push_back(literal);
  }
  for (const Unevaluated& rest : shape.unevaluated) {
    const bool is_evaluated =
        std::any_of(rest.evaluators.begin(), rest.evaluators.end(), [&](NodeId id) {
          const Node& node = schema_.at(id);
          if (node.additional || (node.unevaluated_properties && id != rest.evaluators.front()))
            return true;
          return (name != nullptr &&
                  std::any_of(node.properties.begin(), node.properties.end(),
                              [&](const auto& field) { return field.first == *name; })) ||
                 std::any_of(node.pattern_properties.begin(), node.pattern_properties.end(),
                             [&](const auto& field) { return matches(field.first); });
        });
    if (!is_evaluated) literals.push_back(rest.literal);
  }
  return literals;
}

JsonShapes::Matches JsonShapes::matches_of(const std::string& name) {
  return [this, name](const Pattern& each) { return regexes_.matches(pattern(each), name); };
}

bool JsonShapes::concerns(const ObjectShape::Witness& witness, const std::string* name,
                          const Matches& matches) {
  const Node& node = schema_.at(witness.node);
  switch (witness.kind) {
    case ObjectShape::Witness::pattern:
      return matches(node.pattern_properties[witness.index].first);
    case ObjectShape::Witness::name:
      return name != nullptr && regexes_.matches(name_language({witness.literal}), *name);
    case ObjectShape::Witness::additional: break;
  }
  const auto is_name = [&](const auto& field) { return name != nullptr && field.first == *name; };
  return std::none_of(node.properties.begin(), node.properties.end(), is_name) &&
         std::none_of(node.pattern_properties.begin(), node.pattern_properties.end(),
                      [&](const auto& field) { return matches(field.first); });
}

std::vector<JsonShapes::PropertyChoice> JsonShapes::property_choices(
    const ObjectShape& shape, std::string_view name, const std::vector<bool>& done) {
  if (std::binary_search(shape.forbidden.begin(), shape.forbidden.end(), name, std::less<>()))
    return {};
  if (!shape.names.empty() && !regexes_.matches(name_language(shape.names), name)) return {};
  const std::string text(name);
  return choices_of(shape, &text, matches_of(text), done);
}

std::vector<JsonShapes::PropertyChoice> JsonShapes::property_choices(
    const ObjectShape& shape, const std::vector<bool>& matched, const std::vector<bool>& done) {
  const Matches matches = [&](const Pattern& each) {
    const auto place = std::find(shape.patterns.begin(), shape.patterns.end(), each);
    return static_cast<bool>(matched[static_cast<std::size_t>(place - shape.patterns.begin())]);
  };
  return choices_of(shape, nullptr, matches, done);
}

std::vector<JsonShapes::PropertyChoice> JsonShapes::choices_of(const ObjectShape& shape,
                                                               const std::string* name,
                                                               const Matches& matches,
                                                               const std::vector<bool>& done) {
  std::vector<PropertyChoice> choices{{property_of(shape, name, matches), done}};
  choices.front().done.resize(shape.witnesses.size());
  std::size_t open = 0;
  for (std::size_t i = 0; i < shape.witnesses.size(); ++i) {
    const ObjectShape::Witness& witness = shape.witnesses[i];
    if (choices.front().done[i] || !concerns(witness, name, matches)) continue;
    if (witness.kind == ObjectShape::Witness::name) {  // costs nothing
      for (PropertyChoice& choice : choices) choice.done[i] = true;
      continue;
    }
    if (++open > kMaxChoices) {
      fail(Code::exhausted,
           fmt::format("more than {} negated properties are open at one value", kMaxChoices));
      return {};
    }
    const std::size_t before = choices.size();
    for (std::size_t c = 0; c < before; ++c) {
      PropertyChoice more = choices[c];
      more.literals.push_back(witness.literal);
      more.done[i] = true;
      choices.push_back(std::move(more));
    }
  }
  return choices;
}

Regexes::Id JsonShapes::name_language(const std::vector<Literal>& names) {
  std::vector<Regexes::Id> texts;
  const std::vector<ShapeId> ids = shapes(conjunction(names), ValueType::string);
  for (const ShapeId id : ids) {
    const StringShape& shape = strings_[id];
    std::vector<Regexes::Id> parts{shape.text};
    if (shape.least > 0 || shape.most != SIZE_MAX)
      parts.push_back(regexes_.code_points(
          shape.least, shape.most == SIZE_MAX ? std::nullopt : std::optional(shape.most)));
    for (const std::string& text : shape.excluded)
      parts.push_back(regexes_.complement(regexes_.literal(text)));
    texts.push_back(regexes_.all_of(parts));
  }
  return regexes_.any_of(texts);
}

Regexes::Id JsonShapes::free_names(ObjectShape& shape) {
  if (shape.free) return *shape.free;
  const std::size_t unsure = unsure_;
  std::vector<Pattern> patterns;
  const auto collect = [&](const std::vector<NodeId>& nodes) {
    for (const NodeId id : nodes) {
      for (const auto& [text, value] : schema_.at(id).pattern_properties) {
        if (!has(patterns, text)) patterns.push_back(text);
      }
    }
  };
  collect(shape.sources);
  for (const Unevaluated& rest : shape.unevaluated) collect(rest.evaluators);
  for (const ObjectShape::Witness& witness : shape.witnesses) collect({witness.node});
  shape.patterns = patterns;
  const auto is_open = [&](const std::vector<bool>& matched) {
    return is_alive(conjunction(property_choices(shape, matched, {}).front().literals));
  };
  std::vector<bool> matched(patterns.size());
  const bool is_base_open = is_open(matched);
  std::vector<bool> is_each_open(patterns.size());
  for (std::size_t i = 0; i < patterns.size(); ++i) {
    matched[i] = true;
    is_each_open[i] = is_open(matched);
    matched[i] = false;
  }
  Regexes::Id free = is_base_open ? Regexes::kText : Regexes::kNothing;
  if (is_base_open &&
      std::find(is_each_open.begin(), is_each_open.end(), false) == is_each_open.end()) {
    // Two patterns that contradict each other are met at the quote.
  } else if (patterns.size() <= kMaxPatterns) {
    std::vector<Regexes::Id> classes;
    for (std::uint32_t set = 0; set < 1u << patterns.size(); ++set) {
      std::vector<Regexes::Id> parts;
      for (std::size_t i = 0; i < patterns.size(); ++i) {
        matched[i] = (set >> i & 1) != 0;
        parts.push_back(matched[i] ? pattern(patterns[i])
                                   : regexes_.complement(pattern(patterns[i])));
      }
      if (is_open(matched))
        classes.push_back(parts.empty() ? Regexes::kText : regexes_.all_of(parts));
    }
    free = regexes_.any_of(classes);
  } else {
    std::vector<Regexes::Id> open{free}, closed;
    for (std::size_t i = 0; i < patterns.size(); ++i)
      (is_each_open[i] ? open : closed).push_back(pattern(patterns[i]));
    std::vector<Regexes::Id> parts{regexes_.any_of(open)};
    for (const Regexes::Id each : closed) parts.push_back(regexes_.complement(each));
    free = regexes_.all_of(parts);
  }
  if (!shape.names.empty() && free != Regexes::kNothing) {
    const std::vector<Regexes::Id> parts{free, name_language(shape.names)};
    free = regexes_.all_of(parts);
  }
  if (unsure_ == unsure) shape.free = free;
  return free;
}

std::optional<std::string> JsonShapes::fresh_name(ObjectShape& shape,
                                                  const std::vector<std::string>& used,
                                                  Regexes::Id within) {
  std::vector<Regexes::Id> taken;
  for (const std::string& name : used) taken.push_back(regexes_.literal(name));
  for (const std::string& name : shape.known) taken.push_back(regexes_.literal(name));
  const std::vector<Regexes::Id> parts{free_names(shape), within,
                                       regexes_.complement(regexes_.any_of(taken))};
  return regexes_.shortest(regexes_.all_of(parts));
}

}  // namespace conduit::mdl
