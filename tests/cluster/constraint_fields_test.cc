// read_constraint and read_tools: each way of saying what an answer looks like, and what may not be
// said together.
#include "cluster/gateway/constraint_fields.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "cluster/gateway/openai_request.h"

namespace conduit::cluster {
namespace {

using ::testing::HasSubstr;
using wire::ConstraintKind;

constexpr const char* kTool =
    R"({"type":"function","function":{"name":"f","parameters":{"type":"object"}}})";

std::optional<ApiError> read(const std::string& fields, AnswerPlan& plan, bool is_chat = true) {
  const std::string prompt =
      is_chat ? R"("messages":[{"role":"user","content":"Hi"}])" : R"("prompt":"Hi")";
  const auto body = json::parse(R"({"model":"m",)" + prompt + "," + fields + "}");
  EXPECT_TRUE(body) << fields;
  return is_chat ? read_chat(*body, plan) : read_completion(*body, plan);
}

actors::GenerateRequest taken(const std::string& fields, bool is_chat = true) {
  AnswerPlan plan;
  const auto wrong = read(fields, plan, is_chat);
  EXPECT_FALSE(wrong) << fields << ": " << wrong->message;
  return plan.requests.empty() ? actors::GenerateRequest() : plan.requests.front();
}

ApiError refused(const std::string& fields) {
  AnswerPlan plan;
  const auto wrong = read(fields, plan);
  EXPECT_TRUE(wrong) << fields;
  return wrong.value_or(ApiError{});
}

TEST(ConstraintFieldsTest, EachFieldIsOneConstraintOnBothRoutes) {
  struct Case {
    const char* fields;
    ConstraintKind kind;
    const char* text;
  };
  for (const Case& c : {
           Case{R"("response_format":{"type":"text"})", ConstraintKind::none, ""},
           Case{R"("response_format":{"type":"json_object"})", ConstraintKind::json_object, ""},
           Case{R"("response_format":{"type":"json_schema","json_schema":
               {"name":"n","strict":true,"schema":{"type":"integer"}}})",
                ConstraintKind::json_schema, R"({"type":"integer"})"},
           Case{R"("structured_outputs":{"json":{"b":1,"a":2}})", ConstraintKind::json_schema,
                R"({"b":1,"a":2})"},
           Case{R"("structured_outputs":{"json":"{}"})", ConstraintKind::json_schema, "{}"},
           Case{R"("structured_outputs":{"regex":"a+","json":null})", ConstraintKind::regex, "a+"},
           Case{R"("structured_outputs":{"choice":["a","b"]})", ConstraintKind::choice,
                R"(["a","b"])"},
           Case{R"("structured_outputs":{"grammar":"root ::= \"a\""})", ConstraintKind::gbnf,
                R"(root ::= "a")"},
           Case{R"("structured_outputs":{"json_object":true})", ConstraintKind::json_object, ""},
           Case{R"("structured_outputs":{"json_object":false})", ConstraintKind::none, ""},
           Case{R"("guided_json":{"type":"null"})", ConstraintKind::json_schema,
                R"({"type":"null"})"},
           Case{R"("guided_json":true)", ConstraintKind::json_schema, "true"},
           Case{R"("guided_regex":"[0-9]")", ConstraintKind::regex, "[0-9]"},
           Case{R"("guided_choice":["x"])", ConstraintKind::choice, R"(["x"])"},
           Case{R"("guided_grammar":"root ::= [a]")", ConstraintKind::gbnf, "root ::= [a]"},
           Case{R"("response_format":null,"guided_json":null,"structured_outputs":null)",
                ConstraintKind::none, ""},
       }) {
    for (const bool is_chat : {true, false}) {
      const auto request = taken(c.fields, is_chat);
      EXPECT_EQ(request.constraint_kind, c.kind) << c.fields;
      EXPECT_EQ(request.constraint, c.text) << c.fields;
    }
  }
}

TEST(ConstraintFieldsTest, WrongShapesNameTheirField) {
  const std::pair<const char*, const char*> cases[] = {
      {R"("response_format":"json")", "response_format"},
      {R"("response_format":{})", "response_format.type"},
      {R"("response_format":{"type":"structural_tag"})", "response_format.type"},
      {R"("response_format":{"type":"json_schema"})", "response_format.json_schema.schema"},
      {R"("response_format":{"type":"json_schema","json_schema":{"schema":7}})",
       "response_format.json_schema.schema"},
      {R"("response_format":{"type":"json_schema","json_schema":{"schema":{},"strict":1}})",
       "response_format.json_schema.strict"},
      {R"("structured_outputs":[])", "structured_outputs"},
      {R"("structured_outputs":{"json":7})", "structured_outputs.json"},
      {R"("structured_outputs":{"regex":7})", "structured_outputs.regex"},
      {R"("structured_outputs":{"choice":[]})", "structured_outputs.choice"},
      {R"("structured_outputs":{"choice":[1]})", "structured_outputs.choice"},
      {R"("structured_outputs":{"structural_tag":"x"})", "structured_outputs.structural_tag"},
      {R"("guided_choice":"a")", "guided_choice"},
      {R"("guided_grammar":{})", "guided_grammar"},
      {R"("tools":[7])", "tools[0].type"},
      {R"("tools":[{"type":"function"}])", "tools[0].function.name"},
      {R"("tools":[{"type":"function","function":{"name":"a b"}}])", "tools[0].function.name"},
      {R"("tools":[{"type":"function","function":{"name":"f","parameters":[]}}])",
       "tools[0].function.parameters"},
      {R"("tool_choice":"required")", "tool_choice"},
      {R"("tool_choice":"always")", "tool_choice"},
      {R"("tool_choice":{"type":"function","function":{"name":"f"}})", "tool_choice"},
      {R"("parallel_tool_calls":1)", "parallel_tool_calls"},
  };
  for (const auto& [fields, param] : cases) EXPECT_EQ(refused(fields).param, param) << fields;
  EXPECT_EQ(refused(R"("guided_regex":")" + std::string((1 << 20) + 1, 'a') + "\"").param,
            "guided_regex");
}

TEST(ConstraintFieldsTest, TwoShapesAreRefusedNamingBoth) {
  const ApiError two =
      refused(R"("response_format":{"type":"json_object"},"structured_outputs":{"regex":"a"})");
  EXPECT_EQ(two.param, "structured_outputs.regex");
  EXPECT_THAT(two.message, HasSubstr("response_format"));
  EXPECT_EQ(refused(R"("guided_regex":"a","guided_choice":["a"])").param, "guided_choice");
  EXPECT_EQ(refused(R"("structured_outputs":{"regex":"a","grammar":"b"})").param,
            "structured_outputs.grammar");
  const std::string tools = R"("tools":[)" + std::string(kTool) + "]";
  const ApiError both = refused(tools + R"(,"tool_choice":"required","guided_regex":"a")");
  EXPECT_EQ(both.param, "tools");
  EXPECT_THAT(both.message, HasSubstr("required"));
  EXPECT_EQ(taken(tools + R"(,"tool_choice":"none","guided_regex":"a")").constraint_kind,
            ConstraintKind::regex);
}

TEST(ConstraintFieldsTest, ToolsAreWhatTheChoiceLeavesOfThem) {
  const std::string two =
      R"("tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object"}}},)"
      R"({"type":"function","function":{"name":"g","description":"d"}}])";
  const std::string f = R"({"name":"f","parameters":{"type":"object"}})";
  const std::string g =
      R"({"name":"g","parameters":{"type":"object","additionalProperties":false}})";
  const auto text = [](const char* choice, const char* parallel, const std::string& tools) {
    return std::string(R"({"choice":")") + choice + R"(","parallel":)" + parallel +
           R"(,"tools":[)" + tools + "]}";
  };
  const auto plain = taken(two);
  EXPECT_EQ(plain.constraint_kind, ConstraintKind::tools);
  EXPECT_EQ(plain.constraint, text("auto", "true", f + "," + g));
  EXPECT_THAT(plain.template_args_json, HasSubstr(R"("description":"d")"));
  EXPECT_EQ(taken(two + R"(,"tool_choice":"required","parallel_tool_calls":false)").constraint,
            text("required", "false", f + "," + g));
  const auto named = taken(two + R"(,"tool_choice":{"type":"function","function":{"name":"g"}})");
  EXPECT_EQ(named.constraint, text("required", "true", g));
  EXPECT_THAT(named.template_args_json, HasSubstr(R"("name":"f")"));
  const auto none = taken(two + R"(,"tool_choice":"none")");
  EXPECT_EQ(none.constraint_kind, ConstraintKind::none);
  EXPECT_EQ(none.template_args_json, "");
}

TEST(ConstraintFieldsTest, ToolsAreLimitedInNumberAndHaveNamesOfTheirOwn) {
  std::string many;
  for (int i = 0; i < 129; ++i)
    many += (i > 0 ? "," : "") +
            (R"({"type":"function","function":{"name":"f)" + std::to_string(i)) + "\"}}";
  const ApiError error = refused(R"("tools":[)" + many + "]");
  EXPECT_EQ(error.param, "tools");
  EXPECT_THAT(error.message, HasSubstr("128"));
  EXPECT_EQ(refused(R"("tools":[)" + std::string(kTool) + "," + kTool + "]").param,
            "tools[1].function.name");
}

}  // namespace
}  // namespace conduit::cluster
