// A replica between its device and its readers. The device is the test's.
#include "actors/replica.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/actor_models.h"
#include "tests/support/test_system.h"

namespace conduit::actors {
namespace {

using ::conduit::testing::byte_token;
using ::conduit::testing::FakeDevice;
using ::conduit::testing::open_tiny_model;
using ::conduit::testing::ReceivedAnswer;
using ::conduit::testing::text_request;
using kernels::FinishReason;
using kernels::SequenceId;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class ReplicaTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { model_ = new auto(open_tiny_model()); }
  static void TearDownTestSuite() { delete model_; }

  ReplicaTest() {
    kernels::EngineOptions options;
    options.max_model_len = 64;
    device_->loaded = ModelLoaded{9, *model_, options};
    auto ready = ready_;
    ready_sink_ = test_.keep(test_.system().spawn([ready](ReadySink::pointer) {
      return ReadySink::behavior_type{
          [ready](const ReplicaReady& message) { ready->push_back(message); }};
    }));
  }
  // Past loading and warming up, unless the test says otherwise.
  void start(bool warm_up = true) {
    replica_ = test_.keep(spawn_replica(test_.system(), device_actor_, ready_sink_,
                                        ModelSpec{"tiny", "tiny.gguf", {}}));
    test_.run();
    if (!warm_up) return;
    step({output(device_->added.at(0).id, 5, FinishReason::length)});
    device_->added.clear();
  }
  static kernels::SequenceOutput output(SequenceId id, kernels::TokenId token,
                                        FinishReason reason = FinishReason::none) {
    kernels::SequenceOutput output;
    output.id = id;
    output.token = token;
    output.reason = reason;
    return output;
  }
  void step(std::vector<kernels::SequenceOutput> outputs) {
    tell_anonymously(device_->sink, StepOutputs{std::move(outputs)});
    test_.run();
  }
  // The next token of the sequence that was added last.
  void step(char byte, FinishReason reason = FinishReason::none) {
    step({output(device_->added.back().id, byte_token(byte), reason)});
  }
  Result<Admitted> generate(const GenerateRequest& request) {
    return test_.ask<Admitted>(replica_, request, sink_);
  }
  void grant(std::uint64_t id, std::uint32_t chunks) {
    Credit credit;
    credit.id = id;
    credit.chunks = chunks;
    tell_anonymously(replica_, std::move(credit));
    test_.run();
  }
  std::vector<SequenceAction> take_actions() {
    std::vector<SequenceAction> actions;
    for (const ControlSequence& control : device_->controls) {
      EXPECT_EQ(control.engine, 9u);
      actions.push_back(control.action);
    }
    device_->controls.clear();
    return actions;
  }

  static inline std::shared_ptr<const kernels::Model>* model_ = nullptr;
  conduit::testing::TestSystem test_;
  std::shared_ptr<FakeDevice> device_ = std::make_shared<FakeDevice>();
  DeviceActor device_actor_ = spawn_fake_device(test_, device_);
  std::shared_ptr<std::vector<ReplicaReady>> ready_ = std::make_shared<std::vector<ReplicaReady>>();
  ReadySink ready_sink_;
  std::shared_ptr<ReceivedAnswer> answer_ = std::make_shared<ReceivedAnswer>();
  TokenSink sink_ = spawn_sink(test_, answer_);
  LocalReplica replica_;
};

TEST_F(ReplicaTest, ReadyMeansThatATokenWasGenerated) {
  start(false);
  ASSERT_EQ(device_->added.size(), 1u);
  EXPECT_EQ(device_->added[0].max_tokens, 1);
  EXPECT_THAT(*ready_, IsEmpty());
  EXPECT_EQ(generate(text_request(1)).error().code, Code::unavailable);

  step({output(device_->added[0].id, 5, FinishReason::length)});
  ASSERT_EQ(ready_->size(), 1u);
  EXPECT_EQ(ready_->at(0).model, "tiny");
  EXPECT_TRUE(ready_->at(0).is_local);
}

TEST_F(ReplicaTest, AnAdaptersNameIsAnsweredWithIt) {
  ModelSpec spec{"tiny", "tiny.gguf", {}};
  spec.engine.adapters = {{"first", "/l/first"}, {"second", "/l/second"}};
  device_->loaded->options.adapters = spec.engine.adapters;
  replica_ = test_.keep(spawn_replica(test_.system(), device_actor_, ready_sink_, spec));
  test_.run();
  step({output(device_->added.at(0).id, 5, FinishReason::length)});
  ASSERT_EQ(ready_->size(), 3u);
  EXPECT_EQ(ready_->at(0).model, "tiny");
  EXPECT_EQ(ready_->at(2).model, "second");
  std::uint64_t id = 0;
  for (const char* model : {"tiny", "first", "second"}) {
    GenerateRequest request = text_request(++id);
    request.model = model;
    ASSERT_TRUE(generate(request));
    EXPECT_EQ(device_->added.back().adapter, static_cast<kernels::AdapterId>(id - 1));
  }
}

TEST_F(ReplicaTest, ModelThatCannotBeLoadedEndsTheReplicaWithItsError) {
  device_->loaded = Error{Code::corrupt, "tiny.gguf: truncated"};
  caf::error reason;
  caf::scoped_actor watcher(test_.system());
  start(false);
  watcher->monitor(replica_);
  watcher->receive([&](const caf::down_msg& down) { reason = down.reason; });
  EXPECT_EQ(from_caf(reason), (Error{Code::corrupt, "tiny.gguf: truncated"}));
}

TEST_F(ReplicaTest, ModelThatMakesNoTokensIsNotReady) {
  start(false);
  step({output(device_->added[0].id, 0, FinishReason::error)});
  EXPECT_THAT(*ready_, IsEmpty());
  EXPECT_EQ(generate(text_request(1)).error().code, Code::unavailable);  // it has ended
}

TEST_F(ReplicaTest, AnswersStreamFromAdmissionToFinished) {
  start();
  const auto admitted = generate(text_request(7, "xyz"));
  ASSERT_TRUE(admitted) << admitted.error().message;
  EXPECT_EQ(admitted->id, 7u);
  EXPECT_EQ(admitted->prompt_tokens, 3u);
  step('a');
  step('b', FinishReason::length);
  EXPECT_EQ(answer_->text(), "ab");
  ASSERT_EQ(answer_->finished.size(), 1u);
  EXPECT_EQ(answer_->finished[0].id, 7u);
  EXPECT_EQ(answer_->finished[0].reason, wire::FinishReason::length);
  EXPECT_EQ(answer_->finished[0].completion_tokens, 2u);
  EXPECT_THAT(take_actions(), IsEmpty());
}

TEST_F(ReplicaTest, InvalidRequestNeverReachesTheDevice) {
  start();
  GenerateRequest request = text_request(1);
  request.temperature = -1;
  EXPECT_EQ(generate(request).error().code, Code::invalid_argument);
  EXPECT_THAT(device_->added, IsEmpty());
}

TEST_F(ReplicaTest, RefusalOfTheDeviceKeepsNothing) {
  start();
  device_->add_error = Error{Code::exhausted, "the queue is full"};
  EXPECT_EQ(generate(text_request(1)).error().message, "the queue is full");
  device_->add_error.reset();
  EXPECT_TRUE(generate(text_request(1)));  // the id is free again
}

TEST_F(ReplicaTest, IdInUseIsRefusedAndTheFirstGoesOn) {
  start();
  ASSERT_TRUE(generate(text_request(1)));
  EXPECT_EQ(generate(text_request(1)).error().code, Code::invalid_argument);
  step('a', FinishReason::length);
  EXPECT_EQ(answer_->finished.size(), 1u);
}

TEST_F(ReplicaTest, StopStringEndsTheSequenceInTheEngine) {
  start();
  GenerateRequest request = text_request(1);
  request.stop = {"bc"};
  ASSERT_TRUE(generate(request));
  step('a');
  step('b');
  step('c');
  EXPECT_EQ(answer_->text(), "a");
  ASSERT_EQ(answer_->finished.size(), 1u);
  EXPECT_EQ(answer_->finished[0].stop_text, "bc");
  EXPECT_THAT(take_actions(), ElementsAre(SequenceAction::cancel));
  step('d');  // was on its way
  EXPECT_EQ(answer_->finished.size(), 1u);
}

TEST_F(ReplicaTest, ReaderWithoutCreditPausesItsSequenceAndGetsOneChunkLater) {
  start();
  GenerateRequest request = text_request(1);
  request.credit = 2;
  ASSERT_TRUE(generate(request));
  step('a');
  EXPECT_THAT(take_actions(), IsEmpty());
  step('b');
  EXPECT_THAT(take_actions(), ElementsAre(SequenceAction::pause));
  step('c');  // made before the pause took effect
  step('d');
  EXPECT_EQ(answer_->chunks.size(), 2u);
  EXPECT_THAT(take_actions(), IsEmpty());

  grant(1, 1);  // used up by what waits
  ASSERT_EQ(answer_->chunks.size(), 3u);
  EXPECT_EQ(answer_->chunks[2].text, "cd");
  EXPECT_EQ(answer_->chunks[2].first_index, 2u);
  EXPECT_THAT(take_actions(), IsEmpty());
  grant(1, 1);
  EXPECT_THAT(take_actions(), ElementsAre(SequenceAction::resume));
}

TEST_F(ReplicaTest, FinishedWaitsForTheCreditOfTheLastChunk) {
  start();
  GenerateRequest request = text_request(1);
  request.credit = 0;
  ASSERT_TRUE(generate(request));
  EXPECT_THAT(take_actions(), ElementsAre(SequenceAction::pause));
  step('a', FinishReason::length);
  EXPECT_THAT(answer_->finished, IsEmpty());
  grant(1, 1);
  EXPECT_EQ(answer_->text(), "a");
  EXPECT_EQ(answer_->finished.size(), 1u);
}

TEST_F(ReplicaTest, ReaderThatGrantsNothingForLongIsGivenUp) {
  start();
  GenerateRequest request = text_request(1);
  request.credit = 1;
  ASSERT_TRUE(generate(request));
  step('a');
  test_.advance(kStreamStallLimit / 2);
  step('b');
  grant(1, 1);  // alive: the patience begins anew
  test_.advance(kStreamStallLimit - std::chrono::seconds(1));
  EXPECT_THAT(answer_->finished, IsEmpty());
  test_.advance(std::chrono::seconds(1));
  ASSERT_EQ(answer_->finished.size(), 1u);
  EXPECT_EQ(answer_->finished[0].error_code, static_cast<std::uint8_t>(Code::exhausted));
  EXPECT_THAT(answer_->finished[0].error_message, HasSubstr("stream_stall_limit"));
  EXPECT_THAT(take_actions(), ElementsAre(SequenceAction::pause, SequenceAction::cancel));
}

TEST_F(ReplicaTest, SlowReaderDoesNotSlowAnother) {
  start();
  GenerateRequest slow = text_request(1);
  slow.credit = 0;
  ASSERT_TRUE(generate(slow));
  const auto received = std::make_shared<ReceivedAnswer>();
  ASSERT_TRUE(test_.ask<Admitted>(replica_, text_request(2), spawn_sink(test_, received)));
  step('a');
  step('b', FinishReason::length);
  EXPECT_EQ(received->text(), "ab");
  EXPECT_EQ(received->finished.size(), 1u);
  EXPECT_THAT(answer_->chunks, IsEmpty());
}

TEST_F(ReplicaTest, CancelFreesTheSequenceAndFinishes) {
  start();
  ASSERT_TRUE(generate(text_request(1)));
  step('a');
  Cancel cancel;
  cancel.id = 1;
  tell_anonymously(replica_, cancel);
  tell_anonymously(replica_, cancel);  // unknown by then
  test_.run();
  EXPECT_THAT(take_actions(), ElementsAre(SequenceAction::cancel));
  ASSERT_EQ(answer_->finished.size(), 1u);
  EXPECT_EQ(answer_->finished[0].reason, wire::FinishReason::cancelled);
}

TEST_F(ReplicaTest, SinkThatDiesCancelsItsSequencesAtOnce) {
  start();
  ASSERT_TRUE(generate(text_request(1)));
  ASSERT_TRUE(generate(text_request(2)));
  test_.kill(sink_);
  test_.run();
  EXPECT_THAT(take_actions(), ElementsAre(SequenceAction::cancel, SequenceAction::cancel));
}

TEST_F(ReplicaTest, SinkThatIsGoneAtAdmissionIsNoticed) {
  start();
  test_.kill(sink_);
  test_.run();
  generate(text_request(1)).has_value();
  EXPECT_THAT(take_actions(), ElementsAre(SequenceAction::cancel));
}

TEST_F(ReplicaTest, SinkOfTwoRequestsIsStillWatchedWhenOneHasFinished) {
  start();
  ASSERT_TRUE(generate(text_request(1)));
  ASSERT_TRUE(generate(text_request(2)));
  step('a', FinishReason::length);
  test_.kill(sink_);
  test_.run();
  EXPECT_THAT(take_actions(), ElementsAre(SequenceAction::cancel));
}

TEST_F(ReplicaTest, DeadlineEndsTheAnswer) {
  start();
  GenerateRequest request = text_request(1);
  request.deadline_ms = 500;
  ASSERT_TRUE(generate(request));
  step('a');
  test_.advance(std::chrono::milliseconds(499));
  EXPECT_THAT(answer_->finished, IsEmpty());
  test_.advance(std::chrono::milliseconds(1));
  ASSERT_EQ(answer_->finished.size(), 1u);
  EXPECT_EQ(answer_->finished[0].error_code, static_cast<std::uint8_t>(Code::unavailable));
  EXPECT_THAT(answer_->finished[0].error_message, HasSubstr("500 ms"));
  EXPECT_THAT(take_actions(), ElementsAre(SequenceAction::cancel));
}

TEST_F(ReplicaTest, DeadlineOfAFinishedRequestDoesNotTouchTheNextOfThatId) {
  start();
  GenerateRequest request = text_request(1);
  request.deadline_ms = 500;
  ASSERT_TRUE(generate(request));
  step('a', FinishReason::length);
  ASSERT_TRUE(generate(text_request(1)));
  test_.advance(std::chrono::milliseconds(500));
  EXPECT_EQ(answer_->finished.size(), 1u);
}

TEST_F(ReplicaTest, DeviceThatEndsEndsTheReplicaAndItsAskerHears) {
  start();
  device_->is_silent = true;
  auto pending = test_.ask_later<Admitted>(replica_, text_request(1), sink_);
  test_.run();
  test_.kill(device_actor_);
  test_.run();
  ASSERT_TRUE(*pending);
  EXPECT_EQ((**pending).error().code, Code::unavailable);
  EXPECT_EQ(generate(text_request(2)).error().code, Code::unavailable);
}

TEST_F(ReplicaTest, TokenizesAndDetokenizesByItsModel) {
  start();
  TokenizeRequest tokenize;
  tokenize.prompt_kind = wire::PromptKind::text;
  tokenize.prompt = "xyz";
  const auto tokens = test_.ask<TokenizeReply>(replica_, tokenize);
  ASSERT_TRUE(tokens) << tokens.error().message;
  EXPECT_EQ(tokens->tokens, conduit::testing::byte_tokens("xyz"));
  EXPECT_EQ(tokens->max_model_len, 64u);
  DetokenizeRequest detokenize;
  detokenize.tokens = tokens->tokens;
  EXPECT_EQ(test_.ask<DetokenizeReply>(replica_, detokenize)->text, "xyz");
}

TEST_F(ReplicaTest, ATextToEmbedIsASequenceLikeAnyOther) {
  auto embedding = std::make_shared<kernels::Model>(**model_);
  embedding->config.pooling = kernels::Pooling::mean;
  device_->loaded->model = embedding;
  start();
  PoolRequest request;
  request.prompt_kind = wire::PromptKind::text;
  request.prompt = "xyz";
  const auto reply = test_.ask_later<PoolReply>(replica_, request);
  test_.run();
  ASSERT_EQ(device_->added.size(), 1u);
  EXPECT_EQ(device_->added[0].task, kernels::Task::embed);
  EXPECT_FALSE(*reply);
  kernels::SequenceOutput embedded = output(device_->added[0].id, 0, FinishReason::stop);
  embedded.embedding = {0.5F, -0.5F};
  step({embedded});
  ASSERT_TRUE(*reply);
  EXPECT_THAT((**reply)->embedding, ElementsAre(0.5F, -0.5F));
  EXPECT_EQ((**reply)->prompt_tokens, 3u);
}

TEST_F(ReplicaTest, AModelThatDoesNotEmbedSaysSo) {
  start();
  PoolRequest request;
  request.prompt_kind = wire::PromptKind::text;
  request.prompt = "xyz";
  EXPECT_EQ(test_.ask<PoolReply>(replica_, request).error().code, Code::invalid_argument);
}

TEST_F(ReplicaTest, ThoughtsAreToldApartWhereTheModelKnowsTheTag) {
  auto thinking = std::make_shared<kernels::Model>(**model_);
  thinking->chat_template = *kernels::ChatTemplate::parse("{{ messages[0].content }}<think>");
  device_->loaded->model = thinking;
  start();
  GenerateRequest request = text_request(1);
  request.prompt_kind = wire::PromptKind::chat;
  request.messages_json = R"([{"role":"user","content":"Hi"}])";
  request.split_reasoning = true;
  ASSERT_TRUE(generate(request));
  for (char byte : std::string("Hm. </think> Yes")) step(byte);
  step('!', FinishReason::length);
  std::string thoughts;
  for (const TokenChunk& chunk : answer_->chunks) thoughts += chunk.reasoning;
  EXPECT_EQ(thoughts, "Hm.");
  EXPECT_EQ(answer_->text(), "Yes!");
}

TEST_F(ReplicaTest, StatusTellsTheState) {
  start(false);
  EXPECT_EQ(test_.ask<ReplicaStatus>(replica_, StatusQuery{})->state, wire::ReplicaState::warming);
  step({output(device_->added[0].id, 5, FinishReason::length)});
  const auto status = test_.ask<ReplicaStatus>(replica_, StatusQuery{});
  EXPECT_EQ(status->state, wire::ReplicaState::ready);
  EXPECT_EQ(status->max_model_len, 64u);
}

TEST_F(ReplicaTest, AConstraintIsCompiledBeforeItsSequenceEnters) {
  start();
  GenerateRequest request = text_request(7);
  request.constraint_kind = wire::ConstraintKind::choice;
  request.constraint = R"(["yes","no"])";
  ASSERT_TRUE(generate(request));
  request.id = 8;
  ASSERT_TRUE(generate(request));
  ASSERT_EQ(device_->added.size(), 2u);
  EXPECT_NE(device_->added[0].grammar, nullptr);
  EXPECT_EQ(device_->added[0].grammar, device_->added[1].grammar);
  // One that failed is not used again.
  auto failed = output(device_->added[0].id, 0, FinishReason::error);
  failed.error = {Code::exhausted, "states"};
  step({failed});
  EXPECT_EQ(answer_->finished.at(0).error_message, "states");
  request.id = 9;
  ASSERT_TRUE(generate(request));
  EXPECT_NE(device_->added[2].grammar, device_->added[0].grammar);
}

TEST_F(ReplicaTest, AConstraintThatCannotBeCompiledIsTheAskersFault) {
  start();
  GenerateRequest request = text_request(7);
  request.constraint_kind = wire::ConstraintKind::json_schema;
  request.constraint = R"({"type":"nothing"})";
  const auto admitted = generate(request);
  ASSERT_FALSE(admitted);
  EXPECT_EQ(admitted.error().code, Code::invalid_argument);
  EXPECT_THAT(device_->added, IsEmpty());
  request.constraint_kind = wire::ConstraintKind::none;
  EXPECT_TRUE(generate(request));  // its id is free again
}

TEST_F(ReplicaTest, ARequestThatIsCancelledWhileItCompilesNeverEnters) {
  start();
  GenerateRequest request = text_request(7);
  request.constraint_kind = wire::ConstraintKind::choice;
  request.constraint = R"(["yes","no"])";
  const auto admitted = test_.ask_later<Admitted>(replica_, request, sink_);
  Cancel cancel;
  cancel.id = 7;
  while (!*admitted && test_.run_one()) tell_anonymously(replica_, cancel);
  test_.run();
  ASSERT_TRUE(*admitted);
  EXPECT_THAT(device_->added, IsEmpty());
}

}  // namespace
}  // namespace conduit::actors
