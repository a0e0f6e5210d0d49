// States, and what masks need to know of them.
#include "mdl/json_grammar.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "mdl/json_machine.h"

namespace conduit::mdl {
namespace {

// Whether JSON itself lets the byte follow, where that is easily said: a mask asks for every first
// byte there is.
bool may_follow(const Frame& frame, std::uint8_t byte) {
  const bool is_value =
      (byte >= '0' && byte <= '9') ||
      std::string_view("\"-[{tfn").find(static_cast<char>(byte)) != std::string_view::npos;
  switch (frame.kind) {
    case Frame::document: return frame.phase == Frame::opened && (is_value || is_json_space(byte));
    case Frame::array:
      if (frame.phase == Frame::valued) return byte == ',' || byte == ']' || is_json_space(byte);
      return is_value || is_json_space(byte) || byte == ']';
    case Frame::object:
      switch (frame.phase) {
        case Frame::valued: return byte == ',' || byte == '}' || is_json_space(byte);
        case Frame::named: return byte == ':' || is_json_space(byte);
        case Frame::colon: return is_value || is_json_space(byte);
        default: return byte == '"' || byte == '}' || is_json_space(byte);
      }
    case Frame::literal:
      return static_cast<std::uint8_t>(kJsonWords[frame.alternatives.front().shape][frame.count]) ==
             byte;
    default: return true;
  }
}

}  // namespace

std::string decoded(const std::string& raw) {
  if (raw.find('\\') == std::string::npos) return raw;
  auto value = json::parse('"' + raw + '"');
  return value && value->is_string() ? value->as_string() : raw;
}

JsonGrammar::JsonGrammar(std::unique_ptr<JsonShapes> shapes, const JsonGrammarOptions& options)
    : shapes_(std::move(shapes)), options_(options), frames_(*shapes_) {
  Frame frame;
  frame.alternatives.push_back({0, shapes_->root(), 0, 0});
  start_ = intern(std::move(frame), kDead);
}

Status JsonGrammar::health() const {
  if (shapes_->fault()) return *shapes_->fault();
  if (shapes_->regexes().is_exhausted()) return shapes_->regexes().exhausted();
  if (states_.size() >= options_.states)
    return Error{Code::exhausted,
                 fmt::format("the schema's answers took more than {} states", options_.states)};
  return ok();
}

Grammar::State JsonGrammar::intern(Frame frame, State parent) {
  if (frame.alternatives.empty() || shapes_->fault()) return kDead;
  const std::uint64_t hash = frame.hash(parent);
  std::size_t slot = hash & (ids_.size() - 1);
  for (; ids_[slot] != kDead; slot = (slot + 1) & (ids_.size() - 1)) {
    const Record& known = states_[ids_[slot]];
    if (known.parent == parent && known.frame == frame) return ids_[slot];
  }
  if (states_.size() >= options_.states) return kDead;
  const auto id = static_cast<State>(states_.size());
  ids_[slot] = id;
  const bool is_free = is_free_frame(frame);
  states_.push_back({std::move(frame), parent, is_free});
  if (2 * states_.size() > ids_.size()) {
    ids_.assign(2 * ids_.size(), kDead);
    for (State each = 1; each < states_.size(); ++each) {
      std::size_t place = states_[each].frame.hash(states_[each].parent) & (ids_.size() - 1);
      while (ids_[place] != kDead) place = (place + 1) & (ids_.size() - 1);
      ids_[place] = each;
    }
  }
  return id;
}

bool JsonGrammar::is_free_frame(const Frame& frame) {
  if (frame.lexer != StringLexer::boundary) return false;
  const auto& all = frame.alternatives;
  if (frame.kind == Frame::key) {
    return frame.is_dropped && std::all_of(all.begin(), all.end(), [&](const Alternative& each) {
             return each.progress == Regexes::kText && is_settled(each);
           });
  }
  return frame.kind == Frame::string && (!frame.is_recorded || frame.is_dropped) &&
         std::all_of(all.begin(), all.end(), [&](const Alternative& each) {
           const StringShape& shape = shapes_->string(each.shape);
           return shape.text == Regexes::kText && each.progress == JsonFrames::kAnyLength &&
                  (shape.excluded.empty() || frame.is_dropped);
         });
}

// From here on, text that no mask depends on is left out; frames are as forgetful as the one
// before.
Grammar::State JsonGrammar::for_mask(State state) {
  if (state == kDead) return kDead;
  const Record& record = states_[state];
  if (record.frame.is_forgetful) return state;
  Frame frame = record.frame;
  frame.is_forgetful = true;
  drop_text(frame, record.parent);
  return intern(std::move(frame), record.parent);
}

// Whether no further text changes which patterns the dropped name matches.
bool JsonGrammar::is_settled(const Alternative& name) const {
  const auto& states = frames_.patterns(name.goal);
  return std::all_of(states.begin(), states.end(), [](Regexes::Id state) {
    return state == Regexes::kText || state == Regexes::kNothing;
  });
}

// Of a string or name in whose text nothing is left to be told apart.
void JsonGrammar::drop_text(Frame& frame, State parent) {
  if (!frame.is_forgetful || frame.is_dropped) return;
  if (frame.kind == Frame::string) {
    const std::string raw = frames_.texts().text(frame.text);
    for (const Alternative& each : frame.alternatives) {
      if (JsonFrames::is_excluded_possible(shapes_->string(each.shape), raw)) return;
    }
  } else if (frame.kind == Frame::key) {
    const std::string raw = frames_.texts().text(frame.text);
    if (frame.lexer != StringLexer::boundary) return;
    for (const Alternative& each : frame.alternatives) {
      if (each.progress == Regexes::kNothing || !frames_.has_classes(each.shape) ||
          !frames_.is_new_name(each.shape, states_[parent].frame.list, raw))
        return;
    }
    const std::string text = decoded(raw);
    for (Alternative& each : frame.alternatives) {
      std::vector<Regexes::Id> states;
      for (const Pattern& pattern : shapes_->object(each.shape).patterns)
        states.push_back(shapes_->regexes().walk(shapes_->pattern(pattern), text));
      each.goal = frames_.patterns(states);
    }
  } else {
    return;
  }
  frame.text = 0;
  frame.is_dropped = true;
}

Grammar::State JsonGrammar::step(State state, std::uint8_t byte) {
  if (state == kDead || !may_follow(states_[state].frame, byte)) return kDead;
  if (const State* known = steps_.find(state, byte)) return *known;
  const State next = compute(state, byte);
  steps_.add(state, byte, next);
  return next;
}

Grammar::State JsonGrammar::compute(State state, std::uint8_t byte) {
  if (state == kDead) return kDead;
  const Record& record = states_[state];
  switch (record.frame.kind) {
    case Frame::document: {
      if (record.frame.phase != Frame::opened) return kDead;
      if (is_json_space(byte)) return space(record);
      Frame around = record.frame;
      around.spaces = 0;
      around.phase = Frame::inside;
      return begin_value(std::move(around), record.parent,
                         {{0, record.frame.alternatives.front().shape}}, byte);
    }
    case Frame::array: return step_array(record, byte);
    case Frame::object: return step_object(record, byte);
    case Frame::key: return step_name(record, byte);
    case Frame::string: return step_string(record, byte);
    case Frame::number: return step_number(record, byte);
    case Frame::literal: return step_word(record, byte);
  }
  return kDead;
}

bool JsonGrammar::accepts(State state) {
  if (state == kDead) return false;
  const Record& record = states_[state];
  if (record.frame.kind == Frame::document) return record.frame.phase == Frame::valued;
  if (record.frame.kind != Frame::number || states_[record.parent].frame.kind != Frame::document)
    return false;
  const std::string text = frames_.texts().text(record.frame.text);
  return std::any_of(
      record.frame.alternatives.begin(), record.frame.alternatives.end(),
      [&](const Alternative& each) { return shapes_->number(each.shape).is_complete(text); });
}

std::optional<FreeText> JsonGrammar::free_text(State state) {
  const Record& record = states_[state];
  if (record.frame.lexer != StringLexer::boundary) return std::nullopt;
  if (record.frame.kind == Frame::string) return free_string(record);
  if (record.frame.kind == Frame::key) return free_name(record);
  return std::nullopt;
}

std::optional<FreeText> JsonGrammar::free_string(const Record& record) {
  const Frame& frame = record.frame;
  FreeText free;
  std::vector<std::uint32_t> chosen;
  const std::string raw = frames_.texts().text(frame.text);
  if (shapes_->string(frame.alternatives.front().shape).text != Regexes::kText) {
    free.regexes = &shapes_->regexes();
    free.language = frame.alternatives.front().progress;
    free.escapes = Escapes::canonical;
  }
  for (const Alternative& each : frame.alternatives) {
    const StringShape& shape = shapes_->string(each.shape);
    const bool has_language = shape.text != Regexes::kText;
    if (each.progress != frame.alternatives.front().progress ||
        has_language != (free.language != Regexes::kText))
      return std::nullopt;
    chosen.push_back(each.parent);
    for (const std::string& text : shape.excluded) {
      const std::string spelled = escape_json(text);
      if (!frame.is_dropped && spelled.compare(0, raw.size(), raw) == 0)
        free.exceptions.push_back(spelled.substr(raw.size()));
      free.escapes = Escapes::canonical;
    }
  }
  const JsonFrames::Lengths lengths = free.regexes == nullptr
                                          ? frames_.lengths(frame.alternatives.front().progress)
                                          : JsonFrames::Lengths{};
  free.least = lengths.least;
  free.most = lengths.most;
  free.closed = end_value(record, std::move(chosen), "");
  return free;
}

std::optional<FreeText> JsonGrammar::free_name(const Record& record) {
  const Frame& frame = record.frame;
  const Record& outer = states_[record.parent];
  FreeText free;
  free.escapes = Escapes::canonical;
  const std::string raw = frames_.texts().text(frame.text);
  const auto except = [&](const std::string& spelled) {
    if (!frame.is_dropped && spelled.compare(0, raw.size(), raw) == 0)
      free.exceptions.push_back(spelled.substr(raw.size()));
  };
  for (const Alternative& each : frame.alternatives) {
    if (each.progress == Regexes::kNothing ||
        each.progress != frame.alternatives.front().progress || !frames_.has_classes(each.shape))
      return std::nullopt;
    for (const auto& [spelled, name] : frames_.known(each.shape)) except(spelled);
  }
  for (const std::string& name : frames_.names(outer.frame.list)) except(escape_json(name));
  std::sort(free.exceptions.begin(), free.exceptions.end());
  free.exceptions.erase(std::unique(free.exceptions.begin(), free.exceptions.end()),
                        free.exceptions.end());
  free.language = frame.alternatives.front().progress;
  if (free.language != Regexes::kText) free.regexes = &shapes_->regexes();
  const bool has_patterns = std::any_of(
      frame.alternatives.begin(), frame.alternatives.end(),
      [&](const Alternative& each) { return !shapes_->object(each.shape).patterns.empty(); });
  const bool is_all_settled =
      frame.is_dropped && std::all_of(frame.alternatives.begin(), frame.alternatives.end(),
                                      [&](const Alternative& each) { return is_settled(each); });
  free.is_walked = has_patterns && !is_all_settled;
  if (free.is_walked) return free;
  Record other = record;
  other.frame.is_dropped = true;
  other.frame.is_forgetful = true;
  free.closed = end_name(other, "");
  return free;
}

Result<std::shared_ptr<Grammar>> json_grammar(Schema schema, const JsonGrammarOptions& options) {
  auto shapes = JsonShapes::make(std::move(schema));
  if (!shapes) return shapes.error();
  JsonShapes& view = **shapes;
  const bool is_alive = view.is_alive(view.root());
  if (is_alive) view.explore(view.root());
  if (view.fault()) return *view.fault();
  if (view.regexes().is_exhausted()) return view.regexes().exhausted();
  if (!is_alive)
    return Error{Code::invalid_argument,
                 "no value fits the schema: its assertions contradict each other"};
  return std::shared_ptr<Grammar>(std::make_shared<JsonGrammar>(std::move(*shapes), options));
}

}  // namespace conduit::mdl
