// Look-ups into unicode_tables.h, and the normal forms over them.
#include "kernels/model/unicode.h"

#include <algorithm>
#include <array>
#include <span>
#include <vector>

#include "kernels/model/unicode_tables.h"
#include "mdl/base/utf8.h"

namespace conduit::kernels {

namespace {

namespace tables = unicode_tables;

template <class Range>
const Range* find_range(std::span<const Range> ranges, char32_t code_point) {
  auto after =
      std::upper_bound(ranges.begin(), ranges.end(), code_point,
                       [](char32_t value, const Range& range) { return value < range.first; });
  if (after == ranges.begin() || code_point > std::prev(after)->last) return nullptr;
  return &*std::prev(after);
}

// The basic plane laid out flat: nearly all text is there, and a search per character costs more
// than the rest of a split.
constexpr char32_t kFlatEnd = 0x10000;
using FlatTraits = std::array<std::uint16_t, kFlatEnd>;

FlatTraits flatten_traits() {
  FlatTraits flat{};
  for (const auto& [first, last, traits] : tables::kTraits) {
    for (char32_t c = first; c <= last && c < kFlatEnd; ++c) flat[c] = traits;
  }
  return flat;
}

// --- Hangul syllables are arithmetic on their letters (Unicode 3.12): leading × vowel × trailing.
constexpr char32_t kSyllables = 0xAC00, kLeading = 0x1100, kVowels = 0x1161, kTrailing = 0x11A7;
constexpr char32_t kLeadingCount = 19, kVowelCount = 21;
constexpr char32_t kTrailingCount = 28;  // the first stands for none
constexpr char32_t kSyllableCount = kLeadingCount * kVowelCount * kTrailingCount;

bool is_syllable(char32_t c) { return c >= kSyllables && c < kSyllables + kSyllableCount; }
bool is_leading(char32_t c) { return c >= kLeading && c < kLeading + kLeadingCount; }
bool is_vowel(char32_t c) { return c >= kVowels && c < kVowels + kVowelCount; }
bool is_trailing(char32_t c) { return c > kTrailing && c < kTrailing + kTrailingCount; }

struct Composition {
  char32_t first, second, composed;
};

bool comes_before(const Composition& a, const Composition& b) {
  return a.first != b.first ? a.first < b.first : a.second < b.second;
}

// One bit for each code point.
class CharacterSet {
 public:
  void add(char32_t first, char32_t last) {
    if (has_.size() <= last) has_.resize(last + 1);
    std::fill(has_.begin() + first, has_.begin() + last + 1, true);
  }
  bool has(char32_t c) const { return c < has_.size() && has_[c]; }

 private:
  std::vector<bool> has_;
};

// What the tables do not give as it is needed; made at first use.
struct FormData {
  std::vector<Composition> compositions;  // by first, second
  // Characters that a form may change, or join to another: what has none is in normal form already.
  CharacterSet active[4];
};

bool composes(NormalForm form) { return form == NormalForm::nfc || form == NormalForm::nfkc; }
bool is_compatible(NormalForm form) { return form >= NormalForm::nfkc; }

CharacterSet active_characters(NormalForm form) {
  CharacterSet active;
  for (const auto& range : tables::kCombining) active.add(range.first, range.last);
  for (const auto& entry : tables::kDecompositions) {
    const char32_t touched = composes(form) && entry.recomposes ? entry.second : entry.composed;
    active.add(touched, touched);
  }
  if (is_compatible(form)) {
    for (const auto& entry : tables::kCompatibility) active.add(entry.composed, entry.composed);
  }
  if (composes(form)) {
    active.add(kVowels, kVowels + kVowelCount - 1);
    active.add(kTrailing + 1, kTrailing + kTrailingCount - 1);
  } else {
    active.add(kSyllables, kSyllables + kSyllableCount - 1);
  }
  return active;
}

FormData make_form_data() {
  FormData data;
  for (const auto& entry : tables::kDecompositions)
    if (entry.recomposes) data.compositions.push_back({entry.first, entry.second, entry.composed});
  std::sort(data.compositions.begin(), data.compositions.end(), comes_before);
  for (const auto form : {NormalForm::nfc, NormalForm::nfd, NormalForm::nfkc, NormalForm::nfkd})
    data.active[static_cast<int>(form)] = active_characters(form);
  return data;
}

const FormData& form_data() {
  static const FormData data = make_form_data();
  return data;
}

bool has_active_character(std::string_view text, NormalForm form) {
  const CharacterSet& active = form_data().active[static_cast<int>(form)];
  while (!text.empty()) {
    const utf8::Character character = utf8::read(text);
    if (character.code_point >= 0x80 && active.has(character.code_point)) return true;
    text.remove_prefix(character.length);
  }
  return false;
}

struct Letter {
  char32_t code_point;
  std::uint8_t combining_class;
};

std::uint8_t combining_class(char32_t code_point) {
  const auto* range = find_range(tables::kCombining, code_point);
  return range ? range->combining_class : 0;
}

// The entry of a table of composed characters; nullptr when there is none.
template <class Entry>
const Entry* find_composed(std::span<const Entry> all, char32_t code_point) {
  const auto found =
      std::lower_bound(all.begin(), all.end(), code_point,
                       [](const Entry& entry, char32_t value) { return entry.composed < value; });
  return found == all.end() || found->composed != code_point ? nullptr : &*found;
}

void decompose_syllable(char32_t code_point, std::vector<Letter>& out) {
  const char32_t index = code_point - kSyllables;
  const char32_t trailing = index % kTrailingCount;
  out.push_back({kLeading + index / (kVowelCount * kTrailingCount), 0});
  out.push_back({kVowels + index / kTrailingCount % kVowelCount, 0});
  if (trailing != 0) out.push_back({kTrailing + trailing, 0});
}

void decompose(char32_t code_point, std::vector<Letter>& out) {
  if (is_syllable(code_point)) return decompose_syllable(code_point, out);
  const auto* found = find_composed(tables::kDecompositions, code_point);
  if (found == nullptr) {
    out.push_back({code_point, combining_class(code_point)});
    return;
  }
  decompose(found->first, out);
  if (found->second != 0) decompose(found->second, out);
}

void decompose_compatible(char32_t code_point, std::vector<Letter>& out) {
  const auto* found = find_composed(tables::kCompatibility, code_point);
  if (found == nullptr) return decompose(code_point, out);
  for (const char32_t c : tables::kCompatibilityLetters.subspan(found->begin, found->length))
    out.push_back({c, combining_class(c)});
}

// Marks after a base stand in the order of their classes.
void order_marks(std::vector<Letter>& letters) {
  const auto is_mark = [](const Letter& letter) { return letter.combining_class != 0; };
  for (auto from = letters.begin(); from != letters.end();) {
    from = std::find_if(from, letters.end(), is_mark);
    const auto to = std::find_if_not(from, letters.end(), is_mark);
    std::stable_sort(from, to, [](const Letter& a, const Letter& b) {
      return a.combining_class < b.combining_class;
    });
    from = to;
  }
}

// 0 when the two do not compose.
char32_t compose_pair(char32_t first, char32_t second) {
  if (is_leading(first) && is_vowel(second)) {
    return kSyllables + ((first - kLeading) * kVowelCount + (second - kVowels)) * kTrailingCount;
  }
  if (is_syllable(first) && (first - kSyllables) % kTrailingCount == 0 && is_trailing(second))
    return first + (second - kTrailing);
  const auto& all = form_data().compositions;
  const Composition wanted{first, second, 0};
  const auto found = std::lower_bound(all.begin(), all.end(), wanted, comes_before);
  const bool is_found = found != all.end() && !comes_before(wanted, *found);
  return is_found ? found->composed : 0;
}

void compose(std::vector<Letter>& letters) {
  std::size_t kept = 0;
  std::size_t starter = letters.size();  // none yet
  for (const Letter letter : letters) {
    // A mark of the same or a higher class between the two blocks them.
    const bool is_reachable =
        starter < kept &&
        (starter + 1 == kept || letters[kept - 1].combining_class < letter.combining_class);
    const char32_t composed =
        is_reachable ? compose_pair(letters[starter].code_point, letter.code_point) : 0;
    if (composed != 0) {
      letters[starter].code_point = composed;
      continue;
    }
    if (letter.combining_class == 0) starter = kept;
    letters[kept++] = letter;
  }
  letters.resize(kept);
}

}  // namespace

std::uint16_t traits(char32_t code_point) {
  static const FlatTraits flat = flatten_traits();
  if (code_point < kFlatEnd) return flat[code_point];
  const auto* range = find_range(tables::kTraits, code_point);
  return range ? range->traits : 0;
}

char32_t lower(char32_t code_point) {
  if (code_point == U'\u0130') return U'i';
  const auto* range = find_range(tables::kLower, code_point);
  if (range == nullptr || (code_point - range->first) % range->step != 0) return code_point;
  return static_cast<char32_t>(static_cast<std::int32_t>(code_point) + range->distance);
}

std::string lowercase(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const utf8::Character character = utf8::read(text);
    text.remove_prefix(character.length);
    if (character.code_point < 0x80) {
      const auto c = static_cast<char>(character.code_point);
      out += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
      continue;
    }
    utf8::append(out, lower(character.code_point));
    if (character.code_point == U'\u0130') utf8::append(out, U'\u0307');
  }
  return out;
}

std::string_view last_character(std::string_view text) {
  std::size_t begin = text.size() - 1;
  while ((static_cast<unsigned char>(text[begin]) & 0xC0) == 0x80) --begin;
  return text.substr(begin);
}

std::string normalize(std::string_view text, NormalForm form) {
  if (!has_active_character(text, form)) return std::string(text);
  std::vector<Letter> letters;
  letters.reserve(text.size());
  while (!text.empty()) {
    const utf8::Character character = utf8::read(text);
    if (is_compatible(form)) {
      decompose_compatible(character.code_point, letters);
    } else {
      decompose(character.code_point, letters);
    }
    text.remove_prefix(character.length);
  }
  order_marks(letters);
  if (composes(form)) compose(letters);
  std::string out;
  for (const Letter& letter : letters) utf8::append(out, letter.code_point);
  return out;
}

}  // namespace conduit::kernels
