// Null is None, a number with a point or an exponent is a float.
#include "kernels/model/jinja/from_json.h"

namespace conduit::kernels::jinja {

namespace {

Result<Value> list_from_json(Runtime& runtime, const json::Array& array) {
  std::vector<Value> items;
  items.reserve(array.size());
  for (const json::Value& element : array) {
    CONDUIT_TRY(Value item, from_json(runtime, element));
    items.push_back(std::move(item));
  }
  return runtime.make_list(ListKind::list, std::move(items));
}

Result<Value> dict_from_json(Runtime& runtime, const json::Object& object) {
  std::vector<std::pair<Value, Value>> entries;
  entries.reserve(object.size());
  for (const json::Member& member : object) {
    CONDUIT_TRY(Value key, runtime.make_text(member.key));
    CONDUIT_TRY(Value value, from_json(runtime, member.value));
    entries.emplace_back(std::move(key), std::move(value));
  }
  return runtime.make_dict(std::move(entries));
}

}  // namespace

Result<Value> from_json(Runtime& runtime, const json::Value& json) {
  switch (json.kind()) {
    case json::Kind::null: return Value();
    case json::Kind::boolean: return Value::boolean(json.as_bool());
    case json::Kind::integer: return Value::integer(json.as_int());
    case json::Kind::unsigned_integer: return Value::integer(Integer(json.as_uint()));
    case json::Kind::real: return Value::real(json.as_double());
    case json::Kind::string: return runtime.make_text(json.as_string());
    case json::Kind::array: return list_from_json(runtime, json.as_array());
    case json::Kind::object: return dict_from_json(runtime, json.as_object());
  }
  return Value();
}

}  // namespace conduit::kernels::jinja
