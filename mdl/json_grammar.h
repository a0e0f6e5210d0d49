// The JSON texts that fit a schema, as a grammar.
// (Its idea stands in json_grammar.cc.)
#pragma once

#include <memory>

#include "mdl/base/result.h"
#include "mdl/grammar.h"
#include "mdl/schema.h"

namespace conduit::mdl {

struct JsonGrammarOptions {
  std::size_t whitespace = 1;  // bytes between tokens of JSON: at most so many in a row
  std::size_t states = 400'000;
};

// Error: invalid_argument for a schema that no value fits or a keyword that the decoder cannot
// keep, with its place; exhausted.
Result<std::shared_ptr<Grammar>> json_grammar(Schema schema,
                                              const JsonGrammarOptions& options = {});

}  // namespace conduit::mdl
