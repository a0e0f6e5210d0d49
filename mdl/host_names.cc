// Patterns of labels, and the reading of A-labels.
#include "mdl/host_names.h"

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "mdl/base/utf8.h"
#include "mdl/punycode.h"

namespace conduit::mdl {

namespace {

using Id = Regexes::Id;

// RFC 1035, 2.3.4: a label has at most 63 octets, a name 255 with its lengths, which leaves 253.
constexpr std::size_t kMaxLabel = 63;
constexpr std::size_t kMaxName = 253;

// At most 63 letters, digits and inner hyphens, not two at the third place (RFC 5891, 4.2.3.1).
constexpr std::string_view kLdhLabel =
    "(?:[A-Za-z0-9]{1,2}|[A-Za-z0-9][A-Za-z0-9-][A-Za-z0-9]|"
    "[A-Za-z0-9][A-Za-z0-9-](?:[A-Za-z0-9][A-Za-z0-9-]|-[A-Za-z0-9])"
    "(?:[A-Za-z0-9-]{0,58}[A-Za-z0-9])?)";

// Letters and digits that NFKC with case folding changes, those that have an upper case aside: from
// Unicode 14's data.
constexpr std::string_view kUnstable =
    R"(\u{AA}\u{BA}\u{133}\u{140}\u{1C6}\u{1C9}\u{1CC}\u{1F3}\u{2B0}-\u{2B8}\u{2E0}-\u{2E4})"
    R"(\u{340}-\u{341}\u{343}-\u{344}\u{374}\u{37A}\u{3D2}-\u{3D4}\u{3F2}\u{675}-\u{678})"
    R"(\u{958}-\u{95F}\u{9DC}-\u{9DF}\u{A33}\u{A36}\u{A59}-\u{A5B}\u{A5E}\u{B5C}-\u{B5D})"
    R"(\u{E33}\u{EB3}\u{EDC}-\u{EDD}\u{F43}\u{F4D}\u{F52}\u{F57}\u{F5C}\u{F69}\u{F73})"
    R"(\u{F75}-\u{F79}\u{F81}\u{F93}\u{F9D}\u{FA2}\u{FA7}\u{FAC}\u{FB9}\u{10FC})"
    R"(\u{1D2C}-\u{1D2E}\u{1D30}-\u{1D3A}\u{1D3C}-\u{1D4D}\u{1D4F}-\u{1D6A}\u{1D78})"
    R"(\u{1D9B}-\u{1DBF}\u{1F71}\u{1F73}\u{1F75}\u{1F77}\u{1F79}\u{1F7B}\u{1F7D})"
    R"(\u{2071}-\u{209C}\u{2102}-\u{2124}\u{2128}\u{212C}-\u{2131}\u{2133}-\u{2149})"
    R"(\u{2C7C}-\u{2C7D}\u{2D6F}\u{309F}\u{30FF}\u{3131}-\u{318E}\u{A69C}-\u{A69D}\u{A770})"
    R"(\u{A7F2}-\u{A7F4}\u{A7F8}-\u{A7F9}\u{AB5C}-\u{AB5F}\u{AB69}\u{F900}-\u{FA0D}\u{FA10})"
    R"(\u{FA12}\u{FA15}-\u{FA1E}\u{FA20}\u{FA22}\u{FA25}-\u{FA26}\u{FA2A}-\u{FAD9}\u{FB1D})"
    R"(\u{FB1F}-\u{FDFB}\u{FE70}-\u{FE72}\u{FE74}-\u{FF19}\u{FF41}-\u{FFDC})"
    R"(\u{10781}-\u{107BA}\u{1D400}-\u{1D7FF}\u{1EE00}-\u{1EEBB}\u{1FBF0}-\u{1FBF9})"
    R"(\u{2F800}-\u{2FA1D})";
// Canonical combining class 9: from Unicode 14's data.
constexpr std::string_view kVirama =
    R"(\u{94D}\u{9CD}\u{A4D}\u{ACD}\u{B4D}\u{BCD}\u{C4D}\u{CCD}\u{D3B}-\u{D3C}\u{D4D})"
    R"(\u{DCA}\u{E3A}\u{EBA}\u{F84}\u{1039}-\u{103A}\u{1714}-\u{1715}\u{1734}\u{17D2})"
    R"(\u{1A60}\u{1B44}\u{1BAA}-\u{1BAB}\u{1BF2}-\u{1BF3}\u{2D7F}\u{A806}\u{A82C}\u{A8C4})"
    R"(\u{A953}\u{A9C0}\u{AAF6}\u{ABED}\u{10A3F}\u{11046}\u{11070}\u{1107F}\u{110B9})"
    R"(\u{11133}-\u{11134}\u{111C0}\u{11235}\u{112EA}\u{1134D}\u{11442}\u{114C2}\u{115BF})"
    R"(\u{1163F}\u{116B6}\u{1172B}\u{11839}\u{1193D}-\u{1193E}\u{119E0}\u{11A34}\u{11A47})"
    R"(\u{11A99}\u{11C3F}\u{11D44}-\u{11D45}\u{11D97})";
// Letters of the Arabic block that join to both sides, and to the right alone (Joining_Type D, R).
constexpr std::string_view kJoinsBoth =
    R"(\u0620\u0626\u0628\u062A-\u062E\u0633-\u063F\u0641-\u0647\u0649\u064A)";
constexpr std::string_view kJoinsRight = R"(\u0622-\u0625\u0627\u0629\u062F-\u0632\u0648)";

// RFC 5892: what PVALID comes to (letters, digits and marks that are stable)…
constexpr std::string_view kLetters = R"([-\p{Ll}\p{Lo}\p{Lm}\p{Nd}\p{Mn}\p{Mc}])";
constexpr std::string_view kUnstableOrIgnored =
    R"(\u0640\u07FA\u302E\u302F\u3031-\u3035\u303B\u1100-\u11FF\uA960-\uA97F\uD7B0-\uD7FF)"
    R"(\p{Changes_When_Casefolded}\p{Default_Ignorable_Code_Point})";
// …the exceptions, and what depends on its neighbours.
constexpr std::string_view kExceptions =
    R"([\u00DF\u03C2\u06FD\u06FE\u0F0B\u3007\u00B7\u0375\u05F3\u05F4\u30FB\u200C\u200D])";

// RFC 5893, section 2: what makes a label one from right to left, and what it must be then.
constexpr std::string_view kHasRightToLeft = R"([\p{bc=R}\p{bc=AL}\p{bc=AN}])";
constexpr std::string_view kRightToLeft =
    R"([\p{bc=R}\p{bc=AL}](?:[\p{bc=R}\p{bc=AL}\p{bc=AN}\p{bc=EN}\p{bc=ES}\p{bc=CS}\p{bc=ET})"
    R"(\p{bc=ON}\p{bc=BN}\p{bc=NSM}]*[\p{bc=R}\p{bc=AL}\p{bc=AN}\p{bc=EN}])?\p{bc=NSM}*)";
constexpr std::string_view kMixedDigits = R"(\p{bc=EN}.*\p{bc=AN}|\p{bc=AN}.*\p{bc=EN})";

std::string in_set(std::string_view members, bool is_negated = false) {
  return (is_negated ? "[^" : "[") + std::string(members) + "]";
}

// What a U-label must not hold: at its ends, and by RFC 5892, appendix A.
std::vector<std::string> misplaced() {
  constexpr std::string_view kKanji = R"(\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Han})";
  return {
      R"(^[-\p{M}]|-$|^..--)",
      R"((?:^|[^l])\u00B7|\u00B7(?:$|[^l]))",
      R"(\u0375(?:$|\P{Script=Greek}))",
      R"((?:^|\P{Script=Hebrew})[\u05F3\u05F4])",
      R"(^(?=.*\u30FB))" + in_set(kKanji, true) + "*$",
      R"([\u0660-\u0669].*[\u06F0-\u06F9]|[\u06F0-\u06F9].*[\u0660-\u0669])",
      "(?:^|" + in_set(kVirama, true) + ")\\u200D",
  };
}

// A zero-width non-joiner that stands neither behind a virama nor between letters that join.
Result<Id> misplaced_non_joiner(Regexes& regexes) {
  const std::string both = in_set(kJoinsBoth);
  CONDUIT_TRY(const Id virama, regexes.pattern(in_set(kVirama) + "$"));
  CONDUIT_TRY(const Id joins_left, regexes.pattern(both + R"(\p{Mn}*$)"));
  CONDUIT_TRY(
      const Id joins_right,
      regexes.pattern(R"(^\p{Mn}*)" + in_set(std::string(kJoinsBoth) + std::string(kJoinsRight))));
  const Id non_joiner = regexes.literal("\u200C");
  const Id neither[] = {virama, joins_left};
  const Id left_wrong[] = {regexes.complement(regexes.any_of(neither)), non_joiner, Regexes::kText};
  const Id right_wrong[] = {regexes.complement(virama), non_joiner,
                            regexes.complement(joins_right)};
  const Id either[] = {regexes.concat(left_wrong), regexes.concat(right_wrong)};
  return regexes.any_of(either);
}

Result<Id> u_label(Regexes& regexes) {
  CONDUIT_TRY(const Id letters, regexes.whole(kLetters));
  CONDUIT_TRY(const Id unstable,
              regexes.whole(in_set(std::string(kUnstableOrIgnored) + std::string(kUnstable))));
  CONDUIT_TRY(const Id exceptions, regexes.whole(kExceptions));
  const Id stable[] = {letters, regexes.complement(unstable)};
  const Id characters[] = {regexes.all_of(stable), exceptions};
  CONDUIT_TRY(const Id has_non_ascii, regexes.pattern("[^\\x00-\\x7F]"));
  std::vector<Id> wrong;
  for (const std::string& pattern : misplaced()) {
    CONDUIT_TRY(const Id id, regexes.pattern(pattern));
    wrong.push_back(id);
  }
  CONDUIT_TRY(const Id non_joiner, misplaced_non_joiner(regexes));
  wrong.push_back(non_joiner);
  CONDUIT_TRY(const Id has_right_to_left, regexes.pattern(kHasRightToLeft));
  CONDUIT_TRY(const Id right_to_left, regexes.whole(kRightToLeft));
  CONDUIT_TRY(const Id mixed_digits, regexes.pattern(kMixedDigits));
  const Id right_to_left_mixed[] = {right_to_left, regexes.complement(mixed_digits)};
  const Id badly_directed[] = {has_right_to_left,
                               regexes.complement(regexes.all_of(right_to_left_mixed))};
  wrong.push_back(regexes.all_of(badly_directed));
  // Four octets of the A-label are its prefix.
  const Id all[] = {regexes.repeat(regexes.any_of(characters), 1, kMaxLabel - 4), has_non_ascii,
                    regexes.complement(regexes.any_of(wrong))};
  const Id label = regexes.all_of(all);
  if (regexes.is_exhausted()) return regexes.exhausted();
  return label;
}

// label (dot label)*, as long as a name may be.
Result<Id> name_of(Regexes& regexes, Id label, std::string_view dot) {
  CONDUIT_TRY(const Id between, regexes.whole(dot));
  const Id next[] = {between, label};
  const Id name[] = {label, regexes.repeat(regexes.concat(next), 0, std::nullopt)};
  const Id bounded[] = {regexes.concat(name), regexes.code_points(1, kMaxName)};
  const Id all = regexes.all_of(bounded);
  if (regexes.is_exhausted()) return regexes.exhausted();
  return all;
}

bool is_ascii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

std::u32string code_points_of(std::string_view text) {
  std::u32string out;
  for (; !text.empty(); text.remove_prefix(utf8::read(text).length))
    out += utf8::read(text).code_point;
  return out;
}

// The octets of a label as the name system has it; nothing: it is no label.
Result<std::optional<std::size_t>> octets_of(Regexes& regexes, std::string_view label,
                                             bool is_international) {
  const auto no_label = std::optional<std::size_t>();
  std::string unicode(label);
  std::size_t octets = label.size();
  if (lower(label).starts_with("xn--")) {
    const std::string encoded = lower(label.substr(4));
    const auto decoded = decode_punycode(encoded);
    if (!decoded || encode_punycode(*decoded) != encoded) return no_label;
    unicode.clear();
    for (const char32_t point : *decoded) utf8::append(unicode, point);
    if (is_ascii(unicode)) return no_label;
  } else if (is_ascii(label)) {
    CONDUIT_TRY(const Id ldh, regexes.whole(kLdhLabel));
    return regexes.matches(ldh, label) ? std::optional(octets) : no_label;
  } else {
    if (!is_international) return no_label;
    octets = 4 + encode_punycode(code_points_of(label)).size();
  }
  if (octets > kMaxLabel) return no_label;
  CONDUIT_TRY(const Id u, u_label(regexes));
  return regexes.matches(u, unicode) ? std::optional(octets) : no_label;
}

Result<bool> is_name(Regexes& regexes, std::string_view text, bool is_international) {
  // A name has at most as many characters as octets, and four bytes are one character.
  if (text.size() > 4 * kMaxName || !utf8::is_valid(text)) return false;
  const std::u32string_view dots = is_international ? U".\u3002\uFF0E\uFF61" : U".";
  std::size_t octets = 0;
  std::string label;
  const std::u32string points = code_points_of(text) + U".";
  for (const char32_t point : points) {
    if (dots.find(point) == dots.npos) {
      utf8::append(label, point);
      continue;
    }
    CONDUIT_TRY(const auto length, octets_of(regexes, label, is_international));
    if (!length) return false;
    octets += *length + 1;
    label.clear();
  }
  if (regexes.is_exhausted()) return regexes.exhausted();
  return octets <= kMaxName + 1;
}

}  // namespace

std::string_view ldh_label_pattern() { return kLdhLabel; }

Result<Id> host_name_expression(Regexes& regexes) {
  CONDUIT_TRY(const Id label, regexes.whole(kLdhLabel));
  return name_of(regexes, label, "\\.");
}

Result<Id> idn_host_name_expression(Regexes& regexes) {
  CONDUIT_TRY(const Id ldh, regexes.whole(kLdhLabel));
  CONDUIT_TRY(const Id u, u_label(regexes));
  const Id either[] = {ldh, u};
  // Dots of RFC 3490, 3.1.
  return name_of(regexes, regexes.any_of(either), R"([.\u3002\uFF0E\uFF61])");
}

Result<bool> is_host_name(Regexes& regexes, std::string_view text) {
  return is_name(regexes, text, false);
}

Result<bool> is_idn_host_name(Regexes& regexes, std::string_view text) {
  return is_name(regexes, text, true);
}

}  // namespace conduit::mdl
