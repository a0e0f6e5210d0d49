// The formats: for each what it takes and what it refuses, and that the expression for decoders is
// never wider than the format.
#include "mdl/formats.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace conduit::mdl {
namespace {

struct FormatCase {
  std::string name;
  std::vector<std::string> right;
  std::vector<std::string> wrong;
};

void PrintTo(const FormatCase& format, std::ostream* out) { *out << format.name; }

class FormatsTest : public ::testing::TestWithParam<FormatCase> {};

TEST_P(FormatsTest, TakesWhatIsRightAlone) {
  const FormatCase& format = GetParam();
  ASSERT_TRUE(is_known_format(format.name));
  Regexes regexes;
  const auto expression = format_expression(regexes, format.name);
  ASSERT_TRUE(expression) << expression.error().message;
  for (const bool is_right : {true, false})
    for (const std::string& text : is_right ? format.right : format.wrong) {
      const auto has = has_format(regexes, format.name, text);
      ASSERT_TRUE(has) << has.error().message;
      EXPECT_EQ(*has, is_right) << text;
      const bool is_written = regexes.matches(*expression, text);
      EXPECT_LE(is_written, is_right) << text;
      if (!is_narrowed_format(format.name)) {
        EXPECT_EQ(is_written, is_right) << text;
      }
    }
  const auto shortest = regexes.shortest(*expression);
  ASSERT_TRUE(shortest);
  EXPECT_TRUE(*has_format(regexes, format.name, *shortest)) << *shortest;
}

const std::string k63(63, 'a');

INSTANTIATE_TEST_SUITE_P(
    All, FormatsTest,
    ::testing::Values(
        FormatCase{"date",
                   {"2024-02-29", "2000-02-29", "0000-02-29", "1999-12-31", "2023-04-30"},
                   {"2023-02-29", "1900-02-29", "2023-04-31", "2023-00-10", "2023-13-01",
                    "2023-1-01", "2023-01-00", "02023-01-01", "2023-01-01 ", ""}},
        FormatCase{"time",
                   {"23:59:59Z", "00:00:00.000001+23:59", "23:59:60Z", "23:59:60.5z",
                    "08:29:60+08:30", "15:59:60-08:00", "00:29:60+00:30", "23:29:60-00:30",
                    "22:59:60+23:00", "23:59:60-00:00"},
                   {"24:00:00Z", "23:60:00Z", "23:59:61Z", "23:59:59", "23:59:59.Z", "22:59:60Z",
                    "23:59:60+01:00", "23:59:60-01:00", "00:00:00+24:00", "00:00:00+0000",
                    "08:30:60+08:30", "1:00:00Z"}},
        FormatCase{"date-time",
                   {"2024-02-29T12:00:00Z", "1990-12-31t23:59:60z", "1990-12-31T15:59:60-08:00"},
                   {"2023-02-29T12:00:00Z", "2024-02-29 12:00:00Z", "2024-02-29T12:00:00",
                    "1990-12-31T23:59:60-08:00"}},
        FormatCase{"duration",
                   {"P1Y", "P1Y2M3DT4H5M6S", "PT1H", "PT1M1S", "P3W", "P1DT1S"},
                   {"P", "PT", "P1Y1D", "PT1H1S", "P1W1D", "1Y", "P1S", "P1.5D", "p1y"}},
        FormatCase{"email",
                   {"a@b", "a.b+c@x-y.org", "\"a b\"@c.d", "\"a\\\"b\"@c", "x@[127.0.0.1]",
                    "x@[IPv6:2001:db8::1]", std::string(64, 'a') + "@b"},
                   {"a", "@b", "a@", ".a@b", "a..b@c", "a@-b", "a@b-", "a b@c", "\"a\"b@c", "a@b_c",
                    "x@[256.0.0.1]", "é@b", std::string(65, 'a') + "@b"}},
        FormatCase{
            "idn-email", {"é@ü.de", "a@b", "실례@실례.테스트"}, {"@ü", "é", "a b@c", "é@-ü"}},
        FormatCase{"hostname",
                   {"a", "a-b.c1", k63, k63 + "." + k63 + "." + k63 + "." + std::string(61, 'a'),
                    "xn--bcher-kva.example", "XN--BCHER-KVA"},
                   {"", ".", "a.", ".a", "a..b", "-a", "a-", "a_b", k63 + "a", "bücher",
                    k63 + "." + k63 + "." + k63 + "." + std::string(62, 'a'), "ab--c", "xn--",
                    "xn--a", "xn--X"}},
        FormatCase{"idn-hostname",
                   {"bücher.example", "例え。テスト", "l·l", "א׳ב", "ア・イ", "क्‍ष",
                    "xn--bcher-kva", "a.b"},
                   {"", "-ü", "ü-", "Bücher", "·l", "l·", "a׳ב", "a・b", "‍ष", "ⅷ", "a..ü",
                    "xn--a", "٠۰ب", "1א"}},
        FormatCase{
            "ipv4", {"0.0.0.0", "255.249.199.99"}, {"256.0.0.1", "1.2.3", "01.2.3.4", "1.2.3.4.5"}},
        FormatCase{"ip-address", {"10.0.0.1"}, {"10.0.0"}},
        FormatCase{"host-name", {"a.b"}, {"a_b"}},
        FormatCase{
            "ipv6",
            {"::", "::1", "1::", "1:2:3:4:5:6:7:8", "1::8", "1:2:3:4:5:6:7::", "::2:3:4:5:6:7:8",
             "::ffff:1.2.3.4", "1:2:3:4:5:6:1.2.3.4", "2001:DB8::a:b"},
            {":", "1", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1::2::3",
             ":::", "12345::", "1:2:3:4:5:6:7:1.2.3.4", "::1.2.3", "::1%lo", "1:2:3:4:5:6:7:8::"}},
        FormatCase{"uri",
                   {"http://a", "http://u:p@[::1]:80/x?y#z", "urn:a:b", "a:", "mailto:a@b",
                    "http://[v1.a:b]", "x:/", "http://a/%C3%A9"},
                   {"", "//a", "/a", "1a:b", "http://[::g]", "a:b c", "http://a/é", "a:%zz",
                    "http://a:b", "a:[", "a:#b#c"}},
        FormatCase{"uri-reference",
                   {"", "a", "/a/b", "../x?y", "#f", "//h/p", "a/b:c"},
                   {"1:b", "a b", "\\", "%"}},
        FormatCase{"iri", {"http://ü/é?ü#é", "a:é"}, {"é:a", "http://a b", "/é"}},
        FormatCase{"iri-reference", {"é", "/é#ü", ""}, {"\\é", "#a b"}},
        FormatCase{"uuid",
                   {"123e4567-e89b-12d3-a456-426614174000", "00000000-0000-0000-0000-000000000000",
                    "ABCDEFab-CDEF-abcd-EFab-CDEFabcdef01"},
                   {"123e4567e89b12d3a456426614174000", "123e4567-e89b-12d3-a456-42661417400g",
                    "{123e4567-e89b-12d3-a456-426614174000}"}},
        FormatCase{"uri-template",
                   {"", "/a{?x,y*}", "{+a:3}{#b.c}", "{%20}", "é'"},
                   {"{", "{}", "a b", "{a", "a}", "{a:0}", "{a b}", "<", "{?}"}},
        FormatCase{"json-pointer", {"", "/", "/a~0/b~1", "//", "/\n"}, {"a", "/~", "/~2", "#/a"}},
        FormatCase{"relative-json-pointer",
                   {"0", "12#", "1/a", "0+1/a"},
                   {"", "01", "-1", "/a", "1a", "0##", "1#/a"}},
        FormatCase{"regex",
                   {"", "^[a-z]+$", "(a|b)*\\d", "\\p{L}(?<n>a)\\k<n>", "[^]", "(?=a)", "a{2,3}?",
                    "[\\-]"},
                   {"(", "[", "a**", "\\a", "\\-", "(?P<n>a)", "(?i)a", "{", "]", "\\1", "\\k<n>",
                    "a{2,1}", "\\p{Greek}", "[b-a]", "[\\w-.]"}}),
    [](const auto& info) {
      std::string name = info.param.name;
      for (char& c : name)
        if (c == '-') c = '_';
      return name;
    });

TEST(FormatsTest, NamesWhatItKnows) {
  EXPECT_FALSE(is_known_format("phone"));
  EXPECT_FALSE(is_known_format(""));
  EXPECT_EQ(known_formats().size(), 21u);
  for (const std::string_view name : known_formats()) EXPECT_TRUE(is_known_format(name));
}

}  // namespace
}  // namespace conduit::mdl
