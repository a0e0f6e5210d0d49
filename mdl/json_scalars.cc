// JsonGrammar: a byte within a string, a name, a number or a word.
#include <algorithm>
#include <utility>

#include "mdl/json_machine.h"

namespace conduit::mdl {
// One byte of a string or name whose language is constrained: the alternative behind it in `next`;
// false: not allowed. `next` has the lexer's state and the escape behind the byte.
bool JsonGrammar::step_text(const Frame& frame, Frame& next, const Alternative& each,
                            std::uint8_t byte) {
  Alternative behind = each;
  const Regexes::Id language = each.progress;
  if (frame.lexer >= StringLexer::escape && frame.lexer < StringLexer::closed) {
    const std::string escape = frames_.texts().text(frame.escape) + static_cast<char>(byte);
    if (next.lexer == StringLexer::boundary)
      behind.progress = frames_.behind_escape(language, escape);
    else if (!frames_.is_escape_possible(language, escape))
      return false;
  } else if (byte == '\\' && frame.lexer == StringLexer::boundary) {
    if (!frames_.is_escape_possible(language, "\\")) return false;
  } else {
    behind.progress = shapes_->regexes().step(language, byte);
  }
  if (behind.progress == Regexes::kNothing) return false;
  if (frame.kind == Frame::key && frame.is_dropped && behind.goal != 0) {
    std::vector<Regexes::Id> states = frames_.patterns(each.goal);
    const bool is_escape = frame.escape != 0 || next.escape != 0;
    for (Regexes::Id& state : states) {
      if (!is_escape)
        state = shapes_->regexes().step(state, byte);
      else if (next.lexer == StringLexer::boundary)
        state = frames_.behind_escape(state,
                                      frames_.texts().text(frame.escape) + static_cast<char>(byte));
    }
    behind.goal = frames_.patterns(states);
  }
  next.alternatives.push_back(behind);
  return true;
}

namespace {

void follow_escape(const Frame& frame, Frame& next, Texts& texts, std::uint8_t byte) {
  const char c = static_cast<char>(byte);
  const bool is_inside = (next.lexer >= StringLexer::escape && next.lexer < StringLexer::closed) ||
                         next.lexer > StringLexer::bad;
  next.escape = is_inside ? texts.append(frame.escape, std::string_view(&c, 1)) : 0;
}

}  // namespace

Grammar::State JsonGrammar::step_name(const Record& record, std::uint8_t byte) {
  const Frame& frame = record.frame;
  Frame next = frame;
  next.alternatives.clear();
  next.lexer = StringLexer::step(frame.lexer, byte);
  if (next.lexer == StringLexer::bad) return kDead;
  if (next.lexer == StringLexer::closed) return end_name(record, frames_.texts().text(frame.text));
  follow_escape(frame, next, frames_.texts(), byte);
  const char c = static_cast<char>(byte);
  if (!frame.is_dropped) next.text = frames_.texts().append(frame.text, std::string_view(&c, 1));
  const std::string raw = frames_.texts().text(next.text);
  const Record& outer = states_[record.parent];
  for (const Alternative& each : frame.alternatives) {
    if (frame.is_dropped) {
      step_text(frame, next, each, byte);
      continue;
    }
    if (each.progress != Regexes::kNothing && step_text(frame, next, each, byte)) {
      const Regexes::Id language = next.alternatives.back().progress;
      const std::uint32_t list = outer.frame.list;
      bool is_left = language == Regexes::kText;
      if (next.escape != 0 && !is_left) {
        const std::string escape = frames_.texts().text(next.escape);
        is_left = frames_.has_escaped_name(
            each.shape, list, decoded(raw.substr(0, raw.size() - escape.size())), language, escape);
      } else if (!is_left) {
        is_left = next.lexer != StringLexer::boundary ||
                  frames_.has_free_name(each.shape, list, decoded(raw), language);
      }
      if (is_left) continue;
      next.alternatives.pop_back();
    }
    Alternative closed = each;
    closed.progress = Regexes::kNothing;
    if (frames_.is_known_possible(outer.frame.alternatives[each.parent], outer.frame.list, raw))
      next.alternatives.push_back(closed);
  }
  drop_text(next, record.parent);
  return intern(std::move(next), record.parent);
}

Grammar::State JsonGrammar::step_string(const Record& record, std::uint8_t byte) {
  const Frame& frame = record.frame;
  Frame next = frame;
  next.alternatives.clear();
  next.lexer = StringLexer::step(frame.lexer, byte);
  if (next.lexer == StringLexer::bad) return kDead;
  const auto is_tracked = [&](const Alternative& each) {
    return !shapes_->string(each.shape).excluded.empty();
  };
  const bool has_excluded =
      std::any_of(frame.alternatives.begin(), frame.alternatives.end(), is_tracked);
  const bool has_text = !frame.is_dropped && (frame.is_recorded || has_excluded);
  if (next.lexer == StringLexer::closed) {
    const std::string raw = has_text ? frames_.texts().text(frame.text) : std::string();
    std::vector<std::uint32_t> chosen;
    for (const Alternative& each : frame.alternatives) {
      const StringShape& shape = shapes_->string(each.shape);
      const bool is_end = shape.text != Regexes::kText ? shapes_->regexes().accepts(each.progress)
                                                       : frames_.lengths(each.progress).least == 0;
      const bool fits = is_end && (shape.excluded.empty() || frame.is_dropped ||
                                   !holds(shape.excluded, decoded(raw)));
      if (fits) chosen.push_back(each.parent);
    }
    return chosen.empty()
               ? kDead
               : end_value(record, std::move(chosen), frame.is_dropped ? "" : '"' + raw + '"');
  }
  const bool is_begin = frame.lexer == StringLexer::boundary;
  follow_escape(frame, next, frames_.texts(), byte);
  bool has_language = false;
  if (has_text) {
    const char c = static_cast<char>(byte);
    next.text = frames_.texts().append(frame.text, std::string_view(&c, 1));
  }
  for (const Alternative& each : frame.alternatives) {
    const StringShape& shape = shapes_->string(each.shape);
    if (shape.text != Regexes::kText) {
      has_language = true;
      if (!step_text(frame, next, each, byte) || shape.excluded.empty() || !has_text ||
          next.lexer != StringLexer::boundary)
        continue;
      const std::string raw = frames_.texts().text(next.text);
      const bool is_left = !JsonFrames::is_excluded_possible(shape, raw) ||
                           !shapes_->regexes().is_empty(shapes_->without_excluded(
                               shape, next.alternatives.back().progress, decoded(raw)));
      if (!is_left) next.alternatives.pop_back();
      continue;
    }
    JsonFrames::Lengths lengths = frames_.lengths(each.progress);
    if (is_begin) {
      if (lengths.most == 0) continue;
      if (lengths.least > 0) --lengths.least;
      if (lengths.most != SIZE_MAX) --lengths.most;
    }
    if (!shape.excluded.empty() && next.escape != 0 &&
        !is_canonical_escape(frames_.texts().text(next.escape)))
      continue;
    const bool is_full = lengths.most == 0 && next.lexer == StringLexer::boundary;
    if (is_full && has_text && !shape.excluded.empty() &&
        holds(shape.excluded, decoded(frames_.texts().text(next.text))))
      continue;
    next.alternatives.push_back({each.parent, each.shape, frames_.lengths(lengths), 0});
  }
  if (!has_language && !has_excluded) next.escape = 0;  // any escape will do
  next.sort();
  drop_text(next, record.parent);
  return intern(std::move(next), record.parent);
}

Grammar::State JsonGrammar::step_number(const Record& record, std::uint8_t byte) {
  const Frame& frame = record.frame;
  const bool is_part = (byte >= '0' && byte <= '9') || byte == '-' || byte == '+' || byte == '.' ||
                       byte == 'e' || byte == 'E';
  const std::string text = frames_.texts().text(frame.text) +
                           (is_part ? std::string(1, static_cast<char>(byte)) : std::string());
  if (is_part) {
    Frame next = frame;
    next.alternatives.clear();
    for (const Alternative& each : frame.alternatives) {
      if (shapes_->number(each.shape).is_possible(text)) next.alternatives.push_back(each);
    }
    next.text = frames_.texts().append(0, text);
    if (!frame.is_recorded) frames_.forget_digits(next);
    return intern(std::move(next), record.parent);
  }
  std::vector<std::uint32_t> chosen;
  for (const Alternative& each : frame.alternatives) {
    if (shapes_->number(each.shape).is_complete(text)) chosen.push_back(each.parent);
  }
  if (chosen.empty()) return kDead;
  const State behind = end_value(record, std::move(chosen), text);
  return behind == kDead ? kDead : step(behind, byte);
}

Grammar::State JsonGrammar::step_word(const Record& record, std::uint8_t byte) {
  const std::string_view word = kJsonWords[record.frame.alternatives.front().shape];
  if (static_cast<std::uint8_t>(word[record.frame.count]) != byte) return kDead;
  Frame next = record.frame;
  if (++next.count < word.size()) return intern(std::move(next), record.parent);
  std::vector<std::uint32_t> chosen;
  for (const Alternative& each : next.alternatives) chosen.push_back(each.parent);
  return end_value(record, std::move(chosen), std::string(word));
}

}  // namespace conduit::mdl
