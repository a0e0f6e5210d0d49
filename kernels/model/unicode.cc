// Look-ups into unicode_tables.h, and normal form C over them.
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
// than the rest of the split.
constexpr char32_t kFlatEnd = 0x10000;
using FlatClasses = std::array<CharClass, kFlatEnd>;

FlatClasses flatten_classes() {
  FlatClasses flat{};
  for (const auto& [first, last, char_class] : tables::kClasses) {
    for (char32_t c = first; c <= last && c < kFlatEnd; ++c) flat[c] = char_class;
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

// What composing needs and the tables give only the other way round; made at first use.
struct ComposingData {
  std::vector<Composition> compositions;  // by first, second
  std::vector<bool> is_active;            // by code point: NFC may change it, or join it to another
};

ComposingData make_composing_data() {
  ComposingData data;
  std::vector<bool>& active = data.is_active;
  const auto activate = [&active](char32_t first, char32_t last) {
    if (active.size() <= last) active.resize(last + 1);
    std::fill(active.begin() + first, active.begin() + last + 1, true);
  };
  for (const auto& range : tables::kCombining) activate(range.first, range.last);
  for (const auto& entry : tables::kDecompositions) {
    if (!entry.recomposes) {
      activate(entry.composed, entry.composed);
      continue;
    }
    activate(entry.second, entry.second);
    data.compositions.push_back({entry.first, entry.second, entry.composed});
  }
  activate(kVowels, kVowels + kVowelCount - 1);
  activate(kTrailing + 1, kTrailing + kTrailingCount - 1);
  std::sort(data.compositions.begin(), data.compositions.end(), comes_before);
  return data;
}

const ComposingData& composing_data() {
  static const ComposingData data = make_composing_data();
  return data;
}

// Characters without any active one among them are in normal form C already.
bool has_active_character(std::string_view text) {
  const std::vector<bool>& active = composing_data().is_active;
  while (!text.empty()) {
    const utf8::Character character = utf8::read(text);
    if (character.code_point < active.size() && active[character.code_point]) return true;
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

void decompose(char32_t code_point, std::vector<Letter>& out) {
  if (is_syllable(code_point)) {
    const char32_t index = code_point - kSyllables;
    const char32_t trailing = index % kTrailingCount;
    out.push_back({kLeading + index / (kVowelCount * kTrailingCount), 0});
    out.push_back({kVowels + index / kTrailingCount % kVowelCount, 0});
    if (trailing != 0) out.push_back({kTrailing + trailing, 0});
    return;
  }
  const auto& all = tables::kDecompositions;
  const auto found = std::lower_bound(
      all.begin(), all.end(), code_point,
      [](const tables::Decomposition& entry, char32_t value) { return entry.composed < value; });
  if (found == all.end() || found->composed != code_point) {
    out.push_back({code_point, combining_class(code_point)});
    return;
  }
  decompose(found->first, out);
  if (found->second != 0) decompose(found->second, out);
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
  const auto& all = composing_data().compositions;
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

CharClass char_class(char32_t code_point) {
  static const FlatClasses flat = flatten_classes();
  if (code_point < kFlatEnd) return flat[code_point];
  const auto* range = find_range(tables::kClasses, code_point);
  return range ? range->char_class : CharClass::other;
}

std::string keep_as_is(std::string_view text) { return std::string(text); }

std::string normalize_nfc(std::string_view text) {
  if (!has_active_character(text)) return std::string(text);
  std::vector<Letter> letters;
  letters.reserve(text.size());
  while (!text.empty()) {
    const utf8::Character character = utf8::read(text);
    decompose(character.code_point, letters);
    text.remove_prefix(character.length);
  }
  order_marks(letters);
  compose(letters);
  std::string out;
  for (const Letter& letter : letters) utf8::append(out, letter.code_point);
  return out;
}

}  // namespace conduit::kernels
