// A JSON Schema document as a map: which subschemas it has, what they are called ($id, $anchor,
// $dynamicAnchor, fragments of ids in older drafts) and what a reference means at a place. The
// idea: one walk over the places where keywords hold schemas finds every name before any reference
// is followed; references leave the document never. Not here: what keywords assert (schema.cc).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "mdl/base/json.h"
#include "mdl/base/result.h"
#include "mdl/schema.h"
#include "mdl/schema_keywords.h"

namespace conduit::mdl {

// An error about a keyword: `"minLength" at #/properties/a must be …`.
Error schema_error(std::string_view keyword, std::string_view place, std::string_view what);

class SchemaDocument {
 public:
  // A part of the document with a base URI of its own: the root, and what has an $id.
  struct Resource {
    std::string uri;
    const json::Value* root = nullptr;
    std::unordered_map<std::string, const json::Value*> anchors;
    // $dynamicAnchor; $recursiveAnchor is one with the empty name.
    std::vector<std::pair<std::string, const json::Value*>> dynamic_anchors;

    const json::Value* dynamic_anchor(std::string_view name) const;
  };

  struct Subschema {
    std::string place;  // a JSON pointer
    std::size_t resource = 0;
    int draft = 0;
  };

  struct Target {
    const json::Value* schema = nullptr;
    std::string anchor;       // the name it was called by, where that was no pointer
    bool is_dynamic = false;  // …which is a $dynamicAnchor
  };

  // `root` outlives it. Error: exhausted; invalid_argument for a $schema or an identifier.
  static Result<SchemaDocument> read(const json::Value& root, const SchemaOptions& options);

  // What `reference`, the value of `keyword` in `from`, means. Error: it names nothing here.
  Result<Target> resolve(const Subschema& from, std::string_view keyword,
                         std::string_view reference);
  // nullptr: no keyword holds a schema there, and no reference has led there.
  const Subschema* find(const json::Value& schema) const;
  std::size_t size() const { return subschemas_.size(); }
  const Resource& resource(std::size_t index) const { return resources_[index]; }
  // Whether a name may mean several things, depending on the way that led to it.
  bool has_dynamic_references() const { return has_dynamic_references_; }
  bool has_unevaluated_items() const { return has_unevaluated_items_; }

 private:
  Status add(const json::Value& schema, Subschema at, std::size_t depth);
  Status add_children(const KeywordRow& row, const json::Value& value, const Subschema& at,
                      std::size_t depth);
  Status add_names(const json::Value& schema, const Keywords& keywords, Subschema& at);
  Result<const json::Value*> follow(std::size_t resource, std::string_view pointer);
  const json::Value* child(const json::Value& parent, std::string_view name);

  SchemaOptions options_;
  std::vector<Resource> resources_;
  std::unordered_map<std::string, std::size_t> by_uri_;
  std::unordered_map<const json::Value*, Subschema> subschemas_;
  // Of large objects that pointers led through, for the next one.
  std::unordered_map<const json::Value*, std::vector<const json::Member*>> members_;
  std::size_t dynamic_anchors_ = 0;
  bool has_dynamic_references_ = false;
  bool has_unevaluated_items_ = false;
  bool is_read_ = false;
};

}  // namespace conduit::mdl
