// Chat templates against jinja2 as transformers sets it up: <root>/chat_templates/ of the shared
// reference data and of the project's own, every template of chat_templates.json with every case,
// and every small template of jinja_features.json. Where the reference raises, rendering must fail;
// the message is compared where the template itself wrote it.
#include <gtest/gtest.h>

#include <cctype>
#include <ctime>
#include <filesystem>
#include <ostream>
#include <string>
#include <vector>

#include "kernels/model/chat_template.h"
#include "mdl/base/json.h"
#include "tests/golden/reference.h"
#include "tests/golden/supported.h"
#include "tests/support/shared_dir.h"

namespace conduit::kernels {
namespace {

namespace fs = std::filesystem;
using conduit::testing::member;
using conduit::testing::read_bytes;
using conduit::testing::read_json;

struct Root {
  std::string name;
  fs::path folder;
};

std::vector<Root> roots() {
  return {{"shared", testing::shared_dir() / "golden" / "chat_templates"},
          {"own", testing::own_golden_dir() / "own" / "chat_templates"}};
}

// One template, or one feature by its number.
struct Subject {
  Root root;
  std::string name;
};

void PrintTo(const Subject& subject, std::ostream* out) { *out << subject.name; }

std::string test_name(const ::testing::TestParamInfo<Subject>& info) {
  std::string name = info.param.root.name + "_" + info.param.name;
  for (char& c : name)
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
  return name;
}

// What strftime_now reads in the reference: a local time, as in the file's "now".
std::time_t frozen_time(const json::Value& reference) {
  std::tm local{};
  local.tm_isdst = -1;
  strptime(member(reference, "now").as_string().c_str(), "%Y-%m-%d %H:%M:%S", &local);
  return std::mktime(&local);
}

Result<std::string> render(std::string_view source, const json::Value& variables, std::time_t now) {
  CONDUIT_TRY(const ChatTemplate chat_template, ChatTemplate::parse(source));
  return chat_template.render(variables, now);
}

// `result`: the reference's, with `expected`, or `error` and `error_kind`.
void expect_as_reference(const Result<std::string>& rendered, const json::Value& result) {
  if (const json::Value* expected = result.find("expected")) {
    ASSERT_TRUE(testing::is_supported(rendered, "the template"));
    EXPECT_EQ(*rendered, expected->as_string());
    return;
  }
  const std::string& message = member(result, "error").as_string();
  ASSERT_FALSE(rendered) << "expected the error: " << message << "\ngot: " << *rendered;
  const std::string& kind = member(result, "error_kind").as_string();
  if (kind == "raised by template" || kind == "TemplateError") {
    EXPECT_EQ(rendered.error().message, std::string(kRaisedByTemplate) + message);
  }
}

json::Value variables_of(const json::Value& conversation, const json::Value& subject) {
  json::Value variables;
  for (const char* name : {"messages", "tools", "documents", "add_generation_prompt"}) {
    const json::Value* value = conversation.find(name);
    variables.set(name, value == nullptr ? json::Value() : *value);
  }
  variables.set("bos_token", member(subject, "bos_token"));
  variables.set("eos_token", member(subject, "eos_token"));
  if (const json::Value* extra = conversation.find("extra"); extra != nullptr && extra->is_object())
    for (const json::Member& variable : extra->as_object())
      variables.set(variable.key, variable.value);
  return variables;
}

std::vector<Subject> templates() {
  std::vector<Subject> subjects;
  for (const Root& root : roots()) {
    const fs::path file = root.folder / "chat_templates.json";
    if (!fs::exists(file)) continue;
    const json::Value reference = read_json(file);
    for (const json::Member& entry : member(reference, "templates").as_object())
      subjects.push_back({root, entry.key});
  }
  return subjects;
}

class ChatTemplateGolden : public ::testing::TestWithParam<Subject> {};

TEST_P(ChatTemplateGolden, RendersEveryConversationAsJinja2) {
  const fs::path& folder = GetParam().root.folder;
  const json::Value reference = read_json(folder / "chat_templates.json");
  const json::Value& subject = member(member(reference, "templates"), GetParam().name);
  const std::string source = read_bytes(folder / member(subject, "file").as_string());
  const json::Array& cases = member(reference, "cases").as_array();
  for (const json::Value& result : member(subject, "results").as_array()) {
    const json::Value& conversation =
        cases.at(static_cast<std::size_t>(member(result, "case").as_int()));
    SCOPED_TRACE("case " + json::dump(member(result, "case")));
    expect_as_reference(render(source, variables_of(conversation, subject), frozen_time(reference)),
                        result);
  }
}

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(ChatTemplateGolden);
INSTANTIATE_TEST_SUITE_P(Templates, ChatTemplateGolden, ::testing::ValuesIn(templates()),
                         test_name);

std::vector<Subject> features() {
  std::vector<Subject> subjects;
  for (const Root& root : roots()) {
    const fs::path file = root.folder / "jinja_features.json";
    if (!fs::exists(file)) continue;
    const json::Value reference = read_json(file);
    for (std::size_t i = 0; i < member(reference, "cases").as_array().size(); ++i)
      subjects.push_back({root, std::to_string(i)});
  }
  return subjects;
}

class JinjaFeatureGolden : public ::testing::TestWithParam<Subject> {};

TEST_P(JinjaFeatureGolden, BehavesAsJinja2) {
  const json::Value reference = read_json(GetParam().root.folder / "jinja_features.json");
  const json::Value& feature =
      member(reference, "cases").as_array().at(std::stoul(GetParam().name));
  const std::string& source = member(feature, "template").as_string();
  SCOPED_TRACE(source);
  expect_as_reference(render(source, member(feature, "vars"), frozen_time(reference)), feature);
}

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(JinjaFeatureGolden);
INSTANTIATE_TEST_SUITE_P(Features, JinjaFeatureGolden, ::testing::ValuesIn(features()), test_name);

// A folder that is not there must not look like one that passed.
TEST(ChatTemplateGoldenData, IsThere) {
  for (const Root& root : roots())
    if (!fs::exists(root.folder / "chat_templates.json"))
      GTEST_SKIP() << "no reference data at " << root.folder;
}

}  // namespace
}  // namespace conduit::kernels
