// str's methods that answer a question: what its characters are, and where a part of it stands.
#include <algorithm>

#include "kernels/model/jinja/access.h"
#include "kernels/model/jinja/operators.h"
#include "kernels/model/jinja/python_text.h"
#include "kernels/model/jinja/search.h"
#include "kernels/model/jinja/text_methods.h"

namespace conduit::kernels::jinja {

namespace {

template <bool (*has_class)(char32_t)>
Result<Value> all_are(Runtime& runtime, const Value& self, const Arguments& arguments) {
  CONDUIT_TRY([[maybe_unused]] const Bound bound, Bound::bind("str method", {}, 0, arguments));
  CONDUIT_TRY_STATUS(runtime.spend_characters(*self.string()));
  const std::u32string characters = decode(*self.string());
  return Value::boolean(!characters.empty() &&
                        std::all_of(characters.begin(), characters.end(), has_class));
}

bool is_alphanumeric(char32_t c) { return is_alphabetic(c) || is_numeric(c) || is_decimal(c); }

// islower: some letter is lower, none is upper.
template <bool (*is_wanted)(char32_t), bool (*is_excluded)(char32_t)>
Result<Value> all_cased(Runtime& runtime, const Value& self, const Arguments& arguments) {
  CONDUIT_TRY([[maybe_unused]] const Bound bound, Bound::bind("str method", {}, 0, arguments));
  CONDUIT_TRY_STATUS(runtime.spend_characters(*self.string()));
  const std::u32string characters = decode(*self.string());
  return Value::boolean(std::any_of(characters.begin(), characters.end(), is_wanted) &&
                        std::none_of(characters.begin(), characters.end(), is_excluded));
}

Result<Value> is_all_ascii(Runtime& runtime, const Value& self, const Arguments& arguments) {
  CONDUIT_TRY([[maybe_unused]] const Bound bound, Bound::bind("isascii", {}, 0, arguments));
  CONDUIT_TRY_STATUS(runtime.spend_bytes(self.string()->size()));
  return Value::boolean(is_ascii(*self.string()));
}

Result<Value> is_all_printable(Runtime& runtime, const Value& self, const Arguments& arguments) {
  if (self.string()->empty()) return Value::boolean(true);
  return all_are<is_printable>(runtime, self, arguments);
}

// Each run of letters begins with the only capital that it has.
Result<Value> is_title(Runtime& runtime, const Value& self, const Arguments& arguments) {
  CONDUIT_TRY([[maybe_unused]] const Bound bound, Bound::bind("istitle", {}, 0, arguments));
  CONDUIT_TRY_STATUS(runtime.spend_characters(*self.string()));
  bool is_inside_word = false;
  bool has_letter = false;
  for (char32_t c : decode(*self.string())) {
    const bool all_cased = is_upper(c) || is_lower(c);
    if (all_cased && is_upper(c) == is_inside_word) return Value::boolean(false);
    has_letter |= all_cased;
    is_inside_word = all_cased;
  }
  return Value::boolean(has_letter);
}

Result<Value> is_identifier(Runtime& runtime, const Value& self, const Arguments& arguments) {
  CONDUIT_TRY([[maybe_unused]] const Bound bound, Bound::bind("isidentifier", {}, 0, arguments));
  CONDUIT_TRY_STATUS(runtime.spend_characters(*self.string()));
  const std::u32string characters = decode(*self.string());
  const auto is_part = [](char32_t c) { return c == '_' || is_alphabetic(c) || is_decimal(c); };
  return Value::boolean(!characters.empty() && !is_decimal(characters.front()) &&
                        std::all_of(characters.begin(), characters.end(), is_part));
}

// --- searching, between two optional bounds

// The part of the text that is searched, and how many code points stand before it.
struct Window {
  std::string text;
  Integer offset;
};

Result<Window> window(Runtime& runtime, const Value& self, const Bound& bound) {
  const Value start = bound.has(1) ? bound[1] : Value();
  const Value stop = bound.has(2) ? bound[2] : Value();
  CONDUIT_TRY(const Value part, get_slice(runtime, self, start, stop, Value()));
  CONDUIT_TRY(const Integer size, length(self));
  Integer offset = start.integer().value_or(0);
  if (offset < 0) offset = std::max<Integer>(offset + size, 0);
  return Window{*part.string(), offset};
}

enum class Absence { minus_one, error };

template <bool is_last, Absence absence>
Result<Value> find(Runtime& runtime, const Value& self, const Arguments& arguments) {
  CONDUIT_TRY(const Bound bound, Bound::bind("find", {"sub", "start", "end"}, 1, arguments));
  CONDUIT_TRY(const std::string part, bound.text(0, ""));
  CONDUIT_TRY(const Window searched, window(runtime, self, bound));
  CONDUIT_TRY_STATUS(runtime.spend_bytes(searched.text.size()));
  CONDUIT_TRY(const Integer size, length(self));
  const auto found = is_last ? find_last_text(searched.text, part) : find_text(searched.text, part);
  if (found && searched.offset <= size)
    return Value::integer(searched.offset +
                          Integer(count_code_points(searched.text.substr(0, *found))));
  if (absence == Absence::error) return failure("substring not found");
  return Value::integer(-1);
}

Result<Value> count(Runtime& runtime, const Value& self, const Arguments& arguments) {
  CONDUIT_TRY(const Bound bound, Bound::bind("count", {"sub", "start", "end"}, 1, arguments));
  CONDUIT_TRY(const std::string part, bound.text(0, ""));
  CONDUIT_TRY(const Window searched, window(runtime, self, bound));
  CONDUIT_TRY_STATUS(runtime.spend_bytes(searched.text.size()));
  if (part.empty()) return Value::integer(Integer(count_code_points(searched.text)) + 1);
  return Value::integer(Integer(count_text(searched.text, part)));
}

// startswith and endswith: of one affix, or any of a tuple.
template <bool is_prefix>
Result<Value> affixed(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const std::string_view name = is_prefix ? "startswith" : "endswith";
  CONDUIT_TRY(const Bound bound, Bound::bind(name, {"affix", "start", "end"}, 1, arguments));
  CONDUIT_TRY(const Window searched, window(runtime, self, bound));
  const List* tuple = bound[0].list(ListKind::tuple);
  const std::vector<Value> affixes = tuple == nullptr ? std::vector<Value>{bound[0]} : tuple->items;
  for (const Value& affix : affixes) {
    CONDUIT_TRY_STATUS(runtime.spend(1));
    const std::string* text = affix.string();
    if (text == nullptr)
      return failure(std::string(name) + " first arg must be str or a tuple of str, not " +
                     std::string(type_name(affix)));
    if (is_prefix ? searched.text.starts_with(*text) : searched.text.ends_with(*text))
      return Value::boolean(true);
  }
  return Value::boolean(false);
}

constexpr MethodEntry kTextQuestions[] = {
    {"count", count},
    {"endswith", affixed<false>},
    {"find", find<false, Absence::minus_one>},
    {"index", find<false, Absence::error>},
    {"isalnum", all_are<is_alphanumeric>},
    {"isalpha", all_are<is_alphabetic>},
    {"isascii", is_all_ascii},
    {"isdecimal", all_are<is_decimal>},
    {"isdigit", all_are<is_digit>},
    {"isidentifier", is_identifier},
    {"islower", all_cased<is_lower, is_upper>},
    {"isnumeric", all_are<is_numeric>},
    {"isprintable", is_all_printable},
    {"isspace", all_are<is_space>},
    {"istitle", is_title},
    {"isupper", all_cased<is_upper, is_lower>},
    {"rfind", find<true, Absence::minus_one>},
    {"rindex", find<true, Absence::error>},
    {"startswith", affixed<true>},
};

}  // namespace

std::span<const MethodEntry> text_questions() { return kTextQuestions; }

}  // namespace conduit::kernels::jinja
