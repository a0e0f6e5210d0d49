// Filters that break text into lines, take markup out of it, or write attributes: wordwrap,
// striptags, xmlattr. Of jinja2's own only pprint, random and urlize are not there: what they give
// depends on Python's pretty-printer, on chance, and on what looks like an address.
#include <algorithm>
#include <charconv>

#include "kernels/model/jinja/filters.h"
#include "kernels/model/jinja/operators.h"
#include "kernels/model/jinja/printing.h"
#include "kernels/model/jinja/python_text.h"
#include "kernels/model/jinja/search.h"
#include "kernels/model/jinja/text_methods.h"

namespace conduit::kernels::jinja {

namespace {

using Line = std::u32string_view;

// --- wordwrap: Python's textwrap.wrap, of each line

bool is_gap(char32_t c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
bool is_word_letter(char32_t c) { return is_alphabetic(c) || c == '_'; }
bool is_word(char32_t c) { return is_word_letter(c) || is_numeric(c) || is_decimal(c); }
bool ends_word(char32_t c) { return is_word(c) || Line(U"!\"'&.,?").find(c) != Line::npos; }

// Where lines may be broken: the length of the piece at the beginning of `text` from `at` on.
class Pieces {
 public:
  Pieces(Line text, bool breaks_on_hyphens) : text_(text), breaks_on_hyphens_(breaks_on_hyphens) {}

  std::size_t length(std::size_t at) const {
    std::size_t end = at;
    while (end < text_.size() && is_gap(text_[end])) ++end;
    if (end > at) return end - at;
    if (const std::size_t dash = dash_length(at)) return dash;
    for (end = at + 1; end < text_.size() && !is_gap(text_[end]); ++end) {
      if (is_hyphen_inside(end)) return end + 1 - at;
      if (dash_length(end) > 0) break;
    }
    return end - at;
  }

 private:
  bool is_at(std::size_t index, bool (*is_class)(char32_t)) const {
    return index < text_.size() && is_class(text_[index]);
  }

  // Of two or more hyphens between words.
  std::size_t dash_length(std::size_t at) const {
    if (!breaks_on_hyphens_ || at == 0 || !ends_word(text_[at - 1])) return 0;
    std::size_t end = at;
    while (end < text_.size() && text_[end] == '-') ++end;
    return end - at >= 2 && is_at(end, is_word) ? end - at : 0;
  }

  // Two letters before it, also with a hyphen between them, and two behind it.
  bool is_hyphen_inside(std::size_t at) const {
    if (!breaks_on_hyphens_ || text_[at] != '-' || at < 2 || !is_word_letter(text_[at - 1]))
      return false;
    const bool is_after = is_word_letter(text_[at - 2]) ||
                          (at >= 3 && text_[at - 2] == '-' && is_word_letter(text_[at - 3]));
    const std::size_t second = at + 2 < text_.size() && text_[at + 2] == '-' ? at + 3 : at + 2;
    return is_after && is_at(at + 1, is_word_letter) && is_at(second, is_word_letter);
  }

  Line text_;
  bool breaks_on_hyphens_;
};

struct Wrapping {
  std::size_t width = 79;
  bool breaks_long_words = true;
  bool breaks_on_hyphens = true;
};

bool is_blank_piece(Line piece) { return std::all_of(piece.begin(), piece.end(), is_space); }

// How much of a piece that is longer than a line still goes on this one.
std::size_t part_of_long_word(Line piece, std::size_t room, const Wrapping& wrapping) {
  if (!wrapping.breaks_on_hyphens || piece.size() <= room) return room;
  const std::size_t hyphen = room == 0 ? Line::npos : piece.rfind('-', room - 1);
  const bool is_inside = hyphen != Line::npos && hyphen > 0 &&
                         piece.substr(0, hyphen).find_first_not_of('-') != Line::npos;
  return is_inside ? hyphen + 1 : room;
}

std::vector<Line> wrap(Line text, const Wrapping& wrapping) {
  const Pieces pieces(text, wrapping.breaks_on_hyphens);
  std::vector<Line> lines;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t length = pieces.length(at);
    if (!lines.empty() && is_blank_piece(text.substr(at, length))) at += length;
    const std::size_t begin = at;
    std::size_t last = at;  // where the last piece of the line begins
    while (at < text.size() && at - begin + (length = pieces.length(at)) <= wrapping.width) {
      last = at;
      at += length;
    }
    if (at < text.size() && length > wrapping.width) {
      const std::size_t room = wrapping.width - (at - begin);
      const std::size_t part = wrapping.breaks_long_words
                                   ? part_of_long_word(text.substr(at, length), room, wrapping)
                               : at == begin ? length
                                             : 0;
      if (part > 0) last = at;
      at += part;
    }
    const std::size_t end = is_blank_piece(text.substr(last, at - last)) ? last : at;
    if (end > begin) lines.push_back(text.substr(begin, end - begin));
  }
  return lines;
}

Result<Value> word_wrap(Runtime& runtime, const Value& input, const Arguments& arguments) {
  CONDUIT_TRY(
      const Bound bound,
      Bound::bind("wordwrap", {"width", "break_long_words", "wrapstring", "break_on_hyphens"}, 0,
                  arguments));
  CONDUIT_TRY(const Integer width, bound.integer(0, 79));
  const bool has_break = bound.has(2) && !bound[2].is_none();
  CONDUIT_TRY(const std::string line_end, has_break ? bound.text(2, "") : std::string("\n"));
  if (input.is_undefined()) return undefined_error(input);
  if (input.string() == nullptr)
    return failure(in_quotes(object_name(input)) + " has no attribute 'splitlines'");
  if (width < 1) return failure("invalid width " + integer_text(width) + " (must be > 0)");
  const Wrapping wrapping{static_cast<std::size_t>(std::min<Integer>(width, Integer(1) << 40)),
                          bound.truth(1, true), bound.truth(3, true)};
  CONDUIT_TRY(const auto given, split_lines(runtime, *input.string(), false));
  // Each character is looked at as a part of a word and again as a part of a line.
  CONDUIT_TRY_STATUS(runtime.spend_bytes(input.string()->size() * 16));
  std::string out;
  bool is_first = true;
  for (std::string_view line : given) {
    const std::u32string characters = decode(line);
    auto lines = wrap(characters, wrapping);
    if (lines.empty()) lines.emplace_back();
    for (Line part : lines) {
      const std::string text = encode(part);
      CONDUIT_TRY_STATUS(runtime.allow_text(text.size() + line_end.size(), out.size()));
      if (!std::exchange(is_first, false)) out += line_end;
      out += text;
    }
  }
  return runtime.make_text(std::move(out), input.is_markup());
}

// --- striptags

// Without what stands from each `open` to the next `close`, both included.
std::string without_ranges(std::string_view text, std::string_view open, std::string_view close) {
  std::string out;
  const Searcher opens(open), closes(close);
  for (std::size_t at = 0;;) {
    const auto begin = opens.find(text, at);
    const auto end = begin ? closes.find(text, *begin) : std::nullopt;
    if (!end) return out.append(text.substr(at));
    out += text.substr(at, *begin - at);
    at = *end + close.size();
  }
}

// "#39", "#x27", or a name; nothing when it is none of those known here.
std::optional<char32_t> entity(std::string_view name) {
  static constexpr std::pair<std::string_view, char32_t> kNamed[] = {
      {"amp", '&'},       {"apos", '\''}, {"copy", 0xA9},    {"gt", '>'},
      {"hellip", 0x2026}, {"lt", '<'},    {"mdash", 0x2014}, {"nbsp", 0xA0},
      {"ndash", 0x2013},  {"quot", '"'},  {"reg", 0xAE}};
  for (const auto& [known, character] : kNamed)
    if (name == known) return character;
  if (!name.starts_with('#')) return std::nullopt;
  name.remove_prefix(1);
  const bool is_hex = name.starts_with('x') || name.starts_with('X');
  if (is_hex) name.remove_prefix(1);
  std::uint32_t code = 0;
  const auto [end, error] =
      std::from_chars(name.data(), name.data() + name.size(), code, is_hex ? 16 : 10);
  if (error != std::errc() || end != name.data() + name.size()) return std::nullopt;
  const bool is_scalar = code > 0 && code < 0x110000 && (code < 0xD800 || code > 0xDFFF);
  return is_scalar ? static_cast<char32_t>(code) : U'\uFFFD';
}

std::string unescaped(std::string_view text) {
  constexpr std::size_t kLongestName = 12;
  std::string out;
  while (!text.empty()) {
    const std::size_t ampersand = std::min(text.find('&'), text.size());
    out += text.substr(0, ampersand);
    text.remove_prefix(ampersand);
    const std::size_t semicolon = text.substr(0, kLongestName).find(';');
    const auto character =
        semicolon == text.npos ? std::nullopt : entity(text.substr(1, semicolon - 1));
    if (character) out += encode({&*character, 1});
    const std::size_t used = character ? semicolon + 1 : std::min<std::size_t>(1, text.size());
    if (!character) out += text.substr(0, used);
    text.remove_prefix(used);
  }
  return out;
}

Result<Value> strip_tags(Runtime& runtime, const Value& input, const Arguments& arguments) {
  CONDUIT_TRY([[maybe_unused]] const Bound bound, Bound::bind("striptags", {}, 0, arguments));
  CONDUIT_TRY(const std::string text, str(runtime, input));
  CONDUIT_TRY_STATUS(runtime.spend_bytes(text.size() * 8));
  const std::string plain = without_ranges(without_ranges(text, "<!--", "-->"), "<", ">");
  std::string out;
  for (char32_t c : decode(plain)) {
    if (!is_space(c)) {
      out += encode({&c, 1});
    } else if (!out.empty() && out.back() != ' ') {
      out += ' ';
    }
  }
  return runtime.make_text(unescaped(strip(out, Side::right)));
}

// --- xmlattr

Result<Value> xml_attributes(Runtime& runtime, const Value& input, const Arguments& arguments) {
  CONDUIT_TRY(const Bound bound, Bound::bind("xmlattr", {"autospace"}, 0, arguments));
  if (input.is_undefined()) return undefined_error(input);
  if (input.dict() == nullptr)
    return failure(in_quotes(object_name(input)) + " has no attribute 'items'");
  std::string out;
  for (const Dict::Entry& entry : input.dict()->entries()) {
    if (entry.value.is_none() || entry.value.is_undefined()) continue;
    CONDUIT_TRY(const std::string key, str(runtime, entry.key));
    if (std::any_of(key.begin(), key.end(), [](char c) {
          return is_gap(static_cast<unsigned char>(c)) || c == '/' || c == '>' || c == '=';
        }))
      return failure("Invalid character in attribute name: " + in_quotes(key));
    CONDUIT_TRY(const std::string value, str(runtime, entry.value));
    const std::string attribute =
        escape_html(key) + "=\"" + (entry.value.is_markup() ? value : escape_html(value)) + '"';
    CONDUIT_TRY_STATUS(runtime.allow_text(attribute.size() + 1, out.size()));
    if (!out.empty() || bound.truth(0, true)) out += ' ';
    out += attribute;
  }
  return runtime.make_text(std::move(out));
}

constexpr Filter kLayoutFilters[] = {
    {"striptags", strip_tags},
    {"wordwrap", word_wrap},
    {"xmlattr", xml_attributes},
};

}  // namespace

std::span<const Filter> layout_filters() { return kLayoutFilters; }

}  // namespace conduit::kernels::jinja
