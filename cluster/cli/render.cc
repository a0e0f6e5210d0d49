// Variables, clock, rendering.
#include "cluster/cli/render.h"

#include <ctime>
#include <optional>
#include <string_view>
#include <utility>

#include "cluster/cli/text_io.h"
#include "cluster/model_source.h"
#include "kernels/model/open_template.h"

namespace conduit::cluster {

namespace {

// "2026-01-15T12:34:56" as the wall clock shows it; a space for the T, a missing time of day,
// fractions of a second and an offset are accepted, the last two without effect: strftime shows
// what was written.
std::optional<std::time_t> read_time(const std::string& text) {
  std::tm local{};
  local.tm_isdst = -1;
  const char* rest = strptime(text.c_str(), "%Y-%m-%d", &local);
  if (rest == nullptr) return std::nullopt;
  if (*rest != '\0') {
    if (*rest != 'T' && *rest != ' ') return std::nullopt;
    const char* time = rest + 1;
    rest = strptime(time, "%H:%M:%S", &local);
    if (rest == nullptr) rest = strptime(time, "%H:%M", &local);
    if (rest == nullptr) return std::nullopt;
    if (*rest != '\0' && std::string_view(".,Z+-").find(*rest) == std::string_view::npos)
      return std::nullopt;
  }
  const std::time_t time = std::mktime(&local);
  return time == -1 ? std::nullopt : std::optional(time);
}

// Takes `now` out of the variables.
Result<std::time_t> take_now(json::Value& variables) {
  const json::Value* now = variables.find("now");
  if (now == nullptr) return std::time(nullptr);
  const auto time = now->is_string() ? read_time(now->as_string()) : std::nullopt;
  if (!time)
    return Error{Code::invalid_argument, "stdin: now is " + json::dump(*now).substr(0, 60) +
                                             "; it must be a date-time as 2026-01-15T12:34:56"};
  std::erase_if(variables.as_object(), [](const json::Member& m) { return m.key == "now"; });
  return *time;
}

json::Value defaults(const kernels::TemplateText& text) {
  json::Value variables =
      json::Object{{"tools", nullptr}, {"documents", nullptr}, {"add_generation_prompt", false}};
  if (text.bos_token) variables.set("bos_token", *text.bos_token);
  if (text.eos_token) variables.set("eos_token", *text.eos_token);
  return variables;
}

Result<std::string> render(const RenderOptions& options) {
  CONDUIT_TRY(const std::string path, local_model(options.chat_template));
  CONDUIT_TRY(const auto text, kernels::read_template(path));
  CONDUIT_TRY(const auto chat_template, kernels::ChatTemplate::parse(text.source));
  CONDUIT_TRY(json::Value input, read_json_from_stdin());
  if (!input.is_object())
    return Error{Code::invalid_argument,
                 "stdin must be an object with messages, not " + json::dump(input).substr(0, 60)};
  CONDUIT_TRY(const std::time_t now, take_now(input));
  json::Value variables = defaults(text);
  for (json::Member& variable : input.as_object())
    variables.set(std::move(variable.key), std::move(variable.value));
  return chat_template.render(variables, now);
}

}  // namespace

int run_render(const RenderOptions& options) {
  const auto prompt = render(options);
  if (!prompt) return report(prompt.error());
  const json::Value object = json::Object{{"prompt", *prompt}};
  const Status written = write_stdout(options.as_json ? json::dump(object) + "\n" : *prompt);
  return written ? 0 : report(written.error());
}

}  // namespace conduit::cluster
