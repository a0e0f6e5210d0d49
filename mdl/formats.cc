// The table, and the grammars of the RFCs as patterns.
#include "mdl/formats.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

#include "mdl/base/check.h"
#include "mdl/host_names.h"
#include "mdl/regex_syntax.h"

namespace conduit::mdl {

namespace {

using Id = Regexes::Id;

std::string group(const std::string& alternatives) { return "(?:" + alternatives + ")"; }

std::string two_digits(int number) {
  return {static_cast<char>('0' + number / 10), static_cast<char>('0' + number % 10)};
}

// --- dates and times: RFC 3339

std::string date() {
  // Divisible by 4 and not by 100, or by 400.
  const std::string fourth = "(?:0[48]|[2468][048]|[13579][26])";
  const std::string leap_year = "(?:[0-9]{2}" + fourth + "|(?:00|" + fourth + ")00)";
  return group(
      "[0-9]{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|"
      "(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))|" +
      leap_year + "-02-29");
}

// Second 60 is the last one of a day of UTC: hour and minute, less the offset, are 23:59. Which
// hours go together and which minutes do is said apart and intersected.
std::string leap_second() {
  const std::string second = R"(:60(?:\.[0-9]+)?)";
  const std::string any = "[0-9]{2}";
  std::string hours = "23:59" + second + "[Zz]";
  std::string minutes = hours;
  for (int hour = 0; hour < 24; ++hour) {
    const std::string offset = two_digits(hour) + ":";
    hours += "|" + two_digits((hour + 23) % 24) + ":59" + second + "\\+" + offset + "00";
    hours += "|" + two_digits(hour) + ":" + any + second + "\\+" + offset + "(?:0[1-9]|[1-5][0-9])";
    hours += "|" + two_digits(23 - hour) + ":" + any + second + "-" + offset + any;
  }
  for (int minute = 0; minute < 60; ++minute) {
    const std::string offset = any + ":" + two_digits(minute);
    minutes += "|" + any + ":" + two_digits((minute + 59) % 60) + second + "\\+" + offset;
    minutes += "|" + any + ":" + two_digits(59 - minute) + second + "-" + offset;
  }
  return "(?=" + group(hours) + "$)" + group(minutes);
}

std::string time() {
  const std::string hour = "(?:[01][0-9]|2[0-3])";
  return group(hour + R"((?::[0-5][0-9]){2}(?:\.[0-9]+)?(?:[Zz]|[+-])" + hour + ":[0-5][0-9])|" +
               leap_second());
}

// RFC 3339, appendix A: a unit may be followed by the next smaller one alone.
std::string duration() {
  const std::string time = "(?:T(?:[0-9]+H(?:[0-9]+M(?:[0-9]+S)?)?|[0-9]+M(?:[0-9]+S)?|[0-9]+S))";
  const std::string day = "[0-9]+D";
  const std::string month = "[0-9]+M(?:" + day + ")?";
  const std::string year = "[0-9]+Y(?:" + month + ")?";
  return "P(?:(?:" + day + "|" + month + "|" + year + ")" + time + "?|" + time + "|[0-9]+W)";
}

// --- addresses

// RFC 2673, 3.2, without leading zeros.
const std::string kOctet = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])";
const std::string kIpv4 = "(?:" + kOctet + R"((?:\.)" + kOctet + "){3})";

// RFC 3986, 3.2.2; that of RFC 4291, 2.2, in ABNF.
std::string ipv6() {
  const std::string group16 = "[0-9A-Fa-f]{1,4}";
  const std::string last32 = "(?:" + group16 + ":" + group16 + "|" + kIpv4 + ")";
  std::string out = "(?:" + group16 + ":){6}" + last32 + "|::(?:" + group16 + ":){5}" + last32;
  const auto before = [&](int groups) {
    return "|(?:(?:" + group16 + ":){0," + std::to_string(groups) + "}" + group16 + ")?::";
  };
  for (int behind = 4; behind >= 0; --behind)
    out += before(4 - behind) + "(?:" + group16 + ":){" + std::to_string(behind) + "}" + last32;
  return group(out + before(5) + group16 + before(6));
}

// RFC 5321, 4.1.2 and 4.1.3; RFC 6531, 3.3, lets in all that is not ASCII.
struct Mail {
  std::string more;  // members of classes: what else a character may be
  std::string local() const {
    const std::string atom = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~" + more + "-]+";
    const std::string quoted = R"((?:[ !#-\[\]-~)" + more + R"(]|\\[ -~])*)";
    return group(atom + R"((?:\.)" + atom + ")*|\"" + quoted + "\"");
  }
  std::string domain() const {
    const std::string letter = "[A-Za-z0-9" + more + "]";
    const std::string label = letter + "(?:[A-Za-z0-9" + more + "-]{0,61}" + letter + ")?";
    return label + R"((?:\.)" + label + ")*";
  }
};

// Any text of at most so many bytes.
Result<Id> octets(Regexes& regexes, std::size_t most) {
  std::array<Id, 4> characters{};  // by their bytes, less one
  constexpr std::array<std::string_view, 4> kClasses = {
      R"([\0-\x7F])", R"([\x80-\u07FF])", R"([\u0800-\uFFFF])", R"([\u{10000}-\u{10FFFF}])"};
  for (std::size_t i = 0; i < characters.size(); ++i) {
    CONDUIT_TRY(characters[i], regexes.whole(kClasses[i]));
  }
  std::vector<Id> up_to = {Regexes::kEmpty};
  while (up_to.size() <= most) {
    std::vector<Id> members = {Regexes::kEmpty};
    for (std::size_t bytes = 1; bytes <= characters.size() && bytes <= up_to.size(); ++bytes) {
      const Id next[] = {characters[bytes - 1], up_to[up_to.size() - bytes]};
      members.push_back(regexes.concat(next));
    }
    up_to.push_back(regexes.any_of(members));
  }
  return up_to.back();
}

Result<Id> mail(Regexes& regexes, const Mail& mail) {
  // RFC 5321, 4.5.3.1: octets of the local part, of a domain, of both.
  CONDUIT_TRY(const Id local, regexes.whole(mail.local()));
  CONDUIT_TRY(const Id domain, regexes.whole(mail.domain()));
  CONDUIT_TRY(const Id literal,
              regexes.whole("\\[(?:" + kIpv4 + "|[Ii][Pp][Vv]6:" + ipv6() + ")\\]"));
  CONDUIT_TRY(const Id at_most_64, octets(regexes, 64));
  const Id local_part[] = {local, at_most_64};
  const Id domain_part[] = {domain, regexes.code_points(1, 253)};
  const Id place[] = {regexes.all_of(domain_part), literal};
  const Id parts[] = {regexes.all_of(local_part), regexes.literal("@"), regexes.any_of(place)};
  const Id all[] = {regexes.concat(parts), regexes.code_points(1, 254)};
  return regexes.all_of(all);
}

// --- identifiers: RFC 3986, appendix A; RFC 3987, 2.2

constexpr std::string_view kUcschar =
    R"(\u00A0-\uD7FF\uF900-\uFDCF\uFDF0-\uFFEF\u{10000}-\u{1FFFD}\u{20000}-\u{2FFFD})"
    R"(\u{30000}-\u{3FFFD}\u{40000}-\u{4FFFD}\u{50000}-\u{5FFFD}\u{60000}-\u{6FFFD})"
    R"(\u{70000}-\u{7FFFD}\u{80000}-\u{8FFFD}\u{90000}-\u{9FFFD}\u{A0000}-\u{AFFFD})"
    R"(\u{B0000}-\u{BFFFD}\u{C0000}-\u{CFFFD}\u{D0000}-\u{DFFFD}\u{E1000}-\u{EFFFD})";
constexpr std::string_view kIprivate = R"(\uE000-\uF8FF\u{F0000}-\u{FFFFD}\u{100000}-\u{10FFFD})";

struct Identifiers {
  std::string more;        // members of classes: what else is unreserved
  std::string more_query;  // and in a query

  // A character, of these beside the unreserved ones and sub-delims.
  std::string character(std::string_view others) const {
    return "(?:[A-Za-z0-9._~!$&'()*+,;=" + more + std::string(others) + "-]|%[0-9A-Fa-f]{2})";
  }
  std::string hierarchy(bool has_scheme) const {
    const std::string segment = character(":@");
    const std::string rest = "(?:/" + segment + "*)*";
    const std::string literal =
        "\\[(?:" + ipv6() + "|[Vv][0-9A-Fa-f]+\\.[A-Za-z0-9._~!$&'()*+,;=:-]+)\\]";
    const std::string authority =
        "(?:" + character(":") + "*@)?(?:" + literal + "|" + character("") + "*)(?::[0-9]*)?";
    // Without a scheme the first segment would be taken for one if it had a colon.
    const std::string first = has_scheme ? segment : character("@");
    return "(?://" + authority + rest + "|/(?:" + segment + "+" + rest + ")?|" + first + "+" +
           rest + "|)";
  }
  std::string ending() const {
    return "(?:\\?" + character(":@/?" + more_query) + "*)?(?:#" + character(":@/?") + "*)?";
  }
  std::string absolute() const {
    return group("[A-Za-z][A-Za-z0-9+.-]*:" + hierarchy(true) + ending());
  }
  std::string reference() const { return group(absolute() + "|" + hierarchy(false) + ending()); }
};

const Identifiers kUri;

Identifiers iri() { return {std::string(kUcschar), std::string(kIprivate)}; }

// RFC 6570, 2, with errata 6937: ' is a literal.
std::string uri_template() {
  const std::string encoded = "%[0-9A-Fa-f]{2}";
  const std::string literal = "(?:[!#$&'()*+,\\-./0-9:;=?@A-Z\\[\\]_a-z~" + std::string(kUcschar) +
                              std::string(kIprivate) + "]|" + encoded + ")";
  const std::string name_character = "(?:[A-Za-z0-9_]|" + encoded + ")";
  const std::string variable =
      name_character + "(?:\\.?" + name_character + ")*(?::[1-9][0-9]{0,3}|\\*)?";
  return "(?:" + literal + "|\\{[+#./;?&=,!@|]?" + variable + "(?:," + variable + ")*\\})*";
}

// RFC 6901, 3.
constexpr std::string_view kJsonPointer = "(?:/(?:[^~/]|~[01])*)*";

// Of ECMA-262's syntax the plain parts: characters, classes, counts, one level of groups.
std::string simple_regex() {
  const std::string classes = R"(\[\^?(?:a-z|A-Z|0-9|[A-Za-z0-9_ .,:;@#]|\\[dDwWsS])+\])";
  const std::string atom =
      R"((?:[A-Za-z0-9 _,:;@#%&=<>!~"'.-]|\\[dDwWsStnrfv]|\\[.*+?()[\]{}|^$\\/]|)" + classes + ")";
  const std::string count = R"((?:(?:[*+?]|\{[0-9]{1,2},?\})\??)?)";
  const std::string inner = "(?:" + atom + count + ")*";
  const std::string grouped = R"(\((?:\?:)?)" + inner + R"((?:\|)" + inner + R"()*\))";
  const std::string outer = "(?:(?:" + atom + "|" + grouped + ")" + count + ")*";
  return R"(\^?)" + outer + R"((?:\|)" + outer + R"()*\$?)";
}

// --- the table

using Make = Result<Id> (*)(Regexes&);

struct Format {
  std::string_view name;
  Make make;
  // Whether a text has the format, where the expression says less.
  Result<bool> (*has)(Regexes&, std::string_view) = nullptr;
};

Result<bool> is_regex(Regexes&, std::string_view text) {
  return parse_regex(text, RegexDialect::ecma, {}).has_value();
}

template <auto pattern>
Result<Id> whole(Regexes& regexes) {
  return regexes.whole(pattern());
}

// Sorted by name.
constexpr auto kFormats = std::to_array<Format>({
    {"date", whole<date>},
    {"date-time", whole<[] { return date() + "[Tt]" + time(); }>},
    {"duration", whole<duration>},
    {"email", [](Regexes& regexes) { return mail(regexes, Mail{}); }},
    {"host-name", host_name_expression, is_host_name},  // draft 3's name
    {"hostname", host_name_expression, is_host_name},
    {"idn-email", [](Regexes& regexes) { return mail(regexes, Mail{R"(\x80-\u{10FFFF})"}); }},
    {"idn-hostname", idn_host_name_expression, is_idn_host_name},
    {"ip-address", whole<[] { return kIpv4; }>},  // draft 3's name
    {"ipv4", whole<[] { return kIpv4; }>},
    {"ipv6", whole<ipv6>},
    {"iri", whole<[] { return iri().absolute(); }>},
    {"iri-reference", whole<[] { return iri().reference(); }>},
    {"json-pointer", whole<[] { return kJsonPointer; }>},
    {"regex", whole<simple_regex>, is_regex},
    // draft-bhutton-relative-json-pointer-00, 3.
    {"relative-json-pointer", whole<[] {
       return "(?:0|[1-9][0-9]*)(?:#|(?:[+-](?:0|[1-9][0-9]*))?" + std::string(kJsonPointer) + ")";
     }>},
    {"time", whole<time>},
    {"uri", whole<[] { return kUri.absolute(); }>},
    {"uri-reference", whole<[] { return kUri.reference(); }>},
    {"uri-template", whole<uri_template>},
    // RFC 4122, 3.
    {"uuid", whole<[] { return "[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"; }>},
});

constexpr auto kNames = [] {
  std::array<std::string_view, kFormats.size()> names;
  for (std::size_t i = 0; i < names.size(); ++i) names[i] = kFormats[i].name;
  return names;
}();

const Format* find(std::string_view name) {
  const auto found = std::ranges::lower_bound(kFormats, name, {}, &Format::name);
  return found != kFormats.end() && found->name == name ? &*found : nullptr;
}

}  // namespace

bool is_known_format(std::string_view name) { return find(name) != nullptr; }

std::span<const std::string_view> known_formats() { return kNames; }

bool is_narrowed_format(std::string_view name) {
  const Format* format = find(name);
  return format != nullptr && format->has != nullptr;
}

Result<Id> format_expression(Regexes& regexes, std::string_view name) {
  const Format* format = find(name);
  CONDUIT_CHECK(format != nullptr, "a format that is not known");
  if (regexes.is_exhausted()) return regexes.exhausted();
  auto id = format->make(regexes);
  if (regexes.is_exhausted()) return regexes.exhausted();
  return id;
}

Result<bool> has_format(Regexes& regexes, std::string_view name, std::string_view text) {
  const Format* format = find(name);
  CONDUIT_CHECK(format != nullptr, "a format that is not known");
  if (format->has != nullptr) return format->has(regexes, text);
  CONDUIT_TRY(const Id id, format_expression(regexes, name));
  const bool is_match = regexes.matches(id, text);
  if (regexes.is_exhausted()) return regexes.exhausted();
  return is_match;
}

}  // namespace conduit::mdl
