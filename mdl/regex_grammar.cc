// An expression is its own state, so the numbers of regex.h are those of the grammar.
#include "mdl/regex_grammar.h"

#include <string>
#include <utility>
#include <vector>

#include "mdl/base/json.h"
#include "mdl/regex.h"

namespace conduit::mdl {

namespace {

static_assert(Regexes::kNothing == Grammar::kDead);

class RegexGrammar : public Grammar {
 public:
  RegexGrammar(Regexes regexes, Regexes::Id start) : regexes_(std::move(regexes)), start_(start) {}

  State start() override { return start_; }
  State step(State state, std::uint8_t byte) override { return regexes_.step(state, byte); }
  bool accepts(State state) override { return regexes_.accepts(state); }
  std::string completion(State state) override {
    return regexes_.shortest(state).value_or(std::string());
  }
  std::size_t completion_bytes(State state) override { return regexes_.shortest_bytes(state); }
  Status health() const override {
    if (regexes_.is_exhausted()) return regexes_.exhausted();
    return ok();
  }

 private:
  Regexes regexes_;
  Regexes::Id start_;
};

Result<std::shared_ptr<Grammar>> grammar_of(Regexes regexes, Regexes::Id start) {
  const bool is_empty = regexes.is_empty(start);
  if (regexes.is_exhausted()) return regexes.exhausted();
  if (is_empty)
    return Error{Code::invalid_argument, "the regular expression matches no text at all"};
  return std::shared_ptr<Grammar>(std::make_shared<RegexGrammar>(std::move(regexes), start));
}

}  // namespace

Result<std::shared_ptr<Grammar>> regex_grammar(std::string_view expression) {
  Regexes regexes;
  CONDUIT_TRY(const Regexes::Id start, regexes.whole(expression));
  return grammar_of(std::move(regexes), start);
}

Result<std::shared_ptr<Grammar>> choice_grammar(std::string_view choices) {
  CONDUIT_TRY(const json::Value list, json::parse(choices));
  if (!list.is_array() || list.as_array().empty())
    return Error{Code::invalid_argument, "a choice is a JSON array of strings, at least one"};
  Regexes regexes;
  std::vector<Regexes::Id> texts;
  for (const json::Value& choice : list.as_array()) {
    if (!choice.is_string())
      return Error{Code::invalid_argument,
                   "choice " + std::to_string(texts.size()) + " is no string; put it in quotes"};
    texts.push_back(regexes.literal(choice.as_string()));
  }
  const Regexes::Id start = regexes.any_of(texts);
  return grammar_of(std::move(regexes), start);
}

}  // namespace conduit::mdl
