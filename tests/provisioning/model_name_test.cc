// Names of models: what each form means, and what is refused before it becomes a path or a URL.
#include "provisioning/model_name.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace conduit::provisioning {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

HubName hub(std::string_view text) {
  const auto name = parse_model_name(text);
  EXPECT_TRUE(name) << name.error().message;
  return name ? std::get<HubName>(*name) : HubName{};
}

TEST(ModelNameTest, AHubsNameHasARepositoryARevisionAndAFileOrAQuantisation) {
  EXPECT_EQ(hub("hf:Qwen/Qwen3-0.6B").repo, "Qwen/Qwen3-0.6B");
  EXPECT_EQ(hub("hf:Qwen/Qwen3-0.6B").revision, "main");
  EXPECT_EQ(hub("hf:gpt2").repo, "gpt2");
  EXPECT_EQ(hub("hf:a/b@v1.0").revision, "v1.0");
  EXPECT_EQ(hub("hf:a/b@refs/pr/7").revision, "refs/pr/7");
  EXPECT_EQ(hub("hf:a/b@v1:Q4_K_M").quant, "Q4_K_M");
  EXPECT_EQ(hub("hf:a/b@v1/sub/c.gguf").file, "sub/c.gguf");
  EXPECT_EQ(hub("hf:a/b@refs/pr/7/c.gguf").file, "c.gguf");
  for (const char* text :
       {"hf:a/b", "hf:a/b@v1:Q8_0", "hf:a/b/c/d.gguf", "hf:a/b@refs/pr/7/c.gguf"})
    EXPECT_EQ(to_string(hub(text)), text);
}

TEST(ModelNameTest, AWheelsNameHasPackagesAndAFile) {
  const auto name = parse_model_name("pypi:m-part1==1.0.0+m-part2+m-part3==1.1/dir/m.gguf#sha256=" +
                                     std::string(64, 'A'));
  ASSERT_TRUE(name) << name.error().message;
  const auto& pypi = std::get<PypiName>(*name);
  EXPECT_THAT(pypi.packages, ElementsAre("m-part1==1.0.0", "m-part2==1.0.0", "m-part3==1.1"));
  EXPECT_EQ(pypi.file, "dir/m.gguf");
  EXPECT_EQ(pypi.sha256, std::string(64, 'a'));
}

TEST(ModelNameTest, AnythingElseIsAPath) {
  for (const char* text : {"a.gguf", "/m/x", "./hf", "hf", "C:x"}) {
    const auto name = parse_model_name(text);
    ASSERT_TRUE(name);
    EXPECT_EQ(std::get<PathName>(*name).path, text);
    EXPECT_FALSE(is_remote(text));
  }
}

TEST(ModelNameTest, WhatCouldLeaveItsPlaceIsRefused) {
  for (const char* text : {"",
                           "hf:",
                           "hf:a/",
                           "hf:/b",
                           "hf:../b",
                           "hf:a/..",
                           "hf:a/b@",
                           "hf:a/b@../x",
                           "hf:a/b/../c",
                           "hf:a/b//c",
                           "hf:a/b:",
                           "hf:a/b:x/y",
                           "hf:a b/c",
                           "hf:a/b?c",
                           "hf:a/b@refs/pr",
                           "pypi:",
                           "pypi:a/f",
                           "pypi:a==/f",
                           "pypi:a==1",
                           "pypi:a==1/",
                           "pypi:a==1+/f",
                           "pypi:-r==1/f",
                           "pypi:a==1/../f",
                           "pypi:a==1/f#sha256=12"}) {
    const auto name = parse_model_name(text);
    ASSERT_FALSE(name) << text;
    EXPECT_EQ(name.error().code, Code::invalid_argument);
  }
  EXPECT_THAT(parse_model_name("hf:a/b@").error().message, HasSubstr("hf:ORG/NAME[@REV]"));
}

TEST(ModelNameTest, RequestsCallItByItsRepositoryOrItsFile) {
  const auto served = [](std::string_view text) { return served_name(*parse_model_name(text)); };
  EXPECT_EQ(served("hf:Qwen/Qwen3-0.6B@main"), "Qwen/Qwen3-0.6B");
  EXPECT_EQ(served("hf:a/b:Q4_K_M"), "a/b");
  EXPECT_EQ(served("hf:a/b/sub/c.gguf"), "c");
  EXPECT_EQ(served("pypi:a==1.0/m.gguf"), "m");
  EXPECT_EQ(served("/m/folder/"), "folder");
}

}  // namespace
}  // namespace conduit::provisioning
