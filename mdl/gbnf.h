// GBNF: grammars as llama.cpp writes them (its grammars/README.md), as a Grammar. Left recursion,
// which llama.cpp refuses, rules that may be empty and ambiguity are all fine. Not here: references
// to tokens by number or name (`<[1000]>`), which are refused; how the automaton works (network.h).
//
//   root  ::= sum "\n"            # what the whole text is; a comment
//   sum   ::= value | sum [-+] value
//   value ::= [0-9]{1,3} | ("(" sum ")")
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

#include "mdl/base/result.h"
#include "mdl/grammar.h"

namespace conduit::mdl {

struct GbnfLimits {
  std::size_t bytes = 1 << 20;
  std::size_t depth = 200;      // of parentheses
  std::size_t repeat = 50'000;  // of a counted repetition
};

// Error: invalid_argument with line, column (in characters), what was expected and what came, or
// the rule that is wrong; exhausted with the limit (these, and network.h's).
Result<std::shared_ptr<Grammar>> gbnf_grammar(std::string_view text, const GbnfLimits& limits = {});

}  // namespace conduit::mdl
