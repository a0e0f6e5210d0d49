// The methods of str: those that make something of it, and those that answer a question.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "kernels/model/jinja/arguments.h"
#include "kernels/model/jinja/runtime.h"
#include "kernels/model/jinja/value.h"
#include "mdl/base/result.h"

namespace conduit::kernels::jinja {

struct MethodEntry {
  std::string_view name;
  Result<Value> (*call)(Runtime& runtime, const Value& self, const Arguments& arguments);
};

std::span<const MethodEntry> text_methods();
std::span<const MethodEntry> text_questions();

// Shared with the filters of the same names.
Result<Value> replace_text(Runtime& runtime, const Value& text, std::string_view from,
                           std::string_view to, Integer count);
// str.center.
Result<std::string> center_text(Runtime& runtime, std::string_view text, std::size_t width,
                                char32_t fill);
// The lines of `text`; a break belongs to the line it ends, if it is kept.
Result<std::vector<std::string_view>> split_lines(Runtime& runtime, std::string_view text,
                                                  bool keeps_breaks);

}  // namespace conduit::kernels::jinja
