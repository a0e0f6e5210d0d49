// GBNF's text as rules of expressions, before they become a network (gbnf.cc): a repetition is
// still one expression, and names are numbers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mdl/base/result.h"
#include "mdl/gbnf.h"
#include "mdl/network.h"

namespace conduit::mdl::gbnf {

struct Expression {
  enum class Kind : std::uint8_t { text, character, rule, sequence, choice, repetition };
  Kind kind;
  std::string text{};
  std::vector<Network::CodeRange> ranges{};  // character: sorted, disjoint
  Network::Rule rule = 0;                    // by place in parse()'s rules
  std::vector<Expression> parts{};
  std::size_t min = 0;
  std::optional<std::size_t> max{};
};

struct RuleText {
  std::string name;
  std::optional<Expression> expression;
  std::size_t place = 0;  // in the text: where it is defined, until then where it is used first
};

// All rules have an expression. `text` must be UTF-8. Errors: gbnf_grammar()'s.
Result<std::vector<RuleText>> parse(std::string_view text, const GbnfLimits& limits);

}  // namespace conduit::mdl::gbnf
