// JsonShapes: what a schema leaves of each type of JSON value, as alternatives without connectives.
// The idea: a value must fit a conjunction of literals (a node, or its negation). For one type of
// value, allOf, anyOf, oneOf, not, if and references are multiplied out into alternatives, each a
// shape that plain counting can follow: negations are pushed down to assertions (not `required` is
// a forbidden key, not `items` an item that fails). So the decoder never guesses whether a branch
// can still come true: an alternative that can't is gone. Not here: where in the text we are
// (json_grammar.cc), numbers (number_set.h), strings (regex.h).
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "mdl/base/result.h"
#include "mdl/formats.h"
#include "mdl/number_set.h"
#include "mdl/regex.h"
#include "mdl/schema.h"

namespace conduit::mdl {

using Literal = std::uint32_t;  // node × 2, + 1 for its negation
inline Literal positive(NodeId node) { return node << 1; }
inline Literal negative(NodeId node) { return node << 1 | 1; }
using Conjunction = std::vector<Literal>;  // rising
using ConjunctionId = std::uint32_t;
using ShapeId = std::uint32_t;

enum class ValueType : std::uint8_t { null, true_, false_, number, string, array, object };
inline constexpr std::size_t kValueTypes = 7;

// unevaluatedItems or -Properties: what the nodes that hold did not look at must fit `literal`.
struct Unevaluated {
  Literal literal = 0;
  std::vector<NodeId> evaluators;
};

struct StringShape {
  Regexes::Id text = Regexes::kText;
  // Of kText alone; lengths of other languages are in them.
  std::size_t least = 0, most = SIZE_MAX;
  std::vector<std::string> excluded;  // sorted
};

struct ArrayShape {
  // So many of the items from one index to another fit the literal.
  struct Count {
    std::size_t from, to;
    Literal literal;
    std::size_t least, most;
  };
  std::vector<NodeId> sources;  // whose prefix_items and items hold
  std::vector<Count> counts;
  std::size_t least = 0, most = SIZE_MAX;
  bool is_unique = false;
  std::vector<Unevaluated> unevaluated;

  std::size_t horizon = 0;  // from this index on all items are alike
};

struct ObjectShape {
  // Some property fits: of those that the pattern matches, or that the node calls additional, or
  // any; its name or its value.
  struct Witness {
    enum Kind : std::uint8_t { pattern, additional, name } kind;
    NodeId node;
    std::size_t index;  // of the pattern
    Literal literal;
  };
  std::vector<NodeId> sources;
  std::vector<std::pair<std::string, Literal>> fields;  // values of properties that must be there
  std::vector<std::string> required, forbidden;
  std::vector<Literal> names;
  std::vector<Witness> witnesses;
  std::size_t least = 0, most = SIZE_MAX;
  bool is_ordered = false;
  std::vector<Unevaluated> unevaluated;

  std::vector<std::string> known;   // the names that it speaks of, sorted
  std::vector<std::string> order;   // is_ordered: those of the node that is, as it has them
  std::optional<Regexes::Id> free;  // free_names() of it
  std::vector<Pattern> patterns;  // which of them a free name matches says what its value must fit;
                                  // known with `free`
};

// Where an array or object stands: behind its bracket, a value, a comma.
enum class Place : std::uint8_t { opened, valued, continued };

struct ArrayProgress {
  std::size_t count = 0;             // of items
  std::vector<std::size_t> claimed;  // of each ArrayShape::Count
  std::vector<json::Value> seen;     // of a unique one, its items
};

struct ObjectProgress {
  std::vector<std::string> names;  // that it has
  std::vector<bool> done;          // of each witness
};

class JsonShapes {
 public:
  static Result<std::unique_ptr<JsonShapes>> make(Schema schema);

  ConjunctionId conjunction(Conjunction literals);
  ConjunctionId root() { return conjunction({positive(schema_.root)}); }
  // The alternatives for a value of one type; for null, true and false one that says it is allowed.
  // Some may be empty of values.
  const std::vector<ShapeId>& shapes(ConjunctionId conjunction, ValueType type);

  StringShape& string(ShapeId id) { return strings_[id]; }
  NumberSet& number(ShapeId id) { return numbers_[id]; }
  ArrayShape& array(ShapeId id) { return arrays_[id]; }
  ObjectShape& object(ShapeId id) { return objects_[id]; }
  ShapeId intern(StringShape shape);
  ShapeId intern(NumberSet set);
  // The shape without these, of which it had none before.
  ShapeId without(ValueType type, ShapeId id, const std::vector<json::Value>& seen);

  // What the item at `index` must fit, whatever is counted.
  Conjunction item(const ArrayShape& shape, std::size_t index);
  // What the value of a property must fit; nothing: the name is not allowed.
  std::optional<Conjunction> property(const ObjectShape& shape, std::string_view name);

  // Works out what values within values must fit, a bounded number of them, so that what cannot be
  // kept is found before the first token.
  void explore(ConjunctionId from);
  // A short text of a value that fits; nothing: no value does.
  const std::optional<std::string>& shortest(ConjunctionId conjunction);
  std::optional<std::string> shortest(const StringShape& shape);  // quotes included
  // `language`, what is left of the shape's behind `text`, without the excluded ones.
  Regexes::Id without_excluded(const StringShape& shape, Regexes::Id language,
                               const std::string& text);
  bool is_alive(ConjunctionId conjunction) { return shortest(conjunction).has_value(); }
  // Of an array from `place` on, the bracket included.
  std::optional<std::string> shortest_rest(const ArrayShape& shape, Place place,
                                           ArrayProgress progress);
  std::optional<std::string> shortest_rest(ObjectShape& shape, Place place,
                                           ObjectProgress progress);
  // Of the items, what is counted at the next one may or may not fit: each way to see it, with what
  // follows.
  struct ItemChoice {
    Conjunction literals;
    std::vector<std::size_t> claimed;
  };
  std::vector<ItemChoice> item_choices(const ArrayShape& shape, const ArrayProgress& progress);
  // The same of a property and the witnesses; empty: the name is not allowed.
  struct PropertyChoice {
    Conjunction literals;
    std::vector<bool> done;
  };
  std::vector<PropertyChoice> property_choices(const ObjectShape& shape, std::string_view name,
                                               const std::vector<bool>& done);
  // Names that `known` does not have and that may be given: their language, which does not leave
  // known ones out.
  Regexes::Id free_names(ObjectShape& shape);
  // The same of a free name, of which the patterns it matches are known alone: matched[i], of
  // shape.patterns.
  std::vector<PropertyChoice> property_choices(const ObjectShape& shape,
                                               const std::vector<bool>& matched,
                                               const std::vector<bool>& done);

  // A free name but these, within a language.
  std::optional<std::string> fresh_name(ObjectShape& shape, const std::vector<std::string>& used,
                                        Regexes::Id within);

  Regexes::Id pattern(const Pattern& pattern);
  Regexes& regexes() { return regexes_; }
  const Schema& schema() const { return schema_; }
  // What cannot be kept was met, or a limit reached: answers since are worth nothing.
  const std::optional<Error>& fault() const { return fault_; }

 private:
  struct Draft;
  explicit JsonShapes(Schema schema) : schema_(std::move(schema)) {}

  using Owners = std::vector<std::uint32_t>;   // places in Draft::unevaluated
  using Option = std::function<bool(Draft&)>;  // false: nothing is left

  void expand(Draft draft, ValueType type, std::vector<ShapeId>& out);
  bool add_positive(Draft& draft, NodeId id, Owners owners, ValueType type);
  bool add_negative(Draft& draft, NodeId id, ValueType type);
  void add_applicators(Draft& draft, NodeId id, const Owners& owners, ValueType type);
  void negate_string(std::vector<Option>& options, const Node& node);
  void negate_number(std::vector<Option>& options, const Node& node);
  void negate_array(std::vector<Option>& options, NodeId id);
  void negate_object(std::vector<Option>& options, NodeId id);
  void finish(Draft draft, ValueType type, std::vector<ShapeId>& out);
  bool assert_string(Draft& draft, const Node& node);
  bool assert_number(Draft& draft, const Node& node);
  void assert_array(Draft& draft, NodeId id);
  void assert_object(Draft& draft, NodeId id);
  bool are_disjoint(NodeId a, NodeId b, ValueType type);
  // `matches`: which patterns a name matches; nothing is known of it otherwise.
  using Matches = std::function<bool(const Pattern&)>;
  Conjunction property_of(const ObjectShape& shape, const std::string* name,
                          const Matches& matches);
  bool concerns(const ObjectShape::Witness& witness, const std::string* name,
                const Matches& matches);
  std::vector<PropertyChoice> choices_of(const ObjectShape& shape, const std::string* name,
                                         const Matches& matches, const std::vector<bool>& done);
  Matches matches_of(const std::string& name);
  Regexes::Id name_language(const std::vector<Literal>& names);
  NodeId any_of(std::vector<NodeId> members);
  NodeId constant(const json::Value& value);
  void fail(Code code, std::string message);

  Schema schema_;
  Regexes regexes_;
  std::optional<Error> fault_;
  std::size_t drafts_ = 0;  // of the expansion at work
  std::size_t depth_ = 0;

  struct Known {
    Conjunction literals;
    std::vector<ShapeId> shapes[kValueTypes];
    bool has_shapes[kValueTypes] = {};
    bool is_open = false, has_shortest = false;
    std::optional<std::string> shortest;
  };
  std::vector<std::unique_ptr<Known>> conjunctions_;
  std::map<Conjunction, ConjunctionId> conjunction_ids_;
  std::size_t unsure_ = 0;  // answers of shortest() that met one still being asked for

  std::deque<StringShape> strings_;
  std::deque<NumberSet> numbers_;
  std::deque<ArrayShape> arrays_;
  std::deque<ObjectShape> objects_;
  std::unordered_map<std::string, ShapeId> string_ids_, number_ids_;
  std::unordered_map<std::string, Regexes::Id> patterns_;
  std::unordered_map<std::string, NodeId> constants_;
};

}  // namespace conduit::mdl
