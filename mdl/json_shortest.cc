// JsonShapes: what items and properties must fit, and short texts that fit a shape. They say
// whether anything fits at all, and how an answer can be ended. The idea: least fixpoint by
// recursion. A value that needs itself is not short, so what is still being asked for counts as
// impossible; such an answer is kept only when it is a text, which is right whatever comes out
// above it.
#include <fmt/format.h>

#include <algorithm>

#include "mdl/json_shapes.h"
#include "mdl/json_string.h"

namespace conduit::mdl {
namespace {

constexpr std::size_t kMaxDepth = 300;       // of values within values that must be there
constexpr std::size_t kMaxText = 256 << 10;  // bytes of a shortest value
constexpr std::size_t kMaxUnique =
    256;  // items that must be there and differ: each is compared with all
constexpr std::size_t kExplored = 400;  // conjunctions that explore() looks at
constexpr std::size_t kMaxChoices = 6;  // counts or witnesses that are open at one value

std::string quoted(std::string_view text) { return '"' + escape_json(text) + '"'; }

bool has(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

const std::optional<std::string>& JsonShapes::shortest(ConjunctionId conjunction) {
  static const std::optional<std::string> kNone;
  Known& known = *conjunctions_[conjunction];
  if (known.has_shortest) return known.shortest;
  if (known.is_open || fault_) {
    ++unsure_;
    return kNone;
  }
  if (depth_ >= kMaxDepth) {
    fail(Code::exhausted, fmt::format("required values nest deeper than {}", kMaxDepth));
    return kNone;
  }
  known.is_open = true;
  ++depth_;
  const std::size_t unsure = unsure_;
  std::optional<std::string> best;
  const auto offer = [&](std::optional<std::string> text) {
    if (text && (!best || text->size() < best->size())) best = std::move(text);
  };
  const auto each = [&](ValueType type, auto text) {
    const std::vector<ShapeId> ids = shapes(conjunction, type);
    for (const ShapeId id : ids) offer(text(id));
  };
  each(ValueType::number, [&](ShapeId id) { return numbers_[id].shortest(); });
  each(ValueType::null, [](ShapeId) { return std::optional<std::string>("null"); });
  each(ValueType::true_, [](ShapeId) { return std::optional<std::string>("true"); });
  each(ValueType::false_, [](ShapeId) { return std::optional<std::string>("false"); });
  each(ValueType::string, [&](ShapeId id) { return shortest(strings_[id]); });
  if (!best) {  // an array or object is seldom shorter, and always more work
    each(ValueType::array,
         [&](ShapeId id) { return shortest_rest(arrays_[id], Place::opened, {}); });
    each(ValueType::object,
         [&](ShapeId id) { return shortest_rest(objects_[id], Place::opened, {}); });
    if (best) best->insert(best->begin(), best->back() == ']' ? '[' : '{');
  }
  --depth_;
  known.is_open = false;
  if (!best && unsure_ != unsure) return kNone;
  if (best && best->size() > kMaxText) {
    fail(Code::exhausted,
         fmt::format("the shortest value that fits has {} bytes, at most {} are written",
                     best->size(), kMaxText));
  }
  known.has_shortest = true;
  known.shortest = std::move(best);
  return known.shortest;
}

void JsonShapes::explore(ConjunctionId from) {
  std::vector<ConjunctionId> found{from};
  const auto add = [&](const Conjunction& literals) {
    const ConjunctionId id = conjunction(literals);
    if (std::find(found.begin(), found.end(), id) == found.end()) found.push_back(id);
  };
  for (std::size_t i = 0; i < found.size() && i < kExplored && !fault_; ++i) {
    const std::vector<ShapeId> arrays = shapes(found[i], ValueType::array);
    for (const ShapeId id : arrays) {
      for (std::size_t index = 0; index <= std::min(arrays_[id].horizon, kExplored); ++index)
        add(item(arrays_[id], index));
    }
    const std::vector<ShapeId> objects = shapes(found[i], ValueType::object);
    for (const ShapeId id : objects) {
      ObjectShape& shape = objects_[id];
      for (const std::string& name : shape.known) {
        for (const PropertyChoice& choice : property_choices(shape, name, {})) add(choice.literals);
      }
      free_names(shape);
      for (const PropertyChoice& choice :
           property_choices(shape, std::vector<bool>(shape.patterns.size()), {}))
        add(choice.literals);
      for (std::size_t each = 0; each < shape.patterns.size(); ++each) {
        std::vector<bool> matched(shape.patterns.size());
        matched[each] = true;
        for (const PropertyChoice& choice : property_choices(shape, matched, {}))
          add(choice.literals);
      }
    }
  }
}

std::optional<std::string> JsonShapes::shortest(const StringShape& shape) {
  if (shape.text != Regexes::kText) {
    const auto text = regexes_.shortest(without_excluded(shape, shape.text, ""));
    return text ? std::optional(quoted(*text)) : std::nullopt;
  }
  if (shape.least > shape.most || shape.least > kMaxText) return std::nullopt;
  std::string text(shape.least, 'a');
  // Excluded ones are fewer than the texts of any length but 0.
  for (std::size_t i = 0; has(shape.excluded, text); ++i) {
    if (text.empty() && shape.most == 0) return std::nullopt;
    const std::string number = std::to_string(i);
    if (text.size() < number.size() && text.size() < shape.most)
      text.resize(std::min(number.size(), shape.most), 'a');
    if (number.size() > text.size()) return std::nullopt;
    std::copy(number.begin(), number.end(),
              text.end() - static_cast<std::ptrdiff_t>(number.size()));
  }
  return quoted(text);
}

Regexes::Id JsonShapes::without_excluded(const StringShape& shape, Regexes::Id language,
                                         const std::string& text) {
  std::vector<Regexes::Id> rests;
  for (const std::string& each : shape.excluded) {
    if (each.compare(0, text.size(), text) == 0)
      rests.push_back(regexes_.literal(std::string_view(each).substr(text.size())));
  }
  if (rests.empty()) return language;
  const std::vector<Regexes::Id> parts{language, regexes_.complement(regexes_.any_of(rests))};
  return regexes_.all_of(parts);
}

Conjunction JsonShapes::item(const ArrayShape& shape, std::size_t index) {
  Conjunction literals;
  for (const NodeId id : shape.sources) {
    const Node& node = schema_.at(id);
    if (index < node.prefix_items.size())
      literals.push_back(positive(node.prefix_items[index]));
    else if (node.items)
      literals.push_back(positive(*node.items));
  }
  for (const Unevaluated& rest : shape.unevaluated) {
    bool is_evaluated = false;
    std::vector<NodeId> contained;
    for (const NodeId id : rest.evaluators) {
      const Node& node = schema_.at(id);
      is_evaluated = is_evaluated || index < node.prefix_items.size() || node.items ||
                     (node.unevaluated_items && id != rest.evaluators.front());
      if (node.contains) contained.push_back(*node.contains);
    }
    if (is_evaluated) continue;
    contained.push_back(rest.literal >> 1);
    literals.push_back(positive(any_of(std::move(contained))));
  }
  return literals;
}

std::vector<JsonShapes::ItemChoice> JsonShapes::item_choices(const ArrayShape& shape,
                                                             const ArrayProgress& progress) {
  std::vector<ItemChoice> choices{{item(shape, progress.count), progress.claimed}};
  choices.front().claimed.resize(shape.counts.size());
  std::size_t open = 0;
  for (std::size_t i = 0; i < shape.counts.size(); ++i) {
    const ArrayShape::Count& count = shape.counts[i];
    if (progress.count < count.from || progress.count >= count.to) continue;
    const std::size_t claimed = choices.front().claimed[i];
    const bool is_bounded = count.most != SIZE_MAX;
    if (!is_bounded && claimed >= count.least) continue;
    if (++open > kMaxChoices) {
      fail(Code::exhausted, fmt::format("more than {} contains are open at one item", kMaxChoices));
      return {};
    }
    const std::size_t before = choices.size();
    for (std::size_t c = 0; c < before; ++c) {
      if (claimed < count.most) {
        ItemChoice more = choices[c];
        more.literals.push_back(count.literal);
        ++more.claimed[i];
        choices.push_back(std::move(more));
      }
      if (is_bounded) choices[c].literals.push_back(count.literal ^ 1);
    }
  }
  return choices;
}

std::optional<std::string> JsonShapes::shortest_rest(const ArrayShape& shape, Place place,
                                                     ArrayProgress progress) {
  progress.claimed.resize(shape.counts.size());
  if (shape.is_unique && shape.least > kMaxUnique) {
    fail(Code::exhausted, fmt::format("uniqueItems with minItems {}: at most {} are kept apart",
                                      shape.least, kMaxUnique));
    return std::nullopt;
  }
  std::string text;
  const auto missing = [&] {
    std::size_t missing = 0;
    for (std::size_t i = 0; i < shape.counts.size(); ++i)
      missing += shape.counts[i].least - std::min(shape.counts[i].least, progress.claimed[i]);
    return missing;
  };
  while (place == Place::continued || progress.count < shape.least || missing() > 0) {
    if (progress.count >= shape.most) return std::nullopt;
    // The item that settles most, and of those the shortest.
    const std::size_t open = missing();
    std::optional<std::size_t> best_missing;
    std::string best;
    std::vector<std::size_t> best_claimed;
    for (ItemChoice& choice : item_choices(shape, progress)) {
      if (shape.is_unique && !progress.seen.empty()) {
        Node seen;
        seen.values = progress.seen;
        schema_.nodes.push_back(std::move(seen));
        choice.literals.push_back(negative(static_cast<NodeId>(schema_.nodes.size() - 1)));
      }
      const auto& item = shortest(conjunction(choice.literals));
      if (!item) continue;
      std::vector<std::size_t> claimed = std::exchange(progress.claimed, choice.claimed);
      const std::size_t left = missing();
      progress.claimed = std::move(claimed);
      if (!best_missing || left < *best_missing ||
          (left == *best_missing && item->size() < best.size())) {
        best_missing = left;
        best = *item;
        best_claimed = choice.claimed;
      }
    }
    if (!best_missing) return std::nullopt;
    // An item that settles nothing is worth writing while others must come.
    if (*best_missing == open && place != Place::continued && progress.count >= shape.least &&
        progress.count >= shape.horizon)
      return std::nullopt;
    if (place == Place::valued) text += ',';
    text += best;
    if (text.size() > kMaxText) return text;  // refused by who asked
    if (shape.is_unique) {
      if (auto value = json::parse(best)) progress.seen.push_back(std::move(*value));
    }
    progress.claimed = std::move(best_claimed);
    ++progress.count;
    place = Place::valued;
  }
  return text + ']';
}

std::optional<std::string> JsonShapes::shortest_rest(ObjectShape& shape, Place place,
                                                     ObjectProgress progress) {
  progress.done.resize(shape.witnesses.size());
  std::string text;
  // Writes the property, its value the shortest that settles most witnesses.
  const auto write = [&](const std::string& name) {
    std::optional<std::string> best;
    std::vector<bool> best_done;
    for (const PropertyChoice& choice : property_choices(shape, name, progress.done)) {
      const auto& value = shortest(conjunction(choice.literals));
      if (!value) continue;
      const auto settled = [](const std::vector<bool>& done) {
        return std::count(done.begin(), done.end(), true);
      };
      if (!best || settled(choice.done) > settled(best_done)) {
        best = *value;
        best_done = choice.done;
      }
    }
    if (!best || progress.names.size() >= shape.most) return false;
    if (place == Place::valued) text += ',';
    text += quoted(name) + ':' + *best;
    place = Place::valued;
    progress.names.push_back(name);
    progress.done = std::move(best_done);
    return text.size() <= kMaxText;
  };
  for (const std::string& name : shape.order) {
    if (std::binary_search(shape.required.begin(), shape.required.end(), name) &&
        !has(progress.names, name) && !write(name))
      return std::nullopt;
  }
  for (const std::string& name : shape.required) {
    if (!has(progress.names, name) && !write(name)) return std::nullopt;
  }
  for (std::size_t i = 0; i < shape.witnesses.size(); ++i) {
    if (progress.done[i]) continue;
    const ObjectShape::Witness witness = shape.witnesses[i];
    bool is_written = false;
    for (const std::string& name : shape.known) {
      if (has(progress.names, name) || !concerns(witness, &name, matches_of(name))) continue;
      const ObjectProgress before = progress;
      const std::string text_before = text;
      const Place place_before = place;
      is_written = write(name) && progress.done[i];
      if (is_written) break;
      progress = before;
      text = text_before;
      place = place_before;
    }
    if (is_written) continue;
    const Node& node = schema_.at(witness.node);
    Regexes::Id within = Regexes::kText;
    if (witness.kind == ObjectShape::Witness::pattern)
      within = pattern(node.pattern_properties[witness.index].first);
    if (witness.kind == ObjectShape::Witness::name) within = name_language({witness.literal});
    if (witness.kind == ObjectShape::Witness::additional) {
      std::vector<Regexes::Id> patterns;
      for (const auto& [each, value] : node.pattern_properties) patterns.push_back(pattern(each));
      if (!patterns.empty()) within = regexes_.complement(regexes_.any_of(patterns));
    }
    const auto name = fresh_name(shape, progress.names, within);
    if (!name || !write(*name) || !progress.done[i]) return std::nullopt;
  }
  while (place == Place::continued || progress.names.size() < shape.least) {
    bool is_written = false;
    for (const std::string& name : shape.known) {
      is_written = !has(progress.names, name) && write(name);
      if (is_written) break;
    }
    if (is_written) continue;
    const auto name = fresh_name(shape, progress.names, Regexes::kText);
    if (!name || !write(*name)) return std::nullopt;
  }
  return text + '}';
}

}  // namespace conduit::mdl
