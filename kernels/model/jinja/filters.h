// The groups that find_filter searches: filters on text, those that break or mark it up, on
// sequences, and on anything.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "kernels/model/jinja/functions.h"

namespace conduit::kernels::jinja {

std::span<const Filter> text_filters();
std::span<const Filter> layout_filters();
std::span<const Filter> sequence_filters();
std::span<const Filter> value_filters();

// What `map(attribute="function.name")`, sort, groupby and selectattr look up in each item: names
// and indices, one after the other.
class AttributePath {
 public:
  // `path`: a str with dots, or an int.
  static Result<AttributePath> parse(const Value& path);
  // `fallback` stands for whatever is missing on the way.
  Result<Value> of(Runtime& runtime, const Value& item,
                   const std::optional<Value>& fallback = std::nullopt) const;

 private:
  std::vector<Value> steps_;
};

}  // namespace conduit::kernels::jinja
