// Positional first, then by name, each parameter once.
#include "kernels/model/jinja/arguments.h"

#include <algorithm>

namespace conduit::kernels::jinja {

Result<Bound> Bound::bind(std::string_view function,
                          std::initializer_list<std::string_view> parameters, std::size_t required,
                          const Arguments& arguments) {
  const std::string name(function);
  if (arguments.positional.size() > parameters.size())
    return failure(name + "() takes at most " + std::to_string(parameters.size()) + " arguments (" +
                   std::to_string(arguments.positional.size()) + " given)");
  Bound bound;
  bound.function_ = function;
  bound.values_.resize(parameters.size());
  for (std::size_t i = 0; i < arguments.positional.size(); ++i)
    bound.values_[i] = &arguments.positional[i];
  for (const auto& [key, value] : arguments.named) {
    const auto* found = std::find(parameters.begin(), parameters.end(), key);
    if (found == parameters.end())
      return failure(name + "() got an unexpected keyword argument '" + key + "'");
    const Value*& slot = bound.values_[static_cast<std::size_t>(found - parameters.begin())];
    if (slot != nullptr) return failure(name + "() got multiple values for argument '" + key + "'");
    slot = &value;
  }
  for (std::size_t i = 0; i < required; ++i)
    if (!bound.has(i))
      return failure(name + "() missing a required argument: '" +
                     std::string(parameters.begin()[i]) + "'");
  return bound;
}

Result<Integer> Bound::integer(std::size_t parameter, Integer fallback) const {
  if (!has(parameter)) return fallback;
  if (auto integer = values_[parameter]->integer()) return *integer;
  return failure("'" + std::string(type_name(*values_[parameter])) +
                 "' object cannot be interpreted as an integer");
}

Result<std::string> Bound::text(std::size_t parameter, std::string_view fallback) const {
  if (!has(parameter)) return std::string(fallback);
  if (const std::string* text = values_[parameter]->string()) return *text;
  return failure(std::string(function_) + "() argument must be str, not " +
                 std::string(type_name(*values_[parameter])));
}

bool Bound::truth(std::size_t parameter, bool fallback) const {
  return has(parameter) ? values_[parameter]->truth() : fallback;
}

}  // namespace conduit::kernels::jinja
