// JsonGrammar: the automaton behind json_grammar(). Its functions stand by subject: states and
// masks in json_grammar.cc, brackets, names and commas in json_structure.cc, strings, numbers and
// words in json_scalars.cc, and how a text ends in json_completion.cc. The idea: a state is the
// frame of the innermost unfinished value and the state around it. As brackets in the text say how
// deep we are, whatever alternative is meant, all alternatives of a schema share one stack: a frame
// holds those that still live, each with the one of the frame around it that it belongs to. Frames
// and states are interned, and counters that no longer matter are left out of them, so that equal
// situations are one state.
#pragma once

#include <algorithm>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mdl/json_frames.h"
#include "mdl/json_grammar.h"
#include "mdl/json_string.h"
#include "mdl/step_table.h"

namespace conduit::mdl {

inline constexpr std::string_view kJsonWords[] = {"null", "true", "false"};  // by ValueType

inline bool is_json_space(std::uint8_t byte) { return byte == ' ' || byte == '\n'; }

inline bool holds(const std::vector<std::string>& sorted, const std::string& text) {
  return std::binary_search(sorted.begin(), sorted.end(), text);
}

// Of what stands between quotes.
std::string decoded(const std::string& raw);

class JsonGrammar final : public Grammar {
 public:
  JsonGrammar(std::unique_ptr<JsonShapes> shapes, const JsonGrammarOptions& options);

  State start() override { return start_; }
  State step(State state, std::uint8_t byte) override;
  bool accepts(State state) override;
  std::string completion(State state) override;
  std::optional<FreeText> free_text(State state) override;
  bool is_free_text(State state) override { return states_[state].is_free; }
  State for_mask(State state) override;
  Status health() const override;

 private:
  struct Record {
    Frame frame;
    State parent = kDead;
    bool is_free = false;
  };
  // An alternative of the frame around, and what it wants of the value.
  using Goals = std::vector<std::pair<std::uint32_t, ConjunctionId>>;

  State intern(Frame frame, State parent);
  bool is_free_frame(const Frame& frame);
  bool is_settled(const Alternative& name) const;
  State compute(State state, std::uint8_t byte);
  State space(const Record& record);
  State begin_value(Frame around, State parent, const Goals& goals, std::uint8_t byte);
  State begin_item(const Record& record, std::uint8_t byte);
  State begin_property(const Record& record, std::uint8_t byte);
  State begin_name(const Record& record);
  State end_name(const Record& name, const std::string& raw);
  // `chosen`: the alternatives of the frame around that the value fits; `text`: empty when it was
  // dropped.
  State end_value(const Record& value, std::vector<std::uint32_t> chosen, const std::string& text);
  State close(const Record& record, std::uint8_t byte);
  State comma(const Record& record);
  State step_array(const Record& record, std::uint8_t byte);
  State step_object(const Record& record, std::uint8_t byte);
  State step_name(const Record& record, std::uint8_t byte);
  State step_string(const Record& record, std::uint8_t byte);
  State step_number(const Record& record, std::uint8_t byte);
  State step_word(const Record& record, std::uint8_t byte);
  void drop_text(Frame& frame, State parent);
  bool step_text(const Frame& frame, Frame& next, const Alternative& each, std::uint8_t byte);

  std::optional<FreeText> free_string(const Record& record);
  std::optional<FreeText> free_name(const Record& record);
  std::optional<std::string> rest(const Record& record, const Alternative& alternative);
  std::optional<std::string> rest_of_name(const Record& record, const Alternative& alternative);
  std::optional<std::string> rest_of_string(const Frame& frame, const Alternative& alternative);
  std::optional<std::string> rest_around(State around, const Alternative& alternative);

  std::unique_ptr<JsonShapes> shapes_;
  JsonGrammarOptions options_;
  JsonFrames frames_;
  std::deque<Record> states_{{}};
  std::vector<State> ids_ = std::vector<State>(1 << 10);  // by hash; kDead: free
  StepTable steps_;
  State start_ = kDead;
};

}  // namespace conduit::mdl
