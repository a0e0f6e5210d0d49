// Answers that are no JSON: a text that matches a regular expression, and one of a list of texts.
#pragma once

#include <memory>
#include <string_view>

#include "mdl/base/result.h"
#include "mdl/grammar.h"

namespace conduit::mdl {

// The whole answer matches `expression` (see Regexes::whole). Error: invalid_argument for bad
// syntax and for an expression that nothing matches; exhausted.
Result<std::shared_ptr<Grammar>> regex_grammar(std::string_view expression);

// The answer is one of `choices`, a JSON array of strings. Error: invalid_argument; exhausted.
Result<std::shared_ptr<Grammar>> choice_grammar(std::string_view choices);

}  // namespace conduit::mdl
