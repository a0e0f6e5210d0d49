// The JSON door: what it takes, what it refuses wherever it stands, and that nothing is lost on the
// way out and in again.
#include "mdl/base/json.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <string>

namespace conduit::json {
namespace {

constexpr std::string_view kDocument =
    R"({"a":[1,-2.5e3,true,false,null],"é":"\u00e9\n\"😀","o":{"x":{},"y":[]},"n":18446744073709551615})";

Value parsed(std::string_view text) {
  Result<Value> value = parse(text);
  EXPECT_TRUE(value) << text;
  return value ? *std::move(value) : Value();
}

void expect_corrupt(std::string_view text) {
  const Result<Value> value = parse(text);
  ASSERT_FALSE(value) << text;
  EXPECT_EQ(value.error().code, Code::corrupt) << text;
}

TEST(JsonTest, ReadsEveryKind) {
  const Value document = parsed(kDocument);
  const Array& list = document.find("a")->as_array();
  EXPECT_EQ(list[0].as_int(), 1);
  EXPECT_EQ(list[1].as_double(), -2500);
  EXPECT_TRUE(list[2].as_bool());
  EXPECT_FALSE(list[3].as_bool());
  EXPECT_TRUE(list[4].is_null());
  EXPECT_EQ(document.find("é")->as_string(), "é\n\"😀");
  EXPECT_TRUE(document.find("o")->find("x")->as_object().empty());
  EXPECT_EQ(document.find("missing"), nullptr);
  EXPECT_EQ(list[0].find("a"), nullptr) << "no object has no members";
}

TEST(JsonTest, EveryTruncationIsAnError) {
  for (std::size_t size = 0; size < kDocument.size(); ++size)
    EXPECT_FALSE(parse(kDocument.substr(0, size))) << size;
}

TEST(JsonTest, MalformedPartsThatNobodyReadsAreErrors) {
  for (const char* text : {R"({"a":1,"b":tru})", R"({"a":1,"b":[1,]})", R"({"a":1,})", R"({"a" 1})",
                           R"([1] 2)", R"(["\x"])", R"(["a)", "[01]", "[1.]", "[+1]", "[\"\t\"]",
                           "{1:2}", "[nan]", "'a'", "", " "})
    expect_corrupt(text);
}

TEST(JsonTest, InvalidUtf8IsAnError) {
  for (const char* text : {"[\"\xFF\"]", "[\"\xC3\"]", "[\"\xED\xA0\x80\"]", "[\"\xC0\xAF\"]"})
    expect_corrupt(text);
}

TEST(JsonTest, LimitsAreNamed) {
  const std::string nested = std::string(40, '[') + std::string(40, ']');
  EXPECT_TRUE(parse(nested, {.depth = 50}));
  const Result<Value> too_deep = parse(nested, {.depth = 30});
  ASSERT_FALSE(too_deep);
  EXPECT_EQ(too_deep.error().code, Code::exhausted);
  EXPECT_NE(too_deep.error().message.find("30"), std::string::npos) << too_deep.error().message;

  EXPECT_TRUE(parse("[1,2,3]", {.bytes = 7}));
  const Result<Value> too_long = parse("[1,2,3]", {.bytes = 6});
  ASSERT_FALSE(too_long);
  EXPECT_EQ(too_long.error().code, Code::exhausted);
}

TEST(JsonTest, HostileNestingIsRefusedNotFollowed) {
  EXPECT_FALSE(parse(std::string(1'000'000, '[')));
  std::string objects;
  for (int i = 0; i < 100'000; ++i) objects += "{\"a\":";
  EXPECT_FALSE(parse(objects));
}

TEST(JsonTest, OfEqualKeysTheLastCounts) {
  const Value document = parsed(R"({"a":1,"b":2,"a":3})");
  EXPECT_EQ(document.find("a")->as_int(), 3);
}

TEST(JsonTest, RepeatedKeysAreFoundWhereverTheyStand) {
  EXPECT_EQ(repeated_key(parsed(R"({"a":1,"b":{"a":2},"c":[{"a":1},{"a":1}]})")), std::nullopt);
  EXPECT_EQ(repeated_key(parsed(R"({"a":1,"b":2,"a":3})")), "a");
  EXPECT_EQ(repeated_key(parsed(R"({"a":[{},{"b":{"c d":1,"e":2,"c d":1}}]})")),
            R"(a[1].b["c d"])");
  EXPECT_EQ(repeated_key(parsed(R"([[{"":1,"":1}]])")), R"([0][0][""])");
  EXPECT_EQ(repeated_key(parsed(R"({"\u0061":1,"a":3})")), "a") << "however it is written";
}

TEST(JsonTest, SettingAMemberReplacesOrAppends) {
  Value value;
  value.set("a", 1);
  value.set("b", "x");
  value.set("a", true);
  EXPECT_EQ(dump(value), R"({"a":true,"b":"x"})");
}

TEST(JsonTest, IntegersKeepTheirDigitsUpToTheirBorders) {
  for (const char* text : {"9223372036854775807", "-9223372036854775808", "9223372036854775808",
                           "18446744073709551615", "0", "-1"})
    EXPECT_EQ(dump(parsed(text)), text);
  EXPECT_EQ(parsed("9223372036854775807").as_int(), std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(parsed("18446744073709551615").as_uint(), std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(parsed("7").as_uint(), 7u);
  EXPECT_EQ(parsed("9223372036854775808").kind(), Kind::unsigned_integer);
  EXPECT_FALSE(parse("18446744073709551616")) << "no kind holds it exactly";
}

TEST(JsonTest, NumbersCompareByValue) {
  EXPECT_TRUE(parsed("1") == parsed("1.0"));
  EXPECT_FALSE(parsed("9223372036854775807") == parsed("9223372036854775808"));
  EXPECT_FALSE(parsed("18446744073709551615") == parsed("18446744073709551614"));
  EXPECT_TRUE(parsed(R"({"a":1,"b":[2]})") == parsed(R"({"b":[2],"a":1})"));
  EXPECT_FALSE(parsed(R"({"a":1})") == parsed(R"({"b":1})"));
  EXPECT_FALSE(parsed("[1,2]") == parsed("[2,1]"));
}

TEST(JsonTest, RealsStayRealsAndWhatIsNoNumberBecomesNull) {
  EXPECT_EQ(dump(Value(1.0)), "1.0");
  EXPECT_EQ(dump(Value(std::nan(""))), "null");
  EXPECT_EQ(dump(Value(std::numeric_limits<double>::infinity())), "null");
}

TEST(JsonTest, QuotedTextIsEscapedAsJsonDemands) {
  EXPECT_EQ(quote("a\"\\\n\t\r\b\f\x01 é/"), "\"a\\\"\\\\\\n\\t\\r\\b\\f\\u0001 é/\"");
}

// A random document, within `depth` levels.
Value random_value(std::mt19937& random, int depth) {
  const auto pick = [&](int below) {
    return static_cast<int>(random() % static_cast<unsigned>(below));
  };
  switch (pick(depth > 0 ? 8 : 6)) {
    case 0: return nullptr;
    case 1: return pick(2) == 0;
    case 2: return static_cast<std::int64_t>(random()) * (pick(2) == 0 ? -1'000'003 : 1'000'003);
    case 3: return std::numeric_limits<std::uint64_t>::max() - random();
    case 4: return std::ldexp(static_cast<double>(random()) + 0.5, pick(600) - 300);
    case 5: {
      static constexpr std::string_view kPieces[] = {"a", "\"", "\\", "\n", "\x01", "é", "😀", "/"};
      std::string text;
      for (int i = pick(8); i > 0; --i) text += kPieces[pick(8)];
      return text;
    }
    case 6: {
      Array array;
      for (int i = pick(5); i > 0; --i) array.push_back(random_value(random, depth - 1));
      return array;
    }
    default: {
      Value object = Object{};
      for (int i = pick(5); i > 0; --i)
        object.set("k" + std::to_string(pick(10)), random_value(random, depth - 1));
      return object;
    }
  }
}

TEST(JsonTest, WhatIsWrittenReadsBackEqual) {
  std::mt19937 random(20'260'115);  // the same documents each time
  for (int i = 0; i < 2000; ++i) {
    const Value value = random_value(random, 4);
    const std::string text = dump(value);
    const Result<Value> read = parse(text);
    ASSERT_TRUE(read) << text;
    EXPECT_TRUE(*read == value) << text;
    EXPECT_EQ(dump(*read), text);
  }
}

}  // namespace
}  // namespace conduit::json
