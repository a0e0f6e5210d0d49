// sentence-transformers' files: how an embedding is pooled, and what Conduit cannot pool.
#include "kernels/model/config_pooling.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/kernels/model/config_json.h"

namespace conduit::kernels {
namespace {

using conduit::testing::parsed;
using ::testing::HasSubstr;

std::string module(const char* type, const char* path) {
  return R"({"idx":0,"name":"0","path":")" + std::string(path) +
         R"(","type":"sentence_transformers.models.)" + type + R"("})";
}

std::string modules(std::initializer_list<std::string> list) {
  std::string text;
  for (const std::string& entry : list) text += (text.empty() ? "[" : ",") + entry;
  return text + "]";
}

std::string refusal(const std::string& text) {
  const auto result = modules_from_json(parsed(text));
  return result ? "accepted" : result.error().message;
}

TEST(EmbeddingModulesTest, PoolingAndNormalizationFollowTheTransformer) {
  const auto all =
      modules_from_json(parsed(modules({module("Transformer", ""), module("Pooling", "1_Pooling"),
                                        module("Normalize", "2_Normalize")})));
  ASSERT_TRUE(all) << all.error().message;
  EXPECT_EQ(all->pooling_folder, "1_Pooling");
  EXPECT_TRUE(all->normalises);
  const auto bare = modules_from_json(parsed(modules({module("Transformer", "")})));
  ASSERT_TRUE(bare);
  EXPECT_FALSE(bare->pooling_folder);
  EXPECT_FALSE(bare->normalises);
}

TEST(EmbeddingModulesTest, OtherModulesAreRefusedByName) {
  EXPECT_THAT(refusal(modules({module("Transformer", ""), module("Pooling", "1_Pooling"),
                               module("Dense", "2_Dense")})),
              HasSubstr("models.Dense"));
  EXPECT_THAT(refusal(modules({module("CLIPModel", "")})), HasSubstr("models.CLIPModel"));
  EXPECT_THAT(refusal(modules({module("Transformer", ""), module("Normalize", "1_Normalize")})),
              HasSubstr("models.Normalize"));
  EXPECT_EQ(refusal("{}"), "the modules are no list");
  EXPECT_EQ(refusal("[1]"), "module 0: no object");
}

TEST(EmbeddingModulesTest, AFolderOutsideTheModelIsRefused) {
  for (const char* path : {"", "../secret", "/etc", "a/b", "..", ".hidden"})
    EXPECT_THAT(refusal(modules({module("Transformer", ""), module("Pooling", path)})),
                HasSubstr("is no folder"))
        << path;
}

Result<Pooling> pooling(std::string_view text) { return pooling_from_json(parsed(text), 64); }

TEST(PoolingTest, TheOneFlagThatIsSetDecides) {
  const auto of = [](const char* flag) {
    const auto result = pooling(R"({"word_embedding_dimension":64,"pooling_mode_max_tokens":false,
        "include_prompt":true,"pooling_mode_)" +
                                std::string(flag) + R"(":true})");
    EXPECT_TRUE(result) << result.error().message;
    return result.value_or(Pooling::none);
  };
  EXPECT_EQ(of("cls_token"), Pooling::cls);
  EXPECT_EQ(of("mean_tokens"), Pooling::mean);
  EXPECT_EQ(of("lasttoken"), Pooling::last);
}

TEST(PoolingTest, NewerFilesNameTheMode) {
  const auto of = [](const char* mode) {
    return pooling(R"({"embedding_dimension":64,"include_prompt":true,"pooling_mode":)" +
                   std::string(mode) + "}");
  };
  EXPECT_EQ(of("\"mean\"").value_or(Pooling::none), Pooling::mean);
  EXPECT_EQ(of("\"cls\"").value_or(Pooling::none), Pooling::cls);
  EXPECT_EQ(of("\"lasttoken\"").value_or(Pooling::none), Pooling::last);
  for (const char* mode : {"\"max\"", "\"weightedmean\"", R"(["mean","cls"])", "1"})
    EXPECT_EQ(of(mode).error().message,
              "pooling_mode " + std::string(mode) + " is not supported yet");
}

TEST(PoolingTest, WhatConduitCannotPoolIsNamed) {
  const auto refused = [](std::string_view text) {
    const auto result = pooling(text);
    return result ? std::string("accepted") : result.error().message;
  };
  for (const char* flag : {"max_tokens", "mean_sqrt_len_tokens", "weightedmean_tokens"})
    EXPECT_THAT(refused(R"({"pooling_mode_)" + std::string(flag) + R"(":true})"), HasSubstr(flag));
  EXPECT_THAT(refused(R"({"pooling_mode_cls_token":true,"pooling_mode_mean_tokens":true})"),
              HasSubstr("beside another"));
  EXPECT_THAT(refused(R"({"pooling_mode_cls_token":true,"pooling_mode_attention":true})"),
              HasSubstr("pooling_mode_attention"));
  EXPECT_THAT(refused(R"({"pooling_mode_cls_token":1})"), HasSubstr("not true or false"));
  EXPECT_THAT(refused(R"({"pooling_mode_cls_token":true,"word_embedding_dimension":32})"),
              HasSubstr("32; the transformer's hidden size is 64"));
  EXPECT_THAT(refused(R"({"pooling_mode_cls_token":true,"include_prompt":false})"),
              HasSubstr("include_prompt"));
  EXPECT_THAT(refused("{}"), HasSubstr("no pooling_mode"));
  EXPECT_THAT(refused("[]"), HasSubstr("no object"));
}

}  // namespace
}  // namespace conduit::kernels
