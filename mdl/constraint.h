// Constraint: what a request says about its answer, and the grammar that keeps it. The one entry
// for whoever decodes: kind and text travel in messages, the grammar is made where the model runs.
// Not here: tokens (matcher.h).
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "mdl/base/result.h"
#include "mdl/grammar.h"

namespace conduit::mdl {

// The numbers travel in frames: append, never renumber.
enum class ConstraintKind : std::uint8_t {
  none = 0,
  json_object = 1,  // any JSON object; no text
  json_schema = 2,  // text: the schema
  regex = 3,        // text: the expression, which the whole answer matches
  gbnf = 4,         // text: the grammar, as llama.cpp writes it
  choice = 5,       // text: a JSON array of strings
  tools = 6,        // text: {"format":"hermes"|"llama3"|"mistral", "choice":"auto"|"required",
              // "parallel":bool, "tools":[{"name":…,"parameters":schema}…]}; a named choice is
              // `required` with that tool alone
};

struct Constraint {
  ConstraintKind kind = ConstraintKind::none;
  std::string text;
};

// Error: invalid_argument with what is wrong and where; exhausted with the limit; cancelled when
// `stop` became true.
Result<std::shared_ptr<Grammar>> compile(const Constraint& constraint,
                                         const std::atomic<bool>* stop = nullptr);

}  // namespace conduit::mdl
