// read_chat, read_completion, read_tokenize: every rule on its own.
#include "cluster/gateway/openai_request.h"

#include <gtest/gtest.h>

#include <utility>

namespace conduit::cluster {
namespace {

json::Value parsed(const std::string& text) {
  auto value = json::parse(text);
  EXPECT_TRUE(value) << text;
  return value ? *value : json::Value();
}

// The chat body with `fields` added: `"n":2`.
std::string chat_body(const std::string& fields,
                      const std::string& messages = R"([{"role":"user","content":"Hi"}])") {
  return R"({"model":"m","messages":)" + messages + (fields.empty() ? "" : ",") + fields + "}";
}

std::string completion_body(const std::string& fields, const std::string& prompt = "\"Hi\"") {
  return R"({"model":"m","prompt":)" + prompt + (fields.empty() ? "" : ",") + fields + "}";
}

// The one request of a body that is right.
actors::GenerateRequest chat(const std::string& body) {
  AnswerPlan plan;
  auto wrong = read_chat(parsed(body), plan);
  EXPECT_FALSE(wrong) << wrong->message;
  return plan.requests.empty() ? actors::GenerateRequest() : plan.requests.front();
}

AnswerPlan completion(const std::string& body) {
  AnswerPlan plan;
  auto wrong = read_completion(parsed(body), plan);
  EXPECT_FALSE(wrong) << wrong->message;
  return plan;
}

// The field that a refused body names; "" when it was taken.
std::string wrong_in_chat(const std::string& body) {
  AnswerPlan plan;
  auto wrong = read_chat(parsed(body), plan);
  EXPECT_EQ(wrong ? wrong->status : 400, 400);
  return wrong ? wrong->param : "";
}

std::string wrong_in_completion(const std::string& body) {
  AnswerPlan plan;
  auto wrong = read_completion(parsed(body), plan);
  return wrong ? wrong->param : "";
}

TEST(ReadChatTest, DefaultsAreOpenAis) {
  const auto request = chat(chat_body(""));
  EXPECT_EQ(request.model, "m");
  EXPECT_EQ(request.max_tokens, 0);  // up to the model's limit
  EXPECT_EQ(request.temperature, 1.0f);
  EXPECT_EQ(request.top_p, 1.0f);
  EXPECT_EQ(request.top_k, 0);
  EXPECT_EQ(request.logprobs, -1);
  EXPECT_FALSE(request.has_seed);
  EXPECT_TRUE(request.skip_special);
  EXPECT_EQ(request.template_args_json, "");
}

TEST(ReadChatTest, EverySamplingFieldArrives) {
  const auto request = chat(chat_body(
      R"("temperature":0.5,"top_p":0.25,"top_k":7,"min_p":0.125,"seed":-1,"max_tokens":9,)"
      R"("min_tokens":3,"ignore_eos":true,"skip_special_tokens":false,"stop":["a","b"],)"
      R"("stop_token_ids":[4,5],"logprobs":true,"top_logprobs":20,"typical_p":0.75,)"
      R"("frequency_penalty":-0.5,"presence_penalty":1.5,"repetition_penalty":1.25,)"
      R"("logit_bias":{"7":-3.5,"0":250},"include_stop_str_in_output":true,)"
      R"("prompt_logprobs":3)"));
  EXPECT_EQ(request.typical_p, 0.75f);
  EXPECT_EQ(request.frequency_penalty, -0.5f);
  EXPECT_EQ(request.presence_penalty, 1.5f);
  EXPECT_EQ(request.repetition_penalty, 1.25f);
  ASSERT_EQ(request.logit_bias.size(), 2u);
  EXPECT_EQ(request.logit_bias[0].token(), 7);
  EXPECT_EQ(request.logit_bias[0].bias(), -3.5f);
  EXPECT_EQ(request.logit_bias[1].bias(), 100.0f) << "beyond its range it counts as its end";
  EXPECT_TRUE(request.include_stop);
  EXPECT_EQ(request.prompt_logprobs, 3);
  EXPECT_EQ(request.temperature, 0.5f);
  EXPECT_EQ(request.top_p, 0.25f);
  EXPECT_EQ(request.top_k, 7);
  EXPECT_EQ(request.min_p, 0.125f);
  EXPECT_TRUE(request.has_seed);
  EXPECT_EQ(request.seed, UINT64_MAX);
  EXPECT_EQ(request.max_tokens, 9);
  EXPECT_EQ(request.min_tokens, 3);
  EXPECT_TRUE(request.ignore_eos);
  EXPECT_FALSE(request.skip_special);
  EXPECT_EQ(request.stop, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(request.stop_token_ids, (std::vector<std::int32_t>{4, 5}));
  EXPECT_EQ(request.logprobs, 20);
}

TEST(ReadChatTest, NullIsLeftOut) {
  const auto request = chat(
      chat_body(R"("temperature":null,"stop":null,"seed":null,"max_tokens":null,"logit_bias":null,)"
                R"("stream_options":null,"n":null,"tools":null,"response_format":null)"));
  EXPECT_EQ(request.temperature, 1.0f);
  EXPECT_FALSE(request.has_seed);
}

TEST(ReadChatTest, MaxCompletionTokensGoesBeforeItsOlderName) {
  EXPECT_EQ(chat(chat_body(R"("max_tokens":9,"max_completion_tokens":5)")).max_tokens, 5);
  EXPECT_EQ(chat(chat_body(R"("max_completion_tokens":5)")).max_tokens, 5);
}

TEST(ReadChatTest, MinusOneIsVllmsWordForNoTopK) {
  EXPECT_EQ(chat(chat_body(R"("top_k":-1)")).top_k, 0);
}

TEST(ReadChatTest, OneStopStringNeedsNoList) {
  EXPECT_EQ(chat(chat_body(R"("stop":"x")")).stop, std::vector<std::string>{"x"});
}

TEST(ReadChatTest, WrongTypesAndRangesNameTheirField) {
  const std::pair<const char*, const char*> cases[] = {
      {R"("temperature":-0.1)", "temperature"},
      {R"("temperature":2.5)", "temperature"},
      {R"("temperature":"1")", "temperature"},
      {R"("top_p":0)", "top_p"},
      {R"("top_p":1.5)", "top_p"},
      {R"("top_k":-2)", "top_k"},
      {R"("top_k":1.5)", "top_k"},
      {R"("min_p":2)", "min_p"},
      {R"("typical_p":0)", "typical_p"},
      {R"("typical_p":1.1)", "typical_p"},
      {R"("frequency_penalty":2.1)", "frequency_penalty"},
      {R"("presence_penalty":-2.1)", "presence_penalty"},
      {R"("presence_penalty":"1")", "presence_penalty"},
      {R"("repetition_penalty":0)", "repetition_penalty"},
      {R"("repetition_penalty":-1)", "repetition_penalty"},
      {R"("logit_bias":[1])", "logit_bias"},
      {R"("logit_bias":{"a":1})", "logit_bias"},
      {R"("logit_bias":{"1.5":1})", "logit_bias"},
      {R"("logit_bias":{"-1":1})", "logit_bias"},
      {R"("logit_bias":{"4294967296":1})", "logit_bias"},
      {R"("logit_bias":{"1":"x"})", "logit_bias"},
      {R"("include_stop_str_in_output":1)", "include_stop_str_in_output"},
      {R"("prompt_logprobs":21)", "prompt_logprobs"},
      {R"("prompt_logprobs":true)", "prompt_logprobs"},
      {R"("stream":true,"prompt_logprobs":1)", "prompt_logprobs"},
      {R"("seed":1.5)", "seed"},
      {R"("seed":18446744073709551615)", "seed"},
      {R"("n":0)", "n"},
      {R"("n":129)", "n"},
      {R"("n":true)", "n"},
      {R"("max_tokens":0)", "max_tokens"},
      {R"("max_tokens":99999999999)", "max_tokens"},
      {R"("max_completion_tokens":-1)", "max_completion_tokens"},
      {R"("max_tokens":2,"min_tokens":3)", "min_tokens"},
      {R"("stream":"yes")", "stream"},
      {R"("stream_options":{"include_usage":true})", "stream_options"},
      {R"("stream":true,"stream_options":7)", "stream_options"},
      {R"("stream":true,"stream_options":{"include_usage":1})", "stream_options.include_usage"},
      {R"("stop":"")", "stop"},
      {R"("stop":[1])", "stop"},
      {R"("stop":["1","2","3","4","5","6","7","8","9","0","a","b","c","d","e","f","g"])", "stop"},
      {R"("stop_token_ids":[-1])", "stop_token_ids"},
      {R"("stop_token_ids":[2147483648])", "stop_token_ids"},
      {R"("stop_token_ids":5)", "stop_token_ids"},
      {R"("logprobs":5)", "logprobs"},
      {R"("top_logprobs":5)", "top_logprobs"},
      {R"("logprobs":true,"top_logprobs":21)", "top_logprobs"},
      {R"("tools":{})", "tools"},
      {R"("chat_template_kwargs":[])", "chat_template_kwargs"},
  };
  for (auto [fields, param] : cases) EXPECT_EQ(wrong_in_chat(chat_body(fields)), param) << fields;
}

TEST(ReadChatTest, WhatWouldChangeTheAnswerAndIsNotSupportedIsRefused) {
  const std::pair<const char*, const char*> cases[] = {
      {R"("audio":{"voice":"alloy"})", "audio"},
      {R"("modalities":["text","audio"])", "modalities"},
      {R"("functions":[{"name":"f"}])", "functions"},
      {R"("tool_choice":"required")", "tool_choice"},
      {R"("add_generation_prompt":false)", "add_generation_prompt"},
      {R"("reasoning_effort":"high")", "reasoning_effort"},
  };
  for (auto [fields, param] : cases) EXPECT_EQ(wrong_in_chat(chat_body(fields)), param) << fields;
}

// A value that a message shows is cut between two characters, or its JSON could not be read.
TEST(ReadChatTest, MessagesStayValidText) {
  for (std::size_t blanks = 0; blanks < 4; ++blanks) {
    std::string text(blanks, ' ');
    for (int i = 0; i < 40; ++i) text += "\xF0\x9F\x98\x80";
    const json::Value body = json::Object{{"model", "m"}, {"top_k", text}};
    AnswerPlan plan;
    const auto wrong = read_chat(body, plan);
    ASSERT_TRUE(wrong);
    EXPECT_TRUE(json::parse(json::quote(wrong->message))) << blanks;
  }
}

TEST(ReadChatTest, ItsNeutralValuesAndUnknownFieldsAreTaken) {
  EXPECT_EQ(wrong_in_chat(chat_body(
                R"("frequency_penalty":0,"presence_penalty":0.0,"repetition_penalty":1.0,)"
                R"("logit_bias":{},"response_format":{"type":"text"},"tool_choice":"auto",)"
                R"("user":"me","store":true,"metadata":{},"service_tier":"auto","whatever":[1])")),
            "");
}

TEST(ReadChatTest, TextPartsAreJoined) {
  EXPECT_EQ(chat(chat_body("", R"([{"role":"user","content":[{"type":"text","text":"a"},)"
                               R"({"type":"text","text":"b"}]}])"))
                .messages_json,
            R"([{"role":"user","content":"a\nb"}])");
}

TEST(ReadChatTest, ToolCallsGetContentAndParsedArguments) {
  EXPECT_EQ(chat(chat_body("", R"([{"role":"assistant","content":null,"tool_calls":[{"id":"1",)"
                               R"("function":{"name":"f","arguments":"{\"x\":1}"}},)"
                               R"({"id":"2","function":{"name":"g","arguments":"not json"}}]}])"))
                .messages_json,
            R"([{"role":"assistant","content":"","tool_calls":[{"id":"1",)"
            R"("function":{"name":"f","arguments":{"x":1}}},)"
            R"({"id":"2","function":{"name":"g","arguments":"not json"}}]}])");
}

TEST(ReadChatTest, WrongMessagesNameTheirPlace) {
  const std::pair<const char*, const char*> cases[] = {
      {"[]", "messages"},
      {"{}", "messages"},
      {"[7]", "messages[0]"},
      {R"([{"content":"x"}])", "messages[0].role"},
      {R"([{"role":7,"content":"x"}])", "messages[0].role"},
      {R"([{"role":"user","content":"x"},{"role":"user"}])", "messages[1].content"},
      {R"([{"role":"user","content":7}])", "messages[0].content"},
      {R"([{"role":"user","content":[7]}])", "messages[0].content[0].type"},
      {R"([{"role":"user","content":[{"type":"image_url","image_url":{"url":"x"}}]}])",
       "messages[0].content[0].type"},
      {R"([{"role":"user","content":[{"type":"text"}]}])", "messages[0].content[0].text"},
      {R"([{"role":"assistant","tool_calls":5}])", "messages[0].tool_calls"},
  };
  for (auto [messages, param] : cases)
    EXPECT_EQ(wrong_in_chat(chat_body("", messages)), param) << messages;
}

TEST(ReadChatTest, ToolsAndTemplateArgumentsReachTheTemplate) {
  EXPECT_EQ(chat(chat_body(R"("chat_template_kwargs":{"enable_thinking":false},)"
                           R"("tools":[{"type":"function","function":{"name":"f"}}])"))
                .template_args_json,
            R"({"enable_thinking":false,)"
            R"("tools":[{"type":"function","function":{"name":"f"}}]})");
  EXPECT_EQ(chat(chat_body(R"("tools":[])")).template_args_json, "");
}

TEST(ReadChatTest, BodiesThatAreNoObjectAreRefused) {
  for (const char* body : {"[]", "7", "null", "\"text\""}) {
    AnswerPlan plan;
    auto wrong = read_chat(parsed(body), plan);
    ASSERT_TRUE(wrong) << body;
    EXPECT_EQ(wrong->message, "the body must be a JSON object");
  }
}

TEST(ReadChatTest, CopiesOfALargePromptAreLimited) {
  const std::string large(1 << 20, 'x');
  const std::string messages = R"([{"role":"user","content":")" + large + R"("}])";
  EXPECT_EQ(wrong_in_chat(chat_body(R"("n":16)", messages)), "");
  EXPECT_EQ(wrong_in_chat(chat_body(R"("n":64)", messages)), "n");
}

TEST(ReadCompletionTest, PromptsAreTextOrTokensOrListsOfEither) {
  EXPECT_EQ(completion(completion_body("", "\"a\"")).requests.size(), 1u);
  EXPECT_EQ(completion(completion_body("", "\"\"")).requests.front().prompt, "");
  EXPECT_EQ(completion(completion_body("", "[1,2]")).requests.front().prompt_tokens,
            (std::vector<std::int32_t>{1, 2}));
  EXPECT_EQ(completion(completion_body("", R"(["a","b"])")).requests.size(), 2u);
  EXPECT_EQ(completion(completion_body("", "[[1],[2,3]]")).requests[1].prompt_tokens,
            (std::vector<std::int32_t>{2, 3}));
}

TEST(ReadCompletionTest, OtherPromptsAreRefused) {
  for (const char* prompt : {"null", "7", "{}", "[]", "[[]]", "[1.5]", "[-1]", "[2147483648]",
                             R"(["a",1])", "[[1],null]", "[true]", "[[[1]]]"})
    EXPECT_EQ(wrong_in_completion(completion_body("", prompt)), "prompt") << prompt;
}

TEST(ReadCompletionTest, ChoicesOfAllPromptsTogetherAreLimited) {
  std::string prompts = "[";
  for (int i = 0; i < 65; ++i) prompts += i == 0 ? "\"a\"" : ",\"a\"";
  prompts += "]";
  EXPECT_EQ(wrong_in_completion(completion_body("\"n\":1", prompts)), "");
  EXPECT_EQ(wrong_in_completion(completion_body("\"n\":2", prompts)), "prompt");
}

TEST(ReadCompletionTest, SixteenTokensUnlessAskedOtherwise) {
  EXPECT_EQ(completion(completion_body("")).requests.front().max_tokens, 16);
  EXPECT_EQ(completion(completion_body("\"max_tokens\":500")).requests.front().max_tokens, 500);
}

TEST(ReadCompletionTest, LogprobsIsANumber) {
  EXPECT_EQ(completion(completion_body("\"logprobs\":0")).requests.front().logprobs, 0);
  EXPECT_EQ(wrong_in_completion(completion_body("\"logprobs\":true")), "logprobs");
  EXPECT_EQ(wrong_in_completion(completion_body("\"logprobs\":21")), "logprobs");
}

TEST(ReadCompletionTest, EchoWithLogprobsAsksForThePromptsToo) {
  const auto request = completion(completion_body("\"logprobs\":2,\"echo\":true")).requests[0];
  EXPECT_EQ(request.logprobs, 2);
  EXPECT_EQ(request.prompt_logprobs, 2);
  EXPECT_EQ(completion(completion_body("\"logprobs\":2")).requests[0].prompt_logprobs, -1);
  EXPECT_EQ(completion(completion_body("\"echo\":true")).requests[0].prompt_logprobs, -1);
  EXPECT_EQ(wrong_in_completion(completion_body(R"("logprobs":2,"echo":true,"stream":true)")), "");
}

TEST(ReadCompletionTest, NoTokensAreOnlyAskedForWithEcho) {
  EXPECT_EQ(wrong_in_completion(completion_body("\"max_tokens\":0")), "max_tokens");
  const AnswerPlan plan = completion(completion_body("\"max_tokens\":0,\"echo\":true"));
  EXPECT_TRUE(plan.is_prompt_alone);
  EXPECT_EQ(plan.requests[0].max_tokens, 1);
  EXPECT_EQ(wrong_in_completion(completion_body(R"("max_tokens":0,"echo":true,"stream":true)")),
            "max_tokens");
}

TEST(ReadCompletionTest, PromptsMayBeCut) {
  const auto read = [](const std::string& fields) {
    AnswerPlan plan;
    EXPECT_FALSE(read_completion(parsed(R"({"model":"m","prompt":)" + fields + "}"), plan));
    return plan.requests.at(0);
  };
  EXPECT_EQ(read(R"("a")").truncate_prompt, 0);
  EXPECT_EQ(read(R"("a","truncate_prompt_tokens":-1)").truncate_prompt, -1);
  EXPECT_EQ(read(R"([1,2,3],"truncate_prompt_tokens":2)").prompt_tokens,
            (std::vector<std::int32_t>{2, 3}));
  for (const char* wrong : {"0", "-2", "1.5", R"(5,"echo":true)"})
    EXPECT_EQ(
        wrong_in_completion(std::string(R"({"model":"m","prompt":"a","truncate_prompt_tokens":)") +
                            wrong + "}"),
        "truncate_prompt_tokens");
}

TEST(ReadCompletionTest, ChoicesOfOneSeedHaveSeedsOfTheirOwn) {
  const AnswerPlan plan = completion(completion_body("\"n\":3,\"seed\":5"));
  for (std::uint64_t i = 0; i < 3; ++i) EXPECT_EQ(plan.requests[i].seed, 5 + i);
}

TEST(ReadCompletionTest, BestOfAndSuffixAreRefused) {
  EXPECT_EQ(wrong_in_completion(completion_body("\"best_of\":2")), "best_of");
  EXPECT_EQ(wrong_in_completion(completion_body("\"best_of\":1,\"suffix\":\"\"")), "");
  EXPECT_EQ(wrong_in_completion(completion_body("\"suffix\":\"x\"")), "suffix");
}

TEST(ReadTokenizeTest, TakesAPromptOrMessages) {
  actors::TokenizeRequest text, chat;
  EXPECT_FALSE(
      read_tokenize(parsed(R"({"model":"m","prompt":"a","add_special_tokens":false})"), text));
  EXPECT_EQ(text.prompt, "a");
  EXPECT_FALSE(text.add_special);
  EXPECT_FALSE(
      read_tokenize(parsed(R"({"model":"m","messages":[{"role":"user","content":"a"}]})"), chat));
  EXPECT_EQ(chat.prompt_kind, wire::PromptKind::chat);
}

TEST(ReadDetokenizeTest, TakesTokens) {
  actors::DetokenizeRequest request;
  EXPECT_FALSE(read_detokenize(parsed(R"({"model":"m","tokens":[]})"), request));
  EXPECT_TRUE(request.tokens.empty());
  EXPECT_EQ(read_detokenize(parsed(R"({"model":"m"})"), request)->param, "tokens");
  EXPECT_EQ(read_detokenize(parsed(R"({"tokens":[1]})"), request)->param, "model");
}

}  // namespace
}  // namespace conduit::cluster
