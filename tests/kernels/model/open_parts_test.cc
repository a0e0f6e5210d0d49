// A model's tokenizer and template, found by what a file is and under the names publishers use.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "kernels/model/open_template.h"
#include "kernels/model/open_tokenizer.h"
#include "tests/support/shared_dir.h"
#include "tests/support/tiny_model.h"

namespace conduit::kernels {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class OpenPartsTest : public ::testing::Test {
 protected:
  fs::path write(const std::string& name, const std::string& text) {
    std::ofstream(folder_.path() / name, std::ios::binary) << text;
    return folder_.path() / name;
  }

  testing::TemporaryDir folder_;
};

TEST_F(OpenPartsTest, OneTokenizerInEveryNotation) {
  const fs::path model = testing::write_tiny_hf_model(folder_.path() / "hf");
  const fs::path gguf = testing::write_tiny_gguf(folder_.path() / "gguf");
  fs::copy(model / "tokenizer.json", folder_.path() / "any name");
  for (const fs::path& path :
       {model, model / "tokenizer.json", gguf, folder_.path() / "any name"}) {
    const auto tokenizer = open_tokenizer(path);
    ASSERT_TRUE(tokenizer) << tokenizer.error().message;
    EXPECT_EQ(tokenizer->decode(tokenizer->encode("Hello.", {.add_special = false})), "Hello.");
  }
}

TEST_F(OpenPartsTest, WhatIsNoTokenizerIsNamedWithItsPath) {
  const auto none = open_tokenizer(folder_.path());
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, Code::not_found);
  EXPECT_THAT(none.error().message, HasSubstr("tokenizer.json"));
  for (const char* text : {"{\"model\":", "GGUF", "\n\x7f", "text"}) {
    const fs::path path = write("broken", text);
    const auto broken = open_tokenizer(path);
    ASSERT_FALSE(broken) << text;
    EXPECT_THAT(broken.error().message, HasSubstr(path.string()));
  }
  EXPECT_EQ(open_tokenizer(folder_.path() / "absent").error().code, Code::not_found);
}

TEST_F(OpenPartsTest, TemplateOfAFolderIsTheMostExplicitOne) {
  write("tokenizer_config.json", R"({"chat_template":"config","bos_token":{"content":"<a>"}})");
  write("special_tokens_map.json", R"({"bos_token":"<x>","eos_token":"<b>"})");
  EXPECT_EQ(read_template(folder_.path())->source, "config");
  write("chat_template.json", R"({"chat_template":"json"})");
  EXPECT_EQ(read_template(folder_.path())->source, "json");
  write("chat_template.jinja", "jinja");
  const auto text = read_template(folder_.path());
  ASSERT_TRUE(text) << text.error().message;
  EXPECT_EQ(text->source, "jinja");
  EXPECT_EQ(text->bos_token, "<a>") << "tokenizer_config.json goes before special_tokens_map.json";
  EXPECT_EQ(text->eos_token, "<b>");
}

TEST_F(OpenPartsTest, OfNamedTemplatesTheDefaultCounts) {
  const fs::path path =
      write("tokenizer_config.json", R"({"chat_template":[{"name":"rag","template":"r"},)"
                                     R"({"name":"default","template":"d"}]})");
  EXPECT_EQ(read_template(path)->source, "d");
  write("tokenizer_config.json", R"({"chat_template":[{"name":"rag","template":"r"}]})");
  EXPECT_EQ(read_template(path).error().code, Code::not_found);
}

TEST_F(OpenPartsTest, TemplateTextIsTakenAsItIsAndHasNoTokensOfItsOwn) {
  const auto text = read_template(write("any.jinja", "{{ 'x' }}\n"));
  ASSERT_TRUE(text) << text.error().message;
  EXPECT_EQ(text->source, "{{ 'x' }}\n");
  EXPECT_FALSE(text->bos_token);
  EXPECT_FALSE(text->eos_token);
}

TEST_F(OpenPartsTest, TemplateOfAGgufFileHasItsTokens) {
  const auto text = read_template(testing::write_tiny_gguf(folder_.path()));
  ASSERT_TRUE(text) << text.error().message;
  EXPECT_THAT(text->source, HasSubstr("<|im_start|>"));
  EXPECT_EQ(text->bos_token, testing::kTinyBos);
  EXPECT_EQ(text->eos_token, testing::kTinyEos);
  testing::TinyModelOptions without;
  without.chat_template = false;
  const auto none = read_template(testing::write_tiny_gguf(folder_.path(), without));
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, Code::not_found);
}

TEST_F(OpenPartsTest, TemplateThatCannotBeParsedNamesItsFile) {
  const fs::path path = write("bad.jinja", "{% for %}");
  const auto parsed = open_template(path);
  ASSERT_FALSE(parsed);
  EXPECT_THAT(parsed.error().message, HasSubstr("bad.jinja: line 1"));
}

}  // namespace
}  // namespace conduit::kernels
