// <shared>/schemas: the JSON-Schema-Test-Suite, real schemas and named ones, against our validator.
// Groups of the suite that need a document from elsewhere must be refused or right, never wrong.
// Two of its keywords are left out: $vocabulary is not read, and where the suite has `format` say
// nothing, ours asserts.
#include <gtest/gtest.h>

#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

#include "mdl/json_grammar.h"
#include "mdl/schema.h"
#include "mdl/validate.h"
#include "tests/golden/reference.h"
#include "tests/support/shared_dir.h"

namespace conduit::testing {
namespace {

namespace fs = std::filesystem;

std::vector<json::Value> read_lines(const char* name) {
  std::vector<json::Value> records;
  std::istringstream lines(read_bytes(shared_dir() / "schemas" / name));
  for (std::string line; std::getline(lines, line);) {
    auto record = json::parse(line);
    CONDUIT_CHECK(record, record.error().message.c_str());
    records.push_back(*std::move(record));
  }
  return records;
}

// Of the suite's files an instance has a reason beside it, of the others the valid ones have none.
const json::Value& instance_of(const json::Value& item) {
  const bool has_reason = item.is_object() && item.as_object().size() == 2 &&
                          item.find("data") != nullptr && item.find("why") != nullptr;
  return has_reason ? member(item, "data") : item;
}

void expect_verdicts(const json::Value& record) {
  SCOPED_TRACE(member(record, "id").as_string());
  const bool may_be_refused =
      record.find("needs_remote") != nullptr && member(record, "needs_remote").as_bool();
  const auto schema = mdl::read_schema(member(record, "schema"));
  if (!schema && may_be_refused) return;
  ASSERT_TRUE(schema) << schema.error().message;
  auto validator = mdl::Validator::make(*schema);
  ASSERT_TRUE(validator) << validator.error().message;
  for (const json::Value& item : member(record, "valid").as_array()) {
    const auto mismatch = validator->check(instance_of(item));
    ASSERT_TRUE(mismatch) << mismatch.error().message;
    EXPECT_FALSE(*mismatch) << json::dump(instance_of(item)).substr(0, 300) << "\n"
                            << (*mismatch)->keyword << ": " << (*mismatch)->message();
  }
  for (const json::Value& item : member(record, "invalid").as_array()) {
    const auto mismatch = validator->check(instance_of(item));
    ASSERT_TRUE(mismatch) << mismatch.error().message;
    EXPECT_TRUE(*mismatch) << json::dump(instance_of(item)).substr(0, 300) << "\n"
                           << member(item, "why").as_string();
  }
}

// What the decoder can write: all that is valid, and nothing that is not. A schema that it refuses,
// or a text it cannot write, is counted: at most `wrong` of them.
void expect_texts(const std::vector<json::Value>& records, int wrong) {
  int found = 0;
  for (const json::Value& record : records) {
    SCOPED_TRACE(member(record, "id").as_string());
    auto schema = mdl::read_schema(member(record, "schema"));
    if (!schema) continue;
    auto grammar = mdl::json_grammar(*std::move(schema));
    if (!grammar) {
      found += member(record, "valid").as_array().empty() ? 0 : 1;
      continue;
    }
    const auto writes = [&](const json::Value& value) {
      return (*grammar)->accepts((*grammar)->walk((*grammar)->start(), json::dump(value)));
    };
    bool is_right = true;
    for (const json::Value& item : member(record, "valid").as_array())
      is_right = is_right && writes(instance_of(item));
    for (const json::Value& item : member(record, "invalid").as_array())
      EXPECT_FALSE(writes(member(item, "data"))) << json::dump(member(item, "data")).substr(0, 300);
    found += is_right ? 0 : 1;
  }
  EXPECT_LE(found, wrong);
}

TEST(DecoderGoldenTest, WritesWhatIsValidAlone) {
  const fs::path folder = shared_dir() / "schemas";
  if (!fs::exists(folder)) GTEST_SKIP() << "no " << folder;
  expect_texts(read_lines("realworld.jsonl"), 1);
  expect_texts(read_lines("bench_cases.jsonl"), 0);
  // 19 groups say of formats that they mean nothing, ours assert.
  expect_texts(read_lines("jsts_draft2020-12.jsonl"), 23);
  expect_texts(read_lines("jsts_formats.jsonl"), 6);
}

class SchemaGoldenTest : public ::testing::TestWithParam<const char*> {};

TEST_P(SchemaGoldenTest, ValidFitsAndInvalidDoesNot) {
  const fs::path file = shared_dir() / "schemas" / GetParam();
  if (!fs::exists(file)) GTEST_SKIP() << "no " << file;
  for (const json::Value& record : read_lines(GetParam())) {
    const json::Value* keyword = record.find("keyword");
    const bool is_left_out = keyword != nullptr && (keyword->as_string() == "vocabulary" ||
                                                    keyword->as_string() == "format");
    if (!is_left_out) expect_verdicts(record);
  }
}

INSTANTIATE_TEST_SUITE_P(Files, SchemaGoldenTest,
                         ::testing::Values("jsts_draft2020-12.jsonl", "realworld.jsonl",
                                           "bench_cases.jsonl"),
                         [](const auto& info) {
                           std::string name = info.param;
                           for (char& c : name)
                             if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
                           return name;
                         });

}  // namespace
}  // namespace conduit::testing
