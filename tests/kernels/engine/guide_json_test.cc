// Answers that fit JSON schemas, from a model of random weights at temperature 1: each is valid,
// whatever the schema, the seed and max_tokens are.
#include <gtest/gtest.h>

#include <string>

#include "kernels/engine/guide.h"
#include "mdl/json_grammar.h"
#include "mdl/schema.h"
#include "mdl/validate.h"
#include "tests/kernels/engine/list_grammar.h"
#include "tests/kernels/engine/tiny_engine.h"

namespace conduit::kernels {
namespace {

constexpr const char* kSchemas[] = {
    R"({"type":"object","properties":{"name":{"type":"string","maxLength":8},
        "age":{"type":"integer","minimum":0,"maximum":150}},"required":["name","age"],
        "additionalProperties":false})",
    R"({"type":"array","items":{"enum":["red","green",7,null]},"minItems":2,"maxItems":5})",
    R"({"anyOf":[{"type":"string","pattern":"^[A-Z]{2}-[0-9]{3}$"},{"type":"boolean"}]})",
    R"({"$defs":{"node":{"type":"object","properties":{"v":{"type":"number"},
        "next":{"anyOf":[{"type":"null"},{"$ref":"#/$defs/node"}]}},
        "required":["v","next"],"additionalProperties":false}},"$ref":"#/$defs/node"})",
    R"({"type":"object","additionalProperties":{"type":"integer"},"maxProperties":3})",
    R"({"type":"object"})",
    R"({"type":"integer","multipleOf":6,"minimum":-600,"maximum":9000})",
    R"({"type":"string"})",
};

class GuideJsonTest : public testing::TinyEngineTest {
 protected:
  static constexpr TokenId kEos = 2;

  void SetUp() override {
    TinyEngineTest::SetUp();
    table_ = testing::token_table(*model_->tokenizer, {kEos});
    for (const char* text : kSchemas) {
      auto schema = mdl::read_schema(std::string_view(text));
      ASSERT_TRUE(schema) << schema.error().message;
      schemas_.push_back(*schema);
      auto grammar = mdl::json_grammar(*schema);
      ASSERT_TRUE(grammar) << grammar.error().message;
      grammars_.push_back(std::make_shared<mdl::TokenGrammar>(*std::move(grammar), table_));
    }
  }

  SequenceSpec request(SequenceId id, std::size_t schema) {
    SequenceSpec made = spec(id, 5, 0);
    made.grammar = grammars_[schema];
    const auto least = static_cast<int>(mdl::Matcher(made.grammar).cost());
    made.max_tokens = std::max(1, least + static_cast<int>(id % 50));
    made.stop_ids = {kEos};
    made.sampling = {.temperature = 1, .seed = id};
    return made;
  }

  std::string text(const std::vector<SequenceOutput>& outputs) {
    std::vector<TokenId> tokens;
    for (const SequenceOutput& output : outputs)
      if (output.reason != FinishReason::stop || output.ends_in_text)
        tokens.push_back(output.token);
    return model_->tokenizer->decode(tokens);
  }

  // Of every seed and schema in one batch.
  std::vector<std::string> answers(int proposals) {
    EngineOptions options;
    options.speculative_tokens = proposals;
    options.max_concurrency = 16;
    const auto made = engine(options);
    for (SequenceId id = 0; id < kAnswers; ++id) {
      const auto added = made->add(request(id, id % std::size(kSchemas)));
      EXPECT_TRUE(added) << added.error().message;
    }
    std::vector<std::string> texts;
    for (const auto& [id, outputs] : run(*made)) texts.push_back(text(outputs));
    return texts;
  }

  static constexpr SequenceId kAnswers = 200;
  std::shared_ptr<const mdl::TokenTable> table_;
  std::vector<mdl::Schema> schemas_;
  std::vector<std::shared_ptr<mdl::TokenGrammar>> grammars_;
};

TEST_F(GuideJsonTest, EveryAnswerIsValidAndTheSameWithSpeculation) {
  const auto texts = answers(8);
  ASSERT_EQ(texts.size(), kAnswers);
  for (std::size_t id = 0; id < texts.size(); ++id) {
    const auto value = json::parse(texts[id]);
    ASSERT_TRUE(value) << kSchemas[id % std::size(kSchemas)] << ": " << texts[id];
    auto validator = mdl::Validator::make(schemas_[id % std::size(kSchemas)]);
    ASSERT_TRUE(validator) << validator.error().message;
    const auto mismatch = validator->check(*value);
    ASSERT_TRUE(mismatch) << mismatch.error().message;
    EXPECT_FALSE(*mismatch) << (*mismatch)->message() << ": " << texts[id];
  }
  EXPECT_EQ(answers(0), texts);
}

}  // namespace
}  // namespace conduit::kernels
