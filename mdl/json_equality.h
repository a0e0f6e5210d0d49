// Equality of JSON values as JSON Schema has it: 1 and 1.0 are equal, 2^53 + 1 and its double are
// not, the order of members does not matter, and of equal keys the last counts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "mdl/base/json.h"

namespace conduit::mdl {

// Sorted by key; of equal keys the last.
std::vector<const json::Member*> sorted_members(const json::Object& object);
// The member of that name, or nullptr.
const json::Member* find_member(const std::vector<const json::Member*>& sorted,
                                std::string_view key);

bool is_equal(const json::Value& a, const json::Value& b);
// The same for equal values. Adds to `steps` what it cost: a value within, a hundred bytes.
std::uint64_t equality_hash(const json::Value& value, std::size_t& steps);

}  // namespace conduit::mdl
