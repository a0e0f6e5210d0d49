// Which files of a repository are its model.
#include "provisioning/hub_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace conduit::provisioning {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;
using Names = std::vector<std::string>;

ChosenFiles choose(const HubName& name, const Names& listed) {
  const auto chosen = choose_files(name, listed);
  EXPECT_TRUE(chosen) << chosen.error().message;
  return chosen.value_or(ChosenFiles{});
}

TEST(HubFilesTest, AFolderIsSafetensorsWithConfigsAndTokenizer) {
  const ChosenFiles chosen = choose(
      {"a/b"}, {".gitattributes", "1_Pooling/config.json", "README.md", "config.json",
                "consolidated.safetensors", "merges.txt", "model-00001-of-00002.safetensors",
                "model-00002-of-00002.safetensors", "model.fp16.safetensors",
                "model.safetensors.index.json", "onnx/model.onnx", "original/params.json",
                "pytorch_model.bin", "chat_template.jinja", "tokenizer.model", "x-Q4_K_M.gguf"});
  EXPECT_EQ(chosen.open, "");
  EXPECT_THAT(chosen.files, UnorderedElementsAre("1_Pooling/config.json", "config.json",
                                                 "merges.txt", "model-00001-of-00002.safetensors",
                                                 "model-00002-of-00002.safetensors",
                                                 "model.safetensors.index.json",
                                                 "chat_template.jinja", "tokenizer.model"));
}

TEST(HubFilesTest, AQuantisationIsFoundByItsWordInAnyCase) {
  const Names listed = {"m-Q4_K_M.gguf",
                        "m-UD-Q4_K_M.gguf",
                        "m-q8_0.gguf",
                        "mmproj-F16.gguf",
                        "Q2_K/m-Q2_K-00001-of-00002.gguf",
                        "Q2_K/m-Q2_K-00002-of-00002.gguf"};
  EXPECT_EQ(choose({"a/b", "main", "", "q4_k_m"}, listed).open, "m-Q4_K_M.gguf");
  EXPECT_EQ(choose({"a/b", "main", "", "UD-Q4_K_M"}, listed).open, "m-UD-Q4_K_M.gguf");
  EXPECT_EQ(choose({"a/b", "main", "", "Q8_0"}, listed).open, "m-q8_0.gguf");
  EXPECT_THAT(choose({"a/b", "main", "", "Q2_K"}, listed).files,
              ElementsAre("Q2_K/m-Q2_K-00001-of-00002.gguf", "Q2_K/m-Q2_K-00002-of-00002.gguf"));
  const auto missing = choose_files({"a/b", "main", "", "Q5_0"}, listed);
  EXPECT_THAT(missing.error().message, HasSubstr("Q2_K, Q4_K_M, q8_0"));
}

TEST(HubFilesTest, WithoutAWordItIsTheUsualOne) {
  EXPECT_EQ(choose({"a/b"}, {"m-F16.gguf", "m-Q4_K_M.gguf", "m-Q8_0.gguf"}).open, "m-Q4_K_M.gguf");
  EXPECT_EQ(choose({"a/b"}, {"m-F16.gguf", "m-Q8_0.gguf"}).open, "m-Q8_0.gguf");
  EXPECT_EQ(choose({"a/b"}, {"imatrix.gguf", "m-F16.gguf"}).open, "m-F16.gguf");
}

TEST(HubFilesTest, AFileBringsItsOtherParts) {
  EXPECT_THAT(
      parts_of("d/m-00002-of-00003.gguf"),
      ElementsAre("d/m-00001-of-00003.gguf", "d/m-00002-of-00003.gguf", "d/m-00003-of-00003.gguf"));
  EXPECT_THAT(parts_of("m.gguf"), ElementsAre("m.gguf"));
  EXPECT_THAT(parts_of("m-00009-of-00003.gguf"), ElementsAre("m-00009-of-00003.gguf"));
}

TEST(HubFilesTest, WhatIsNotThereIsToldWithWhatIs) {
  EXPECT_THAT(choose_files({"a/b", "main", "x.gguf"}, {"y.gguf"}).error().message,
              HasSubstr("it has: y.gguf"));
  EXPECT_THAT(choose_files({"a/b"}, {"pytorch_model.bin"}).error().message,
              HasSubstr("no other format"));
}

}  // namespace
}  // namespace conduit::provisioning
