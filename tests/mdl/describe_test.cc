// C++ structs as MDL types, reflected: the hint that a struct gives, and values on their way to
// JSON and back.
#include "mdl/describe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>

namespace conduit::mdl {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

enum class Colour { red, green = 5, blue = -3 };
enum Old : std::uint8_t { first = 1, second };

struct Part {
  std::string name;
  double weight;
  bool operator==(const Part&) const = default;
};

struct Ticket {
  range<int, 1, 5> priority;
  text<120> title;
  one_of<"open", "closed"> state;
  std::optional<std::vector<std::string>> tags;
  std::map<std::string, Part> parts;
  std::variant<int, Part> u;
};

struct Everything {
  bool flag;
  std::int8_t small;
  std::uint64_t large;
  float real;
  range<double, 0, 1> share;
  Colour colour;
  Old old;
  std::array<int, 3> three;
  std::tuple<int, std::string> both;
  std::pair<bool, Colour> pair;
  std::unordered_map<int, std::vector<bool>> numbered;
  std::unique_ptr<Part> owned;
  std::variant<std::monostate, std::string, std::vector<Part>> maybe;
  text<5, 2> code;
  std::optional<range<std::int64_t, 0, 9>> digit;
  Part inner;
};

template <class T>
std::string hint_of() {
  const auto lines = hint(type_of<T>());
  EXPECT_TRUE(lines) << lines.error().message;
  std::string text;
  if (lines)
    for (const std::string& line : *lines) text += line + "\n";
  return text;
}

template <class T>
T read(std::string_view text) {
  const auto json = json::parse(text);
  EXPECT_TRUE(json) << text;
  auto value = from_json<T>(*json);
  EXPECT_TRUE(value) << value.error().message;
  return value ? *std::move(value) : T{};
}

template <class T>
std::string error_of(std::string_view text) {
  const auto json = json::parse(text);
  EXPECT_TRUE(json) << text;
  const auto value = from_json<T>(*json);
  EXPECT_FALSE(value) << text;
  return value ? "" : value.error().message;
}

TEST(DescribeTest, StructBecomesItsHint) {
  EXPECT_EQ(hint_of<Ticket>(),
            "priority: int[1..5]\n"
            "title: str[..120]\n"
            "state: str[\"open\", \"closed\"]\n"
            "tags: Optional[List[str]]\n"
            "parts: Dict[str, Dict{name: str, weight: float}]\n"
            "u: Union[int, Dict{name: str, weight: float}]\n");
  EXPECT_EQ(type_of<Ticket>().name, "Ticket");
}

TEST(DescribeTest, EveryKindOfMemberHasItsType) {
  EXPECT_EQ(hint_of<Everything>(),
            "flag: bool\n"
            "small: int\n"
            "large: int\n"
            "real: float\n"
            "share: float[0.0..1.0]\n"
            "colour: str[\"blue\", \"red\", \"green\"]\n"
            "old: str[\"first\", \"second\"]\n"
            "three: List[int][3..3]\n"
            "both: Tuple[int, str]\n"
            "pair: Tuple[bool, str[\"blue\", \"red\", \"green\"]]\n"
            "numbered: Dict[int, List[bool]]\n"
            "owned: Optional[Dict{name: str, weight: float}]\n"
            "maybe: Optional[Union[str, List[Dict{name: str, weight: float}]]]\n"
            "code: str[2..5]\n"
            "digit: Optional[int[0..9]]\n"
            "inner: Dict{name: str, weight: float}\n");
}

TEST(DescribeTest, ValuesComeBackAsTheyWent) {
  const Ticket ticket{.priority = 3,
                      .title = "It \"broke\"",
                      .state = "closed",
                      .tags = {{"a", "b"}},
                      .parts = {{"wheel", {"w", 2.5}}},
                      .u = Part{"p", 1}};
  const json::Value json = to_json(ticket);
  EXPECT_EQ(json::dump(json),
            R"({"priority":3,"title":"It \"broke\"","state":"closed","tags":["a","b"],)"
            R"("parts":{"wheel":{"name":"w","weight":2.5}},"u":{"name":"p","weight":1.0}})");
  const auto again = from_json<Ticket>(json);
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(json::dump(to_json(*again)), json::dump(json));
  EXPECT_EQ(std::get<Part>(again->u), (Part{"p", 1}));
}

TEST(DescribeTest, EveryKindOfMemberComesBack) {
  Everything all{};
  all.large = std::numeric_limits<std::uint64_t>::max();
  all.small = -128;
  all.colour = Colour::blue;
  all.old = second;
  all.three = {1, 2, 3};
  all.both = {-1, "x"};
  all.pair = {true, Colour::green};
  all.numbered[-7] = {true, false};
  all.owned = std::make_unique<Part>(Part{"o", 0.5});
  all.maybe = std::vector<Part>{{"m", 1}};
  all.code = "äöü";
  all.digit = 9;
  const std::string text = json::dump(to_json(all));
  EXPECT_THAT(text, HasSubstr(R"("colour":"blue","old":"second","three":[1,2,3],"both":[-1,"x"],)"
                              R"("pair":[true,"green"],"numbered":{"-7":[true,false]})"));
  EXPECT_EQ(json::dump(to_json(read<Everything>(text))), text);

  all.owned.reset();
  all.maybe = std::monostate();
  all.digit.reset();
  const std::string nulls = json::dump(to_json(all));
  EXPECT_THAT(nulls, HasSubstr(R"("owned":null,"maybe":null)"));
  EXPECT_EQ(json::dump(to_json(read<Everything>(nulls))), nulls);
}

TEST(DescribeTest, DefaultsOfLimitsAreWithinThem) {
  const Ticket ticket{};
  EXPECT_EQ(ticket.priority, 1);
  EXPECT_EQ(ticket.state.value, "open");
  EXPECT_TRUE(from_json<Ticket>(to_json(ticket)));
}

TEST(DescribeTest, WhatDoesNotFitIsToldWithItsPath) {
  const std::string good = json::dump(to_json(Ticket{}));
  const auto changed = [&](const std::string& from, const std::string& to) {
    std::string text = good;
    return text.replace(text.find(from), from.size(), to);
  };
  EXPECT_EQ(error_of<Ticket>(changed(R"("priority":1)", R"("priority":6)")),
            "type_mismatch at priority: expected at most 5, found 6");
  EXPECT_THAT(error_of<Ticket>(changed(R"("tags":null,)", "")),
              StartsWith("missing_field at tags"));
  EXPECT_THAT(error_of<Ticket>(changed(R"("parts":{})", R"("parts":{"a":{"name":"x"}})")),
              StartsWith("missing_field at parts.a.weight: "));
  EXPECT_THAT(error_of<Ticket>(changed("open", "ajar")), StartsWith("type_mismatch at state: "));
  EXPECT_THAT(error_of<Ticket>("[]"), StartsWith("not_an_object"));
}

struct Narrow {
  std::int8_t small;
  std::map<std::uint8_t, bool> keys;
};

TEST(DescribeTest, IntegersKeepToTheirWidth) {
  EXPECT_EQ(read<Narrow>(R"({"small": -128.0, "keys": {"255": true}})").small, -128);
  EXPECT_THAT(error_of<Narrow>(R"({"small": 128, "keys": {}})"),
              StartsWith("type_mismatch at small"));
  EXPECT_THAT(error_of<Narrow>(R"({"small": 1, "keys": {"256": true}})"),
              StartsWith("type_mismatch at keys"));
}

struct Reals {
  double real;
  Colour colour;
};

TEST(DescribeTest, WhatJsonCannotSayDoesNotFit) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_THAT(error_of<Reals>(json::dump(to_json(Reals{nan, Colour::red}))),
              StartsWith("type_mismatch at real: "));
  EXPECT_THAT(error_of<Reals>(json::dump(to_json(Reals{1, static_cast<Colour>(99)}))),
              StartsWith("type_mismatch at colour: "));
}

struct Nothing {};
struct Wide {
  int f00, f01, f02, f03, f04, f05, f06, f07, f08, f09, f10, f11, f12, f13, f14, f15, f16, f17, f18,
      f19, f20, f21, f22, f23, f24, f25, f26, f27, f28, f29, f30, f31, f32, f33, f34, f35, f36, f37,
      f38, f39, f40, f41, f42, f43, f44, f45, f46, f47, f48, f49, f50, f51, f52, f53, f54, f55, f56,
      f57, f58, f59, f60, f61, f62, last;
};
template <class T>
struct Boxed {
  T value;
};

TEST(DescribeTest, FieldsAreCountedRight) {
  EXPECT_EQ(hint_of<Nothing>(), "");
  EXPECT_EQ(json::dump(to_json(read<Nothing>("{}"))), "{}");
  EXPECT_EQ(hint_of<Boxed<Boxed<std::string>>>(), "value: Dict{value: str}\n");
  const Type wide = type_of<Wide>();
  ASSERT_EQ(wide.fields.size(), 64u);
  EXPECT_EQ(wide.fields.front(), "f00");
  EXPECT_EQ(wide.fields.back(), "last");
  struct Local {
    int here;
    Part part;
  };
  EXPECT_EQ(hint_of<Local>(), "here: int\npart: Dict{name: str, weight: float}\n");
}

struct Base {
  int id;
};
struct Derived : Base {
  int numbers[3];
  std::string name;
};
CONDUIT_DESCRIBE(Derived, id, numbers, name);

class Closed {
 public:
  Closed() = default;
  explicit Closed(int start) : value(start) {}
  int value = 0;
};
CONDUIT_DESCRIBE(Closed, value);

TEST(DescribeTest, DescribedTypesNeedNotBeAggregates) {
  EXPECT_EQ(hint_of<Derived>(), "id: int\nnumbers: List[int][3..3]\nname: str\n");
  const auto derived = read<Derived>(R"({"id": 7, "numbers": [1, 2, 3], "name": "d"})");
  EXPECT_EQ(derived.id + derived.numbers[2], 10);
  EXPECT_EQ(json::dump(to_json(derived)), R"({"id":7,"numbers":[1,2,3],"name":"d"})");
  EXPECT_EQ(json::dump(to_json(Closed(4))), R"({"value":4})");
}

}  // namespace
}  // namespace conduit::mdl
