// str's methods that make text or pieces of it; encode is not there, as templates have no bytes,
// nor maketrans. Those that answer a question are in text_questions.cc.
#include "kernels/model/jinja/text_methods.h"

#include <algorithm>
#include <optional>

#include "kernels/model/jinja/access.h"
#include "kernels/model/jinja/format_spec.h"
#include "kernels/model/jinja/formatting.h"
#include "kernels/model/jinja/operators.h"
#include "kernels/model/jinja/printing.h"
#include "kernels/model/jinja/python_text.h"
#include "kernels/model/jinja/search.h"

namespace conduit::kernels::jinja {

namespace {

constexpr Integer kNoLimit = -1;  // of split and replace

// What came of `self`, and is Markup if that was.
Result<Value> derived(Runtime& runtime, const Value& self, std::string text) {
  return runtime.make_text(std::move(text), self.is_markup());
}

template <std::string (*convert)(std::string_view)>
Result<Value> converted_text(Runtime& runtime, const Value& self, const Arguments& arguments) {
  CONDUIT_TRY([[maybe_unused]] const Bound bound, Bound::bind("str method", {}, 0, arguments));
  CONDUIT_TRY_STATUS(runtime.spend_characters(*self.string()));
  return derived(runtime, self, convert(*self.string()));
}

template <Side side>
Result<Value> stripped(Runtime& runtime, const Value& self, const Arguments& arguments) {
  CONDUIT_TRY(const Bound bound, Bound::bind("strip", {"chars"}, 0, arguments));
  const std::string& text = *self.string();
  CONDUIT_TRY_STATUS(runtime.spend_bytes(text.size()));
  if (!bound.has(0) || bound[0].is_none())
    return derived(runtime, self, std::string(strip(text, side)));
  CONDUIT_TRY(const std::string set, bound.text(0, ""));
  CONDUIT_TRY_STATUS(runtime.spend_bytes(text.size() * std::min<std::size_t>(set.size(), 1 << 20)));
  return derived(runtime, self, std::string(strip(text, set, side)));
}

// --- splitting

Result<Value> pieces(Runtime& runtime, const Value& self,
                     const std::vector<std::string_view>& parts) {
  std::vector<Value> items;
  for (std::string_view part : parts)
    items.push_back(Value::text(std::string(part), self.is_markup()));
  return runtime.make_list(ListKind::list, std::move(items));
}

std::size_t word_end(std::string_view text) {
  std::size_t end = 0;
  while (end < text.size() && strip(text.substr(end, 4), Side::left).data() == text.data() + end)
    ++end;
  return end;
}

using Parts = std::vector<std::string_view>;

Result<Parts> split_space(Runtime& runtime, std::string_view text, Integer limit) {
  Parts parts;
  for (text = strip(text, Side::left); !text.empty(); text = strip(text, Side::left)) {
    CONDUIT_TRY_STATUS(runtime.spend(1));
    const bool is_last = limit != kNoLimit && Integer(parts.size()) == limit;
    const std::size_t end = is_last ? text.size() : word_end(text);
    parts.push_back(text.substr(0, end));
    text.remove_prefix(end);
  }
  return parts;
}

std::size_t last_word_start(std::string_view text) {
  std::size_t start = text.size();
  while (start > 0 && strip(text.substr(0, start), Side::right).size() == start) --start;
  return start;
}

Result<Parts> split_space_from_right(Runtime& runtime, std::string_view text, Integer limit) {
  Parts parts;
  for (text = strip(text, Side::right); !text.empty(); text = strip(text, Side::right)) {
    CONDUIT_TRY_STATUS(runtime.spend(1));
    const bool is_last = limit != kNoLimit && Integer(parts.size()) == limit;
    const std::size_t start = is_last ? 0 : last_word_start(text);
    parts.push_back(text.substr(start));
    text = text.substr(0, start);
  }
  std::reverse(parts.begin(), parts.end());
  return parts;
}

Result<Parts> split_at(Runtime& runtime, std::string_view text, std::string_view separator,
                       Integer limit) {
  CONDUIT_TRY_STATUS(runtime.spend_bytes(separator.size()));
  const Searcher searcher(separator);
  Parts parts;
  std::size_t start = 0;
  while (limit == kNoLimit || Integer(parts.size()) < limit) {
    CONDUIT_TRY_STATUS(runtime.spend(1));
    const auto found = searcher.find(text, start);
    if (!found) break;
    parts.push_back(text.substr(start, *found - start));
    start = *found + separator.size();
  }
  parts.push_back(text.substr(start));
  return parts;
}

Result<Parts> split_at_from_right(Runtime& runtime, std::string_view text,
                                  std::string_view separator, Integer limit) {
  const std::string reversed_text(text.rbegin(), text.rend());
  const std::string reversed_separator(separator.rbegin(), separator.rend());
  CONDUIT_TRY(const auto reversed, split_at(runtime, reversed_text, reversed_separator, limit));
  Parts parts;
  for (std::string_view part : reversed) {
    const auto end = static_cast<std::size_t>(part.data() - reversed_text.data()) + part.size();
    parts.push_back(text.substr(text.size() - end, part.size()));
  }
  std::reverse(parts.begin(), parts.end());
  return parts;
}

template <bool is_from_right>
Result<Value> split(Runtime& runtime, const Value& self, const Arguments& arguments) {
  CONDUIT_TRY(const Bound bound, Bound::bind("split", {"sep", "maxsplit"}, 0, arguments));
  CONDUIT_TRY(const Integer given, bound.integer(1, kNoLimit));
  const Integer limit = given < 0 ? kNoLimit : given;
  const std::string& text = *self.string();
  CONDUIT_TRY_STATUS(runtime.spend_bytes(text.size()));
  if (!bound.has(0) || bound[0].is_none()) {
    CONDUIT_TRY(const Parts words, is_from_right ? split_space_from_right(runtime, text, limit)
                                                 : split_space(runtime, text, limit));
    return pieces(runtime, self, words);
  }
  CONDUIT_TRY(const std::string separator, bound.text(0, ""));
  if (separator.empty()) return failure("empty separator");
  CONDUIT_TRY(const Parts parts, is_from_right
                                     ? split_at_from_right(runtime, text, separator, limit)
                                     : split_at(runtime, text, separator, limit));
  return pieces(runtime, self, parts);
}

Result<Value> lines(Runtime& runtime, const Value& self, const Arguments& arguments) {
  CONDUIT_TRY(const Bound bound, Bound::bind("splitlines", {"keepends"}, 0, arguments));
  CONDUIT_TRY_STATUS(runtime.spend_bytes(self.string()->size()));
  CONDUIT_TRY(const Parts parts, split_lines(runtime, *self.string(), bound.truth(0, false)));
  return pieces(runtime, self, parts);
}

template <bool is_from_right>
Result<Value> partition(Runtime& runtime, const Value& self, const Arguments& arguments) {
  CONDUIT_TRY(const Bound bound, Bound::bind("partition", {"sep"}, 1, arguments));
  CONDUIT_TRY(const std::string separator, bound.text(0, ""));
  if (separator.empty()) return failure("empty separator");
  const std::string& text = *self.string();
  CONDUIT_TRY_STATUS(runtime.spend_bytes(text.size()));
  const auto found = is_from_right ? find_last_text(text, separator) : find_text(text, separator);
  std::vector<std::string> parts = {text, "", ""};
  if (is_from_right) parts = {"", "", text};
  if (found) parts = {text.substr(0, *found), separator, text.substr(*found + separator.size())};
  std::vector<Value> items;
  for (std::string& part : parts) items.push_back(Value::text(std::move(part), self.is_markup()));
  return runtime.make_list(ListKind::tuple, std::move(items));
}

template <bool is_prefix>
Result<Value> without_affix(Runtime& runtime, const Value& self, const Arguments& arguments) {
  CONDUIT_TRY(const Bound bound, Bound::bind("removeprefix", {"affix"}, 1, arguments));
  CONDUIT_TRY(const std::string affix, bound.text(0, ""));
  const std::string& text = *self.string();
  if (!(is_prefix ? text.starts_with(affix) : text.ends_with(affix))) return self;
  return derived(
      runtime, self,
      is_prefix ? text.substr(affix.size()) : text.substr(0, text.size() - affix.size()));
}

// --- building

Result<Value> replaced(Runtime& runtime, const Value& self, const Arguments& arguments) {
  CONDUIT_TRY(const Bound bound, Bound::bind("replace", {"old", "new", "count"}, 2, arguments));
  CONDUIT_TRY(const std::string from, bound.text(0, ""));
  CONDUIT_TRY(const std::string to, bound.text(1, ""));
  CONDUIT_TRY(const Integer limit, bound.integer(2, kNoLimit));
  return replace_text(runtime, self, from, to, limit);
}

Result<Value> joined(Runtime& runtime, const Value& self, const Arguments& arguments) {
  CONDUIT_TRY(const Bound bound, Bound::bind("join", {"iterable"}, 1, arguments));
  CONDUIT_TRY(const auto items, iterate(runtime, bound[0]));
  std::string out;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const std::string* text = items[i].string();
    if (text == nullptr)
      return failure("sequence item " + std::to_string(i) + ": expected str instance, " +
                     std::string(type_name(items[i])) + " found");
    const std::string piece =
        self.is_markup() && !items[i].is_markup() ? escape_html(*text) : *text;
    CONDUIT_TRY_STATUS(runtime.allow_text(self.string()->size() + piece.size(), out.size()));
    if (i > 0) out += *self.string();
    out += piece;
  }
  return derived(runtime, self, std::move(out));
}

Result<std::string> pad_right(Runtime& runtime, std::string_view text, std::size_t width,
                              char32_t fill) {
  return pad(runtime, text, width, '<', fill);
}

Result<std::string> pad_left(Runtime& runtime, std::string_view text, std::size_t width,
                             char32_t fill) {
  return pad(runtime, text, width, '>', fill);
}

template <Result<std::string> (*lay_out)(Runtime&, std::string_view, std::size_t, char32_t)>
Result<Value> aligned(Runtime& runtime, const Value& self, const Arguments& arguments) {
  CONDUIT_TRY(const Bound bound, Bound::bind("center", {"width", "fillchar"}, 1, arguments));
  CONDUIT_TRY(const Integer width, bound.integer(0, 0));
  CONDUIT_TRY(const std::string fill, bound.text(1, " "));
  const std::u32string characters = decode(fill);
  if (characters.size() != 1)
    return failure("The fill character must be exactly one character long");
  const auto columns = static_cast<std::size_t>(std::clamp<Integer>(width, 0, Integer(1) << 40));
  CONDUIT_TRY(auto padded, lay_out(runtime, *self.string(), columns, characters[0]));
  return derived(runtime, self, std::move(padded));
}

Result<Value> zero_filled(Runtime& runtime, const Value& self, const Arguments& arguments) {
  CONDUIT_TRY(const Bound bound, Bound::bind("zfill", {"width"}, 1, arguments));
  CONDUIT_TRY(const Integer width, bound.integer(0, 0));
  std::string_view digits = *self.string();
  std::string sign;
  if (!digits.empty() && (digits.front() == '-' || digits.front() == '+')) {
    sign = digits.front();
    digits.remove_prefix(1);
  }
  const Integer columns = std::clamp<Integer>(width - Integer(sign.size()), 0, Integer(1) << 40);
  CONDUIT_TRY(auto padded, pad(runtime, digits, static_cast<std::size_t>(columns), '>', '0'));
  return derived(runtime, self, sign + padded);
}

Result<Value> formatted_map(Runtime& runtime, const Value& self, const Arguments& arguments) {
  CONDUIT_TRY(const Bound bound, Bound::bind("format_map", {"mapping"}, 1, arguments));
  const Dict* dict = bound[0].dict();
  if (dict == nullptr) return failure("format_map() argument must be a mapping");
  Arguments named;
  for (const Dict::Entry& entry : dict->entries())
    if (const std::string* name = entry.key.string()) named.named.emplace_back(*name, entry.value);
  return format_braces(runtime, self, named);
}

Result<Value> expand_tabs(Runtime& runtime, const Value& self, const Arguments& arguments) {
  CONDUIT_TRY(const Bound bound, Bound::bind("expandtabs", {"tabsize"}, 0, arguments));
  CONDUIT_TRY(const Integer given, bound.integer(0, 8));
  const auto size = static_cast<std::size_t>(std::clamp<Integer>(given, 0, Integer(1) << 40));
  std::string out;
  std::size_t column = 0;
  for (char c : *self.string()) {
    const std::size_t spaces = size == 0 ? 0 : size - column % size;
    CONDUIT_TRY_STATUS(runtime.allow_text(c == '\t' ? spaces : 1, out.size()));
    if (c == '\t') {
      out.append(spaces, ' ');
      column += spaces;
      continue;
    }
    out += c;
    if ((c & 0xC0) != 0x80) column = c == '\n' || c == '\r' ? 0 : column + 1;
  }
  return derived(runtime, self, std::move(out));
}

// By a dict from code points to code points, texts or None.
Result<Value> translated(Runtime& runtime, const Value& self, const Arguments& arguments) {
  CONDUIT_TRY(const Bound bound, Bound::bind("translate", {"table"}, 1, arguments));
  const Dict* table = bound[0].dict();
  if (table == nullptr) return failure("translate() argument must be a dict");
  std::string out;
  for (char32_t c : decode(*self.string())) {
    CONDUIT_TRY(const auto entry, find_entry(runtime, *table, Value::integer(c)));
    const Value* to = entry ? &table->entries()[*entry].value : nullptr;
    const auto code_point = to == nullptr ? Integer(c) : to->integer().value_or(-1);
    if (to != nullptr && to->is_none()) continue;
    std::string piece;
    if (to != nullptr && to->string() != nullptr) {
      piece = *to->string();
    } else if (code_point >= 0 && code_point < 0x110000 &&
               (code_point < 0xD800 || code_point > 0xDFFF)) {
      const auto character = static_cast<char32_t>(code_point);
      piece = encode({&character, 1});
    } else {
      return failure("character mapping must return integer, None or str");
    }
    CONDUIT_TRY_STATUS(runtime.allow_text(piece.size(), out.size()));
    out += piece;
  }
  return derived(runtime, self, std::move(out));
}

constexpr MethodEntry kTextMethods[] = {
    {"capitalize", converted_text<capitalize>},
    {"casefold", converted_text<to_lower>},
    {"center", aligned<center_text>},
    {"expandtabs", expand_tabs},
    {"format", format_braces},
    {"format_map", formatted_map},
    {"join", joined},
    {"ljust", aligned<pad_right>},
    {"lower", converted_text<to_lower>},
    {"lstrip", stripped<Side::left>},
    {"partition", partition<false>},
    {"removeprefix", without_affix<true>},
    {"removesuffix", without_affix<false>},
    {"replace", replaced},
    {"rjust", aligned<pad_left>},
    {"rpartition", partition<true>},
    {"rsplit", split<true>},
    {"rstrip", stripped<Side::right>},
    {"split", split<false>},
    {"splitlines", lines},
    {"strip", stripped<Side::both>},
    {"swapcase", converted_text<swap_case>},
    {"title", converted_text<to_title>},
    {"translate", translated},
    {"upper", converted_text<to_upper>},
    {"zfill", zero_filled},
};

// The length of the line break at `at`, or 0. Python knows more of them than \n.
std::size_t break_length(std::string_view text, std::size_t at) {
  const auto c = static_cast<unsigned char>(text[at]);
  if (c == '\r') return text.substr(at + 1, 1) == "\n" ? 2 : 1;
  if ((c >= '\n' && c <= '\f') || (c >= 0x1C && c <= 0x1E)) return 1;
  if (text.substr(at, 2) == "\u0085") return 2;
  return text.substr(at, 3) == "\u2028" || text.substr(at, 3) == "\u2029" ? 3 : 0;
}

}  // namespace

std::span<const MethodEntry> text_methods() { return kTextMethods; }

// An odd blank goes to the left where the width is odd, to the right where it is even.
Result<std::string> center_text(Runtime& runtime, std::string_view text, std::size_t width,
                                char32_t fill) {
  const std::size_t length = count_code_points(text);
  if (width <= length) return std::string(text);
  const std::size_t missing = width - length;
  const std::size_t left = missing / 2 + (missing & width & 1);
  CONDUIT_TRY(const std::string shifted, pad(runtime, text, length + left, '>', fill));
  return pad(runtime, shifted, width, '<', fill);
}

Result<std::vector<std::string_view>> split_lines(Runtime& runtime, std::string_view text,
                                                  bool keeps_breaks) {
  Parts result;
  std::size_t start = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = break_length(text, at);
    if (length == 0) {
      ++at;
      continue;
    }
    CONDUIT_TRY_STATUS(runtime.spend(1));
    result.push_back(text.substr(start, at - start + (keeps_breaks ? length : 0)));
    at += length;
    start = at;
  }
  if (start < text.size()) result.push_back(text.substr(start));
  return result;
}

Result<Value> replace_text(Runtime& runtime, const Value& self, std::string_view from,
                           std::string_view to, Integer limit) {
  const std::string& text = *self.string();
  CONDUIT_TRY_STATUS(runtime.spend_bytes(text.size() + from.size()));
  const Searcher searcher(from);
  std::string out;
  std::size_t start = 0;
  for (Integer count = 0; limit < 0 || count < limit; ++count) {
    std::optional<std::size_t> found = searcher.find(text, start);
    // An empty text is found before every code point and at the end.
    if (from.empty() && count > 0) {
      found = start == text.size() ? std::nullopt : std::optional(start + 1);
      while (found && *found < text.size() && (text[*found] & 0xC0) == 0x80) ++*found;
    }
    if (!found) break;
    CONDUIT_TRY_STATUS(runtime.spend(1));
    CONDUIT_TRY_STATUS(runtime.allow_text(*found - start + to.size(), out.size()));
    out.append(text, start, *found - start);
    out += to;
    start = *found + from.size();
  }
  out.append(text, start);
  return derived(runtime, self, std::move(out));
}

}  // namespace conduit::kernels::jinja
