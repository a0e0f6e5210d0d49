// Frames: what goes in comes out; what a stranger may send is refused before it is read.
#include "cluster/spine/frame.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "mdl/base/metrics.h"

namespace conduit::cluster {
namespace {

using ::testing::HasSubstr;
using Bytes = std::vector<std::uint8_t>;

wire::GenerateRequestT request() {
  wire::GenerateRequestT request;
  request.id = 7;
  request.model = "smollm2";
  request.prompt_kind = wire::PromptKind::tokens;
  request.prompt_tokens = {1, 2, 3};
  request.stop = {"a", "", "c"};
  request.temperature = 0.5F;
  request.credit = 9;
  request.logit_bias = {{4, -1.F}};
  request.repetition_penalty = 1.5F;
  request.prompt_logprobs = 3;
  request.constraint_kind = wire::ConstraintKind::regex;
  request.constraint = "[a-z]+";
  return request;
}

template <class Body>
Bytes packed(Body body) {
  auto envelope = envelope_around(std::move(body));
  envelope.source_node = 3;
  envelope.stream = 7;
  const auto frame = pack(envelope);
  return {frame->data(), frame->data() + frame->size()};
}

double count_of(const std::string& reason) {
  return metrics::counter("conduit_frames_rejected_total",
                          "Frames from other nodes that were dropped", {{"reason", reason}})
      .value();
}

void expect_rejected(const Bytes& bytes, const std::string& reason) {
  const double before = count_of(reason);
  const auto opened = open(bytes);
  ASSERT_FALSE(opened) << reason;
  EXPECT_EQ(opened.error().code, Code::corrupt);
  EXPECT_TRUE(opened.error().message.starts_with(reason + ":")) << opened.error().message;
  EXPECT_EQ(count_of(reason), before + 1);
}

// Builds an envelope around any body, also one that pack() would never make.
Bytes forged(flatbuffers::FlatBufferBuilder& builder, wire::Body type,
             flatbuffers::Offset<void> body, std::uint16_t version = kWireVersion) {
  wire::EnvelopeBuilder envelope(builder);
  envelope.add_version(version);
  envelope.add_source_node(3);
  envelope.add_body_type(type);
  if (!body.IsNull()) envelope.add_body(body);
  wire::FinishEnvelopeBuffer(builder, envelope.Finish());
  return {builder.GetBufferPointer(), builder.GetBufferPointer() + builder.GetSize()};
}

TEST(FrameTest, WhatIsPackedComesOut) {
  auto opened = open(packed(request()));
  ASSERT_TRUE(opened) << opened.error().message;
  EXPECT_EQ(opened->source_node, 3u);
  EXPECT_EQ(opened->stream, 7u);
  const auto* body = body_of<wire::GenerateRequestT>(*opened);
  ASSERT_NE(body, nullptr);
  EXPECT_EQ(body->model, "smollm2");
  EXPECT_EQ(body->prompt_tokens, (std::vector<int>{1, 2, 3}));
  EXPECT_EQ(body->stop, (std::vector<std::string>{"a", "", "c"}));
  EXPECT_EQ(body->temperature, 0.5F);
  EXPECT_EQ(body->credit, 9u);
  ASSERT_EQ(body->logit_bias.size(), 1u);
  EXPECT_EQ(body->logit_bias[0].token(), 4);
  EXPECT_EQ(body->repetition_penalty, 1.5F);
  EXPECT_EQ(body->prompt_logprobs, 3);
  EXPECT_EQ(body->constraint_kind, wire::ConstraintKind::regex);
  EXPECT_EQ(body->constraint, "[a-z]+");
  EXPECT_EQ(body_of<wire::CancelT>(*opened), nullptr);
}

TEST(FrameTest, EveryBodyPassesTheBorder) {
  wire::TokenChunkT chunk;
  chunk.tokens = {5};
  chunk.logprobs = {wire::Logprob(5, -0.1F), wire::Logprob(6, -2.F)};
  chunk.logprob_bytes = {"x", std::string("\xff", 1)};
  wire::HelloT hello;
  hello.node = 3;
  hello.replica_ids = {1, 2};
  hello.replica_models = {"a", "b"};
  hello.peers = {"tcp://127.0.0.1:1"};
  wire::FinishedT finished;
  finished.reason = wire::FinishReason::error;
  finished.error_message = "why";
  for (const Bytes& frame :
       {packed(request()), packed(wire::AdmittedT{}), packed(chunk), packed(finished),
        packed(wire::CancelT{}), packed(wire::CreditT{}), packed(wire::TokenizeRequestT{}),
        packed(wire::TokenizeReplyT{}), packed(wire::DetokenizeRequestT{}),
        packed(wire::DetokenizeReplyT{}), packed(wire::StatusQueryT{}),
        packed(wire::ReplicaStatusT{}), packed(wire::FailureT{}), packed(hello),
        packed(wire::HeartbeatT{}), packed(wire::GoodbyeT{}), packed(wire::PoolRequestT{}),
        packed(wire::PoolReplyT{})}) {
    const auto opened = open(frame);
    EXPECT_TRUE(opened) << opened.error().message;
  }
}

TEST(FrameTest, AManyNamedChunkIsNotTakenForAnOverlappingOne) {
  wire::TokenChunkT chunk;
  for (int i = 0; i < 20'000; ++i) chunk.logprob_bytes.push_back(std::string(i % 8, 'x'));
  const auto opened = open(packed(chunk));
  EXPECT_TRUE(opened) << opened.error().message;
}

// The largest that a replica makes (RequestLimits::prompt_logprobs).
TEST(FrameTest, PromptLogprobsOfALongPromptPass) {
  wire::TokenChunkT chunk;
  for (int i = 0; i < 1 << 18; ++i) {
    chunk.prompt_logprobs.emplace_back(i, -1.F);
    chunk.prompt_logprob_bytes.push_back(std::string(i % 16, 'x'));
    chunk.prompt_ranks.push_back(i);
  }
  auto opened = open(packed(chunk));
  ASSERT_TRUE(opened) << opened.error().message;
  EXPECT_EQ(body_of<wire::TokenChunkT>(*opened)->prompt_logprob_bytes.back(), std::string(15, 'x'));
}

TEST(FrameTest, MisalignedBytesAreReadAllTheSame) {
  const Bytes frame = packed(request());
  for (std::size_t shift = 0; shift < 8; ++shift) {
    Bytes shifted(frame.size() + shift);
    std::memcpy(shifted.data() + shift, frame.data(), frame.size());
    auto opened = open(std::span(shifted).subspan(shift));
    ASSERT_TRUE(opened) << "shift " << shift;
    EXPECT_EQ(body_of<wire::GenerateRequestT>(*opened)->prompt_tokens.size(), 3u);
  }
}

TEST(FrameTest, TooSmallAndTooLargeIsRefusedUnread) {
  expect_rejected({}, "size");
  expect_rejected(Bytes(7), "size");
  expect_rejected(Bytes(kMaxFrameBytes + 1), "size");
}

TEST(FrameTest, OtherFilesAreNotFrames) {
  Bytes frame = packed(request());
  frame[4] = 'X';
  expect_rejected(frame, "identifier");
  expect_rejected(Bytes(64, 'C'), "identifier");
}

TEST(FrameTest, EveryTruncationIsRefused) {
  const Bytes frame = packed(request());
  for (std::size_t size = 0; size < frame.size(); ++size)
    EXPECT_FALSE(open(std::span(frame).first(size))) << size;
}

TEST(FrameTest, AnotherVersionIsRefused) {
  flatbuffers::FlatBufferBuilder builder;
  const auto body = wire::CreateCancel(builder, 1).Union();
  expect_rejected(forged(builder, wire::Body::Cancel, body, kWireVersion + 1), "version");
}

TEST(FrameTest, AFrameSaysWhoSentIt) {
  auto envelope = envelope_around(wire::GoodbyeT{});
  const auto frame = pack(envelope);
  expect_rejected({frame->data(), frame->data() + frame->size()}, "range");
}

TEST(FrameTest, ABodyOfNoOrUnknownTypeIsRefused) {
  flatbuffers::FlatBufferBuilder none;
  expect_rejected(forged(none, wire::Body::NONE, 0), "body");
  flatbuffers::FlatBufferBuilder absent;
  expect_rejected(forged(absent, wire::Body::Cancel, 0), "body");
  flatbuffers::FlatBufferBuilder unknown;
  const auto body = wire::CreateCancel(unknown, 1).Union();
  expect_rejected(forged(unknown, static_cast<wire::Body>(200), body), "body");
}

TEST(FrameTest, AnEnumValueThatDoesNotExistIsRefused) {
  auto odd_prompt = request();
  odd_prompt.prompt_kind = static_cast<wire::PromptKind>(99);
  expect_rejected(packed(odd_prompt), "range");
  wire::FinishedT odd_reason;
  odd_reason.reason = static_cast<wire::FinishReason>(99);
  expect_rejected(packed(odd_reason), "range");
  wire::ReplicaStatusT odd_state;
  odd_state.state = static_cast<wire::ReplicaState>(99);
  expect_rejected(packed(odd_state), "range");
}

TEST(FrameTest, AHelloNamesAModelForEachReplica) {
  wire::HelloT hello;
  hello.node = 3;
  hello.replica_ids = {1, 2};
  hello.replica_models = {"a"};
  expect_rejected(packed(hello), "range");
  hello.replica_ids.assign(kMaxReplicasPerNode + 1, 1);
  hello.replica_models.assign(kMaxReplicasPerNode + 1, "a");
  expect_rejected(packed(hello), "range");
}

TEST(FrameTest, IdsThatLieAskewAreRefused) {
  std::ifstream file(CONDUIT_SOURCE_DIR "/tests/fuzz/corpus/frame/hello_misaligned",
                     std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(file)), {});
  const auto opened = open({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()});
  ASSERT_FALSE(opened);
  EXPECT_THAT(opened.error().message, HasSubstr("replica_ids (misaligned)"));
}

TEST(FrameTest, AFrameDoesNotUnfoldToMoreThanItself) {
  flatbuffers::FlatBufferBuilder builder;
  const auto shared = builder.CreateString(std::string(100'000, 'x'));
  const std::vector<flatbuffers::Offset<flatbuffers::String>> stops(10'000, shared);
  const auto list = builder.CreateVector(stops);
  wire::GenerateRequestBuilder request(builder);
  request.add_stop(list);  // 140 kB that would become a gigabyte
  const auto body = request.Finish().Union();
  expect_rejected(forged(builder, wire::Body::GenerateRequest, body), "extent");
}

TEST(FrameTest, AMessageBeyondTheLimitIsTheSendersError) {
  auto large = request();
  large.prompt.assign(kMaxFrameBytes, 'x');
  const auto frame = pack(envelope_around(std::move(large)));
  ASSERT_FALSE(frame);
  EXPECT_EQ(frame.error().code, Code::exhausted);
}

TEST(FrameTest, DamagedBytesAreRefusedOrReadButNeverHarm) {
  std::mt19937 random(1);
  const Bytes frame = packed(request());
  for (int i = 0; i < 20'000; ++i) {
    Bytes damaged = frame;
    for (unsigned hits = 1 + random() % 4; hits > 0; --hits)
      damaged[random() % damaged.size()] = static_cast<std::uint8_t>(random());
    if (auto opened = open(damaged)) {
      const auto again = pack(*opened);
      EXPECT_TRUE(again);
    }
  }
}

TEST(FrameTest, AnUnknownCodeIsInternal) {
  EXPECT_EQ(code_of(static_cast<std::uint8_t>(Code::cancelled)), Code::cancelled);
  EXPECT_EQ(code_of(0), Code::internal);
  EXPECT_EQ(code_of(200), Code::internal);
}

}  // namespace
}  // namespace conduit::cluster
