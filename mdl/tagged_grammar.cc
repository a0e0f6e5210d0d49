// The machine of tagged_grammar.h. Its text is taken apart as tool_calls.cc does it: what that
// reads as a trigger is one here.
#include "mdl/tagged_grammar.h"

#include <algorithm>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "mdl/base/json.h"
#include "mdl/base/utf8.h"
#include "mdl/tool_spelling.h"

namespace conduit::mdl {

namespace {

bool is_space(std::uint8_t byte) {
  return byte == ' ' || byte == '\n' || byte == '\r' || byte == '\t';
}

// A character of text that has begun: what its next byte may be, and what follows. Unicode's table
// 3-7; 0: between characters.
struct Continuation {
  std::uint8_t low, high, next;
  std::string_view shortest;
};
constexpr Continuation kContinuations[] = {
    {0, 0, 0, ""},
    {0x80, 0xBF, 0, "\x80"},
    {0x80, 0xBF, 1, "\x80\x80"},
    {0xA0, 0xBF, 1, "\xA0\x80"},  // behind E0
    {0x80, 0x9F, 1, "\x80\x80"},  // behind ED
    {0x80, 0xBF, 2, "\x80\x80\x80"},
    {0x90, 0xBF, 2, "\x90\x80\x80"},  // behind F0
    {0x80, 0x8F, 2, "\x80\x80\x80"},  // behind F4
};
constexpr std::uint32_t kIllFormed = UINT32_MAX;

std::uint32_t continuation_of(std::uint32_t begun, std::uint8_t byte) {
  if (begun != 0) {
    const Continuation& expected = kContinuations[begun];
    return expected.low <= byte && byte <= expected.high ? expected.next : kIllFormed;
  }
  if (byte < 0x80) return 0;
  if (byte >= 0xC2 && byte <= 0xDF) return 1;
  if (byte == 0xE0) return 3;
  if (byte == 0xED) return 4;
  if (byte >= 0xE1 && byte <= 0xEF) return 2;
  if (byte == 0xF0) return 6;
  if (byte == 0xF4) return 7;
  return byte >= 0xF1 && byte <= 0xF3 ? 5 : kIllFormed;
}

enum class Part : std::uint8_t {
  dead,
  start,      // text with nothing but white space so far
  bracket,    // Mistral: then a '[', which may begin the array or the marker
  space,      // and white space
  text,       // a: bytes of the trigger, b: the character that has begun
  triggered,  // behind the trigger
  open,       // a: bytes of it that were written, as in the next ones
  again,
  name,       // a: bytes, b: the first tool whose name begins so
  middle,     // b: the tool, as in the next one
  arguments,  // a: the state of their grammar
  close,
  between,  // behind a call
  end,
};

struct Place {
  Part part;
  std::uint32_t a = 0, b = 0;
  bool operator==(const Place&) const = default;
};

struct HashOfPlace {
  std::size_t operator()(const Place& place) const {
    const std::uint64_t key =
        (std::uint64_t{place.a} << 32 | place.b) ^ static_cast<std::uint64_t>(place.part) << 58;
    return key * 0x9E3779B97F4A7C15u >> 16;
  }
};

class TaggedGrammar final : public Grammar {
 public:
  TaggedGrammar(const TaggedOptions& options, std::vector<TaggedTool> tools,
                std::vector<std::string> names)
      : options_(options), spelling_(spelling_of(options.format)), names_(std::move(names)) {
    for (TaggedTool& tool : tools) tools_.push_back({std::move(tool.arguments), nullptr, {}});
    state_of({Part::dead});
    if (!options_.is_required || options_.format == ToolFormat::mistral) {
      start_ = state_of({Part::start});
    } else if (options_.format == ToolFormat::hermes) {
      start_ = state_of({Part::text});
    } else {
      start_ = state_of({Part::open});
    }
  }

  State start() override { return start_; }

  State step(State state, std::uint8_t byte) override {
    const Place place = states_[state].place;
    if (place.part == Part::arguments) return next_in_arguments(place, byte);
    auto& row = states_[state].following;
    if (row.empty()) row.assign(256, kUnknown);
    if (row[byte] != kUnknown) return row[byte];
    const State next = next_of(place, byte);
    if (is_healthy_) states_[state].following[byte] = next;
    return next;
  }

  bool accepts(State state) override {
    const Place place = states_[state].place;
    switch (place.part) {
      case Part::start:
      case Part::bracket:
      case Part::space: return !options_.is_required;
      case Part::text: return !options_.is_required && place.b == 0;
      case Part::between: return spelling_.end.empty();
      case Part::end: return true;
      default: return false;
    }
  }

  std::string completion(State state) override {
    std::string out;
    if (state == kDead || accepts(state)) return out;
    Place place = states_[state].place;
    if (place.part == Part::text && !options_.is_required)
      return std::string(kContinuations[place.b].shortest);
    while (is_healthy_ && !is_end(place)) place = complete(place, out);
    return out;
  }

  std::size_t completion_bytes(State state) override {
    const Place place = states_[state].place;
    if (place.part != Part::arguments) return completion(state).size();
    return tools_[place.b].grammar->completion_bytes(place.a) + spelling_.close.size() +
           spelling_.end.size();
  }

  std::optional<FreeText> free_text(State state) override {
    const Place place = states_[state].place;
    if (place.part != Part::arguments) return std::nullopt;
    auto text = tools_[place.b].grammar->free_text(place.a);
    if (text) text->closed = state_in_arguments(place.b, text->closed);
    return text;
  }

  // What their grammar forgets does not matter behind its end either.
  State for_mask(State state) override {
    const Place place = states_[state].place;
    if (place.part != Part::arguments) return state;
    return state_in_arguments(place.b, tools_[place.b].grammar->for_mask(place.a));
  }

  // Text is free but for its trigger. A token that holds all of that and more would be let through;
  // vocabularies have none.
  bool is_free_text(State state) override {
    const Place place = states_[state].place;
    if (place.part == Part::arguments) return tools_[place.b].grammar->is_free_text(place.a);
    return !options_.is_required && place == Place{Part::text};
  }

  Status health() const override {
    if (!is_healthy_) return failure_;
    for (const Tool& tool : tools_)
      if (tool.grammar) CONDUIT_TRY_STATUS(tool.grammar->health());
    return ok();
  }

 private:
  static constexpr State kUnknown = UINT32_MAX;

  struct Tool {
    std::function<Result<std::shared_ptr<Grammar>>()> make;
    std::shared_ptr<Grammar> grammar;  // once needed
    std::vector<State> states;         // by the grammar's
  };
  struct StateInfo {
    Place place;
    std::vector<State> following;  // by byte; empty until first stepped from
  };

  State state_of(const Place& place) {
    const auto [it, is_new] = numbers_.emplace(place, static_cast<State>(states_.size()));
    if (is_new) states_.push_back({place, {}});
    return it->second;
  }

  State state_in_arguments(std::uint32_t tool, State inner) {
    if (inner == kDead) return kDead;
    auto& states = tools_[tool].states;
    if (inner >= states.size()) states.resize(inner + std::size_t{1}, kDead);
    if (states[inner] == kDead) {
      states[inner] = static_cast<State>(states_.size());
      states_.push_back({{Part::arguments, inner, tool}, {}});
    }
    return states[inner];
  }

  // Of an object's text: what its grammar takes belongs to it, as nothing can follow its end there
  // but white space.
  State next_in_arguments(const Place& place, std::uint8_t byte) {
    Grammar& grammar = *tools_[place.b].grammar;
    const State inner = grammar.step(place.a, byte);
    if (inner != kDead) return state_in_arguments(place.b, inner);
    return grammar.accepts(place.a) ? next_of({Part::close}, byte) : kDead;
  }

  State next_of(const Place& place, std::uint8_t byte) {
    switch (place.part) {
      case Part::start:
      case Part::bracket:
      case Part::space: return next_at_start(place.part, byte);
      case Part::text: return next_in_text(place, byte);
      case Part::triggered:
        // Older templates of Mistral's write a space here.
        if (options_.format == ToolFormat::mistral && byte == ' ') return state_of({Part::open});
        return next_of({Part::open}, byte);
      case Part::open: return next_in_fixed(place, spelling_.open, byte, {Part::name});
      case Part::again: return next_in_fixed(place, spelling_.again, byte, {Part::name});
      case Part::name: return next_in_name(place, byte);
      case Part::middle:
        return next_in_fixed(place, spelling_.middle, byte, {Part::arguments, 0, place.b});
      case Part::close: return next_in_fixed(place, spelling_.close, byte, after_call());
      case Part::between: return next_between(byte);
      case Part::dead:
      case Part::arguments:
      case Part::end: break;
    }
    return kDead;
  }

  State next_in_fixed(Place place, std::string_view text, std::uint8_t byte, const Place& behind) {
    if (static_cast<std::uint8_t>(text[place.a]) != byte) return kDead;
    if (++place.a < text.size()) return state_of(place);
    return behind.part == Part::arguments ? begin_arguments(behind.b) : state_of(behind);
  }

  // The answer's beginning decides, where the format has calls without a trigger.
  State next_at_start(Part part, std::uint8_t byte) {
    const bool is_mistral = options_.format == ToolFormat::mistral;
    if (options_.is_required) {  // Mistral's
      if (part == Part::start) return byte == '[' ? state_of({Part::bracket}) : kDead;
      if (byte == '{') return state_of({Part::open, 2});
      return byte == 'T' ? state_of({Part::text, 2}) : kDead;
    }
    if (part == Part::start) {
      if (is_space(byte)) return state_of({Part::start});
      if (is_mistral && byte == '[') return state_of({Part::bracket});
      if (options_.format == ToolFormat::llama3 && byte == '{') return state_of({Part::open, 1});
      return next_in_text({Part::text}, byte);
    }
    if (byte == '{') return state_of({Part::open, 2});
    if (is_space(byte)) return state_of({Part::space});
    return next_in_text({Part::text, part == Part::bracket ? 1u : 0u}, byte);
  }

  State next_in_text(const Place& place, std::uint8_t byte) {
    const std::string_view trigger = spelling_.trigger;
    const auto is_next = [&](std::size_t i) {
      return !trigger.empty() && place.b == 0 && byte == static_cast<std::uint8_t>(trigger[i]);
    };
    if (is_next(place.a)) {
      if (place.a + 1 == trigger.size()) return state_of({Part::triggered});
      return state_of({Part::text, place.a + 1});
    }
    if (options_.is_required) return kDead;  // only the trigger may come
    if (is_next(0)) return state_of({Part::text, 1});
    const std::uint32_t begun = continuation_of(place.b, byte);
    return begun == kIllFormed ? kDead : state_of({Part::text, 0, begun});
  }

  // Names are sorted and end in their quote, so none begins another.
  State next_in_name(const Place& place, std::uint8_t byte) {
    const std::string_view begun = std::string_view(names_[place.b]).substr(0, place.a);
    for (std::uint32_t tool = place.b; tool < names_.size(); ++tool) {
      const std::string_view name = names_[tool];
      if (name.substr(0, place.a) != begun) break;
      if (static_cast<std::uint8_t>(name[place.a]) != byte) continue;
      if (place.a + 1 == name.size()) return state_of({Part::middle, 0, tool});
      return state_of({Part::name, place.a + 1, tool});
    }
    return kDead;
  }

  // Behind a call's closing text.
  Place after_call() const {
    const bool may_be_text = options_.format == ToolFormat::hermes && !options_.is_required;
    if (options_.format == ToolFormat::llama3 || (!options_.is_parallel && spelling_.end.empty()))
      return {Part::end};
    return may_be_text ? Place{Part::text} : Place{Part::between};
  }

  State next_between(std::uint8_t byte) {
    if (!spelling_.end.empty() && byte == static_cast<std::uint8_t>(spelling_.end[0]))
      return state_of({Part::end});
    return options_.is_parallel ? next_of({Part::again}, byte) : kDead;
  }

  State begin_arguments(std::uint32_t tool) {
    if (!tools_[tool].grammar && (!is_healthy_ || !make(tool))) return kDead;
    return state_in_arguments(tool, tools_[tool].grammar->start());
  }

  bool make(std::uint32_t tool) {
    auto grammar = tools_[tool].make();
    if (grammar) {
      tools_[tool].grammar = *std::move(grammar);
      return true;
    }
    const std::string name = names_[tool].substr(0, names_[tool].size() - 1);
    failure_ = {grammar.error().code, "tool '" + name + "': " + grammar.error().message};
    is_healthy_ = false;
    return false;
  }

  bool is_end(const Place& place) const {
    return place.part == Part::end || (place.part == Part::between && spelling_.end.empty()) ||
           (place.part == Part::text && place == after_call());
  }

  // The rest of a part, and where it leads.
  Place complete(const Place& place, std::string& out) {
    const auto rest = [&](std::string_view text) { out += text.substr(place.a); };
    switch (place.part) {
      case Part::start:
      case Part::bracket:
      case Part::space:
        out += spelling_.open.substr(place.part == Part::start ? 0 : 1);
        return {Part::name};
      case Part::text: rest(spelling_.trigger); return {Part::open};
      case Part::triggered: return {Part::open};
      case Part::open: rest(spelling_.open); return {Part::name};
      case Part::again: rest(spelling_.again); return {Part::name};
      case Part::name: rest(names_[place.b]); return {Part::middle, 0, place.b};
      case Part::middle: {
        rest(spelling_.middle);
        const State state = begin_arguments(place.b);
        return state == kDead ? Place{Part::end} : states_[state].place;
      }
      case Part::arguments:
        out += tools_[place.b].grammar->completion(place.a);
        return {Part::close};
      case Part::close: rest(spelling_.close); return after_call();
      case Part::between: out += spelling_.end; return {Part::end};
      case Part::dead:
      case Part::end: break;
    }
    return {Part::end};
  }

  const TaggedOptions options_;
  const ToolSpelling& spelling_;
  std::vector<std::string> names_;  // sorted, as within JSON's quotes, with the closing one
  std::vector<Tool> tools_;         // in the names' order
  std::vector<StateInfo> states_;
  std::unordered_map<Place, State, HashOfPlace> numbers_;  // but for arguments
  State start_ = kDead;
  bool is_healthy_ = true;
  Error failure_;
};

}  // namespace

Result<std::shared_ptr<Grammar>> tagged_grammar(const TaggedOptions& options,
                                                std::vector<TaggedTool> tools) {
  if (tools.empty())
    return Error{Code::invalid_argument, "tools: there are none; give one, or no constraint"};
  const auto quoted = [](const std::string& name) { return json::quote(name).substr(1); };
  std::sort(tools.begin(), tools.end(), [&](const TaggedTool& a, const TaggedTool& b) {
    return quoted(a.name) < quoted(b.name);
  });
  std::vector<std::string> names;
  for (const TaggedTool& tool : tools) {
    if (tool.name.empty() || !utf8::is_valid(tool.name))
      return Error{Code::invalid_argument, "tools: a name is empty or not UTF-8"};
    names.push_back(quoted(tool.name));
    if (names.size() > 1 && names.back() == names[names.size() - 2])
      return Error{Code::invalid_argument, "tools: two have the name '" + tool.name + "'"};
  }
  return std::shared_ptr<Grammar>(
      std::make_shared<TaggedGrammar>(options, std::move(tools), std::move(names)));
}

}  // namespace conduit::mdl
