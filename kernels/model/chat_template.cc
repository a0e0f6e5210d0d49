// Ties the parts of jinja/ together: parse once, render often.
#include "kernels/model/chat_template.h"

#include <utility>

#include "kernels/model/jinja/from_json.h"
#include "kernels/model/jinja/interpreter.h"
#include "kernels/model/jinja/parser.h"
#include "kernels/model/jinja/runtime.h"
#include "mdl/base/utf8.h"

namespace conduit::kernels {

struct ChatTemplate::Parts {
  std::string source;
  TemplateLimits limits;
  jinja::Syntax syntax;
};

Result<ChatTemplate> ChatTemplate::parse(std::string_view source, const TemplateLimits& limits) {
  if (source.size() > limits.source_bytes)
    return Error{Code::exhausted, "a chat template of " + std::to_string(source.size()) +
                                      " bytes is over the limit of " +
                                      std::to_string(limits.source_bytes)};
  if (!utf8::is_valid(source))
    return Error{Code::invalid_argument, "the chat template is not UTF-8"};
  CONDUIT_TRY(auto syntax, jinja::parse_template(source, limits.depth));
  ChatTemplate result;
  result.parts_ =
      std::make_shared<const Parts>(Parts{std::string(source), limits, std::move(syntax)});
  return result;
}

Result<std::string> ChatTemplate::render(const json::Value& variables, std::time_t now) const {
  if (!variables.is_object())
    return Error{Code::invalid_argument, "the variables of a chat template must be an object"};
  jinja::Runtime runtime(parts_->limits, now);
  CONDUIT_TRY(const jinja::Value values, jinja::from_json(runtime, variables));
  return jinja::Interpreter(parts_->syntax, runtime).run(*values.dict());
}

const std::string& ChatTemplate::source() const { return parts_->source; }

}  // namespace conduit::kernels
