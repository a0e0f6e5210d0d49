// JsonGrammar: brackets, names, commas; where values begin and end.
#include <algorithm>
#include <utility>

#include "mdl/json_machine.h"

namespace conduit::mdl {
Grammar::State JsonGrammar::space(const Record& record) {
  if (record.frame.spaces >= options_.whitespace) return kDead;
  Frame frame = record.frame;
  ++frame.spaces;
  return intern(std::move(frame), record.parent);
}

Grammar::State JsonGrammar::begin_value(Frame around, State parent, const Goals& goals,
                                        std::uint8_t byte) {
  Frame frame;
  ValueType type = ValueType::number;
  switch (byte) {
    case 'n': type = ValueType::null; break;
    case 't': type = ValueType::true_; break;
    case 'f': type = ValueType::false_; break;
    case '"': type = ValueType::string; break;
    case '[': type = ValueType::array; break;
    case '{': type = ValueType::object; break;
    default:
      if (byte != '-' && (byte < '0' || byte > '9')) return kDead;
  }
  constexpr Frame::Kind kKinds[kValueTypes] = {Frame::literal, Frame::literal, Frame::literal,
                                               Frame::number,  Frame::string,  Frame::array,
                                               Frame::object};
  frame.kind = kKinds[static_cast<std::size_t>(type)];
  const bool is_counted = around.kind == Frame::array && frames_.has_unique(around);
  frame.is_recorded = around.is_recorded || is_counted;
  frame.is_forgetful = around.is_forgetful;
  const std::vector<json::Value> seen =
      is_counted ? frames_.seen(around.list) : std::vector<json::Value>();
  const std::string first(1, static_cast<char>(byte));
  for (const auto& [index, goal] : goals) {
    const bool is_unique =
        !seen.empty() && shapes_->array(around.alternatives[index].shape).is_unique;
    const std::vector<ShapeId> ids = shapes_->shapes(goal, type);
    for (ShapeId id : ids) {
      std::uint32_t progress = 0;
      switch (frame.kind) {
        case Frame::literal: {
          const json::Value value =
              type == ValueType::null ? json::Value() : json::Value(type == ValueType::true_);
          if (is_unique && std::find(seen.begin(), seen.end(), value) != seen.end()) continue;
          id = static_cast<ShapeId>(type);
          break;
        }
        case Frame::number:
          if (is_unique) id = shapes_->without(type, id, seen);
          if (!shapes_->number(id).is_possible(first)) continue;
          break;
        case Frame::string:
          if (is_unique) id = shapes_->without(type, id, seen);
          if (!shapes_->shortest(shapes_->string(id))) continue;
          progress = frames_.text_progress(shapes_->string(id));
          break;
        default:
          if (!frames_.rest(frame, {index, id, 0, 0}, Place::opened)) continue;
      }
      frame.alternatives.push_back({index, id, progress, 0});
    }
  }
  if (frame.alternatives.empty()) return kDead;
  if (frame.kind == Frame::literal) frame.count = 1;
  if (frame.kind == Frame::number || (frame.is_recorded && frame.kind != Frame::string))
    frame.text = frames_.texts().append(0, first);
  if (frame.kind == Frame::number && !frame.is_recorded) frames_.forget_digits(frame);
  if (frame.kind == Frame::string) frames_.drop_dominated(frame);
  frame.sort();
  const State outer = intern(std::move(around), parent);
  if (outer != kDead) drop_text(frame, outer);
  return outer == kDead ? kDead : intern(std::move(frame), outer);
}

Grammar::State JsonGrammar::begin_item(const Record& record, std::uint8_t byte) {
  Frame around = record.frame;
  around.phase = Frame::inside;
  around.spaces = 0;
  ++around.count;
  around.count = frames_.counted(around);
  around.alternatives.clear();
  Goals goals;
  for (const Alternative& each : record.frame.alternatives) {
    const ArrayShape& shape = shapes_->array(each.shape);
    if (record.frame.count >= shape.most) continue;
    for (const auto& choice :
         shapes_->item_choices(shape, {record.frame.count, frames_.claims(each.progress), {}})) {
      const ConjunctionId goal = shapes_->conjunction(choice.literals);
      const Alternative next{each.parent, each.shape, frames_.claims(choice.claimed), 0};
      if (!shapes_->is_alive(goal) || !frames_.rest(around, next, Place::valued)) continue;
      goals.emplace_back(around.add(next), goal);
    }
  }
  return goals.empty() ? kDead : begin_value(std::move(around), record.parent, goals, byte);
}

Grammar::State JsonGrammar::begin_property(const Record& record, std::uint8_t byte) {
  Frame around = record.frame;
  around.phase = Frame::inside;
  around.spaces = 0;
  around.alternatives.clear();
  Goals goals;
  for (Alternative each : record.frame.alternatives) {
    const ConjunctionId goal = std::exchange(each.goal, 0);
    goals.emplace_back(around.add(each), goal);
  }
  return begin_value(std::move(around), record.parent, goals, byte);
}

Grammar::State JsonGrammar::begin_name(const Record& record) {
  Frame around = record.frame;
  around.phase = Frame::inside;
  around.spaces = 0;
  Frame name;
  name.kind = Frame::key;
  name.is_forgetful = around.is_forgetful;
  for (std::size_t i = 0; i < around.alternatives.size(); ++i) {
    const Alternative& object = around.alternatives[i];
    ObjectShape& shape = shapes_->object(object.shape);
    if (frames_.names(around.list).size() >= shape.most) continue;
    Regexes::Id language = shape.is_ordered ? Regexes::kNothing : shapes_->free_names(shape);
    if (shape.most != SIZE_MAX && shape.witnesses.empty()) {
      // One more must leave room for those that are required.
      Frame behind = around;
      behind.list = frames_.with_name(around.list, std::string("\x7f"));
      if (!frames_.rest(behind, object, Place::valued)) language = Regexes::kNothing;
    }
    if (frames_.is_known_possible(object, around.list, "") ||
        frames_.has_free_name(object.shape, around.list, "", language)) {
      name.alternatives.push_back({static_cast<std::uint32_t>(i), object.shape, language, 0});
    }
  }
  if (name.alternatives.empty()) return kDead;
  const State outer = intern(std::move(around), record.parent);
  if (outer != kDead) drop_text(name, outer);
  return outer == kDead ? kDead : intern(std::move(name), outer);
}

// Of a dropped name, `raw` is nothing: any that the object does not have will do.
Grammar::State JsonGrammar::end_name(const Record& record, const std::string& raw) {
  const bool is_dropped = record.frame.is_dropped;
  const std::string text = is_dropped ? std::string() : decoded(raw);
  const Record& outer = states_[record.parent];
  const std::uint32_t list = outer.frame.list;
  Frame object = outer.frame;
  object.phase = Frame::named;
  object.is_forgetful = record.frame.is_forgetful;
  object.alternatives.clear();
  // What a dropped name counts as; no name of a schema is so.
  std::string name = is_dropped ? "\x7f" : text;
  while (is_dropped && holds(frames_.names(list), name)) name += '\x7f';
  object.list = frames_.with_name(list, name);
  Frame behind = object;
  behind.alternatives.clear();
  for (const Alternative& each : record.frame.alternatives) {
    const Alternative& alternative = outer.frame.alternatives[each.parent];
    const auto offer = [&](const JsonFrames::Choice& choice) {
      const Alternative next{alternative.parent, each.shape, choice.done, choice.goal};
      if (frames_.rest(behind, next, Place::valued)) object.alternatives.push_back(next);
    };
    const ObjectShape& shape = shapes_->object(each.shape);
    if (is_dropped) {
      if (!shapes_->regexes().accepts(each.progress)) continue;
      for (const JsonFrames::Choice& choice :
           frames_.choices_of_class(each.shape, alternative.progress, each.goal))
        offer(choice);
    } else if ((holds(shape.known, name) || shapes_->regexes().accepts(each.progress)) &&
               frames_.allows(each.shape, list, alternative.progress, name)) {
      for (const JsonFrames::Choice& choice :
           frames_.choices(each.shape, alternative.progress, name))
        offer(choice);
    }
  }
  if (object.is_recorded && !is_dropped)
    object.text = frames_.texts().append(object.text, '"' + raw + "\":");
  object.sort();
  return intern(std::move(object), outer.parent);
}

Grammar::State JsonGrammar::end_value(const Record& ended, std::vector<std::uint32_t> chosen,
                                      const std::string& text) {
  const Record& outer = states_[ended.parent];
  Frame frame = outer.frame;
  frame.phase = Frame::valued;
  frame.spaces = 0;
  frame.is_forgetful = ended.frame.is_forgetful;
  frame.alternatives.clear();
  std::sort(chosen.begin(), chosen.end());
  chosen.erase(std::unique(chosen.begin(), chosen.end()), chosen.end());
  const bool is_counted =
      frame.kind == Frame::array && !text.empty() && frames_.has_unique(outer.frame);
  bool is_double = false;
  if (is_counted) {
    auto parsed = json::parse(text);
    if (!parsed) return kDead;
    const auto& seen = frames_.seen(frame.list);
    is_double = std::find(seen.begin(), seen.end(), *parsed) != seen.end();
    frame.list = frames_.with_seen(frame.list, std::move(*parsed));
  }
  for (const std::uint32_t index : chosen) {
    const Alternative& each = outer.frame.alternatives[index];
    if (is_counted && shapes_->array(each.shape).is_unique &&
        (is_double || !frames_.rest(frame, each, Place::valued)))
      continue;
    frame.alternatives.push_back(each);
  }
  if (is_counted && !frames_.has_unique(frame)) frame.list = 0;
  if (frame.is_recorded && frame.kind != Frame::document && !text.empty())
    frame.text = frames_.texts().append(frame.text, text + ',');
  frame.sort();
  return intern(std::move(frame), outer.parent);
}

Grammar::State JsonGrammar::close(const Record& record, std::uint8_t byte) {
  const Frame& frame = record.frame;
  std::vector<std::uint32_t> chosen;
  for (const Alternative& each : frame.alternatives) {
    const auto& rest =
        frames_.rest(frame, each, frame.phase == Frame::opened ? Place::opened : Place::valued);
    if (rest && rest->size() == 1) chosen.push_back(each.parent);
  }
  if (chosen.empty()) return kDead;
  std::string text;
  if (frame.is_recorded && !frame.is_forgetful) {
    text = frames_.texts().text(frame.text);
    if (text.back() == ',') text.pop_back();
    text += static_cast<char>(byte);
  }
  return end_value(record, std::move(chosen), text);
}

Grammar::State JsonGrammar::comma(const Record& record) {
  Frame frame = record.frame;
  frame.phase = Frame::continued;
  frame.spaces = 0;
  std::erase_if(frame.alternatives, [&](const Alternative& each) {
    return !frames_.rest(record.frame, each, Place::continued);
  });
  return intern(std::move(frame), record.parent);
}

Grammar::State JsonGrammar::step_array(const Record& record, std::uint8_t byte) {
  const Frame::Phase phase = record.frame.phase;
  if (phase == Frame::inside) return kDead;
  if (is_json_space(byte)) return space(record);
  if (byte == ']') return phase == Frame::continued ? kDead : close(record, byte);
  if (phase == Frame::valued) return byte == ',' ? comma(record) : kDead;
  return begin_item(record, byte);
}

Grammar::State JsonGrammar::step_object(const Record& record, std::uint8_t byte) {
  const Frame::Phase phase = record.frame.phase;
  if (phase == Frame::inside) return kDead;
  if (is_json_space(byte)) return space(record);
  switch (phase) {
    case Frame::opened:
    case Frame::continued:
      if (byte == '"') return begin_name(record);
      return byte == '}' && phase == Frame::opened ? close(record, byte) : kDead;
    case Frame::valued:
      return byte == '}' ? close(record, byte) : byte == ',' ? comma(record) : kDead;
    case Frame::named: {
      if (byte != ':') return kDead;
      Frame frame = record.frame;
      frame.phase = Frame::colon;
      frame.spaces = 0;
      return intern(std::move(frame), record.parent);
    }
    default: return begin_property(record, byte);
  }
}

}  // namespace conduit::mdl
