// What a model replied, or what is put before it, against its type, strictly: every field, no
// other, each once, each as declared. The idea: reasoning is split off, the rest is one JSON
// object, and the schema that the decoder keeps decides; a fault is told in MDL's words. Not here:
// C++ values (describe.h).
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "mdl/base/json.h"
#include "mdl/base/result.h"
#include "mdl/type.h"

namespace conduit::mdl {

struct Payload {
  std::string reasoning;  // what stood before </think>, <think> cut off; empty where there was none
  json::Value value;
};

// Used by one thread at a time. Messages of its errors begin with one of
//   invalid_json  not_an_object  missing_field  unknown_field  duplicate_field  type_mismatch
// and go on with the path of the value, what was expected and what came:
//   type_mismatch at parts.wheel.size: expected an integer, found a string
class PayloadReader {
 public:
  // Error: invalid_argument, the message of a TypeFault; exhausted.
  static Result<PayloadReader> make(const Type& type);
  PayloadReader(PayloadReader&&) noexcept;
  PayloadReader& operator=(PayloadReader&&) noexcept;
  ~PayloadReader();

  // Of a reply that is JSON as it stands nothing is split off. Error: corrupt.
  Result<Payload> read(std::string_view reply);
  // Error: corrupt.
  Status check(const json::Value& value);
  // The JSON Schema that is checked, for the decoder.
  const std::string& json_schema() const;

 private:
  struct Parts;
  explicit PayloadReader(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace conduit::mdl
