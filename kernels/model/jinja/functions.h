// Everything a template can call or apply by name: global functions, filters, tests, and methods of
// values. Each group is a table in a file of its own; what is not in it is an error that names it.
#pragma once

#include <string_view>

#include "kernels/model/jinja/arguments.h"
#include "kernels/model/jinja/runtime.h"
#include "kernels/model/jinja/value.h"
#include "mdl/base/result.h"

namespace conduit::kernels::jinja {

// range, dict, namespace, cycler, joiner, raise_exception, strftime_now.
struct Function {
  std::string_view name;
  Result<Value> (*call)(Runtime& runtime, const Arguments& arguments);
};
const Function* find_function(std::string_view name);

// `input | name(arguments)`.
struct Filter {
  std::string_view name;
  Result<Value> (*apply)(Runtime& runtime, const Value& input, const Arguments& arguments);
};
const Filter* find_filter(std::string_view name);

// `input is name(arguments)`.
struct Test {
  std::string_view name;
  Result<bool> (*apply)(Runtime& runtime, const Value& input, const Arguments& arguments);
};
const Test* find_test(std::string_view name);

// Methods of str, list, tuple, dict and of the objects jinja2 adds.
bool has_method(const Value& self, std::string_view name);
Result<Value> call_method(Runtime& runtime, const Method& method, const Arguments& arguments);

}  // namespace conduit::kernels::jinja
