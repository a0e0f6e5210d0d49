// What a request says about its answer, in the terms of the model that gives it.
#include "actors/constraints.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "actors/grammars.h"
#include "actors/tools.h"
#include "tests/support/actor_models.h"

namespace conduit::actors {
namespace {

using ::conduit::testing::byte_token;
using ::conduit::testing::open_tiny_model;
using ::conduit::testing::text_request;
using ::testing::HasSubstr;

class ConstraintsTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { model_ = new auto(open_tiny_model()); }
  static void TearDownTestSuite() { delete model_; }

  static kernels::Model with_template(const char* text) {
    kernels::Model model = **model_;
    auto parsed = kernels::ChatTemplate::parse(text);
    EXPECT_TRUE(parsed) << text;
    model.chat_template = *parsed;
    return model;
  }
  static GenerateRequest request(wire::ConstraintKind kind, std::string text) {
    GenerateRequest request = text_request(1);
    request.constraint_kind = kind;
    request.constraint = std::move(text);
    return request;
  }

  static inline std::shared_ptr<const kernels::Model>* model_ = nullptr;
};

TEST_F(ConstraintsTest, TemplatesTellTheToolFormat) {
  EXPECT_EQ(tool_format_of(with_template("{{ tools }}<tool_call>")), mdl::ToolFormat::hermes);
  EXPECT_EQ(tool_format_of(with_template("{{ tools }}[TOOL_CALLS]")), mdl::ToolFormat::mistral);
  EXPECT_EQ(tool_format_of(with_template("Environment: ipython {{ tools }}")),
            mdl::ToolFormat::llama3);
  EXPECT_EQ(tool_format_of(**model_), mdl::ToolFormat::hermes);
  for (auto format : {mdl::ToolFormat::hermes, mdl::ToolFormat::mistral, mdl::ToolFormat::llama3})
    EXPECT_EQ(mdl::parse_tool_format(name_of(format)), format);
}

TEST_F(ConstraintsTest, ToolsGetTheFormatOfTheModel) {
  const auto tools = request(wire::ConstraintKind::tools, R"({"choice":"auto","tools":[]})");
  const auto constraint = constraint_of(tools, with_template("{{ tools }}[TOOL_CALLS]"));
  ASSERT_TRUE(constraint) << constraint.error().message;
  EXPECT_EQ(constraint->kind, mdl::ConstraintKind::tools);
  EXPECT_EQ(constraint->text, R"({"choice":"auto","tools":[],"format":"mistral"})");
  EXPECT_EQ(tool_calls_of(tools, **model_), mdl::ToolFormat::hermes);
  EXPECT_EQ(tool_calls_of(text_request(1), **model_), std::nullopt);
  for (const char* wrong : {"", "[]", "{"})
    EXPECT_EQ(constraint_of(request(wire::ConstraintKind::tools, wrong), **model_).error().code,
              Code::invalid_argument);
}

TEST_F(ConstraintsTest, WhatCannotBeKeptIsRefusedNamingWhy) {
  const auto message = [](const GenerateRequest& asked, const kernels::Model& model) {
    const auto constraint = constraint_of(asked, model);
    EXPECT_FALSE(constraint);
    return constraint ? "" : constraint.error().message;
  };
  const auto regex = request(wire::ConstraintKind::regex, "a");
  kernels::Model model = **model_;
  model.config.eos = {};
  EXPECT_THAT(message(regex, model), HasSubstr("end token"));
  model.tokenizer.reset();
  EXPECT_THAT(message(regex, model), HasSubstr("tokenizer"));
  EXPECT_THAT(
      message(request(wire::ConstraintKind::regex, std::string((1 << 20) + 1, 'a')), **model_),
      HasSubstr("1048576"));
}

TEST_F(ConstraintsTest, TheVocabularyIsItsTokensTextsWithoutSpecialOnes) {
  const auto table = token_table_of(**model_);
  EXPECT_EQ(table->text(byte_token('a')), "a");
  EXPECT_EQ(table->text(byte_token('\x80')), "\x80");
  EXPECT_EQ(table->text(0), "");
  EXPECT_THAT(std::vector<int>(table->ends().begin(), table->ends().end()),
              ::testing::UnorderedElementsAreArray((*model_)->config.eos));
}

TEST_F(ConstraintsTest, ModelsWhoseTemplateKnowsNoToolsAreToldInTheSystemMessage) {
  EXPECT_FALSE(template_knows_tools(**model_));
  const json::Value tools = *json::parse(R"([{"type":"function","function":{"name":"f"}}])");
  json::Value messages = *json::parse(
      R"([{"role":"user","content":"Hi"},{"role":"assistant","content":"","tool_calls":)"
      R"([{"function":{"name":"f","arguments":{"a":1}}}]}])");
  tell_of_tools(messages, tools);
  ASSERT_EQ(messages.as_array().size(), 3u);
  const std::string system = messages.as_array()[0].find("content")->as_string();
  EXPECT_THAT(system, HasSubstr(R"({"type":"function","function":{"name":"f"}})"));
  EXPECT_EQ(messages.as_array()[2].find("content")->as_string(),
            "<tool_call>\n{\"name\":\"f\",\"arguments\":{\"a\":1}}\n</tool_call>");
  json::Value with_system =
      *json::parse(R"([{"role":"system","content":"Be kind."},{"role":"user","content":"Hi"}])");
  tell_of_tools(with_system, tools);
  ASSERT_EQ(with_system.as_array().size(), 2u);
  EXPECT_TRUE(with_system.as_array()[0].find("content")->as_string().starts_with("Be kind.\n\n"));
}

class GrammarCacheTest : public ConstraintsTest {
 protected:
  std::shared_ptr<mdl::TokenGrammar> get(const std::string& text) {
    auto grammar = cache_.get(*model_, {mdl::ConstraintKind::choice, text}, stop_);
    EXPECT_TRUE(grammar) << grammar.error().message;
    return grammar ? *grammar : nullptr;
  }
  GrammarCache cache_;
  std::atomic<bool> stop_{false};
};

TEST_F(GrammarCacheTest, RequestsOfTheSameTextShareAGrammar) {
  const auto first = get(R"(["a"])");
  EXPECT_EQ(get(R"(["a"])"), first);
  EXPECT_NE(get(R"(["b"])"), first);
  cache_.forget(first.get());
  EXPECT_NE(get(R"(["a"])"), first);
}

TEST_F(GrammarCacheTest, TheLatestAreKept) {
  const auto first = get(R"(["0"])");
  const auto second = get(R"(["1"])");
  for (std::size_t i = 2; i <= kGrammarsKept; ++i) {
    get("[\"" + std::to_string(i) + "\"]");
    EXPECT_EQ(get(R"(["0"])"), first);
  }
  EXPECT_EQ(cache_.size(), kGrammarsKept);
  EXPECT_NE(get(R"(["1"])"), second);
}

TEST_F(GrammarCacheTest, AnotherModelHasGrammarsOfItsOwn) {
  const auto first = get(R"(["a"])");
  const auto other =
      cache_.get(open_tiny_model(), {mdl::ConstraintKind::choice, R"(["a"])"}, stop_);
  ASSERT_TRUE(other);
  EXPECT_NE(*other, first);
  EXPECT_EQ(cache_.size(), 1u);
}

TEST_F(GrammarCacheTest, NobodyWaitsForWhatIsCancelled) {
  stop_ = true;
  EXPECT_EQ(cache_.get(*model_, {mdl::ConstraintKind::choice, "[]"}, stop_).error().code,
            Code::cancelled);
}

}  // namespace
}  // namespace conduit::actors
