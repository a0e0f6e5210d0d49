// JSON Schema of any draft → nodes. The idea: a subschema that is reached becomes a node, once for
// each meaning that its dynamic references have on the way to it; so references are edges, cycles
// are cycles, and definitions that nothing reaches are not read. A first fault is kept and reading
// goes on harmlessly to its end, which saves every line from asking. Not here: where subschemas and
// names are (schema_document.h).
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mdl/schema.h"
#include "mdl/schema_document.h"
#include "mdl/schema_keywords.h"

namespace conduit::mdl {

class SchemaReader {
 public:
  SchemaReader(SchemaDocument document, const SchemaOptions& options)
      : document_(std::move(document)), options_(options) {}

  Result<Schema> read(const json::Value& root);

 private:
  // Dynamic anchors in force: for each name, what the outermost resource on the way means by it.
  using Scope = std::map<std::string, const json::Value*>;

  struct Pending {
    const json::Value* schema;
    const SchemaDocument::Subschema* at;
    std::size_t scope;
  };

  // The node of a schema that is reached from the scope of the node being read.
  NodeId node(const json::Value& schema, std::size_t scope);
  NodeId node(const json::Value& schema) { return node(schema, now_.scope); }
  NodeId own_node(Node node);  // of no subschema
  std::size_t entered(std::size_t scope, std::size_t resource);

  void read_node(Node& out);
  void read_references(Node& out, const Keywords& in);
  void read_types(Node& out, const Keywords& in);
  void read_values(Node& out, const Keywords& in);
  void read_numbers(Node& out, const Keywords& in);
  void read_strings(Node& out, const Keywords& in);
  void read_arrays(Node& out, const Keywords& in);
  void read_contains(Node& out, const Keywords& in);
  void read_objects(Node& out, const Keywords& in);
  void read_dependencies(Node& out, const Keywords& in);
  void read_applicators(Node& out, const Keywords& in);

  std::optional<NodeId> schema(const Keywords& in, Keyword keyword);
  std::vector<NodeId> schemas(const Keywords& in, Keyword keyword);
  std::vector<std::pair<std::string, NodeId>> named(const Keywords& in, Keyword keyword);
  std::vector<std::string> names(const json::Value& list, Keyword keyword);
  std::optional<std::size_t> count(const Keywords& in, Keyword keyword);
  std::optional<json::Value> number(const Keywords& in, Keyword keyword);
  bool flag(const Keywords& in, Keyword keyword);
  void limit(const Keywords& in, Keyword inclusive, Keyword exclusive,
             std::optional<json::Value>& inclusive_out, std::optional<json::Value>& exclusive_out);

  void fail(Error error) {
    if (!fault_) fault_ = std::move(error);
  }
  void fail(Keyword keyword, std::string_view what) {
    fail(schema_error(name(keyword), now_.at->place, what));
  }

  SchemaDocument document_;
  const SchemaOptions& options_;
  Schema out_;
  std::vector<Pending> pending_;  // by node
  std::map<std::pair<const json::Value*, std::size_t>, NodeId> nodes_;
  std::vector<Scope> scopes_ = {{}};
  std::map<Scope, std::size_t> scope_ids_ = {{{}, 0}};
  Pending now_{};
  std::size_t enum_values_ = 0;
  std::optional<Error> fault_;
};

}  // namespace conduit::mdl
