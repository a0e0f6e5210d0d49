// Strings by std::string_view::find, expressions by regex.h.
#include "kernels/model/pattern.h"

#include <algorithm>
#include <utility>

namespace conduit::kernels {

namespace {

template <class Found>
void find_string(std::string_view wanted, std::string_view text, Found found) {
  if (wanted.empty()) return;
  for (std::size_t at = text.find(wanted); at != text.npos;
       at = text.find(wanted, at + wanted.size()))
    found(TextRange{at, at + wanted.size()});
}

}  // namespace

Result<Pattern> Pattern::from_json(const TokenizerFields& fields) {
  const json::Value* pattern = fields.find("pattern");
  const json::Value* expression = pattern ? pattern->find("Regex") : nullptr;
  const json::Value* text = pattern ? pattern->find("String") : nullptr;
  if (expression != nullptr && expression->is_string()) {
    CONDUIT_TRY(Regex regex, Regex::compile(expression->as_string()));
    return Pattern(std::move(regex));
  }
  if (text == nullptr || !text->is_string())
    return fields.corrupt("pattern", R"({"Regex": "…"} or {"String": "…"})");
  return Pattern(text->as_string());
}

std::vector<TextRange> Pattern::find_all(std::string_view text) const {
  if (const Regex* regex = std::get_if<Regex>(&wanted_)) return regex->find_all(text);
  std::vector<TextRange> ranges;
  find_string(std::get<std::string>(wanted_), text,
              [&ranges](const TextRange& range) { ranges.push_back(range); });
  return ranges;
}

std::string Pattern::replace_all(std::string_view text, std::string_view content) const {
  std::string out;
  out.reserve(text.size());
  std::size_t done = 0;
  const auto replace = [&](const TextRange& range) {
    out += text.substr(done, range.begin - done);
    out += content;
    done = range.end;
  };
  if (const Regex* regex = std::get_if<Regex>(&wanted_)) {
    for (const TextRange& range : regex->find_all(text)) replace(range);
  } else {
    find_string(std::get<std::string>(wanted_), text, replace);
  }
  out += text.substr(done);
  return out;
}

std::size_t Pattern::growth(std::string_view content) const {
  const auto* text = std::get_if<std::string>(&wanted_);
  if (text == nullptr) return content.size() + 1;  // an expression may match between two characters
  return text->empty()
             ? 1
             : std::max<std::size_t>(1, (content.size() + text->size() - 1) / text->size());
}

}  // namespace conduit::kernels
