// Whether a value fits a schema, and if not: where, what was expected and what came.
// The idea: the plain meaning of every keyword by recursion over value and node, exact where the
// decoder may be stricter; it is what the decoder is tested against. Bounded in steps, for patterns
// of regexes run on the linear automata of regex.h.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mdl/base/json.h"
#include "mdl/base/result.h"
#include "mdl/schema.h"

namespace conduit::mdl {

// The first assertion that does not hold.
struct Mismatch {
  std::string path;  // of the value, as MDL writes it: "parts.wheel[2].size"; empty: the whole
  std::string
      keyword;  // of the schema: "required", "type", "maximum"…; "false" for the schema `false`
  std::string expected;  // "an integer", "at most 5"
  std::string found;     // "a string", "7"; shortened

  std::string message() const;  // one line: path, expected, found
};

class Validator {
 public:
  // Prepares the patterns; `schema` outlives it. Error: a pattern that regex.h refuses, with its
  // place.
  static Result<Validator> make(const Schema& schema);
  Validator(Validator&&) noexcept;
  Validator& operator=(Validator&&) noexcept;
  ~Validator();

  // Nothing: it fits. Error: exhausted, when it takes more than kMaxSteps.
  Result<std::optional<Mismatch>> check(const json::Value& value);
  bool accepts(
      const json::Value& value);  // of one node of any size; an exhausted check is a refusal

 private:
  struct Parts;
  explicit Validator(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace conduit::mdl
