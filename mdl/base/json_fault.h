// Where a malformed text stops being JSON: line, column and what would be right there.
// The idea: the fast parser only says that something is wrong, so the slow walk to the place is
// done here, after it has failed. Grammar: RFC 8259; the walk keeps no tree and no recursion.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace conduit::json {

struct Fault {
  std::size_t line = 1;    // from 1
  std::size_t column = 1;  // from 1, in bytes
  std::string_view expected;
};

// Nothing where the walk finds no fault (a number too large, nesting too deep).
std::optional<Fault> find_fault(std::string_view text);

}  // namespace conduit::json
