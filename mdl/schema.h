// Schema: the typed shape of a JSON value, as a graph of nodes. C++ types and MDL text become JSON
// Schema (type.h), JSON Schema of any draft becomes this (schema.cc), and hint text, validator and
// decoder read nothing else. The idea: a node is a conjunction of assertions in the words of draft
// 2020-12; older drafts are brought into them, references are edges, and what cannot be kept is
// refused by name while it is read, so that whoever reads a node need not know about drafts,
// documents or unsupported keywords. Not here: whether a value fits (validate.h), which text does
// (json_grammar.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mdl/base/json.h"
#include "mdl/base/result.h"

namespace conduit::mdl {

using NodeId = std::uint32_t;

// Bits of Node::types. An integer is a number without fraction, 1.0 included.
enum Types : std::uint8_t {
  kNull = 1,
  kBoolean = 2,
  kInteger = 4,
  kFraction = 8,  // numbers that are no integers
  kNumber = kInteger | kFraction,
  kString = 16,
  kArray = 32,
  kObject = 64,
  kAnyType = 127,
};

// Where a string must match: the pattern of ECMA-262, searched for, not anchored.
using Pattern = std::string;

// A conjunction: a value fits when every assertion does. Assertions about one type let values of
// other types pass.
struct Node {
  std::uint8_t types = kAnyType;                   // 0: nothing fits (the schema `false`)
  std::optional<std::vector<json::Value>> values;  // enum, const: one of these

  // Numbers
  std::optional<json::Value> minimum, maximum, exclusive_minimum, exclusive_maximum, multiple_of;

  // Strings; lengths in code points
  std::size_t min_length = 0;
  std::optional<std::size_t> max_length;
  std::optional<Pattern> pattern;
  std::string format;  // a name that formats.h knows, or empty

  // Arrays
  std::vector<NodeId> prefix_items;
  std::optional<NodeId> items;  // of those behind the prefix
  std::size_t min_items = 0;
  std::optional<std::size_t> max_items;
  std::optional<NodeId> contains;
  std::size_t min_contains = 1;
  std::optional<std::size_t> max_contains;
  bool unique_items = false;

  // Objects
  std::vector<std::pair<std::string, NodeId>> properties;  // in the schema's order
  std::vector<std::pair<Pattern, NodeId>> pattern_properties;
  std::optional<NodeId> additional;  // of those that neither properties nor pattern_properties name
  std::optional<NodeId> property_names;
  std::vector<std::string> required;
  std::size_t min_properties = 0;
  std::optional<std::size_t> max_properties;
  std::vector<std::pair<std::string, std::vector<std::string>>> dependent_required;
  std::vector<std::pair<std::string, NodeId>> dependent_schemas;
  // The decoder writes the properties in their order, as tool calls need it; the validator takes
  // any.
  bool is_ordered = false;

  // Applicators. A reference ($ref) is a member of all_of.
  std::vector<NodeId> all_of, any_of, one_of;  // any_of, one_of: empty when absent
  std::optional<NodeId> not_, if_, then_, else_;
  std::optional<NodeId> unevaluated_properties, unevaluated_items;

  // Where it stands in the document, a JSON pointer, for messages: "#/properties/a".
  std::string place;
};

struct Schema {
  std::vector<Node> nodes;
  NodeId root = 0;

  const Node& at(NodeId id) const { return nodes[id]; }
};

// What a stranger's schema may cost. Larger ones are refused, naming the limit and the value.
struct SchemaLimits {
  std::size_t bytes = std::size_t{1}
                      << 20;  // of the document; the largest real one we know has 300 kB
  std::size_t nodes = 20'000;
  std::size_t depth = 64;            // of nested subschemas in the document
  std::size_t enum_values = 20'000;  // in all
};

struct SchemaOptions {
  // Drafts are told by $schema; this one where it is absent. 4, 6, 7, 2019, 2020.
  int draft = 2020;
  // An unknown `format` is an annotation by the specification; a known one is always asserted.
  SchemaLimits limits{};
};

// A JSON Schema. Error: invalid_argument for what is malformed, cannot be enforced, or refers to a
// document elsewhere, naming keyword and place; exhausted with the limit.
Result<Schema> read_schema(const json::Value& document, const SchemaOptions& options = {});
Result<Schema> read_schema(std::string_view text, const SchemaOptions& options = {});

}  // namespace conduit::mdl
