// The machine behind tool_calls.h: four places, a byte at a time. The object of a call is followed
// by brackets and strings alone, so arguments that are no JSON in detail pass as the model wrote
// them.
#include "mdl/tool_calls.h"

#include <utility>

#include "mdl/base/json.h"
#include "mdl/tool_spelling.h"

namespace conduit::mdl {

namespace {

constexpr std::string_view kHermesClose = "</tool_call>";

bool is_space(char byte) { return byte == ' ' || byte == '\n' || byte == '\r' || byte == '\t'; }

std::string_view without_leading_space(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  return text;
}

bool is_in_json(char byte) {
  return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') ||
         (byte >= 'A' && byte <= 'Z') || byte == '+' || byte == '-' || byte == '.' ||
         is_space(byte);
}

bool is_arguments(std::string_view key) { return key == "arguments" || key == "parameters"; }

// Another key tells that this is an answer in JSON, not a call. Mistral writes an id.
bool is_key_of_call(std::string_view key) {
  return is_arguments(key) || key == "name" || key == "id" || key == "type";
}

}  // namespace

std::optional<ToolFormat> parse_tool_format(std::string_view name) {
  if (name == "hermes") return ToolFormat::hermes;
  if (name == "llama3") return ToolFormat::llama3;
  if (name == "mistral") return ToolFormat::mistral;
  return std::nullopt;
}

ToolDelta ToolCallParser::feed(std::string_view text) {
  for (const char byte : text) take(byte);
  return std::exchange(delta_, {});
}

ToolDelta ToolCallParser::finish() {
  // Behind a call's arguments there is only its own markup, perhaps cut short, or white space.
  const bool is_markup = place_ == Place::close || (place_ == Place::object && is_streaming_) ||
                         (calls_ > 0 && is_at_edge_ && without_leading_space(held_).empty());
  if (is_markup) held_.clear();
  give_up();
  return std::exchange(delta_, {});
}

void ToolCallParser::take(char byte) {
  switch (place_) {
    case Place::text: return take_in_text(byte);
    case Place::open: return take_in_open(byte);
    case Place::object: return take_in_object(byte);
    case Place::close: return take_in_close(byte);
  }
}

void ToolCallParser::take_in_text(char byte) {
  const std::string_view begun = is_at_edge_ ? without_leading_space(held_) : held_;
  if (is_at_edge_ && begun.empty() && is_space(byte)) return keep(byte);
  const bool is_at_start = is_at_edge_ && calls_ == 0;
  if (format_ == ToolFormat::llama3) {
    if (!is_at_start || byte != '{') return give_up(), add_content({&byte, 1});
    return begin_object();
  }
  const std::string_view trigger = spelling_of(format_).trigger;
  if (byte == trigger[begun.size()]) {
    if (begun.size() + 1 == trigger.size()) {
      needs_array_ = format_ == ToolFormat::mistral;
      place_ = Place::open;
    }
    return keep(byte);
  }
  if (begun == "[" && is_at_start && (byte == '{' || is_space(byte))) {
    place_ = Place::open;  // Mistral's array without the marker
    return take_in_open(byte);
  }
  if (!begun.empty()) return give_up(byte);
  give_up();
  add_content({&byte, 1});
}

void ToolCallParser::take_in_open(char byte) {
  if (is_space(byte)) return keep(byte);
  if (needs_array_ ? byte != '[' : byte != '{') return give_up(byte);
  if (!needs_array_) return begin_object();
  needs_array_ = false;
  keep(byte);
}

void ToolCallParser::begin_object() {
  keep('{');
  place_ = Place::object;
  open_brackets_ = "{";
  in_string_ = is_escaped_ = in_arguments_ = is_streaming_ = false;
  key_.clear();
  last_string_.clear();
  name_.clear();
  arguments_.reset();
}

void ToolCallParser::take_in_object(char byte) {
  const bool is_outer = open_brackets_.size() == 1;
  if (in_string_) {
    keep(byte);
    const bool is_end = byte == '"' && !is_escaped_;
    is_escaped_ = byte == '\\' && !is_escaped_;
    in_string_ = !is_end;
    if (is_end && is_outer) close_string();
    return;
  }
  if (byte == '}' || byte == ']') return close_brackets(byte);
  if (byte == '"') {
    in_string_ = true;
    string_begin_ = held_.size();
  } else if (byte == '{' || byte == '[') {
    if (is_outer && is_arguments(key_) && byte == '{') {
      if (is_streaming_) return give_up(byte);  // they came already
      in_arguments_ = true;
      arguments_begin_ = held_.size();
      if (!name_.empty()) begin_call();
    }
    open_brackets_ += byte;
  } else if (byte == ':') {
    if (is_outer) key_ = last_string_;
    if (is_outer && !is_key_of_call(key_)) return give_up(byte);
  } else if (byte == ',') {
    if (is_outer) key_.clear();
  } else if (!is_in_json(byte)) {
    return give_up(byte);
  }
  keep(byte);
}

// A string of the call's object itself: a key, or a value that counts.
void ToolCallParser::close_string() {
  const auto text = json::parse(std::string_view(held_).substr(string_begin_));
  if (!text) return give_up();
  if (key_.empty()) last_string_ = text->as_string();
  if (key_ == "name") name_ = text->as_string();
  if (is_arguments(key_)) arguments_ = text->as_string();
}

void ToolCallParser::close_brackets(char byte) {
  if (open_brackets_.back() != (byte == '}' ? '{' : '[')) return give_up(byte);
  keep(byte);
  open_brackets_.pop_back();
  if (in_arguments_ && open_brackets_.size() == 1) {
    in_arguments_ = false;
    if (!is_streaming_) arguments_ = held_.substr(arguments_begin_);
  }
  if (open_brackets_.empty()) close_object();
}

void ToolCallParser::close_object() {
  if (!is_streaming_) {
    if (name_.empty() || !arguments_) return give_up();
    const auto value = json::parse(*arguments_);
    if (!value || !value->is_object()) return give_up();
    begin_call();
    call().arguments = *std::exchange(arguments_, std::nullopt);
  }
  held_.clear();
  place_ = Place::close;
}

void ToolCallParser::begin_call() {
  is_streaming_ = true;
  held_.clear();
  delta_.calls.push_back({calls_++, name_, ""});
}

void ToolCallParser::take_in_close(char byte) {
  const std::string_view begun = without_leading_space(held_);
  if (begun.empty() && is_space(byte)) return keep(byte);
  switch (format_) {
    case ToolFormat::hermes:
      if (byte != kHermesClose[begun.size()]) return take_again(byte);
      if (begun.size() + 1 == kHermesClose.size()) return end_calls();
      return keep(byte);
    case ToolFormat::llama3:
      if (byte == '{') return begin_object();
      if (byte != ';') return take_again(byte);
      place_ = Place::open;
      return keep(byte);
    case ToolFormat::mistral:
      if (byte == ']') return end_calls();
      if (byte != ',') return take_again(byte);
      place_ = Place::open;
      return keep(byte);
  }
}

void ToolCallParser::end_calls() {
  held_.clear();
  is_at_edge_ = true;
  place_ = Place::text;
}

// The closing mark is missing: what was held for it is text, which may begin the next call.
void ToolCallParser::take_again(char byte) {
  const std::string held = std::move(held_);
  end_calls();
  for (const char earlier : held) take(earlier);
  take(byte);
}

void ToolCallParser::keep(char byte) {
  (is_streaming_ && in_arguments_ ? call().arguments : held_) += byte;
}

// This is no call.
void ToolCallParser::give_up() {
  add_content(held_);
  held_.clear();
  place_ = Place::text;
  is_streaming_ = in_arguments_ = needs_array_ = false;
}

void ToolCallParser::give_up(char byte) {
  give_up();
  take_in_text(byte);
}

void ToolCallParser::add_content(std::string_view text) {
  if (!text.empty()) is_at_edge_ = false;
  delta_.content += text;
}

ToolDelta::Call& ToolCallParser::call() {
  if (delta_.calls.empty() || delta_.calls.back().index != calls_ - 1)
    delta_.calls.push_back({calls_ - 1, "", ""});
  return delta_.calls.back();
}

}  // namespace conduit::mdl
