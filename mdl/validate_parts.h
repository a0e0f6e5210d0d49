// The inside of Validator: one recursion over nodes and values, cut over the files validate*.cc.
// The idea: fits() answers yes or no, and fills in a Mismatch only where the caller wants one, so
// probing (anyOf, not, if) builds no words. What unevaluatedProperties and unevaluatedItems need to
// know travels as marks: which members or items of the value some keyword has looked at; those of a
// branch that failed are forgotten.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mdl/json_equality.h"
#include "mdl/mismatch_text.h"
#include "mdl/regex.h"
#include "mdl/validate.h"

namespace conduit::mdl {

// A node on a value, an item compared, sixteen bytes matched: some tens of nanoseconds each, so
// that a check takes some hundred milliseconds at most.
inline constexpr std::size_t kMaxSteps = 4'000'000;
// Of nodes within each other, values included: the stack has some hundred bytes for each.
inline constexpr std::size_t kMaxDepth = 1000;

// Members (sorted) or items of one value that were looked at.
using Marks = std::vector<bool>;
void merge(Marks* into, const Marks& marks);  // nullptr: nowhere

using Members = std::vector<const json::Member*>;

// One value, shared by all nodes that look at it.
class Instance {
 public:
  explicit Instance(const json::Value& v, const PathStep* p = nullptr) : value(v), path(p) {}
  // Of an object, sorted: made for the first who asks.
  const Members& members() const {
    if (!members_) members_ = sorted_members(value.as_object());
    return *members_;
  }
  // Members or items.
  std::size_t size() const {
    if (value.is_object()) return members().size();
    return value.is_array() ? value.as_array().size() : 0;
  }

  const json::Value& value;
  const PathStep* path;

 private:
  mutable std::optional<Members> members_;
};

// One node's turn with it.
struct Turn {
  const Node& node;
  const Instance& at;
  Marks* marks;   // nullptr: nobody asks
  Mismatch* why;  // nullptr: nobody asks
};

std::uint8_t types_of(const json::Value& value);

struct Validator::Parts {
  // What a node needs beside itself.
  struct Prepared {
    std::optional<Regexes::Id> pattern, format;
    std::vector<Regexes::Id> pattern_properties;
    std::vector<std::pair<std::string_view, NodeId>> properties;  // sorted
    std::vector<std::pair<std::uint64_t, std::size_t>> values;    // hash and index, sorted
  };

  explicit Parts(const Schema& s) : schema(s) {}
  Status prepare();
  Result<std::optional<Mismatch>> check(const json::Value& value, bool wants_reason);

  bool fits(NodeId id, const Instance& at, Marks* marks, Mismatch* why);
  bool fits_node(NodeId id, const Turn& turn);
  bool is_among_values(const Turn& turn, const Prepared& prepared);
  bool fits_number(const Turn& turn);
  bool fits_string(const Turn& turn, const Prepared& prepared);
  bool fits_array(const Turn& turn);
  bool fits_contains(const Turn& turn);
  bool has_unique_items(const json::Array& items);
  bool fits_object(const Turn& turn, const Prepared& prepared);
  bool fits_member(const Turn& turn, const Prepared& prepared, std::size_t index);
  bool fits_dependencies(const Turn& turn);
  bool fits_applicators(const Turn& turn);
  bool fits_any(const Turn& turn);
  bool fits_one(const Turn& turn);
  bool fits_condition(const Turn& turn);
  bool fits_unevaluated(const Turn& turn);
  bool fits_unevaluated_properties(const Turn& turn);
  bool fits_unevaluated_items(const Turn& turn);
  void explain_branches(const Turn& turn, std::string_view keyword,
                        const std::vector<NodeId>& branches);

  bool branch(NodeId id, const Turn& turn);
  bool is_false(NodeId id) const { return schema.at(id).types == 0; }
  bool matches(Regexes::Id id, std::string_view text) {
    spend(1 + text.size() / 16);
    return regexes.matches(id, text);
  }
  void spend(std::size_t count) { steps += count; }
  bool is_over() const { return steps > kMaxSteps || is_too_deep; }

  const Schema& schema;
  Regexes regexes;
  std::vector<Prepared> nodes;
  std::size_t steps = 0, depth = 0;
  bool is_too_deep = false;
};

// Says why and fails; `expected` and `found` make their words only when somebody asks.
template <class Expected, class Found>
bool fail(const Turn& turn, std::string_view keyword, Expected expected, Found found) {
  if (turn.why != nullptr)
    *turn.why = {path_text(turn.at.path), std::string(keyword), expected(), found()};
  return false;
}

template <class Expected>
bool fail(const Turn& turn, std::string_view keyword, Expected expected) {
  return fail(turn, keyword, expected, [&] { return value_text(turn.at.value); });
}

// `count` of something must be within limits.
bool is_counted(const Turn& turn, std::size_t count, std::size_t min,
                const std::optional<std::size_t>& max, std::string_view min_keyword,
                std::string_view max_keyword, std::string_view one, std::string_view many);

}  // namespace conduit::mdl
