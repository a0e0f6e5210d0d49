// JsonGrammar: how a text that has begun can be ended.
#include <algorithm>
#include <utility>

#include "mdl/json_machine.h"

namespace conduit::mdl {
std::string JsonGrammar::completion(State state) {
  if (state == kDead) return {};
  const Record& record = states_[state];
  std::optional<std::string> best;
  for (const Alternative& each : record.frame.alternatives) {
    const auto text = rest(record, each);
    if (text && (!best || text->size() < best->size())) best = text;
  }
  return best.value_or("");
}

// What ends the text from here on, as one alternative has it.
std::optional<std::string> JsonGrammar::rest(const Record& record, const Alternative& alternative) {
  const Frame& frame = record.frame;
  std::optional<std::string> own;
  switch (frame.kind) {
    case Frame::document:
      return frame.phase == Frame::opened ? shapes_->shortest(alternative.shape)
                                          : std::optional<std::string>("");
    case Frame::array:
      own = frames_.rest(frame, alternative,
                         frame.phase == Frame::opened   ? Place::opened
                         : frame.phase == Frame::valued ? Place::valued
                                                        : Place::continued);
      break;
    case Frame::object:
      if (frame.phase == Frame::named || frame.phase == Frame::colon) {
        const auto& value = shapes_->shortest(alternative.goal);
        const auto& behind = frames_.rest(frame, alternative, Place::valued);
        if (value && behind) own = (frame.phase == Frame::named ? ":" : "") + *value + *behind;
      } else {
        own = frames_.rest(frame, alternative,
                           frame.phase == Frame::opened   ? Place::opened
                           : frame.phase == Frame::valued ? Place::valued
                                                          : Place::continued);
      }
      break;
    case Frame::key: return rest_of_name(record, alternative);
    case Frame::string: own = rest_of_string(frame, alternative); break;
    case Frame::number:
      own = shapes_->number(alternative.shape).complete(frames_.texts().text(frame.text));
      break;
    case Frame::literal:
      own = std::string(kJsonWords[alternative.shape].substr(frame.count));
      break;
  }
  if (!own) return std::nullopt;
  const auto around = rest_around(record.parent, alternative);
  return around ? std::optional(*own + *around) : std::nullopt;
}

// Behind a value of the state around that `alternative` stands for.
std::optional<std::string> JsonGrammar::rest_around(State around, const Alternative& alternative) {
  std::string text;
  std::uint32_t index = alternative.parent;
  for (State at = around; at != kDead; at = states_[at].parent) {
    const Frame& frame = states_[at].frame;
    if (frame.kind == Frame::document) break;
    const Alternative& outer = frame.alternatives[index];
    const auto& rest = frames_.rest(frame, outer, Place::valued);
    if (!rest) return std::nullopt;
    text += *rest;
    index = outer.parent;
  }
  return text;
}

std::optional<std::string> JsonGrammar::rest_of_name(const Record& record,
                                                     const Alternative& alternative) {
  const Record& outer = states_[record.parent];
  const Alternative& object = outer.frame.alternatives[alternative.parent];
  const std::string raw = frames_.texts().text(record.frame.text);
  const auto with = [&](const std::string& spelled,
                        const std::string& name) -> std::optional<std::string> {
    if (!frames_.allows(alternative.shape, outer.frame.list, object.progress, name))
      return std::nullopt;
    Frame behind = outer.frame;
    behind.list = frames_.with_name(outer.frame.list, name);
    std::optional<std::string> best;
    for (const JsonFrames::Choice& choice :
         frames_.choices(alternative.shape, object.progress, name)) {
      const auto& value = shapes_->shortest(choice.goal);
      const auto& end =
          frames_.rest(behind, {object.parent, object.shape, choice.done, 0}, Place::valued);
      if (!value || !end) continue;
      std::string text = spelled.substr(raw.size()) + "\":" + *value + *end;
      if (!best || text.size() < best->size()) best = std::move(text);
    }
    return best;
  };
  std::optional<std::string> best;
  const auto offer = [&](std::optional<std::string> text) {
    if (text && (!best || text->size() < best->size())) best = std::move(text);
  };
  std::vector<Regexes::Id> taken;
  for (const auto& [spelled, name] : frames_.known(alternative.shape)) {
    if (spelled.compare(0, raw.size(), raw) != 0) continue;
    offer(with(spelled, name));
    taken.push_back(shapes_->regexes().literal(spelled.substr(raw.size())));
  }
  if (!best && alternative.progress != Regexes::kNothing) {
    for (const std::string& name : frames_.names(outer.frame.list)) {
      const std::string spelled = escape_json(name);
      if (spelled.compare(0, raw.size(), raw) == 0)
        taken.push_back(shapes_->regexes().literal(spelled.substr(raw.size())));
    }
    std::string begin = raw;
    Regexes::Id language = alternative.progress;
    if (record.frame.escape != 0) {
      const std::string escape = frames_.texts().text(record.frame.escape);
      const std::string more = frames_.finish_escape(language, escape);
      language = frames_.behind_escape(language, escape + more);
      begin += more;
    } else if (!taken.empty() && record.frame.lexer == StringLexer::boundary) {
      const std::vector<Regexes::Id> parts{
          language, shapes_->regexes().complement(shapes_->regexes().any_of(taken))};
      language = shapes_->regexes().all_of(parts);
    }
    if (const auto more = shapes_->regexes().shortest(language)) {
      const std::string spelled = begin + escape_json(*more);
      offer(with(spelled, decoded(spelled)));
    }
  }
  if (!best) return std::nullopt;
  const auto around = rest_around(outer.parent, object);
  return around ? std::optional(*best + *around) : std::nullopt;
}

std::optional<std::string> JsonGrammar::rest_of_string(const Frame& frame,
                                                       const Alternative& alternative) {
  const StringShape& shape = shapes_->string(alternative.shape);
  if (shape.text != Regexes::kText) {
    Regexes::Id language = alternative.progress;
    std::string more;
    if (frame.escape != 0) {
      const std::string escape = frames_.texts().text(frame.escape);
      more = frames_.finish_escape(language, escape);
      language = frames_.behind_escape(language, escape + more);
    }
    if (!shape.excluded.empty())
      language = shapes_->without_excluded(shape, language,
                                           decoded(frames_.texts().text(frame.text) + more));
    const auto text = shapes_->regexes().shortest(language);
    return text ? std::optional(more + escape_json(*text) + '"') : std::nullopt;
  }
  std::string more;
  // Ends the character, which is the shortest of its kind.
  constexpr std::string_view kNext = "\x80\xA0\x90n0\\udc";
  for (StringLexer::State lexer = frame.lexer; lexer != StringLexer::boundary;) {
    for (const char c : kNext) {
      const StringLexer::State next = StringLexer::step(lexer, static_cast<std::uint8_t>(c));
      if (next == StringLexer::bad || next == StringLexer::closed) continue;
      more += c;
      lexer = next;
      break;
    }
  }
  const JsonFrames::Lengths& lengths = frames_.lengths(alternative.progress);
  const std::string raw = shape.excluded.empty() ? std::string() : frames_.texts().text(frame.text);
  more.append(lengths.least, 'a');
  for (std::size_t i = lengths.least;
       !shape.excluded.empty() && holds(shape.excluded, decoded(raw + more)); ++i) {
    if (i < lengths.most)
      more += 'a';
    else if (!more.empty() && more.back() >= 'a' && more.back() < 'z')
      ++more.back();
    else
      return std::nullopt;
  }
  return more + '"';
}

}  // namespace conduit::mdl
