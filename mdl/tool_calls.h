// Tool calls in a model's answer, read while it streams: text → content and calls. The idea: a byte
// is given on as soon as it is known to be content or argument, and held back only while it may be
// the beginning of a call. Models that nobody constrains write calls that are none: their text
// becomes content, so nothing is lost; where that shows only after a name and some arguments were
// given on, the rest is content. Not here: which calls a model may write (tagged_grammar.h),
// whether the tool exists and the arguments fit (the gateway's and the schema's matter).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace conduit::mdl {

// How a family of models writes calls.
enum class ToolFormat : std::uint8_t {
  // Qwen, Hermes: <tool_call>\n{"name": "f", "arguments": {…}}\n</tool_call>, several in a row,
  // anywhere in text.
  hermes,
  // Llama 3: the answer is {"name": "f", "parameters": {…}}, several separated by `;`.
  llama3,
  // Mistral: [TOOL_CALLS][{"name": "f", "arguments": {…}}, …], anywhere in text. The marker is
  // mostly a special token, which has no text; then an answer that begins with the array.
  mistral,
};

// "hermes", "llama3", "mistral"; nothing for another name.
std::optional<ToolFormat> parse_tool_format(std::string_view name);

struct ToolDelta {
  struct Call {
    int index;              // from 0, in the answer's order
    std::string name;       // not empty at a call's first delta, empty afterwards
    std::string arguments;  // the next piece of the arguments' JSON text, as the model wrote it
  };
  std::string content;
  std::vector<Call> calls;  // at most one per index
};

class ToolCallParser {
 public:
  explicit ToolCallParser(ToolFormat format) : format_(format) {}

  ToolDelta feed(std::string_view text);  // pieces of any size; they may cut characters
  ToolDelta finish();                     // the answer ended: what was held back
  bool has_calls() const { return calls_ > 0; }

 private:
  enum class Place : std::uint8_t {
    text,    // outside of calls
    open,    // behind what begins a call, before its object
    object,  // in the call's object
    close,   // behind it
  };

  void take(char byte);
  void take_in_text(char byte);
  void take_in_open(char byte);
  void take_in_object(char byte);
  void take_in_close(char byte);
  void take_again(char byte);
  void begin_object();
  void close_string();
  void close_brackets(char byte);
  void close_object();
  void begin_call();
  void end_calls();
  void keep(char byte);
  void give_up();
  void give_up(char byte);
  void add_content(std::string_view text);
  ToolDelta::Call& call();

  ToolFormat format_;
  Place place_ = Place::text;
  ToolDelta delta_;
  int calls_ = 0;             // that were given on
  bool is_at_edge_ = true;    // only white space since the beginning or the last call
  bool needs_array_ = false;  // Mistral's marker came, its array did not yet
  std::string held_;          // not given on: content if this is no call

  // The object being read.
  std::string open_brackets_;
  bool in_string_ = false, is_escaped_ = false;
  std::size_t string_begin_ = 0;  // in held_
  std::string key_;               // of the member that is being read, behind its colon
  std::string last_string_, name_;
  std::optional<std::string> arguments_;  // that came before the name, or as a string
  std::size_t arguments_begin_ = 0;       // in held_
  bool in_arguments_ = false;             // their object is open
  bool is_streaming_ = false;             // the call was begun: arguments are given on as they come
};

}  // namespace conduit::mdl
