// What Validator asks of a value through other nodes: alternatives, conditions, and what is left
// unevaluated by all of them.
#include <algorithm>

#include "mdl/validate_parts.h"

namespace conduit::mdl {
void merge(Marks* into, const Marks& marks) {
  if (into == nullptr) return;
  for (std::size_t i = 0; i < marks.size(); ++i)
    if (marks[i]) (*into)[i] = true;
}

bool Validator::Parts::branch(NodeId id, const Turn& turn) {
  if (turn.marks == nullptr) return fits(id, turn.at, nullptr, nullptr);
  Marks marks(turn.at.size());
  spend(marks.size() / 16);
  if (!fits(id, turn.at, &marks, nullptr)) return false;
  merge(turn.marks, marks);
  return true;
}

bool Validator::Parts::fits_applicators(const Turn& turn) {
  const Node& node = turn.node;
  for (const NodeId id : node.all_of)
    if (!fits(id, turn.at, turn.marks, turn.why)) return false;
  if (!node.any_of.empty() && !fits_any(turn)) return false;
  if (!node.one_of.empty() && !fits_one(turn)) return false;
  if (node.not_ && fits(*node.not_, turn.at, nullptr, nullptr))
    return fail(turn, "not",
                [&] { return "a value that does not fit " + schema.at(*node.not_).place; });
  return !node.if_ || fits_condition(turn);
}

bool Validator::Parts::fits_any(const Turn& turn) {
  bool is_fit = false;
  for (const NodeId id : turn.node.any_of) {
    is_fit |= branch(id, turn);
    if (is_fit && turn.marks == nullptr) return true;  // others could only add marks
  }
  if (!is_fit) explain_branches(turn, "anyOf", turn.node.any_of);
  return is_fit;
}

bool Validator::Parts::fits_one(const Turn& turn) {
  const NodeId* fitting = nullptr;
  for (const NodeId& id : turn.node.one_of) {
    if (!branch(id, turn)) continue;
    if (fitting != nullptr)
      return fail(
          turn, "oneOf", [] { return std::string("a value that fits one alternative only"); },
          [&] {
            return value_text(turn.at.value) + ", which fits " + schema.at(*fitting).place +
                   " and " + schema.at(id).place;
          });
    fitting = &id;
  }
  if (fitting == nullptr) explain_branches(turn, "oneOf", turn.node.one_of);
  return fitting != nullptr;
}

bool Validator::Parts::fits_condition(const Turn& turn) {
  const Node& node = turn.node;
  const auto& next = branch(*node.if_, turn) ? node.then_ : node.else_;
  return !next || fits(*next, turn.at, turn.marks, turn.why);
}

// Why no branch fits: what is wrong in the only one that takes the value's type, or which types
// would have been taken.
void Validator::Parts::explain_branches(const Turn& turn, std::string_view keyword,
                                        const std::vector<NodeId>& branches) {
  if (turn.why == nullptr) return;
  const std::string path = path_text(turn.at.path);
  std::vector<Mismatch> taken;
  std::vector<std::string> expected;
  for (const NodeId id : branches) {
    Mismatch why;
    if (fits(id, turn.at, nullptr, &why)) return;  // only when out of steps
    const bool is_of_other_type = why.keyword == "type" && why.path == path;
    if (std::find(expected.begin(), expected.end(), why.expected) == expected.end())
      expected.push_back(why.expected);
    if (!is_of_other_type) taken.push_back(std::move(why));
  }
  if (taken.size() == 1) {
    *turn.why = std::move(taken[0]);
    return;
  }
  std::string text;
  for (const std::string& each : expected) text += (text.empty() ? "" : ", or ") + each;
  if (taken.empty()) {
    fail(
        turn, "type", [&] { return text; }, [&] { return kind_text(turn.at.value); });
  } else {
    fail(turn, keyword, [&] {
      return "a value that fits one of " + counted(branches.size(), "alternative", "alternatives");
    });
  }
}

bool Validator::Parts::fits_unevaluated(const Turn& turn) {
  if (turn.at.value.is_object() && turn.node.unevaluated_properties)
    return fits_unevaluated_properties(turn);
  if (turn.at.value.is_array() && turn.node.unevaluated_items) return fits_unevaluated_items(turn);
  return true;
}

bool Validator::Parts::fits_unevaluated_properties(const Turn& turn) {
  const NodeId rest = *turn.node.unevaluated_properties;
  for (std::size_t i = 0; i < turn.marks->size(); ++i) {
    if ((*turn.marks)[i]) continue;
    const auto& [key, member] = *turn.at.members()[i];
    if (is_false(rest))
      return fail(
          turn, "unevaluatedProperties", [] { return std::string("no further keys"); },
          [&] { return json::quote(key); });
    const PathStep step{turn.at.path, key, 0, true};
    if (!fits(rest, Instance(member, &step), nullptr, turn.why)) return false;
    (*turn.marks)[i] = true;
  }
  return true;
}

bool Validator::Parts::fits_unevaluated_items(const Turn& turn) {
  const NodeId rest = *turn.node.unevaluated_items;
  for (std::size_t i = 0; i < turn.marks->size(); ++i) {
    if ((*turn.marks)[i]) continue;
    const PathStep step{turn.at.path, {}, i, false};
    const Instance item(turn.at.value.as_array()[i], &step);
    if (is_false(rest))
      return fail({turn.node, item, nullptr, turn.why}, "unevaluatedItems",
                  [] { return std::string("no further items"); });
    if (!fits(rest, item, nullptr, turn.why)) return false;
    (*turn.marks)[i] = true;
  }
  return true;
}

}  // namespace conduit::mdl
