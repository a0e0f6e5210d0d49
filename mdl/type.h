// Type: what MDL can say about a value, and its texts. The idea: the palette is a tree of plain
// data, reached from a C++ struct (describe.h) or from MDL text, and gone through in one way only:
// Type → JSON Schema → schema.h, so that validator and decoder know nothing of MDL. MDL text and
// hint text are one notation, so a hint reads back as the type that it came from:
//
//   title: str[..120]
//   priority: int[1..5]
//   state: str["open", "closed"]
//   tags: Optional[List[str]]
//   parts: Dict[str, Dict{name: str, weight: float}]
//
// Not here: whether a value fits (payload.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mdl/base/json.h"
#include "mdl/base/result.h"

namespace conduit::mdl {

// Nothing forbids a Type that MDL cannot say; find_fault() tells.
struct Type {
  enum class Kind : std::uint8_t {
    integer,    // int: of 64 bits where no limit says less
    number,     // float
    string,     // str
    boolean,    // bool
    null,       // a member of a union alone
    any,        // never allowed; also a List, Dict, … whose types were left out
    optional,   // Optional[T]: T or null
    either,     // Union[T, U]: the first that fits
    list,       // List[T]
    dict,       // Dict[K, V]; K is the text of a str, int, float or bool
    tuple,      // Tuple[T, U]
    repeated,   // Tuple[T, ...]
    record,     // Dict{name: T, …}: every field, no other
    reference,  // to an enclosing record, by `name`
    other,      // of the host language, by `name`
  };
  Kind kind = Kind::any;
  std::vector<Type> of = {};  // optional, list, repeated: one; dict: key, value; others: all
  std::vector<std::string> fields = {};  // record: the names of the types in `of`
  std::string name = {};                 // record (may have none), reference, other

  // Limits, written in brackets behind the type.
  std::optional<json::Value> minimum = {}, maximum = {};  // integer, number
  // The two above are what a machine's integer holds: kept, but not worth telling a model.
  bool is_machine_width = false;
  std::optional<std::size_t> min_size = {}, max_size = {};  // code points of a string; items of a
                                                            // list or Tuple[T, ...]
  std::vector<std::string> choices = {};                    // string: one of these
};

bool operator==(const Type& a, const Type& b);

struct TypeLimits {
  static constexpr std::size_t kTextBytes = 256 << 10;  // of MDL text
  // Of types in types: as JSON Schema at most 2 levels of JSON each, of which json.h reads 128.
  static constexpr std::size_t kDepth = 48;
  static constexpr std::size_t kMembers = 256;  // of a union: each is compared with each
};

// Why MDL cannot say a type.
struct TypeFault {
  // null_type, any_type, not_a_record, unsupported_type, recursive_type
  std::string kind;
  std::string path;  // the field, "f.bad"; empty: the whole
  std::string reason;

  std::string message() const;  // "null_type at f.bad: …"
};
// The first, depth first and in order. The whole must be a record.
std::optional<TypeFault> find_fault(const Type& type);

// What to tell a model: a line per field, `name: type`. Unions are flattened, of equal members one
// stays, null among them makes an Optional. Error: invalid_argument, a TypeFault's message.
Result<std::vector<std::string>> hint(const Type& type);

// The record that MDL text declares. `#` begins a comment, so does `/*`; within brackets a line may
// be broken. Error: invalid_argument with line and column, for types as find_fault() has it;
// exhausted.
Result<Type> parse_mdl(std::string_view text);

// The same in JSON Schema, draft 2020-12. Keys of a Dict that are no str are texts: of an integer
// as JSON writes it, "true", "false". Error: invalid_argument, a TypeFault's message.
Result<json::Value> to_json_schema(const Type& type);

// A union and an Optional as what they come to.
struct Members {
  std::vector<const Type*> types;  // no null, union or optional among them, no two equal
  bool has_null = false;
};
Members members_of(const Type& type);

// "int", "Optional", …; of a record "Dict".
std::string_view word_of(Type::Kind kind);

}  // namespace conduit::mdl
