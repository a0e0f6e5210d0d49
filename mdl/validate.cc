// Validator's frame, and what it asks of values of any type, numbers and strings.
#include "mdl/validate.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "mdl/decimal.h"
#include "mdl/formats.h"
#include "mdl/validate_parts.h"

namespace conduit::mdl {
namespace {

std::size_t code_points(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

}  // namespace

std::uint8_t types_of(const json::Value& value) {
  switch (value.kind()) {
    case json::Kind::null: return kNull;
    case json::Kind::boolean: return kBoolean;
    case json::Kind::string: return kString;
    case json::Kind::array: return kArray;
    case json::Kind::object: return kObject;
    case json::Kind::real:
      if (!std::isfinite(value.as_double())) return kNull;  // as json::dump writes it
      return decimal(value).is_integer() ? kInteger : kFraction;
    default: return kInteger;
  }
}

bool is_counted(const Turn& turn, std::size_t count, std::size_t min,
                const std::optional<std::size_t>& max, std::string_view min_keyword,
                std::string_view max_keyword, std::string_view one, std::string_view many) {
  const auto found = [&] {
    const std::string text = counted(count, one, many);
    return turn.at.value.is_string() ? value_text(turn.at.value) + ", " + text : text;
  };
  if (count < min)
    return fail(
        turn, min_keyword, [&] { return "at least " + counted(min, one, many); }, found);
  if (max && count > *max)
    return fail(
        turn, max_keyword, [&] { return "at most " + counted(*max, one, many); }, found);
  return true;
}

Status Validator::Parts::prepare() {
  regexes = Regexes();
  nodes.assign(schema.nodes.size(), {});
  std::unordered_map<std::string_view, Regexes::Id> patterns;
  const auto placed = [](Result<Regexes::Id> id, const Node& node,
                         std::string_view keyword) -> Result<Regexes::Id> {
    if (id) return id;
    return Error{id.error().code, "schema: \"" + std::string(keyword) + "\" at " + node.place +
                                      ": " + id.error().message};
  };
  const auto compiled = [&](const Pattern& pattern, const Node& node,
                            std::string_view keyword) -> Result<Regexes::Id> {
    const auto known = patterns.find(pattern);
    if (known != patterns.end()) return known->second;
    CONDUIT_TRY(const auto id, placed(regexes.pattern(pattern), node, keyword));
    patterns.emplace(pattern, id);
    return id;
  };
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const Node& node = schema.nodes[i];
    if (node.pattern) {
      CONDUIT_TRY(nodes[i].pattern, compiled(*node.pattern, node, "pattern"));
    }
    if (!node.format.empty()) {
      CONDUIT_TRY(nodes[i].format, placed(format_expression(regexes, node.format), node, "format"));
    }
    for (const auto& [pattern, id] : node.pattern_properties) {
      CONDUIT_TRY(const auto expression, compiled(pattern, node, "patternProperties"));
      nodes[i].pattern_properties.push_back(expression);
    }
    for (std::size_t k = 0; node.values && k < node.values->size(); ++k)
      nodes[i].values.emplace_back(equality_hash((*node.values)[k], steps), k);
    std::sort(nodes[i].values.begin(), nodes[i].values.end());
    nodes[i].properties.assign(node.properties.begin(), node.properties.end());
    std::sort(nodes[i].properties.begin(), nodes[i].properties.end());
  }
  return ok();
}

Result<std::optional<Mismatch>> Validator::Parts::check(const json::Value& value,
                                                        bool wants_reason) {
  std::optional<Mismatch> mismatch;
  // The expressions of a long life fill their arena: the second try has a new one.
  for (const bool is_last : {false, true}) {
    steps = 0;
    is_too_deep = false;
    const Instance root(value);
    mismatch.reset();
    if (!fits(schema.root, root, nullptr, nullptr)) mismatch.emplace();
    if (mismatch && wants_reason && !is_over()) {
      steps = 0;
      fits(schema.root, root, nullptr, &*mismatch);
      // Words took more steps than the verdict: it stands without them.
      if (is_over()) mismatch = Mismatch{"", "", "a value that fits the schema", value_text(value)};
      steps = 0;
    }
    if (!regexes.is_exhausted()) break;
    if (is_last) return regexes.exhausted();
    CONDUIT_TRY_STATUS(prepare());
  }
  if (is_too_deep)
    return Error{Code::exhausted,
                 "checking the value needs more nested assertions than the limit of " +
                     std::to_string(kMaxDepth)};
  if (is_over())
    return Error{Code::exhausted, "checking the value takes more steps than the limit of " +
                                      std::to_string(kMaxSteps)};
  return mismatch;
}

bool Validator::Parts::fits(NodeId id, const Instance& at, Marks* marks, Mismatch* why) {
  spend(1);
  if (depth >= kMaxDepth) is_too_deep = true;
  if (is_over()) return false;
  ++depth;
  const Node& node = schema.at(id);
  bool is_fit = false;
  if (node.unevaluated_properties || node.unevaluated_items) {
    Marks own(at.size());
    spend(own.size() / 16);
    const Turn turn{node, at, &own, why};
    is_fit = fits_node(id, turn) && fits_unevaluated(turn);
    if (is_fit) merge(marks, own);
  } else {
    is_fit = fits_node(id, {node, at, marks, why});
  }
  --depth;
  return is_fit;
}

bool Validator::Parts::fits_node(NodeId id, const Turn& turn) {
  const Node& node = turn.node;
  const json::Value& value = turn.at.value;
  if (node.types != kAnyType && (types_of(value) & node.types) == 0) {
    if (node.types == 0) return fail(turn, "false", [] { return std::string("no value here"); });
    return fail(
        turn, "type", [&] { return types_text(node.types); }, [&] { return kind_text(value); });
  }
  if (node.values && !is_among_values(turn, nodes[id])) {
    return fail(turn, node.values->size() == 1 ? "const" : "enum", [&] {
      if (node.values->empty()) return std::string("no value here");
      return (node.values->size() == 1 ? "" : "one of ") + list_text(*node.values);
    });
  }
  if (value.is_number() && !fits_number(turn)) return false;
  if (value.is_string() && !fits_string(turn, nodes[id])) return false;
  if (value.is_array() && !fits_array(turn)) return false;
  if (value.is_object() && !fits_object(turn, nodes[id])) return false;
  return fits_applicators(turn);
}

bool Validator::Parts::is_among_values(const Turn& turn, const Prepared& prepared) {
  const std::uint64_t hash = equality_hash(turn.at.value, steps);
  auto at = std::lower_bound(prepared.values.begin(), prepared.values.end(),
                             std::pair(hash, std::size_t{0}));
  for (; at != prepared.values.end() && at->first == hash && !is_over(); ++at) {
    spend(1);
    if (is_equal((*turn.node.values)[at->second], turn.at.value)) return true;
  }
  return false;
}

bool Validator::Parts::fits_number(const Turn& turn) {
  const Node& node = turn.node;
  const bool is_limited = node.minimum || node.maximum || node.exclusive_minimum ||
                          node.exclusive_maximum || node.multiple_of;
  if (!is_limited || types_of(turn.at.value) == kNull) return true;
  const Decimal value = decimal(turn.at.value);
  const auto says = [&](std::string_view keyword, std::string_view words,
                        const json::Value& limit) {
    return fail(turn, keyword, [&] { return std::string(words) + json::dump(limit); });
  };
  if (node.minimum && compare(value, decimal(*node.minimum)) < 0)
    return says("minimum", "at least ", *node.minimum);
  if (node.maximum && compare(value, decimal(*node.maximum)) > 0)
    return says("maximum", "at most ", *node.maximum);
  if (node.exclusive_minimum && compare(value, decimal(*node.exclusive_minimum)) <= 0)
    return says("exclusiveMinimum", "more than ", *node.exclusive_minimum);
  if (node.exclusive_maximum && compare(value, decimal(*node.exclusive_maximum)) >= 0)
    return says("exclusiveMaximum", "less than ", *node.exclusive_maximum);
  if (node.multiple_of && !is_multiple(value, decimal(*node.multiple_of)))
    return says("multipleOf", "a multiple of ", *node.multiple_of);
  return true;
}

bool Validator::Parts::fits_string(const Turn& turn, const Prepared& prepared) {
  const Node& node = turn.node;
  const std::string& text = turn.at.value.as_string();
  spend(text.size() / 100);
  const bool has_length = node.min_length > 0 || node.max_length;
  if (has_length && !is_counted(turn, code_points(text), node.min_length, node.max_length,
                                "minLength", "maxLength", "character", "characters"))
    return false;
  if (prepared.pattern && !matches(*prepared.pattern, text))
    return fail(turn, "pattern", [&] { return "a string that matches " + *node.pattern; });
  if (prepared.format && !matches(*prepared.format, text))
    return fail(turn, "format", [&] { return "a string of format " + node.format; });
  return true;
}

Result<Validator> Validator::make(const Schema& schema) {
  auto parts = std::make_unique<Parts>(schema);
  CONDUIT_TRY_STATUS(parts->prepare());
  return Validator(std::move(parts));
}

Validator::Validator(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Validator::Validator(Validator&&) noexcept = default;
Validator& Validator::operator=(Validator&&) noexcept = default;
Validator::~Validator() = default;

Result<std::optional<Mismatch>> Validator::check(const json::Value& value) {
  return parts_->check(value, true);
}

bool Validator::accepts(const json::Value& value) {
  const auto mismatch = parts_->check(value, false);
  return mismatch && !*mismatch;
}

}  // namespace conduit::mdl
