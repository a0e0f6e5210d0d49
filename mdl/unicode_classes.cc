// Names → PCRE2's names, and the search for the runs of a property.
#include "mdl/unicode_classes.h"

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "mdl/base/utf8.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

namespace conduit::mdl {

namespace {

// General categories by their long names and other aliases (PropertyValueAliases.txt); PCRE2 knows
// the short ones.
constexpr auto kCategories = std::to_array<std::pair<std::string_view, std::string_view>>({
    {"Cased_Letter", "LC"},
    {"Close_Punctuation", "Pe"},
    {"Connector_Punctuation", "Pc"},
    {"Control", "Cc"},
    {"cntrl", "Cc"},
    {"Currency_Symbol", "Sc"},
    {"Dash_Punctuation", "Pd"},
    {"Decimal_Number", "Nd"},
    {"digit", "Nd"},
    {"Enclosing_Mark", "Me"},
    {"Final_Punctuation", "Pf"},
    {"Format", "Cf"},
    {"Initial_Punctuation", "Pi"},
    {"Letter", "L"},
    {"Letter_Number", "Nl"},
    {"Line_Separator", "Zl"},
    {"Lowercase_Letter", "Ll"},
    {"Mark", "M"},
    {"Combining_Mark", "M"},
    {"Math_Symbol", "Sm"},
    {"Modifier_Letter", "Lm"},
    {"Modifier_Symbol", "Sk"},
    {"Nonspacing_Mark", "Mn"},
    {"Number", "N"},
    {"Open_Punctuation", "Ps"},
    {"Other", "C"},
    {"Other_Letter", "Lo"},
    {"Other_Number", "No"},
    {"Other_Punctuation", "Po"},
    {"Other_Symbol", "So"},
    {"Paragraph_Separator", "Zp"},
    {"Private_Use", "Co"},
    {"Punctuation", "P"},
    {"punct", "P"},
    {"Separator", "Z"},
    {"Space_Separator", "Zs"},
    {"Spacing_Mark", "Mc"},
    {"Surrogate", "Cs"},
    {"Symbol", "S"},
    {"Titlecase_Letter", "Lt"},
    {"Unassigned", "Cn"},
    {"Uppercase_Letter", "Lu"},
});
constexpr auto kShortCategories = std::to_array<std::string_view>(
    {"C",  "Cc", "Cf", "Cn", "Co", "Cs", "L",  "LC", "Ll", "Lm", "Lo", "Lt", "Lu",
     "M",  "Mc", "Me", "Mn", "N",  "Nd", "Nl", "No", "P",  "Pc", "Pd", "Pe", "Pf",
     "Pi", "Po", "Ps", "S",  "Sc", "Sk", "Sm", "So", "Z",  "Zl", "Zp", "Zs"});

std::optional<std::string_view> category(std::string_view name) {
  for (const auto& [long_name, short_name] : kCategories)
    if (name == long_name) return short_name;
  if (std::ranges::find(kShortCategories, name) != kShortCategories.end()) return name;
  return std::nullopt;
}

struct CodeDeleter {
  void operator()(pcre2_code* code) const { pcre2_code_free(code); }
};
using Code = std::unique_ptr<pcre2_code, CodeDeleter>;

Code compile(std::string_view property) {
  // The gap before a run is part of the match: so the library stays in one loop.
  const std::string name = "{" + std::string(property) + "}";
  const std::string pattern = "\\P" + name + "*+(\\p" + name + "++)";
  int error = 0;
  std::size_t offset = 0;
  return Code(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
                            PCRE2_UTF | PCRE2_UCP, &error, &offset, nullptr));
}

// Planes 4 to 13 have no characters and 15 and 16 are for private use: alike but for the last two
// of each plane, one stands for them all.
constexpr std::uint32_t kAlike = 0xFFFE;
bool is_uniform_plane(std::uint32_t plane) {
  return (plane >= 4 && plane <= 13) || plane == 15 || plane == 16;
}

const std::string& all_characters() {
  // Made once for the process: it never changes.
  static const auto* const all = [] {
    auto* text = new std::string;
    for (std::uint32_t point = 0; point <= kMaxCodePoint; ++point) {
      if (point < 0xD800 || point > 0xDFFF) utf8::append(*text, point);
      if (is_uniform_plane(point >> 16) && (point & 0xFFFF) == 0) point += kAlike - 1;
    }
    return text;
  }();
  return *all;
}

// The runs of characters that `code` finds, among all of them in their order.
CodePoints runs(const pcre2_code* code) {
  const std::string_view all = all_characters();
  const std::unique_ptr<pcre2_match_data, decltype(&pcre2_match_data_free)> match(
      pcre2_match_data_create_from_pattern(code, nullptr), pcre2_match_data_free);
  const std::size_t* found = pcre2_get_ovector_pointer(match.get());
  std::vector<CodeRange> out;
  for (std::size_t from = 0;
       from < all.size() &&
       pcre2_match(code, reinterpret_cast<PCRE2_SPTR>(all.data()), all.size(), from,
                   PCRE2_NO_UTF_CHECK | PCRE2_ANCHORED, match.get(), nullptr) > 0;
       from = found[3]) {
    std::size_t last = found[3] - 1;
    while ((all[last] & 0xC0) == 0x80) --last;
    CodeRange run{utf8::read(all.substr(found[2])).code_point,
                  utf8::read(all.substr(last)).code_point};
    if (is_uniform_plane(run.high >> 16) && (run.high & 0xFFFF) == 0) run.high += kAlike - 1;
    out.push_back(run);
  }
  // A run may go across the surrogates, which are not in the text.
  return code_points(std::move(out));
}

std::optional<CodePoints> ask(const std::string& property) {
  // The process's one copy of what never changes.
  static std::mutex mutex;
  static auto* const known = new std::map<std::string, CodePoints>;
  const std::lock_guard lock(mutex);
  if (const auto found = known->find(property); found != known->end()) return found->second;
  const Code code = compile(property);
  if (code == nullptr) return std::nullopt;
  pcre2_jit_compile(code.get(), PCRE2_JIT_COMPLETE);
  return known->emplace(property, runs(code.get())).first->second;
}

}  // namespace

std::optional<CodePoints> unicode_class(std::string_view name, PropertyNames names) {
  const auto is_word = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  };
  const std::size_t equals = name.find('=');
  const std::string_view key = name.substr(0, equals);
  const std::string value(equals == name.npos ? std::string_view() : name.substr(equals + 1));
  if (!std::ranges::all_of(key, is_word) || !std::ranges::all_of(value, is_word)) return {};
  if (equals != name.npos) {
    if (key == "General_Category" || key == "gc") {
      const auto known = category(value);
      return known ? unicode_class(*known) : std::nullopt;
    }
    if (key == "Script" || key == "sc") return ask("sc:" + value);
    if (key == "Script_Extensions" || key == "scx") return ask("scx:" + value);
    if (key == "Bidi_Class" || key == "bc") return ask("bc:" + value);
    return std::nullopt;
  }
  if (const auto known = category(key)) {
    if (*known == "Cs") return CodePoints{};  // no text has one
    return ask(*known == "LC" ? "L&" : std::string(*known));
  }
  if (key == "Any") return code_points({{0, kMaxCodePoint}});
  if (key == "Assigned") return negate(*ask("Cn"));
  // What PCRE2 knows by this name is a script or a binary property.
  if (names == PropertyNames::ecma && compile("sc:" + std::string(key)) != nullptr) return {};
  if (compile("sc:" + std::string(key)) != nullptr) return ask("sc:" + std::string(key));
  return ask(std::string(key));
}

}  // namespace conduit::mdl
