// Arguments of a call, and Python's binding of them to a builtin's parameters.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kernels/model/jinja/runtime.h"
#include "kernels/model/jinja/value.h"
#include "mdl/base/result.h"

namespace conduit::kernels::jinja {

struct Arguments {
  std::vector<Value> positional;
  std::vector<std::pair<std::string, Value>> named;
};

// One slot per parameter, in the order of the signature; a parameter that was not given is empty.
class Bound {
 public:
  // `required`: how many of `parameters`, the first ones, have no default.
  static Result<Bound> bind(std::string_view function,
                            std::initializer_list<std::string_view> parameters,
                            std::size_t required, const Arguments& arguments);

  bool has(std::size_t parameter) const { return values_[parameter] != nullptr; }
  // Of a parameter that was given.
  const Value& operator[](std::size_t parameter) const { return *values_[parameter]; }

  // The default applies when it was not given. Error: it has another type.
  Result<Integer> integer(std::size_t parameter, Integer fallback) const;
  Result<std::string> text(std::size_t parameter, std::string_view fallback) const;
  bool truth(std::size_t parameter, bool fallback) const;

 private:
  std::string_view function_;
  std::vector<const Value*> values_;
};

}  // namespace conduit::kernels::jinja
