// Value: what a template computes with, in Python's terms: None, bool, int, float, str, list,
// tuple, dict, and the few objects that jinja2 adds (Undefined, namespace, macro, loop, …).
// The idea: values are cheap to copy and, but for namespaces and loops, never change, so sharing
// is invisible. Containers know their nesting depth, which Runtime bounds when it makes one: that
// keeps every recursion over values, destructors included, within the stack.
// Not here: what operators do with values (operators.h), how they print (printing.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

namespace conduit::kernels::jinja {

class Value;
struct MacroDefinition;
struct ForLoop;
struct Frame;
struct Function;

// Python's int, up to 127 bits; beyond that arithmetic is an error. JSON's uint64 fits.
__extension__ typedef __int128 Integer;

struct None {};

// jinja2's Undefined: prints as nothing, is false, has no items; any other use fails with `reason`.
struct Undefined {
  std::shared_ptr<const std::string> reason;
};

struct Text {
  std::shared_ptr<const std::string> bytes;  // UTF-8
  bool is_markup = false;  // made by `escape` or `safe`: what is added to it gets escaped
  const std::string& view() const { return *bytes; }
};

enum class ListKind : std::uint8_t {
  list,
  tuple,
  group,      // an item of groupby: a tuple with .grouper and .list
  generator,  // what map, select … give: no length, can be read once
  dict_keys,
  dict_values,
  dict_items,
};

struct List {
  ListKind kind = ListKind::list;
  std::vector<Value> items;
  int depth = 1;
  bool is_consumed = false;  // of a generator
};

// Insertion-ordered, as Python's. Built whole, then never changed.
class Dict {
 public:
  struct Entry;

  const std::vector<Entry>& entries() const { return entries_; }
  const Value* find(std::string_view key) const;
  std::optional<std::size_t> find_entry(std::string_view key) const;
  void insert(Value key, Value value);  // a string key; replaces the value of an equal one
  void append(Value key, Value value);  // a key known to be new
  void replace(std::size_t entry, Value value);

  int depth = 1;

 private:
  std::vector<Entry> entries_;
  std::unordered_map<std::string_view, std::size_t> index_;  // of string keys, once there are many
};

// range(): Python's lazy one. The sandbox allows 100,000 items.
struct Span {
  std::int64_t start = 0, stop = 0, step = 1;
  std::int64_t size() const;
};

struct Namespace {
  std::vector<std::pair<std::string, Value>> attributes;
  Value* find(std::string_view name);
  void set(std::string_view name, Value value);
};

// A macro, or the body of a call block: its text, and the scope it was defined in.
struct Macro {
  const MacroDefinition* definition;
  Frame* scope;
};

struct Loop;    // the variable `loop`
struct Method;  // of a value, not called yet: `text.strip`
struct Cycler;
struct Joiner;

class Value {
 public:
  using Data = std::variant<None, Undefined, bool, Integer, double, Text, std::shared_ptr<List>,
                            std::shared_ptr<const Dict>, Span, std::shared_ptr<Namespace>, Macro,
                            std::shared_ptr<Loop>, std::shared_ptr<const Method>, const Function*,
                            std::shared_ptr<Cycler>, std::shared_ptr<Joiner>>;

  Value() = default;  // None
  template <class T>
  static Value of(T data) {
    Value value;
    value.data_ = std::move(data);
    return value;
  }
  static Value boolean(bool data) { return of(data); }
  static Value integer(Integer data) { return of(data); }
  static Value real(double data) { return of(data); }
  static Value text(std::string bytes, bool is_markup = false);
  static Value undefined(std::string reason);

  template <class T>
  const T* get() const {
    return std::get_if<T>(&data_);
  }
  List* list() const;  // of any kind, or nullptr
  List* list(ListKind kind) const;
  const Dict* dict() const;
  const std::string* string() const;
  bool is_none() const { return get<None>() != nullptr; }
  bool is_undefined() const { return get<Undefined>() != nullptr; }
  bool is_number() const { return get<bool>() || get<Integer>() || get<double>(); }
  bool is_markup() const;

  std::optional<Integer> integer() const;  // of an int or a bool, which is one in Python
  std::optional<double> number() const;    // of any number
  bool truth() const;
  int depth() const;  // of containers; 0 for all else
  const Data& data() const { return data_; }

 private:
  Data data_;
};

struct Dict::Entry {
  Value key, value;
};

struct Method {
  Value self;
  std::string name;
};

struct Cycler {
  std::vector<Value> items;
  std::size_t position = 0;
};

struct Joiner {
  Value separator;
  bool is_used = false;
};

struct Loop {
  std::vector<Value> items;
  std::size_t length = 0;
  std::size_t index0 = 0;
  int depth0 = 0;
  std::vector<Value> changed;  // what loop.changed saw last
  bool has_changed = false;    // whether it saw anything
  bool is_finished = false;
  const ForLoop* recursive = nullptr;  // set: calling it runs this again
  Frame* scope = nullptr;              // around the recursive loop
  // Drops what it holds: a `loop` kept beyond its end could otherwise become part of a cycle.
  void finish();
};

// As Python names it in messages: type(value).__name__.
std::string_view type_name(const Value& value);
// As jinja2 names it in Undefined's messages: "dict object", "None".
std::string object_name(const Value& value);

}  // namespace conduit::kernels::jinja
