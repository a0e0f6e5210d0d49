// MDL's rules against the reference: <shared>/schemas/mdl_rules.json, a record in a neutral form
// and the hint lines that it gives, or the kind of error. What the reference prints also reads back
// as the same type. And its payloads: mdl_payloads.json, a record, a reply, and whether a strict
// reader takes it.
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "mdl/payload.h"
#include "mdl/type.h"
#include "tests/golden/mdl_cases.h"

namespace conduit::mdl {
namespace {

using conduit::testing::mdl_cases;
using conduit::testing::neutral_type;

std::string joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

void expect_lines(const json::Value& record, const json::Array& lines) {
  std::string expected;
  for (const json::Value& line : lines) expected += line.as_string() + "\n";
  const auto given = hint(neutral_type(record));
  ASSERT_TRUE(given) << given.error().message;
  EXPECT_EQ(joined(*given), expected);

  const auto read = parse_mdl(expected);
  ASSERT_TRUE(read) << read.error().message;
  const auto again = hint(*read);
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(joined(*again), expected);
}

void expect_fault(const json::Value& record, const json::Value& expect) {
  const Type type = neutral_type(record);
  const auto fault = find_fault(type);
  ASSERT_TRUE(fault);
  EXPECT_EQ(fault->kind, expect.find("error")->as_string()) << fault->message();
  if (const json::Value* path = expect.find("path")) {
    EXPECT_EQ(fault->path, path->as_string());
  }
  EXPECT_FALSE(hint(type));
  EXPECT_FALSE(to_json_schema(type));
}

TEST(MdlGoldenTest, RulesAreTheReferences) {
  const json::Array cases = mdl_cases("mdl_rules.json");
  if (cases.empty()) GTEST_SKIP() << "no schemas/mdl_rules.json in " << testing::shared_dir();
  for (const json::Value& c : cases) {
    SCOPED_TRACE(c.find("id")->as_string());
    const json::Value& expect = *c.find("expect");
    const json::Value* record = c.find("record");
    const json::Value declared =
        record != nullptr ? json::Value(json::Object{{"record", *record}}) : *c.find("type");
    if (const json::Value* lines = expect.find("lines")) {
      expect_lines(declared, lines->as_array());
    } else {
      expect_fault(declared, expect);
    }
  }
}

TEST(MdlGoldenTest, PayloadsAreReadStrictly) {
  const json::Array cases = mdl_cases("mdl_payloads.json");
  if (cases.empty()) GTEST_SKIP() << "no schemas/mdl_payloads.json in " << testing::shared_dir();
  for (const json::Value& c : cases) {
    SCOPED_TRACE(c.find("id")->as_string());
    auto reader = PayloadReader::make(neutral_type(json::Object{{"record", *c.find("record")}}));
    ASSERT_TRUE(reader) << reader.error().message;
    const auto payload = reader->read(c.find("text")->as_string());
    const std::string kind = payload ? "accept" : "reject:" + payload.error().message;
    EXPECT_EQ(kind.substr(0, kind.find_first_of(" :", 7)), c.find("expect")->as_string()) << kind;
  }
}

}  // namespace
}  // namespace conduit::mdl
