// The graph: subschemas reached from the root, and the edges between them that references are.
#include "mdl/schema.h"

#include <algorithm>

#include "mdl/mismatch_text.h"
#include "mdl/schema_cycles.h"
#include "mdl/schema_document.h"
#include "mdl/schema_reader.h"

namespace conduit::mdl {
namespace {

// Meanings of dynamic anchors that one document may combine; extended metaschemas have two or
// three.
constexpr std::size_t kMaxScopes = 64;

// Without building it: what json::dump() would take, escapes not counted.
std::size_t text_bytes(const json::Value& value) {
  std::size_t bytes = 2;
  if (value.is_string()) bytes += value.as_string().size();
  if (value.is_array())
    for (const json::Value& item : value.as_array()) bytes += text_bytes(item) + 1;
  if (value.is_object())
    for (const auto& [key, member] : value.as_object())
      bytes += key.size() + 4 + text_bytes(member);
  return bytes;
}

Status within(std::size_t bytes, const SchemaLimits& limits) {
  if (bytes <= limits.bytes) return ok();
  return Error{Code::exhausted, "schema: " + std::to_string(bytes) +
                                    " bytes are over the limit of " + std::to_string(limits.bytes)};
}

}  // namespace

Result<Schema> SchemaReader::read(const json::Value& root) {
  const SchemaDocument::Subschema start{"#", 0, options_.draft};
  now_ = {&root, &start, 0};
  out_.nodes.reserve(document_.size());
  pending_.reserve(document_.size());
  out_.root = node(root);
  for (std::size_t i = 0; i < pending_.size() && !fault_; ++i) {
    now_ = pending_[i];
    if (now_.schema == nullptr) continue;  // an own node
    Node read;
    read_node(read);
    out_.nodes[i] = std::move(read);
  }
  if (fault_) return *std::move(fault_);
  CONDUIT_TRY_STATUS(refuse_cycles(out_));
  return std::move(out_);
}

NodeId SchemaReader::node(const json::Value& schema, std::size_t scope) {
  const SchemaDocument::Subschema* at = document_.find(schema);
  if (at == nullptr || (!schema.is_object() && !schema.is_bool())) {
    fail({Code::invalid_argument, "schema: at " + (at == nullptr ? now_.at->place : at->place) +
                                      " an object, true or false must stand, not " +
                                      value_text(schema)});
    return 0;
  }
  scope = entered(scope, at->resource);
  const auto known = nodes_.find({&schema, scope});
  if (known != nodes_.end()) return known->second;
  const NodeId id = own_node({});
  pending_.back() = {&schema, at, scope};
  nodes_.emplace(std::pair(&schema, scope), id);
  return id;
}

NodeId SchemaReader::own_node(Node node) {
  if (out_.nodes.size() >= options_.limits.nodes) {
    fail({Code::exhausted,
          "schema: more subschemas than the limit of " + std::to_string(options_.limits.nodes)});
    return 0;
  }
  if (now_.at != nullptr) node.place = now_.at->place;
  out_.nodes.push_back(std::move(node));
  pending_.push_back({nullptr, now_.at, 0});
  return static_cast<NodeId>(out_.nodes.size() - 1);
}

std::size_t SchemaReader::entered(std::size_t scope, std::size_t resource) {
  const auto& anchors = document_.resource(resource).dynamic_anchors;
  const bool is_same = std::all_of(anchors.begin(), anchors.end(), [&](const auto& anchor) {
    return scopes_[scope].count(anchor.first) == 1;
  });
  if (is_same || !document_.has_dynamic_references()) return scope;
  Scope inner = scopes_[scope];
  for (const auto& [anchor, schema] : anchors) inner.emplace(anchor, schema);
  const auto [known, is_new] = scope_ids_.emplace(inner, scopes_.size());
  if (is_new && scopes_.size() >= kMaxScopes) {
    fail({Code::exhausted, "schema: dynamic anchors in more combinations than the limit of " +
                               std::to_string(kMaxScopes)});
    return 0;
  }
  if (is_new) scopes_.push_back(std::move(inner));
  return known->second;
}

void SchemaReader::read_node(Node& out) {
  out.place = now_.at->place;
  if (now_.schema->is_bool()) {
    out.types = now_.schema->as_bool() ? kAnyType : 0;
    return;
  }
  Keywords in(now_.schema->as_object(), now_.at->draft);
  if (in[Keyword::ref] != nullptr && now_.at->draft <= 7) in.drop_siblings_of_ref();
  read_references(out, in);
  read_types(out, in);
  read_values(out, in);
  read_numbers(out, in);
  read_strings(out, in);
  read_arrays(out, in);
  read_objects(out, in);
  read_dependencies(out, in);
  read_applicators(out, in);
}

void SchemaReader::read_references(Node& out, const Keywords& in) {
  for (const Keyword keyword : {Keyword::ref, Keyword::dynamic_ref, Keyword::recursive_ref}) {
    const json::Value* reference = in[keyword];
    if (reference == nullptr) continue;
    if (!reference->is_string()) {
      fail(keyword, "must be a string");
      continue;
    }
    auto target = document_.resolve(*now_.at, name(keyword), reference->as_string());
    if (!target) {
      fail(std::move(target).error());
      continue;
    }
    // A dynamic reference that leads to a dynamic anchor means the outermost of that name.
    const Scope& scope = scopes_[now_.scope];
    const auto outermost = scope.find(target->anchor);
    const SchemaDocument::Subschema* at = document_.find(*target->schema);
    const bool is_recursive = keyword == Keyword::recursive_ref &&
                              document_.resource(at->resource).dynamic_anchor("") == target->schema;
    const bool is_dynamic = keyword == Keyword::dynamic_ref && target->is_dynamic;
    if ((is_recursive || is_dynamic) && outermost != scope.end())
      target->schema = outermost->second;
    out.all_of.push_back(node(*target->schema));
  }
}

Result<Schema> read_schema(const json::Value& document, const SchemaOptions& options) {
  CONDUIT_TRY_STATUS(within(text_bytes(document), options.limits));
  if (!document.is_object() && !document.is_bool())
    return Error{Code::invalid_argument, "schema: it must be an object, true or false"};
  CONDUIT_TRY(auto map, SchemaDocument::read(document, options));
  return SchemaReader(std::move(map), options).read(document);
}

Result<Schema> read_schema(std::string_view text, const SchemaOptions& options) {
  CONDUIT_TRY_STATUS(within(text.size(), options.limits));
  // A subschema within a map is two levels; values of enum and default may nest further.
  auto document = json::parse(text, {options.limits.bytes, 4 * options.limits.depth});
  if (!document) {
    const bool is_limit = document.error().code == Code::exhausted;
    return Error{is_limit ? Code::exhausted : Code::invalid_argument,
                 "schema: " + document.error().message};
  }
  return read_schema(*document, options);
}

}  // namespace conduit::mdl
