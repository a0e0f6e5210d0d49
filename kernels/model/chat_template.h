// ChatTemplate: messages → prompt by the model's own Jinja template, as transformers'
// apply_chat_template renders it. The idea: an interpreter over a parsed tree with Python's value
// semantics where templates can see them. A template comes with a model from outside, so steps,
// depth and output are bounded and a hostile one ends with an error. Environment: trim_blocks,
// lstrip_blocks, loop controls, `generation` tag, tojson without HTML escapes, raise_exception,
// strftime_now; jinja2's documentation is the source of the semantics.
#pragma once

#include <cstddef>
#include <ctime>
#include <memory>
#include <string>
#include <string_view>

#include "mdl/base/json.h"
#include "mdl/base/result.h"

namespace conduit::kernels {

struct TemplateLimits {
  std::size_t source_bytes = 1 << 20;  // the largest real template has 20 kB
  // Evaluated nodes, and builtins' work in the same coin: some 40 ms.
  std::size_t steps = 500'000;
  // Nesting of expressions, blocks, macro calls and values: some 400 kB of stack. A macro that
  // calls itself takes about 8 levels each time.
  std::size_t depth = 200;
  std::size_t output_bytes = 8 << 20;  // also of any intermediate string
};

// How the error of a template's own raise_exception(message) begins; the message follows.
inline constexpr std::string_view kRaisedByTemplate = "raised by template: ";

class ChatTemplate {
 public:
  // Error: invalid_argument with the line and what was expected.
  static Result<ChatTemplate> parse(std::string_view source, const TemplateLimits& limits = {});

  // `variables`: an object: messages, tools, documents, add_generation_prompt, bos_token, eos_token
  // and any further. `now`: what strftime_now reads. Errors: invalid_argument "raised by template:
  // …" or what went wrong; exhausted names the limit.
  Result<std::string> render(const json::Value& variables, std::time_t now) const;

  const std::string& source() const;

 private:
  struct Parts;
  std::shared_ptr<const Parts> parts_;
};

}  // namespace conduit::kernels
