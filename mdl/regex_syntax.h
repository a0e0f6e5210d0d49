// RegexNode: a pattern of ECMA-262 (flag u) as a tree. The idea: the reader knows the syntax alone,
// and refuses by name what other dialects write differently; what a tree means stands in
// regex_pattern.h. In the lenient dialect a pattern may hold what real schemas hold: needless
// escapes (\_ \@), a bare ] { } or -, (?i) at the beginning, (?P<name>…).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "mdl/base/result.h"
#include "mdl/code_points.h"
#include "mdl/regex.h"

namespace conduit::mdl {

struct RegexNode {
  enum class Kind : std::uint8_t {
    set,
    sequence,       // children; none: the empty text
    choice,         // children
    repeat,         // child, min, max
    start,          // ^
    end,            // $
    word_boundary,  // \b; is_negated: \B
    look,           // (?=child); is_behind, is_negated
    back_reference,
  };
  static constexpr std::uint32_t kUnbounded = UINT32_MAX;

  Kind kind = Kind::sequence;
  bool is_negated = false;
  bool is_behind = false;
  bool looks_around = false;  // it or a part of it is an assertion or a back reference
  bool may_be_empty = true;   // the empty text may match, assertions aside
  std::uint32_t min = 0;
  std::uint32_t max = 0;
  std::size_t offset = 0;  // in the pattern, in bytes
  CodePoints set;
  std::vector<std::unique_ptr<RegexNode>> children;
};

enum class RegexDialect : std::uint8_t { ecma, lenient };

// Error: invalid_argument with the offset and the mend; exhausted with the limit.
Result<std::unique_ptr<RegexNode>> parse_regex(std::string_view pattern, RegexDialect dialect,
                                               const Regexes::Limits& limits);

}  // namespace conduit::mdl
