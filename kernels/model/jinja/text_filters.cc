// Filters on text. What is no str is taken as str() of it, as jinja2 does.
#include <algorithm>

#include "kernels/model/jinja/filters.h"
#include "kernels/model/jinja/format_spec.h"
#include "kernels/model/jinja/operators.h"
#include "kernels/model/jinja/printing.h"
#include "kernels/model/jinja/python_text.h"
#include "kernels/model/jinja/text_methods.h"
#include "mdl/base/utf8.h"

namespace conduit::kernels::jinja {

namespace {

// The input as a str; Markup stays it.
Result<Value> as_text(Runtime& runtime, const Value& input) {
  if (const std::string* text = input.string()) {
    CONDUIT_TRY_STATUS(runtime.spend_bytes(text->size()));
    return input;
  }
  CONDUIT_TRY(auto text, str(runtime, input));
  return Value::text(std::move(text));
}

template <std::string (*convert)(std::string_view)>
Result<Value> converted(Runtime& runtime, const Value& input, const Arguments& arguments) {
  CONDUIT_TRY([[maybe_unused]] const Bound bound, Bound::bind("filter", {}, 0, arguments));
  CONDUIT_TRY(const Value text, as_text(runtime, input));
  const std::string& bytes = *text.string();
  // Decoding, looking up and encoding takes several times what a look at the bytes does.
  CONDUIT_TRY_STATUS(runtime.spend_bytes(bytes.size() * (is_ascii(bytes) ? 1 : 4)));
  return runtime.make_text(convert(bytes), text.is_markup());
}

// Words begin after blanks, hyphens and opening brackets; str.title also sees other signs.
bool separates_words(char32_t c) {
  return is_space(c) || std::u32string_view(U"-({[<").find(c) != std::u32string_view::npos;
}

std::string title_words(std::string_view text) {
  std::string out;
  std::string rest_of_word;
  bool is_inside_word = false;
  for (char32_t c : decode(text)) {
    if (is_inside_word && !separates_words(c)) {
      utf8::append(rest_of_word, c);
      continue;
    }
    out += to_lower(rest_of_word);
    rest_of_word.clear();
    out += to_upper(encode({&c, 1}));
    is_inside_word = !separates_words(c);
  }
  return out + to_lower(rest_of_word);
}

Result<Value> trim(Runtime& runtime, const Value& input, const Arguments& arguments) {
  CONDUIT_TRY(const Bound bound, Bound::bind("trim", {"chars"}, 0, arguments));
  CONDUIT_TRY(const Value text, as_text(runtime, input));
  const bool has_set = bound.has(0) && !bound[0].is_none();
  CONDUIT_TRY(const std::string set, has_set ? bound.text(0, "") : std::string());
  CONDUIT_TRY_STATUS(
      runtime.spend_bytes(text.string()->size() * std::min<std::size_t>(set.size(), 1 << 20)));
  const std::string_view stripped =
      has_set ? strip(*text.string(), set, Side::both) : strip(*text.string(), Side::both);
  return runtime.make_text(std::string(stripped), text.is_markup());
}

Result<Value> replace(Runtime& runtime, const Value& input, const Arguments& arguments) {
  CONDUIT_TRY(const Bound bound, Bound::bind("replace", {"old", "new", "count"}, 2, arguments));
  CONDUIT_TRY(const std::string from, str(runtime, bound[0]));
  CONDUIT_TRY(const std::string to, str(runtime, bound[1]));
  const bool has_count = bound.has(2) && !bound[2].is_none();
  CONDUIT_TRY(const Integer count, has_count ? bound.integer(2, -1) : Result<Integer>(-1));
  CONDUIT_TRY(const std::string text, str(runtime, input));
  return replace_text(runtime, Value::text(text), from, to, count);
}

Result<Value> escape(Runtime& runtime, const Value& input, const Arguments& arguments) {
  CONDUIT_TRY([[maybe_unused]] const Bound bound, Bound::bind("escape", {}, 0, arguments));
  if (input.is_markup()) return input;
  CONDUIT_TRY(const Value text, as_text(runtime, input));
  return runtime.make_text(escape_html(*text.string()), true);
}

Result<Value> force_escape(Runtime& runtime, const Value& input, const Arguments& arguments) {
  CONDUIT_TRY([[maybe_unused]] const Bound bound, Bound::bind("forceescape", {}, 0, arguments));
  CONDUIT_TRY(const Value text, as_text(runtime, input));
  return runtime.make_text(escape_html(*text.string()), true);
}

Result<Value> safe(Runtime& runtime, const Value& input, const Arguments& arguments) {
  CONDUIT_TRY([[maybe_unused]] const Bound bound, Bound::bind("safe", {}, 0, arguments));
  CONDUIT_TRY(const Value text, as_text(runtime, input));
  return Value::of(Text{text.get<Text>()->bytes, true});
}

Result<Value> indent(Runtime& runtime, const Value& input, const Arguments& arguments) {
  CONDUIT_TRY(const Bound bound, Bound::bind("indent", {"width", "first", "blank"}, 0, arguments));
  const std::string* text = input.string();
  if (input.is_undefined()) return undefined_error(input);
  if (text == nullptr)
    return failure("unsupported operand type(s) for +=: '" + std::string(type_name(input)) +
                   "' and 'str'");
  std::string margin;
  if (bound.has(0) && bound[0].string() != nullptr) {
    margin = *bound[0].string();
  } else {
    CONDUIT_TRY(const Integer width, bound.integer(0, 4));
    const auto columns = static_cast<std::size_t>(std::clamp<Integer>(width, 0, Integer(1) << 40));
    CONDUIT_TRY(margin, pad(runtime, "", columns, '<'));
  }
  const bool includes_blank = bound.truth(2, false);
  std::string out = bound.truth(1, false) ? margin : "";
  // The added newline makes a last empty line count.
  const std::string closed = *text + "\n";
  bool is_first = true;
  CONDUIT_TRY(const auto lines, split_lines(runtime, closed, false));
  for (std::string_view line : lines) {
    CONDUIT_TRY_STATUS(runtime.allow_text(margin.size() + line.size() + 1, out.size()));
    if (!is_first) {
      out += '\n';
      if (includes_blank || !line.empty()) out += margin;
    }
    out += line;
    is_first = false;
  }
  return runtime.make_text(std::move(out), input.is_markup());
}

Result<Value> center(Runtime& runtime, const Value& input, const Arguments& arguments) {
  CONDUIT_TRY(const Bound bound, Bound::bind("center", {"width"}, 0, arguments));
  CONDUIT_TRY(const Integer width, bound.integer(0, 80));
  CONDUIT_TRY(const Value text, as_text(runtime, input));
  const auto columns = static_cast<std::size_t>(std::clamp<Integer>(width, 0, Integer(1) << 40));
  CONDUIT_TRY(auto padded, center_text(runtime, *text.string(), columns, ' '));
  return runtime.make_text(std::move(padded), text.is_markup());
}

Result<Value> truncate(Runtime& runtime, const Value& input, const Arguments& arguments) {
  CONDUIT_TRY(const Bound bound,
              Bound::bind("truncate", {"length", "killwords", "end", "leeway"}, 0, arguments));
  CONDUIT_TRY(const Integer length, bound.integer(0, 255));
  CONDUIT_TRY(const std::string end, bound.text(2, "..."));
  const bool has_leeway = bound.has(3) && !bound[3].is_none();
  CONDUIT_TRY(const Integer leeway, has_leeway ? bound.integer(3, 5) : Result<Integer>(5));
  CONDUIT_TRY(const Value text, as_text(runtime, input));
  const auto tail = Integer(count_code_points(end));
  if (length < tail)
    return failure("expected length >= " + integer_text(tail) + ", got " + integer_text(length));
  if (leeway < 0) return failure("expected leeway >= 0, got " + integer_text(leeway));
  const std::u32string characters = decode(*text.string());
  if (Integer(characters.size()) <= length || Integer(characters.size()) - length <= leeway)
    return text;
  std::string kept = encode(characters.substr(0, static_cast<std::size_t>(length - tail)));
  if (!bound.truth(1, false)) kept = kept.substr(0, kept.rfind(' '));
  return runtime.make_text(kept + end, text.is_markup());
}

bool is_word_part(char32_t c) {
  return c == '_' || is_alphabetic(c) || is_numeric(c) || is_decimal(c);
}

Result<Value> word_count(Runtime& runtime, const Value& input, const Arguments& arguments) {
  CONDUIT_TRY([[maybe_unused]] const Bound bound, Bound::bind("wordcount", {}, 0, arguments));
  CONDUIT_TRY(const Value text, as_text(runtime, input));
  Integer count = 0;
  bool is_inside_word = false;
  for (char32_t c : decode(*text.string())) {
    if (is_word_part(c) && !is_inside_word) ++count;
    is_inside_word = is_word_part(c);
  }
  return Value::integer(count);
}

// Of a query, a slash is encoded and a blank is a plus.
std::string percent_encode(std::string_view text, bool is_query) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  for (char c : text) {
    const bool is_kept = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                         (c >= '0' && c <= '9') || std::string_view("_.-~").find(c) < 4 ||
                         (c == '/' && !is_query);
    if (is_kept) {
      out += c;
    } else if (c == ' ' && is_query) {
      out += '+';
    } else {
      out += '%';
      out += kHex[static_cast<unsigned char>(c) >> 4];
      out += kHex[static_cast<unsigned char>(c) & 15];
    }
  }
  return out;
}

// The pairs of a query: a dict's, or a list of them.
Result<std::vector<std::pair<Value, Value>>> query_pairs(Runtime& runtime, const Value& input) {
  std::vector<std::pair<Value, Value>> pairs;
  if (const Dict* dict = input.dict()) {
    for (const Dict::Entry& entry : dict->entries()) pairs.emplace_back(entry.key, entry.value);
    return pairs;
  }
  CONDUIT_TRY(const auto items, iterate(runtime, input));
  for (const Value& item : items) {
    CONDUIT_TRY(const auto pair, iterate(runtime, item));
    if (pair.size() != 2) return failure("urlencode needs pairs: a key and a value");
    pairs.emplace_back(pair[0], pair[1]);
  }
  return pairs;
}

// A str, or the pairs of a query.
Result<Value> url_encode(Runtime& runtime, const Value& input, const Arguments& arguments) {
  CONDUIT_TRY([[maybe_unused]] const Bound bound, Bound::bind("urlencode", {}, 0, arguments));
  if (input.dict() == nullptr && input.list() == nullptr) {
    CONDUIT_TRY(const Value text, as_text(runtime, input));
    return runtime.make_text(percent_encode(*text.string(), false));
  }
  std::string query;
  CONDUIT_TRY(const auto pairs, query_pairs(runtime, input));
  for (const auto& [name, content] : pairs) {
    CONDUIT_TRY(const Value key, as_text(runtime, name));
    CONDUIT_TRY(const Value value, as_text(runtime, content));
    if (!query.empty()) query += '&';
    query += percent_encode(*key.string(), true) + "=" + percent_encode(*value.string(), true);
  }
  return runtime.make_text(std::move(query));
}

constexpr Filter kTextFilters[] = {
    {"capitalize", converted<capitalize>},
    {"center", center},
    {"e", escape},
    {"escape", escape},
    {"forceescape", force_escape},
    {"indent", indent},
    {"lower", converted<to_lower>},
    {"replace", replace},
    {"safe", safe},
    {"title", converted<title_words>},
    {"trim", trim},
    {"truncate", truncate},
    {"upper", converted<to_upper>},
    {"urlencode", url_encode},
    {"wordcount", word_count},
};

}  // namespace

std::span<const Filter> text_filters() { return kTextFilters; }

}  // namespace conduit::kernels::jinja
