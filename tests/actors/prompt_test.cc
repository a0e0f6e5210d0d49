// From a request to a sequence: what is refused, and with which words.
#include "actors/prompt.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "tests/support/actor_models.h"

namespace conduit::actors {
namespace {

using ::conduit::testing::byte_tokens;
using ::conduit::testing::open_tiny_model;
using ::conduit::testing::text_request;
using ::testing::HasSubstr;

constexpr int kMaxModelLen = 64;

class PromptTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { model_ = new auto(open_tiny_model()); }
  static void TearDownTestSuite() { delete model_; }

  static Result<kernels::SequenceSpec> prepared(const GenerateRequest& request) {
    return prepare(request, **model_, kMaxModelLen);
  }
  // The request is refused as invalid, with these words.
  static void expect_refused(const GenerateRequest& request, const std::string& words) {
    const auto spec = prepared(request);
    ASSERT_FALSE(spec) << words;
    EXPECT_EQ(spec.error().code, Code::invalid_argument);
    EXPECT_THAT(spec.error().message, HasSubstr(words));
  }

  static inline std::shared_ptr<const kernels::Model>* model_ = nullptr;
};

TEST_F(PromptTest, TextBecomesTokensAndTheRestOfTheContextIsTheAnswers) {
  const auto spec = prepared(text_request(1, "xyz"));
  ASSERT_TRUE(spec) << spec.error().message;
  EXPECT_EQ(spec->prompt, byte_tokens("xyz"));
  EXPECT_EQ(spec->max_tokens, kMaxModelLen - 3);
  EXPECT_EQ(spec->stop_ids, (*model_)->config.eos);
}

TEST_F(PromptTest, ChatIsRenderedWithAPromptForTheAnswer) {
  GenerateRequest request;
  request.prompt_kind = wire::PromptKind::chat;
  request.messages_json = R"([{"role":"user","content":"xyz"}])";
  const auto spec = prepared(request);
  ASSERT_TRUE(spec) << spec.error().message;
  const std::string text = (*model_)->tokenizer->decode(spec->prompt);
  EXPECT_THAT(text, HasSubstr("user\nxyz"));
  EXPECT_TRUE(text.ends_with("assistant\n")) << text;
}

TEST_F(PromptTest, TemplateArgumentsReachTheTemplateButCannotReplaceTheMessages) {
  GenerateRequest request;
  request.prompt_kind = wire::PromptKind::chat;
  request.messages_json = R"([{"role":"user","content":"xyz"}])";
  request.template_args_json = R"({"add_generation_prompt":false,"messages":[]})";
  const auto spec = prepared(request);
  ASSERT_TRUE(spec) << spec.error().message;
  const std::string text = (*model_)->tokenizer->decode(spec->prompt);
  EXPECT_THAT(text, HasSubstr("xyz"));
  EXPECT_FALSE(text.ends_with("assistant\n")) << text;
}

TEST_F(PromptTest, ToolsThatAreNotGivenAreNone) {
  kernels::Model model = **model_;
  auto asking = kernels::ChatTemplate::parse(
      "{{ tools is none }} {{ documents is none }} {{ tools is defined }}");
  ASSERT_TRUE(asking);
  model.chat_template = *asking;
  GenerateRequest request;
  request.prompt_kind = wire::PromptKind::chat;
  request.messages_json = R"([{"role":"user","content":"xyz"}])";
  const auto rendered = [&] {
    const auto spec = prepare(request, model, kMaxModelLen);
    return spec ? model.tokenizer->decode(spec->prompt) : spec.error().message;
  };
  EXPECT_EQ(rendered(), "True True True");
  request.template_args_json = R"({"tools":[{}]})";
  EXPECT_EQ(rendered(), "False True True");
}

TEST_F(PromptTest, MalformedMessagesAreTheAskersFault) {
  GenerateRequest request;
  request.prompt_kind = wire::PromptKind::chat;
  for (const char* messages : {"", "[", "{}", "[]", "3"}) {
    request.messages_json = messages;
    expect_refused(request, "messages");
  }
  request.messages_json = R"([{"role":"user","content":"x"}])";
  request.template_args_json = "[1]";
  expect_refused(request, "template arguments");
}

TEST_F(PromptTest, LengthsAreCheckedAgainstTheContextAndNamed) {
  GenerateRequest request = text_request(1, std::string(kMaxModelLen, 'x'));
  expect_refused(request, "64 tokens");
  request.prompt.pop_back();
  EXPECT_EQ(prepared(request)->max_tokens, 1);
  request = text_request(1, "xyz");
  request.max_tokens = 62;
  expect_refused(request, "max_tokens is 62");
  request.max_tokens = 61;
  EXPECT_TRUE(prepared(request));
  request.min_tokens = 62;
  expect_refused(request, "min_tokens is 62");
  request.min_tokens = 0;
  request.max_tokens = -1;
  expect_refused(request, "max_tokens is -1");
}

TEST_F(PromptTest, APromptIsCutToItsEndWhereThatIsWanted) {
  GenerateRequest request = text_request(1, "abcdef");
  request.truncate_prompt = 2;
  EXPECT_EQ(prepared(request)->prompt, byte_tokens("ef"));
  request.prompt = std::string(100, 'x') + "yz";
  request.truncate_prompt = -1;  // all that leaves room for the answer
  EXPECT_EQ(prepared(request)->prompt.size(), kMaxModelLen - 1u);
  request.max_tokens = 60;
  EXPECT_EQ(prepared(request)->prompt, byte_tokens("xxyz"));
  request.truncate_prompt = 5;
  expect_refused(request, "truncate_prompt_tokens is 5; it must be -1 (what fits) or 1 to 4");
  request.max_tokens = kMaxModelLen;
  request.truncate_prompt = -1;
  expect_refused(request, "max_tokens is 64");
  request.prompt_kind = wire::PromptKind::tokens;
  request.prompt_tokens = {7, 8, 9};
  request.max_tokens = 1;
  request.truncate_prompt = 2;
  EXPECT_EQ(prepared(request)->prompt, (std::vector<kernels::TokenId>{8, 9}));
}

TEST_F(PromptTest, EmptyPromptIsRefused) {
  expect_refused(text_request(1, ""), "empty");
  GenerateRequest request;
  request.prompt_kind = wire::PromptKind::tokens;
  expect_refused(request, "empty");
}

TEST_F(PromptTest, TextThatCannotFitIsRefusedBeforeItIsTokenized) {
  expect_refused(text_request(1, std::string(kMaxModelLen * 256 + 1, 'x')), "bytes");
}

TEST_F(PromptTest, TokenIdsOutsideTheVocabularyAreRefused) {
  GenerateRequest request;
  request.prompt_kind = wire::PromptKind::tokens;
  for (std::int32_t id : {-1, (*model_)->config.vocab, std::numeric_limits<std::int32_t>::max()}) {
    request.prompt_tokens = {5, id};
    expect_refused(request, std::to_string(id));
    request.prompt_tokens = {5};
    request.stop_token_ids = {id};
    expect_refused(request, std::to_string(id));
    request.stop_token_ids.clear();
  }
}

TEST_F(PromptTest, SamplingOutsideItsRangesIsRefused) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (float value : {-0.1f, 100.5f, nan}) {
    GenerateRequest request = text_request(1);
    request.temperature = value;
    expect_refused(request, "temperature");
  }
  for (float value : {0.0f, -1.0f, 1.5f, nan}) {
    GenerateRequest request = text_request(1);
    request.top_p = value;
    expect_refused(request, "top_p");
  }
  for (float value : {-0.5f, 1.5f, nan}) {
    GenerateRequest request = text_request(1);
    request.min_p = value;
    expect_refused(request, "min_p");
  }
  for (float value : {0.0f, 1.5f, nan}) {
    GenerateRequest request = text_request(1);
    request.typical_p = value;
    expect_refused(request, "typical_p");
  }
  for (float value : {-2.5f, 2.5f, nan}) {
    GenerateRequest request = text_request(1);
    request.frequency_penalty = value;
    expect_refused(request, "frequency_penalty");
    request.frequency_penalty = 0;
    request.presence_penalty = value;
    expect_refused(request, "presence_penalty");
  }
  for (float value : {0.0f, -1.0f, nan, std::numeric_limits<float>::infinity()}) {
    GenerateRequest request = text_request(1);
    request.repetition_penalty = value;
    expect_refused(request, "repetition_penalty");
  }
  GenerateRequest request = text_request(1);
  request.top_k = -1;
  expect_refused(request, "top_k");
  request.top_k = 0;
  request.logprobs = 21;
  expect_refused(request, "logprobs");
  request.logprobs = -1;
  request.prompt_logprobs = 21;
  expect_refused(request, "prompt_logprobs");
}

TEST_F(PromptTest, BiasIsOfTokensThatThereAreAndOfAFewOfThem) {
  GenerateRequest request = text_request(1);
  request.logit_bias = {{1 << 20, 1}};
  expect_refused(request, "logit_bias");
  request.logit_bias = {{-1, 1}};
  expect_refused(request, "logit_bias");
  request.logit_bias = {{1, 101}};
  expect_refused(request, "logit_bias");
  request.logit_bias = {{1, std::numeric_limits<float>::quiet_NaN()}};
  expect_refused(request, "logit_bias");
  request.logit_bias.assign(4097, {1, 1});
  expect_refused(request, "4097 tokens");
}

TEST_F(PromptTest, PromptLogprobsAreBoundedInAll) {
  GenerateRequest request = text_request(1, "xyz");
  request.prompt_logprobs = 4;
  EXPECT_TRUE(prepare(request, **model_, kMaxModelLen, {.prompt_logprobs = 15}));
  const auto refused = prepare(request, **model_, kMaxModelLen, {.prompt_logprobs = 14});
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("3 tokens are 15; at most 14"));
}

TEST_F(PromptTest, EverySamplingFieldReachesTheEngine) {
  GenerateRequest request = text_request(1);
  request.logit_bias = {{3, -1.5f}};
  request.repetition_penalty = 1.25f;
  request.frequency_penalty = 0.5f;
  request.presence_penalty = -0.5f;
  request.typical_p = 0.75f;
  request.prompt_logprobs = 2;
  const auto spec = prepared(request);
  ASSERT_TRUE(spec) << spec.error().message;
  const kernels::Sampling& sampling = spec->sampling;
  ASSERT_EQ(sampling.logit_bias.size(), 1u);
  EXPECT_EQ(sampling.logit_bias[0].id, 3);
  EXPECT_EQ(sampling.logit_bias[0].bias, -1.5f);
  EXPECT_EQ(sampling.repetition_penalty, 1.25f);
  EXPECT_EQ(sampling.frequency_penalty, 0.5f);
  EXPECT_EQ(sampling.presence_penalty, -0.5f);
  EXPECT_EQ(sampling.typical_p, 0.75f);
  EXPECT_EQ(sampling.prompt_logprobs, 2);
}

TEST_F(PromptTest, StopStringsAreBoundedInNumberAndLength) {
  GenerateRequest request = text_request(1);
  request.stop = {""};
  expect_refused(request, "0 bytes");
  request.stop = {std::string(257, 'x')};
  expect_refused(request, "257 bytes");
  request.stop.assign(17, "x");
  expect_refused(request, "17 stop strings");
  request.stop.clear();
  request.stop_token_ids.assign(257, 1);
  expect_refused(request, "257 stop_token_ids");
}

TEST_F(PromptTest, WithIgnoreEosOnlyTheRequestsOwnStopIdsRemain) {
  GenerateRequest request = text_request(1);
  request.ignore_eos = true;
  request.stop_token_ids = {7};
  EXPECT_EQ(prepared(request)->stop_ids, std::vector<kernels::TokenId>{7});
}

TEST_F(PromptTest, SeedIsTheRequestsOrDrawnAnew) {
  GenerateRequest request = text_request(1);
  EXPECT_NE(prepared(request)->sampling.seed, prepared(request)->sampling.seed);
  request.has_seed = true;
  request.seed = 0;
  EXPECT_EQ(prepared(request)->sampling.seed, 0u);
}

TEST_F(PromptTest, ModelWithoutTokenizerTakesTokenIdsOnly) {
  conduit::testing::TinyModelOptions options;
  options.tokenizer = options.chat_template = false;
  const auto bare = open_tiny_model(options);
  const auto refused = prepare(text_request(1), *bare, kMaxModelLen);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::invalid_argument);
  EXPECT_THAT(refused.error().message, HasSubstr("token ids"));

  GenerateRequest request;
  request.prompt_kind = wire::PromptKind::tokens;
  request.prompt_tokens = {5, 6};
  EXPECT_TRUE(prepare(request, *bare, kMaxModelLen));
  request.stop = {"x"};
  EXPECT_FALSE(prepare(request, *bare, kMaxModelLen));
}

TEST_F(PromptTest, ModelWithoutTemplateTakesNoChat) {
  conduit::testing::TinyModelOptions options;
  options.chat_template = false;
  const auto bare = open_tiny_model(options);
  GenerateRequest request;
  request.prompt_kind = wire::PromptKind::chat;
  request.messages_json = R"([{"role":"user","content":"x"}])";
  const auto refused = prepare(request, *bare, kMaxModelLen);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("chat template"));
}

TEST_F(PromptTest, TokenizeGivesTheTokensOfThePrompt) {
  TokenizeRequest request;
  request.prompt_kind = wire::PromptKind::text;
  request.prompt = "xyz";
  EXPECT_EQ(*tokenize(request, **model_, kMaxModelLen), byte_tokens("xyz"));
  request.prompt_kind = wire::PromptKind::tokens;
  EXPECT_FALSE(tokenize(request, **model_, kMaxModelLen));
}

}  // namespace
}  // namespace conduit::actors
