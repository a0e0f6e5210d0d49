// The one JSON reader and writer: text → Value → text. simdjson stands behind it and nowhere else.
// The idea: a document from outside is parsed whole, so malformed JSON is an error wherever it
// stands, also in a part that nobody reads. Objects keep the order of the text (chat templates and
// schemas depend on it); of equal keys the last counts. Not here: what a document means (each
// reader checks its own fields).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "mdl/base/result.h"

namespace conduit::json {

class Value;
struct Member;
using Array = std::vector<Value>;
using Object = std::vector<Member>;

enum class Kind : std::uint8_t {
  null,
  boolean,
  integer,
  unsigned_integer,
  real,
  string,
  array,
  object
};

class Value {
 public:
  Value();
  Value(std::nullptr_t);
  Value(bool value);
  template <class Int,
            std::enable_if_t<std::is_integral_v<Int> && !std::is_same_v<Int, bool>, int> = 0>
  Value(Int value);
  Value(double value);
  Value(std::string value);
  Value(std::string_view value);
  Value(const char* value);
  Value(Array value);
  Value(Object value);

  Kind kind() const { return static_cast<Kind>(data_.index()); }
  bool is_null() const { return kind() == Kind::null; }
  bool is_bool() const { return kind() == Kind::boolean; }
  bool is_integer() const { return kind() == Kind::integer || kind() == Kind::unsigned_integer; }
  bool is_number() const { return is_integer() || kind() == Kind::real; }
  bool is_string() const { return kind() == Kind::string; }
  bool is_array() const { return kind() == Kind::array; }
  bool is_object() const { return kind() == Kind::object; }

  // Each requires its kind (a wrong one is a bug here and aborts): ask first, or use the readers
  // below.
  bool as_bool() const;
  std::int64_t as_int() const;    // also a uint64 above INT64_MAX aborts
  std::uint64_t as_uint() const;  // of a non-negative integer
  double as_double() const;       // of any number
  const std::string& as_string() const;
  const Array& as_array() const;
  Array& as_array();
  const Object& as_object() const;
  Object& as_object();

  // The member of an object, or nullptr: also when this is no object.
  const Value* find(std::string_view key) const;
  // Appends or replaces; this must be null (becomes an object) or an object.
  void set(std::string key, Value value);

 private:
  std::variant<std::nullptr_t, bool, std::int64_t, std::uint64_t, double, std::string, Array,
               Object>
      data_;
};

struct Member {
  std::string key;
  Value value;
};

// Defined here because clang, in C++20, needs Member complete to make the variant.
inline Value::Value() = default;
inline Value::Value(std::nullptr_t) {}
inline Value::Value(bool value) : data_(value) {}
inline Value::Value(double value) : data_(value) {}
inline Value::Value(std::string value) : data_(std::move(value)) {}
inline Value::Value(std::string_view value) : data_(std::string(value)) {}
inline Value::Value(const char* value) : data_(std::string(value)) {}

template <class Int, std::enable_if_t<std::is_integral_v<Int> && !std::is_same_v<Int, bool>, int>>
Value::Value(Int value) {
  if constexpr (std::is_signed_v<Int> || sizeof(Int) < 8) {
    data_ = static_cast<std::int64_t>(value);
  } else if (value <= static_cast<std::uint64_t>(INT64_MAX)) {
    data_ = static_cast<std::int64_t>(value);
  } else {
    data_ = static_cast<std::uint64_t>(value);
  }
}

bool operator==(const Value& a,
                const Value& b);  // 1 and 1.0 are equal; member order does not matter

struct Limits {
  std::size_t bytes = std::size_t{1}
                      << 30;  // a tokenizer.json of the largest vocabularies has 35 MB
  std::size_t depth = 128;    // deeper nesting than any schema or request in the wild
};

// The whole text, which must be one value and UTF-8. Error: corrupt, or exhausted with the limit.
Result<Value> parse(std::string_view text, const Limits& limits = {});

// Where an object has a key twice, the first that is found: its path, "parts.wheel[2].size".
// parse() keeps both, and find() takes the last; who reads strictly asks here.
std::optional<std::string> repeated_key(const Value& value);
// The path of a member or item of what stands at `path`: names after a dot, other keys quoted in
// brackets.
std::string member_path(const std::string& path, std::string_view key);
std::string item_path(const std::string& path, std::size_t index);

// Compact (`{"a":1,"b":[true,null]}`), UTF-8 as it is; NaN and infinities become null.
std::string dump(const Value& value);
// The text between double quotes, escaped as JSON demands, quotes included.
std::string quote(std::string_view text);

}  // namespace conduit::json
