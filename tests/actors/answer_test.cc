// Tokens to chunks: credit, text, stop strings, the end.
#include "actors/answer.h"

#include <gtest/gtest.h>

#include "tests/support/actor_models.h"

namespace conduit::actors {
namespace {

using ::conduit::testing::byte_token;
using ::conduit::testing::open_tiny_model;
using ::conduit::testing::text_request;
using kernels::FinishReason;

class AnswerTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { model_ = new auto(open_tiny_model()); }
  static void TearDownTestSuite() { delete model_; }

  static Answer answer_to(const GenerateRequest& request) {
    return Answer(request, &*(*model_)->tokenizer, 3);
  }
  static kernels::SequenceOutput output(kernels::TokenId token,
                                        FinishReason reason = FinishReason::none) {
    kernels::SequenceOutput output;
    output.token = token;
    output.reason = reason;
    return output;
  }
  static void push_text(Answer& answer, std::string_view text) {
    for (char byte : text) answer.push(output(byte_token(byte)));
  }
  static std::string all_text(Answer& answer) {
    std::string text;
    while (auto chunk = answer.take_chunk()) text += chunk->text;
    return text;
  }

  static inline std::shared_ptr<const kernels::Model>* model_ = nullptr;
};

TEST_F(AnswerTest, TheFirstTokenTellsWhatOfThePromptWasCached) {
  Answer answer = answer_to(text_request(7));
  kernels::SequenceOutput first = output(byte_token('a'));
  first.cached_tokens = 2;
  answer.push(first);
  kernels::SequenceOutput second = output(byte_token('b'));
  second.index = 1;
  answer.push(second);
  EXPECT_EQ(answer.finished().cached_tokens, 2u);
}

TEST_F(AnswerTest, EachChunkCostsOneCreditAndWithoutCreditTokensGatherInOne) {
  GenerateRequest request = text_request(7);
  request.credit = 1;
  Answer answer = answer_to(request);
  push_text(answer, "a");
  EXPECT_EQ(answer.take_chunk()->text, "a");
  EXPECT_FALSE(answer.has_credit());
  push_text(answer, "bc");
  EXPECT_FALSE(answer.take_chunk());
  answer.grant(5);
  const auto chunk = answer.take_chunk();
  ASSERT_TRUE(chunk);
  EXPECT_EQ(chunk->id, 7u);
  EXPECT_EQ(chunk->text, "bc");
  EXPECT_EQ(chunk->first_index, 1u);
  EXPECT_EQ(chunk->tokens, conduit::testing::byte_tokens("bc"));
  EXPECT_FALSE(answer.take_chunk());  // nothing pending costs nothing
  EXPECT_EQ(answer.granted(), 5u);
}

TEST_F(AnswerTest, GrantsBeyondAnyRangeDoNotOverflow) {
  GenerateRequest request = text_request(7);
  request.credit = UINT32_MAX;
  Answer answer = answer_to(request);
  answer.grant(UINT32_MAX);
  push_text(answer, "a");
  EXPECT_TRUE(answer.take_chunk());
  EXPECT_TRUE(answer.has_credit());
}

TEST_F(AnswerTest, BrokenCharacterWaitsForItsLastByte) {
  Answer answer = answer_to(text_request(1));
  answer.push(output(byte_token('\xc3')));
  const auto chunk = answer.take_chunk();
  ASSERT_TRUE(chunk);  // the id is not held back
  EXPECT_EQ(chunk->text, "");
  answer.push(output(byte_token('\xa4')));
  EXPECT_EQ(answer.take_chunk()->text, "ä");
}

TEST_F(AnswerTest, StopStringAcrossTokensEndsTheAnswerAndIsNotShown) {
  GenerateRequest request = text_request(1);
  request.stop = {"END"};
  Answer answer = answer_to(request);
  push_text(answer, "one EN");
  EXPECT_FALSE(answer.is_complete());
  EXPECT_EQ(all_text(answer), "one ");
  push_text(answer, "D");
  EXPECT_TRUE(answer.is_complete());
  EXPECT_EQ(all_text(answer), "");
  const Finished finished = answer.finished();
  EXPECT_EQ(finished.reason, wire::FinishReason::stop);
  EXPECT_EQ(finished.stop_text, "END");
  EXPECT_EQ(finished.prompt_tokens, 3u);
  EXPECT_EQ(finished.completion_tokens, 7u);
  push_text(answer, "more");
  EXPECT_FALSE(answer.has_pending());
}

TEST_F(AnswerTest, StopStringCompletedByTheLastTokenCountsAsStop) {
  GenerateRequest request = text_request(1);
  request.stop = {"b"};
  Answer answer = answer_to(request);
  push_text(answer, "a");
  answer.push(output(byte_token('b'), FinishReason::length));
  EXPECT_EQ(answer.finished().reason, wire::FinishReason::stop);
  EXPECT_EQ(all_text(answer), "a");
}

TEST_F(AnswerTest, HeldBackTextComesOutWhenTheAnswerEndsOtherwise) {
  GenerateRequest request = text_request(1);
  request.stop = {"END"};
  Answer answer = answer_to(request);
  push_text(answer, "E");
  answer.push(output(byte_token('N'), FinishReason::length));
  EXPECT_EQ(answer.finished().reason, wire::FinishReason::length);
  EXPECT_EQ(all_text(answer), "EN");
}

TEST_F(AnswerTest, BeforeMinTokensAStopStringIsText) {
  GenerateRequest request = text_request(1);
  request.stop = {"x"};
  request.min_tokens = 2;
  Answer answer = answer_to(request);
  push_text(answer, "xy");
  EXPECT_FALSE(answer.is_complete());
  push_text(answer, "x");
  EXPECT_TRUE(answer.is_complete());
  EXPECT_EQ(all_text(answer), "xy");
}

TEST_F(AnswerTest, StopTokenIsToldByItsIdAndHasNoText) {
  Answer answer = answer_to(text_request(1));
  push_text(answer, "a");
  answer.push(output(byte_token('!'), FinishReason::stop));
  EXPECT_EQ(answer.finished().stop_token, byte_token('!'));
  EXPECT_EQ(answer.finished().completion_tokens, 2u);
  EXPECT_EQ(all_text(answer), "a");
}

TEST_F(AnswerTest, IncompleteCharacterAtTheEndBecomesAReplacement) {
  Answer answer = answer_to(text_request(1));
  answer.push(output(byte_token('\xc3'), FinishReason::length));
  EXPECT_EQ(all_text(answer), "\xef\xbf\xbd");
}

TEST_F(AnswerTest, LogprobsCarryTheBytesOfTheirTokens) {
  Answer answer = answer_to(text_request(1));
  kernels::SequenceOutput output = AnswerTest::output(byte_token('a'));
  output.logprobs = {{byte_token('a'), -0.5f}, {byte_token('\xc3'), -1.5f}};
  answer.push(output);
  const auto chunk = answer.take_chunk();
  ASSERT_EQ(chunk->logprobs.size(), 2u);
  EXPECT_EQ(chunk->logprobs[1].logprob(), -1.5f);
  EXPECT_EQ(chunk->logprob_bytes, (std::vector<std::string>{"a", "\xc3"}));
}

TEST_F(AnswerTest, PromptLogprobsComeWithTheFirstChunkAlone) {
  Answer answer = answer_to(text_request(1));
  kernels::SequenceOutput first = output(byte_token('a'));
  first.prompt_logprobs.entries = {{byte_token('x'), 0}, {byte_token('y'), -1.5f}};
  first.prompt_logprobs.ranks = {3};
  answer.push(first);
  const auto chunk = answer.take_chunk();
  ASSERT_EQ(chunk->prompt_logprobs.size(), 2u);
  EXPECT_EQ(chunk->prompt_logprobs[1].logprob(), -1.5f);
  EXPECT_EQ(chunk->prompt_logprob_bytes, (std::vector<std::string>{"x", "y"}));
  EXPECT_EQ(chunk->prompt_ranks, std::vector<std::int32_t>{3});
  push_text(answer, "b");
  EXPECT_TRUE(answer.take_chunk()->prompt_logprobs.empty());
}

TEST_F(AnswerTest, StopStringInsideTheFirstTokenCutsIt) {
  GenerateRequest request = text_request(1);
  request.stop = {"a"};
  Answer answer = answer_to(request);
  push_text(answer, "a");
  EXPECT_TRUE(answer.is_complete());
  EXPECT_EQ(all_text(answer), "");
  EXPECT_EQ(answer.finished().completion_tokens, 1u);
}

TEST_F(AnswerTest, StopStringOfCharactersThatTokensSplitIsFound) {
  GenerateRequest request = text_request(1);
  request.stop = {"ä€"};
  Answer answer = answer_to(request);
  push_text(answer, "xä\xe2\x82");
  EXPECT_FALSE(answer.is_complete());
  EXPECT_EQ(all_text(answer), "x") << "the ä may be the beginning of the stop string";
  push_text(answer, "\xac");
  EXPECT_TRUE(answer.is_complete());
  EXPECT_EQ(all_text(answer), "");
  EXPECT_EQ(answer.finished().stop_text, "ä€");
}

TEST_F(AnswerTest, CharacterThatIsNotTheStopStringsAfterAllComesOut) {
  GenerateRequest request = text_request(1);
  request.stop = {"ä€"};
  Answer answer = answer_to(request);
  push_text(answer, "ä\xe2\x82\xad");  // ₭, whose first bytes are those of €
  EXPECT_FALSE(answer.is_complete());
  EXPECT_EQ(all_text(answer), "ä₭");
}

TEST_F(AnswerTest, OfOverlappingStopStringsTheFirstCompleteEndsTheAnswer) {
  GenerateRequest request = text_request(1);
  request.stop = {"bcd", "cde"};
  Answer answer = answer_to(request);
  push_text(answer, "abcde");
  EXPECT_EQ(all_text(answer), "a");
  EXPECT_EQ(answer.finished().stop_text, "bcd");
  EXPECT_EQ(answer.finished().completion_tokens, 4u);
}

TEST_F(AnswerTest, StopStringIsShownWhenAskedForAndNothingBehindIt) {
  GenerateRequest request = text_request(1);
  request.stop = {"END"};
  request.include_stop = true;
  Answer answer = answer_to(request);
  push_text(answer, "one END two");
  EXPECT_EQ(all_text(answer), "one END");
  EXPECT_EQ(answer.finished().stop_text, "END");
}

TEST_F(AnswerTest, StopTokensTextIsShownWhenAskedFor) {
  GenerateRequest request = text_request(1);
  request.include_stop = true;
  Answer answer = answer_to(request);
  push_text(answer, "a");
  answer.push(output(byte_token('!'), FinishReason::stop));
  EXPECT_EQ(all_text(answer), "a!");
}

TEST_F(AnswerTest, WithoutTokenizerChunksCarryIdsOnly) {
  Answer answer(text_request(1), nullptr, 1);
  kernels::SequenceOutput output = AnswerTest::output(70'000);
  output.logprobs = {{70'000, -0.5f}};
  answer.push(output);
  const auto chunk = answer.take_chunk();
  ASSERT_TRUE(chunk);
  EXPECT_EQ(chunk->tokens, std::vector<std::int32_t>{70'000});
  EXPECT_EQ(chunk->text, "");
  EXPECT_EQ(chunk->logprob_bytes, std::vector<std::string>{""});
}

TEST_F(AnswerTest, ErrorOfTheEngineIsAFinishWithAnError) {
  Answer answer = answer_to(text_request(1));
  push_text(answer, "a");
  answer.push(output(0, FinishReason::error));
  const Finished finished = answer.finished();
  EXPECT_EQ(finished.reason, wire::FinishReason::error);
  EXPECT_EQ(finished.error_code, static_cast<std::uint8_t>(Code::internal));
  EXPECT_EQ(finished.completion_tokens, 1u);
}

TEST_F(AnswerTest, AnEndInTextShowsItsTokenAndNamesNoStopToken) {
  Answer answer = answer_to(text_request(7));
  auto last = output(byte_token('}'), FinishReason::stop);
  last.ends_in_text = true;
  answer.push(last);
  EXPECT_EQ(all_text(answer), "}");
  EXPECT_EQ(answer.finished().reason, wire::FinishReason::stop);
  EXPECT_EQ(answer.finished().stop_token, -1);
}

TEST_F(AnswerTest, ErrorsOfTheEngineAreTold) {
  Answer answer = answer_to(text_request(7));
  auto broken = output(0, FinishReason::error);
  broken.error = {Code::exhausted, "too many states"};
  answer.push(broken);
  EXPECT_EQ(answer.finished().error_message, "too many states");
  EXPECT_EQ(answer.finished().error_code, static_cast<std::uint8_t>(Code::exhausted));
}

TEST_F(AnswerTest, CallsOfToolsComeBesideTheText) {
  Answer answer(text_request(7), &*(*model_)->tokenizer, 3, std::nullopt, mdl::ToolFormat::hermes);
  push_text(answer,
            "Well.\n<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": 1}}\n</tool_call>");
  answer.push(output(2, FinishReason::stop));
  const auto chunk = answer.take_chunk();
  ASSERT_TRUE(chunk);
  EXPECT_TRUE(chunk->text.starts_with("Well.")) << chunk->text;
  EXPECT_EQ(chunk->text.find('{'), std::string::npos) << chunk->text;
  EXPECT_EQ(chunk->tool_call_indexes, std::vector<std::uint32_t>{0});
  EXPECT_EQ(chunk->tool_call_names, std::vector<std::string>{"f"});
  EXPECT_EQ(chunk->tool_call_arguments, std::vector<std::string>{"{\"a\": 1}"});
}

}  // namespace
}  // namespace conduit::actors
