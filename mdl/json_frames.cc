// Interning, the names of objects, escapes.
#include "mdl/json_frames.h"

#include <algorithm>
#include <array>

namespace conduit::mdl {
namespace {

bool begins(std::string_view text, std::string_view with) {
  return text.substr(0, with.size()) == with;
}

template <class Key, class Values>
std::uint32_t number(std::map<Key, std::uint32_t>& ids, Values& values, const Key& key) {
  const auto [place, is_new] = ids.try_emplace(key, static_cast<std::uint32_t>(values.size()));
  if (is_new) values.push_back(key);
  return place->second;
}

}  // namespace

std::uint64_t Frame::hash(std::uint32_t around) const {
  std::uint64_t hash = around;
  const auto mix = [&](std::uint64_t part) {
    hash = (hash ^ part) * 0x9E3779B97F4A7C15u;  // 2^64 over the golden ratio
    hash ^= hash >> 29;
  };
  mix(kind | phase << 4 | spaces << 8 | lexer << 16);
  mix((is_recorded ? 1 : 0) | (is_forgetful ? 2 : 0) | (is_dropped ? 4 : 0));
  mix(std::uint64_t{count} << 32 | text);
  mix(std::uint64_t{escape} << 32 | list);
  for (const Alternative& each : alternatives) {
    mix(std::uint64_t{each.parent} << 32 | each.shape);
    mix(std::uint64_t{each.progress} << 32 | each.goal);
  }
  return hash;
}

std::uint32_t Frame::add(const Alternative& alternative) {
  const auto place = std::find(alternatives.begin(), alternatives.end(), alternative);
  const auto index = static_cast<std::uint32_t>(place - alternatives.begin());
  if (place == alternatives.end()) alternatives.push_back(alternative);
  return index;
}

void Frame::sort() {
  if (alternatives.size() < 2) return;
  std::sort(alternatives.begin(), alternatives.end());
  alternatives.erase(std::unique(alternatives.begin(), alternatives.end()), alternatives.end());
}

std::uint32_t Texts::append(std::uint32_t id, std::string_view more) {
  for (const char c : more) {
    const std::uint64_t key = std::uint64_t{id} << 8 | static_cast<std::uint8_t>(c);
    const auto [place, is_new] = ids_.try_emplace(key, static_cast<std::uint32_t>(links_.size()));
    if (is_new) links_.emplace_back(id, c);
    id = place->second;
  }
  return id;
}

std::string Texts::text(std::uint32_t id) const {
  std::string text;
  for (; id != 0; id = links_[id].first) text += links_[id].second;
  std::reverse(text.begin(), text.end());
  return text;
}

JsonFrames::JsonFrames(JsonShapes& shapes) : shapes_(shapes) {}

std::uint32_t JsonFrames::lengths(const Lengths& lengths) {
  return number(length_ids_, lengths_, lengths);
}

std::uint32_t JsonFrames::claims(const std::vector<std::size_t>& claimed) {
  if (std::all_of(claimed.begin(), claimed.end(), [](std::size_t count) { return count == 0; }))
    return 0;
  return number(claim_ids_, claims_, claimed);
}

std::uint32_t JsonFrames::witnesses(const std::vector<bool>& done) {
  if (std::find(done.begin(), done.end(), true) == done.end()) return 0;
  return number(witness_ids_, witnesses_, done);
}

std::uint32_t JsonFrames::with_name(std::uint32_t list, const std::string& name) {
  const auto [place, is_new] = with_names_.try_emplace({list, name});
  if (is_new) {
    std::vector<std::string> names = names_[list];
    names.insert(std::lower_bound(names.begin(), names.end(), name), name);
    place->second = number(name_ids_, names_, names);
  }
  return place->second;
}

std::uint32_t JsonFrames::with_seen(std::uint32_t list, json::Value value) {
  std::vector<json::Value> values = seen_[list];
  values.push_back(std::move(value));
  const auto [place, is_new] = seen_ids_.try_emplace(json::dump(json::Value(values)),
                                                     static_cast<std::uint32_t>(seen_.size()));
  if (is_new) seen_.push_back(std::move(values));
  return place->second;
}

std::uint32_t JsonFrames::text_progress(const StringShape& shape) {
  return shape.text == Regexes::kText ? lengths({shape.least, shape.most}) : shape.text;
}

bool JsonFrames::has_unique(const Frame& array) const {
  return std::any_of(array.alternatives.begin(), array.alternatives.end(),
                     [&](const Alternative& each) { return shapes_.array(each.shape).is_unique; });
}

std::uint32_t JsonFrames::counted(const Frame& array) const {
  std::size_t limit = 0;
  for (const Alternative& each : array.alternatives) {
    const ArrayShape& shape = shapes_.array(each.shape);
    limit = std::max({limit, shape.horizon, shape.least, shape.most == SIZE_MAX ? 0 : shape.most});
  }
  return static_cast<std::uint32_t>(std::min<std::size_t>(array.count, limit));
}

const std::optional<std::string>& JsonFrames::rest(const Frame& frame,
                                                   const Alternative& alternative, Place place) {
  const bool is_array = frame.kind == Frame::array;
  const std::tuple key(static_cast<std::uint8_t>(frame.kind), static_cast<std::uint8_t>(place),
                       alternative.shape, alternative.progress, frame.count, frame.list);
  const auto known = rests_.find(key);
  if (known != rests_.end()) return known->second;
  std::optional<std::string> text;
  if (is_array) {
    const ArrayShape& shape = shapes_.array(alternative.shape);
    text =
        shapes_.shortest_rest(shape, place,
                              {frame.count, claims_[alternative.progress],
                               shape.is_unique ? seen_[frame.list] : std::vector<json::Value>()});
  } else {
    text = shapes_.shortest_rest(shapes_.object(alternative.shape), place,
                                 {names_[frame.list], witnesses_[alternative.progress]});
  }
  return rests_.emplace(key, std::move(text)).first->second;
}

const JsonFrames::Spelled& JsonFrames::known(ShapeId object) {
  const auto [place, is_new] = known_.try_emplace(object);
  if (is_new) {
    for (const std::string& name : shapes_.object(object).known)
      place->second.emplace_back(escape_json(name), name);
    std::sort(place->second.begin(), place->second.end());
  }
  return place->second;
}

const std::vector<JsonFrames::Choice>& JsonFrames::choices(ShapeId object, std::uint32_t done,
                                                           const std::string& name) {
  const auto [place, is_new] = choices_.try_emplace({object, done, name});
  if (is_new) {
    std::vector<Choice> alive;
    for (const auto& choice :
         shapes_.property_choices(shapes_.object(object), name, witnesses_[done])) {
      const ConjunctionId goal = shapes_.conjunction(choice.literals);
      if (shapes_.is_alive(goal)) alive.push_back({goal, witnesses(choice.done)});
    }
    place->second = std::move(alive);
  }
  return place->second;
}

bool JsonFrames::allows(ShapeId object, std::uint32_t list, std::uint32_t done,
                        const std::string& name) {
  ObjectShape& shape = shapes_.object(object);
  const auto& names = names_[list];
  if (std::binary_search(names.begin(), names.end(), name) || names.size() >= shape.most)
    return false;
  if (shape.is_ordered) {
    // Behind those that it has, and no required one between them left out.
    const auto place = std::find(shape.order.begin(), shape.order.end(), name);
    for (auto each = shape.order.begin(); each != shape.order.end(); ++each) {
      const bool is_there = std::binary_search(names.begin(), names.end(), *each);
      if (each > place && is_there) return false;
      if (each < place && !is_there &&
          std::binary_search(shape.required.begin(), shape.required.end(), *each))
        return false;
    }
  }
  const auto& alive = choices(object, done, name);
  if (shape.most == SIZE_MAX && shape.witnesses.empty()) return !alive.empty();
  Frame behind;
  behind.kind = Frame::object;
  behind.list = with_name(list, name);
  return std::any_of(alive.begin(), alive.end(), [&](const Choice& choice) {
    return rest(behind, {0, object, choice.done, 0}, Place::valued).has_value();
  });
}

bool JsonFrames::is_known_possible(const Alternative& object, std::uint32_t list,
                                   const std::string& raw) {
  const Spelled& spelled = known(object.shape);
  for (auto each = std::lower_bound(spelled.begin(), spelled.end(), std::pair(raw, std::string()));
       each != spelled.end() && begins(each->first, raw); ++each) {
    if (allows(object.shape, list, object.progress, each->second)) return true;
  }
  return false;
}

bool JsonFrames::has_free_name(ShapeId object, std::uint32_t list, const std::string& text,
                               Regexes::Id language) {
  if (language == Regexes::kText) return true;
  std::vector<Regexes::Id> taken;
  const auto take = [&](const std::string& name) {
    if (begins(name, text))
      taken.push_back(shapes_.regexes().literal(std::string_view(name).substr(text.size())));
  };
  for (const std::string& name : shapes_.object(object).known) take(name);
  for (const std::string& name : names_[list]) take(name);
  if (taken.empty()) return language != Regexes::kNothing;
  const std::vector<Regexes::Id> parts{
      language, shapes_.regexes().complement(shapes_.regexes().any_of(taken))};
  return !shapes_.regexes().is_empty(shapes_.regexes().all_of(parts));
}

bool JsonFrames::has_escaped_name(ShapeId object, std::uint32_t list, const std::string& text,
                                  Regexes::Id language, std::string_view escape) {
  return std::any_of(canonical_escapes().begin(), canonical_escapes().end(), [&](const auto& each) {
    return begins(each.first, escape) &&
           has_free_name(object, list, text + each.second,
                         shapes_.regexes().step(language, static_cast<std::uint8_t>(each.second)));
  });
}

Regexes::Id JsonFrames::behind_escape(Regexes::Id language, std::string_view escape) {
  for (const auto& [spelling, c] : canonical_escapes()) {
    if (spelling == escape) return shapes_.regexes().step(language, static_cast<std::uint8_t>(c));
  }
  return Regexes::kNothing;
}

bool JsonFrames::is_escape_possible(Regexes::Id language, std::string_view escape) {
  return std::any_of(canonical_escapes().begin(), canonical_escapes().end(), [&](const auto& each) {
    return begins(each.first, escape) &&
           shapes_.regexes().step(language, static_cast<std::uint8_t>(each.second)) !=
               Regexes::kNothing;
  });
}

std::string JsonFrames::finish_escape(Regexes::Id language, std::string_view escape) {
  for (const auto& [spelling, c] : canonical_escapes()) {
    if (begins(spelling, escape) &&
        shapes_.regexes().step(language, static_cast<std::uint8_t>(c)) != Regexes::kNothing)
      return spelling.substr(escape.size());
  }
  return {};
}

std::uint32_t JsonFrames::patterns(const std::vector<Regexes::Id>& states) {
  return number(pattern_ids_, patterns_, states);
}

std::vector<JsonFrames::Choice> JsonFrames::choices_of_class(ShapeId object, std::uint32_t done,
                                                             std::uint32_t patterns) {
  std::vector<bool> matched;
  for (const Regexes::Id state : patterns_[patterns])
    matched.push_back(shapes_.regexes().accepts(state));
  std::vector<Choice> alive;
  for (const auto& choice :
       shapes_.property_choices(shapes_.object(object), matched, witnesses_[done])) {
    const ConjunctionId goal = shapes_.conjunction(choice.literals);
    if (shapes_.is_alive(goal)) alive.push_back({goal, witnesses(choice.done)});
  }
  return alive;
}

bool JsonFrames::has_classes(ShapeId object) {
  const auto& witnesses = shapes_.object(object).witnesses;
  return std::none_of(witnesses.begin(), witnesses.end(),
                      [](const auto& each) { return each.kind == ObjectShape::Witness::name; });
}

bool JsonFrames::is_new_name(ShapeId object, std::uint32_t list, const std::string& raw) {
  const Spelled& spelled = known(object);
  const auto next = std::lower_bound(spelled.begin(), spelled.end(), std::pair(raw, std::string()));
  if (next != spelled.end() && begins(next->first, raw)) return false;
  return std::none_of(names_[list].begin(), names_[list].end(),
                      [&](const std::string& name) { return begins(escape_json(name), raw); });
}

bool JsonFrames::is_excluded_possible(const StringShape& shape, const std::string& raw) {
  return std::any_of(shape.excluded.begin(), shape.excluded.end(),
                     [&](const std::string& text) { return begins(escape_json(text), raw); });
}

// Of alternatives that end alike, one that allows any text takes the others in.
void JsonFrames::drop_dominated(Frame& string) {
  const auto is_any = [&](const Alternative& each) {
    const StringShape& shape = shapes_.string(each.shape);
    return shape.text == Regexes::kText && each.progress == kAnyLength && shape.excluded.empty();
  };
  std::vector<std::uint32_t> open;
  for (const Alternative& each : string.alternatives) {
    if (is_any(each)) open.push_back(each.parent);
  }
  if (open.empty()) return;
  std::erase_if(string.alternatives, [&](const Alternative& each) {
    return !is_any(each) && std::find(open.begin(), open.end(), each.parent) != open.end();
  });
}

void JsonFrames::forget_digits(Frame& frame) {
  const std::string text = texts_.text(frame.text);
  std::optional<std::string> same;
  for (const Alternative& each : frame.alternatives) {
    std::string canonical = shapes_.number(each.shape).canonical(text);
    if (same && *same != canonical) return;
    same = std::move(canonical);
  }
  if (same) frame.text = texts_.append(0, *same);
}

}  // namespace conduit::mdl
