// JsonShapes: what is left of a type where a node does not hold: one alternative for each of its
// assertions, denied.
#include <fmt/format.h>

#include <algorithm>

#include "mdl/json_draft.h"

namespace conduit::mdl {

bool JsonShapes::add_negative(Draft& draft, NodeId id, ValueType type) {
  if ((schema_.at(id).types & type_bits(type)) == 0) return true;
  std::vector<Option> options;
  if (schema_.at(id).values) {
    const std::vector<json::Value> values = values_of(schema_.at(id), type);
    if (values.empty()) return true;
    if (type == ValueType::array || type == ValueType::object) {
      std::vector<Literal> literals;
      for (const json::Value& value : values) literals.push_back(negative(constant(value)));
      options.push_back([literals](Draft& branch) {
        for (const Literal literal : literals) branch.add(literal);
        return true;
      });
    } else if (type == ValueType::number) {
      options.push_back([numbers = decimals(values)](Draft& branch) {
        branch.number.excluded.insert(branch.number.excluded.end(), numbers.begin(), numbers.end());
        return true;
      });
    } else if (type == ValueType::string) {
      options.push_back([values](Draft& branch) {
        for (const json::Value& value : values) insert(branch.excluded, value.as_string());
        return true;
      });
    }
  }
  const Node& node = schema_.at(id);
  if (type == ValueType::string) negate_string(options, node);
  if (type == ValueType::number) negate_number(options, node);
  if (type == ValueType::array) negate_array(options, id);
  if (type == ValueType::object) negate_object(options, id);
  const auto both = [](Literal a, Literal b) {
    return [a, b](Draft& branch) { return branch.add(a) && branch.add(b); };
  };
  for (const NodeId member : node.all_of)
    options.push_back([member](Draft& branch) { return branch.add(negative(member)); });
  if (node.not_)
    options.push_back(
        [member = *node.not_](Draft& branch) { return branch.add(positive(member)); });
  const auto none = [](const std::vector<NodeId>& members) {
    return [members](Draft& branch) {
      for (const NodeId member : members) branch.add(negative(member));
      return true;
    };
  };
  if (!node.any_of.empty()) options.push_back(none(node.any_of));
  if (!node.one_of.empty()) {
    options.push_back(none(node.one_of));
    for (std::size_t i = 0; i < node.one_of.size(); ++i) {
      for (std::size_t j = i + 1; j < node.one_of.size(); ++j)
        options.push_back(both(positive(node.one_of[i]), positive(node.one_of[j])));
    }
  }
  if (node.if_ && node.then_) options.push_back(both(positive(*node.if_), negative(*node.then_)));
  if (node.if_ && node.else_) options.push_back(both(negative(*node.if_), negative(*node.else_)));
  draft.choices.push_back(std::move(options));
  return !fault_;
}

void JsonShapes::negate_string(std::vector<Option>& options, const Node& node) {
  if (node.min_length > 0) {
    options.push_back([most = node.min_length - 1](Draft& branch) {
      branch.most = std::min(branch.most, most);
      return branch.least <= branch.most;
    });
  }
  if (node.max_length) {
    options.push_back([least = *node.max_length + 1](Draft& branch) {
      branch.least = std::max(branch.least, least);
      return branch.least <= branch.most;
    });
  }
  const auto outside = [&](Regexes::Id text) {
    options.push_back([text = regexes_.complement(text)](Draft& branch) {
      branch.texts.push_back(text);
      return true;
    });
  };
  if (node.pattern) outside(pattern(*node.pattern));
  if (!node.format.empty()) {
    if (auto text = format_expression(regexes_, node.format))
      outside(*text);
    else
      fail(text.error().code, text.error().message);
  }
}

void JsonShapes::negate_number(std::vector<Option>& options, const Node& node) {
  if ((node.types & kNumber) == kInteger) {
    options.push_back([](Draft& branch) {
      branch.number.has_integers = false;
      return branch.number.has_fractions;
    });
  }
  if ((node.types & kNumber) == kFraction) {
    options.push_back([](Draft& branch) {
      branch.number.has_fractions = false;
      return branch.number.has_integers;
    });
  }
  const auto below = [&](const std::optional<NumberSet::Bound>& high) {
    if (!high) return;
    options.push_back([high = *high](Draft& branch) {
      branch.number.lower_high(high);
      return true;
    });
  };
  const auto above = [&](const std::optional<NumberSet::Bound>& low) {
    if (!low) return;
    options.push_back([low = *low](Draft& branch) {
      branch.number.raise_low(low);
      return true;
    });
  };
  below(bound(node.minimum, true));
  below(bound(node.exclusive_minimum, false));
  above(bound(node.maximum, true));
  above(bound(node.exclusive_maximum, false));
  if (const auto step = bound(node.multiple_of, false)) {
    options.push_back([step = step->value](Draft& branch) {
      branch.number.not_multiples.push_back(step);
      return true;
    });
  }
}

void JsonShapes::negate_array(std::vector<Option>& options, NodeId id) {
  const Node& node = schema_.at(id);
  const auto count = [&](ArrayShape::Count count) {
    options.push_back([count](Draft& branch) {
      branch.array.counts.push_back(count);
      return true;
    });
  };
  for (std::size_t i = 0; i < node.prefix_items.size(); ++i)
    count({i, i + 1, negative(node.prefix_items[i]), 1, SIZE_MAX});
  if (node.items) count({node.prefix_items.size(), SIZE_MAX, negative(*node.items), 1, SIZE_MAX});
  if (node.contains) {
    if (node.min_contains > 0)
      count({0, SIZE_MAX, positive(*node.contains), 0, node.min_contains - 1});
    if (node.max_contains)
      count({0, SIZE_MAX, positive(*node.contains), *node.max_contains + 1, SIZE_MAX});
  }
  if (node.min_items > 0) {
    options.push_back([most = node.min_items - 1](Draft& branch) {
      branch.array.most = std::min(branch.array.most, most);
      return true;
    });
  }
  if (node.max_items) {
    options.push_back([least = *node.max_items + 1](Draft& branch) {
      branch.array.least = std::max(branch.array.least, least);
      return true;
    });
  }
  if (node.unique_items)
    fail(Code::invalid_argument,
         fmt::format("uniqueItems within not, oneOf or if cannot be kept (at {}): say it outside",
                     node.place));
  if (node.unevaluated_items)
    fail(Code::invalid_argument,
         fmt::format(
             "unevaluatedItems within not, oneOf or if cannot be kept (at {}): say it outside",
             node.place));
}

void JsonShapes::negate_object(std::vector<Option>& options, NodeId id) {
  const Node& node = schema_.at(id);
  for (const auto& [name, member] : node.properties) {
    options.push_back([name = name, literal = negative(member)](Draft& branch) {
      insert(branch.object.required, name);
      branch.object.fields.emplace_back(name, literal);
      return true;
    });
  }
  const auto witness = [&](ObjectShape::Witness witness) {
    options.push_back([witness](Draft& branch) {
      branch.object.witnesses.push_back(witness);
      return true;
    });
  };
  for (std::size_t i = 0; i < node.pattern_properties.size(); ++i)
    witness({ObjectShape::Witness::pattern, id, i, negative(node.pattern_properties[i].second)});
  if (node.additional)
    witness({ObjectShape::Witness::additional, id, 0, negative(*node.additional)});
  if (node.property_names)
    witness({ObjectShape::Witness::name, id, 0, negative(*node.property_names)});
  const auto forbid = [&](const std::string& name, const std::string* with) {
    options.push_back([name, with = with == nullptr ? std::string() : *with,
                       has_with = with != nullptr](Draft& branch) {
      insert(branch.object.forbidden, name);
      if (has_with) insert(branch.object.required, with);
      return true;
    });
  };
  for (const std::string& name : node.required) forbid(name, nullptr);
  for (const auto& [name, others] : node.dependent_required) {
    for (const std::string& other : others) forbid(other, &name);
  }
  for (const auto& [name, member] : node.dependent_schemas) {
    options.push_back([name = name, literal = negative(member)](Draft& branch) {
      insert(branch.object.required, name);
      return branch.add(literal);
    });
  }
  if (node.min_properties > 0) {
    options.push_back([most = node.min_properties - 1](Draft& branch) {
      branch.object.most = std::min(branch.object.most, most);
      return true;
    });
  }
  if (node.max_properties) {
    options.push_back([least = *node.max_properties + 1](Draft& branch) {
      branch.object.least = std::max(branch.object.least, least);
      return true;
    });
  }
  if (node.unevaluated_properties) {
    fail(Code::invalid_argument,
         fmt::format(
             "unevaluatedProperties within not, oneOf or if cannot be kept (at {}): say it outside",
             node.place));
  }
}

}  // namespace conduit::mdl
