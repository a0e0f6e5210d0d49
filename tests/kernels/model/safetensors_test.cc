// safetensors: one file, shards by index, and each way a bad one is refused.
#include "kernels/model/safetensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "tests/support/shared_dir.h"
#include "tests/support/tiny_model.h"
#include "tests/support/weight_files.h"

namespace conduit::kernels {
namespace {

using conduit::testing::safetensors_file;
using conduit::testing::SafetensorsEntry;
using conduit::testing::TemporaryDir;
using conduit::testing::write_file;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::span<const std::byte> bytes_of(const std::string& text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

std::string refusal(const std::string& file) {
  const auto parsed = SafetensorsFile::parse(bytes_of(file));
  return parsed ? "accepted" : parsed.error().message;
}

std::string refusal_of_header(const std::string& header, std::size_t data_bytes = 8) {
  return refusal(safetensors_file(header, std::string(data_bytes, 'd')));
}

std::string entry(const std::string& fields) { return "{\"t\":{" + fields + "}}"; }

TEST(SafetensorsFileTest, TensorsPointIntoTheFile) {
  const std::string text = safetensors_file(std::vector<SafetensorsEntry>{
      {"a", "F32", {2, 1}, "aaaabbbb"}, {"b", "BF16", {3}, "cccccc"}, {"s", "F16", {}, "dd"}});
  const auto file = SafetensorsFile::parse(bytes_of(text));
  ASSERT_TRUE(file) << file.error().message;
  ASSERT_EQ(file->tensors().size(), 3u);
  EXPECT_EQ(file->tensors().at("a").dtype, DType::f32);
  EXPECT_THAT(file->tensors().at("a").shape, ElementsAre(2, 1));
  EXPECT_EQ(std::memcmp(file->tensors().at("a").data, "aaaabbbb", 8), 0);
  EXPECT_EQ(file->tensors().at("b").dtype, DType::bf16);
  EXPECT_EQ(std::memcmp(file->tensors().at("b").data, "cccccc", 6), 0);
  EXPECT_EQ(file->tensors().at("s").elements(), 1);
}

TEST(SafetensorsFileTest, NotesOfTheWriterAndPaddingOfTheHeaderAreNoTensors) {
  const auto text = safetensors_file(R"({"__metadata__":{"format":"pt"}}      )", "");
  EXPECT_EQ(refusal(text), "accepted");
  EXPECT_TRUE(SafetensorsFile::parse(bytes_of(text))->tensors().empty());
}

TEST(SafetensorsFileTest, EveryTruncationIsRefused) {
  const std::string text =
      safetensors_file(std::vector<SafetensorsEntry>{{"a", "F32", {2}, "aaaabbbb"}});
  for (std::size_t size = 0; size < text.size(); ++size)
    ASSERT_NE(refusal(text.substr(0, size)), "accepted") << size;
  EXPECT_THAT(refusal(text + "x"), HasSubstr("goes on 1 bytes after the last tensor"));
}

TEST(SafetensorsFileTest, HeaderBeyondLimitOrFileIsRefusedUnread) {
  std::string text(64, ' ');
  const auto with_length = [&](std::uint64_t length) {
    std::memcpy(text.data(), &length, sizeof length);
    return refusal(text);
  };
  EXPECT_THAT(with_length(57), HasSubstr("the file ends within the header"));
  EXPECT_THAT(with_length(100'000'001), HasSubstr("the limit is 100000000"));
  EXPECT_THAT(with_length(~0ull), HasSubstr("the limit is 100000000"));
}

TEST(SafetensorsFileTest, RefusesHeadersThatAreNoObjectOfTensors) {
  EXPECT_THAT(refusal_of_header("{"), HasSubstr("header: "));
  EXPECT_THAT(refusal_of_header("[1]"), HasSubstr("the header is no JSON object"));
  EXPECT_THAT(refusal_of_header("{\"t\":1}"), HasSubstr("tensor 't' is no object"));
  EXPECT_THAT(refusal_of_header(entry(R"("shape":[2],"data_offsets":[0,8])")),
              HasSubstr("tensor 't' has no dtype"));
  EXPECT_THAT(refusal_of_header(entry(R"("dtype":"F32","data_offsets":[0,8])")),
              HasSubstr("tensor 't' has no shape"));
  EXPECT_THAT(refusal_of_header(entry(R"("dtype":"F32","shape":[2])")),
              HasSubstr("tensor 't' has no data_offsets"));
}

TEST(SafetensorsFileTest, UnsupportedTypesAreNamed) {
  for (const std::string type : {"F4", "F8_E8M0", "C64", "Q8_0", "f32", ""})
    EXPECT_EQ(
        refusal_of_header(entry("\"dtype\":\"" + type + R"(","shape":[1],"data_offsets":[0,8])")),
        "tensor 't' has type " + type + ", which is not supported");
}

TEST(SafetensorsFileTest, EightBitFloatsAreWeights) {
  const std::string text = safetensors_file(std::vector<SafetensorsEntry>{
      {"a", "F8_E4M3", {2}, "\x38\xb8"}, {"b", "F8_E5M2", {1}, "\x3c"}});
  const auto file = SafetensorsFile::parse(bytes_of(text));
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->tensors().at("a").dtype, DType::f8_e4m3);
  EXPECT_EQ(file->tensors().at("b").dtype, DType::f8_e5m2);
  EXPECT_TRUE(is_weight(DType::f8_e4m3) && is_weight(DType::f8_e5m2));
}

TEST(SafetensorsFileTest, OtherTypesAreSeenThoughTheyAreNoWeights) {
  const std::pair<const char*, DType> types[] = {
      {"F64", DType::f64}, {"I64", DType::i64},     {"I32", DType::i32}, {"I16", DType::i16},
      {"I8", DType::i8},   {"U64", DType::u64},     {"U32", DType::u32}, {"U16", DType::u16},
      {"U8", DType::u8},   {"BOOL", DType::boolean}};
  for (const auto& [name, dtype] : types) {
    const auto size = static_cast<std::size_t>(traits(dtype).block_bytes) * 3;
    const std::string text = safetensors_file(std::vector<SafetensorsEntry>{
        {"embeddings.position_ids", name, {1, 3}, std::string(size, 'i')}});
    const auto file = SafetensorsFile::parse(bytes_of(text));
    ASSERT_TRUE(file) << name;
    EXPECT_EQ(file->tensors().at("embeddings.position_ids").dtype, dtype) << name;
    EXPECT_FALSE(is_weight(dtype)) << name;
    EXPECT_NE(refusal(text.substr(0, text.size() - 1)), "accepted") << name;
  }
}

TEST(SafetensorsFileTest, NamesHaveALimit) {
  const auto refuse = [](std::size_t size) {
    return refusal(safetensors_file(
        std::vector<SafetensorsEntry>{{std::string(size, 'n'), "F32", {1}, "aaaa"}}));
  };
  EXPECT_EQ(refuse(1024), "accepted");
  EXPECT_THAT(refuse(1025), HasSubstr("a tensor's name has 1025 bytes; 1 to 1024 are possible"));
  EXPECT_THAT(refuse(0), HasSubstr("a tensor's name has 0 bytes"));
  EXPECT_THAT(refusal(safetensors_file("{\"a\xff\":{}}", "")), HasSubstr("header: "));
}

TEST(SafetensorsFileTest, RefusesShapesAndOffsetsThatDoNotMeet) {
  const auto refuse = [](const std::string& shape, const std::string& offsets) {
    return refusal_of_header(
        entry(R"("dtype":"F32","shape":)" + shape + R"(,"data_offsets":)" + offsets));
  };
  EXPECT_EQ(refuse("[2]", "[0,8]"), "accepted");
  EXPECT_THAT(refuse("[1]", "[0,8]"),
              HasSubstr("tensor 't' has 8 bytes; its shape and dtype need 4"));
  EXPECT_THAT(refuse("[-2]", "[0,8]"), HasSubstr("tensor 't' has an impossible shape"));
  EXPECT_THAT(refuse("[2.0]", "[0,8]"), HasSubstr("tensor 't' has an impossible shape"));
  EXPECT_THAT(refuse("[4294967296,4294967296]", "[0,8]"), HasSubstr("impossible shape"));
  EXPECT_THAT(refuse("[18446744073709551615]", "[0,8]"), HasSubstr("impossible shape"));
  EXPECT_THAT(refuse("[1152921504606846976]", "[0,8]"), HasSubstr("impossible shape"));  // 2^60
  EXPECT_THAT(refuse("[0,4611686018427387904]", "[0,8]"), HasSubstr("shape and dtype need 0"));
  EXPECT_THAT(refuse("[1,1,1,1,1,1,1,1,2]", "[0,8]"), HasSubstr("no shape of up to 8"));
  EXPECT_THAT(refuse("[2]", "[8,0]"), HasSubstr("impossible data_offsets"));
  EXPECT_THAT(refuse("[2]", "[-8,0]"), HasSubstr("impossible data_offsets"));
  EXPECT_THAT(refuse("[2]", "[0,8,8]"), HasSubstr("data_offsets of two numbers"));
  EXPECT_THAT(refuse("[2]", "[8,16]"), HasSubstr("tensor 't' lies beyond the end of the file"));
}

TEST(SafetensorsFileTest, RefusesOverlapGapsAndDuplicates) {
  const auto two = [](const char* first, const char* second, const char* name = "b") {
    const std::string f32 = R"({"dtype":"F32","shape":[1],"data_offsets":)";
    return refusal_of_header("{\"a\":" + f32 + first + "},\"" + name + "\":" + f32 + second + "}}");
  };
  EXPECT_EQ(two("[0,4]", "[4,8]"), "accepted");
  EXPECT_EQ(two("[4,8]", "[0,4]"), "accepted");
  EXPECT_THAT(two("[0,4]", "[2,6]"), HasSubstr("tensor 'b' overlaps another tensor"));
  EXPECT_THAT(two("[0,4]", "[0,4]"), HasSubstr("overlaps another tensor"));
  EXPECT_THAT(two("[4,8]", "[4,8]"), HasSubstr("a gap lies before"));
  EXPECT_THAT(two("[0,4]", "[4,8]", "a"), HasSubstr("tensor 'a' appears twice"));
}

class ShardsTest : public ::testing::Test {
 protected:
  void write_index(const std::string& weight_map) {
    write_file(folder_.path() / "model.safetensors.index.json",
               R"({"metadata":{},"weight_map":)" + weight_map + "}");
  }
  void write_shard(const char* name, const char* tensor) {
    write_file(folder_.path() / name,
               safetensors_file(std::vector<SafetensorsEntry>{{tensor, "F32", {1}, tensor}}));
  }
  std::string refusal() const {
    const auto opened = SafetensorsFile::open_folder(folder_.path());
    return opened ? "accepted" : opened.error().message;
  }

  TemporaryDir folder_;
};

TEST_F(ShardsTest, TensorsComeFromTheShardsTheIndexNames) {
  write_shard("one", "aaaa");
  write_shard("two", "bbbb");
  write_index(R"({"aaaa":"one","bbbb":"two"})");
  const auto file = SafetensorsFile::open_folder(folder_.path());
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->files().size(), 2u);
  EXPECT_EQ(std::memcmp(file->tensors().at("aaaa").data, "aaaa", 4), 0);
  EXPECT_EQ(std::memcmp(file->tensors().at("bbbb").data, "bbbb", 4), 0);
}

TEST_F(ShardsTest, RefusesAnIndexThatDoesNotMeetItsShards) {
  EXPECT_THAT(refusal(), HasSubstr("neither model.safetensors nor model.safetensors.index.json"));
  write_index(R"({"aaaa":"one"})");
  EXPECT_THAT(refusal(), HasSubstr("one: cannot open"));
  write_shard("one", "bbbb");
  EXPECT_THAT(refusal(),
              HasSubstr("one: tensor 'bbbb' is not placed here by model.safetensors.index"));
  write_index(R"({"aaaa":"one","bbbb":"one"})");
  EXPECT_THAT(refusal(), HasSubstr("one: tensor 'aaaa', which the index places here, is missing"));
  write_shard("two", "bbbb");  // two shards hold it
  write_index(R"({"bbbb":"one","aaaa":"two"})");
  EXPECT_THAT(refusal(), HasSubstr("two: tensor 'bbbb' is not placed here"));
}

TEST_F(ShardsTest, AnIndexCannotReachOutOfItsFolder) {
  for (const char* name : {"../one", "/etc/passwd", "", "..", "a/b", "one\\u0000", "./one"}) {
    write_index("{\"aaaa\":\"" + std::string(name) + "\"}");
    EXPECT_THAT(refusal(), HasSubstr("'aaaa' does not lie in a file of this folder")) << name;
  }
}

TEST_F(ShardsTest, RefusesAnIndexWithoutTensors) {
  for (const char* weight_map : {"{}", "[]", "null"}) {
    write_index(weight_map);
    EXPECT_THAT(refusal(), HasSubstr("weight_map is missing or empty")) << weight_map;
  }
  write_index(R"({"aaaa":1})");
  EXPECT_THAT(refusal(), HasSubstr("'aaaa' does not lie in a file of this folder"));
  write_index(R"({"aaaa":"one","aaaa":"two"})");
  EXPECT_THAT(refusal(), HasSubstr("tensor 'aaaa' appears twice"));
  write_index("{");
  EXPECT_THAT(refusal(), HasSubstr("model.safetensors.index.json: "));
}

TEST_F(ShardsTest, ShardedAndSingleFilesHoldTheSameTensors) {
  conduit::testing::TinyModelOptions options;
  const auto single =
      SafetensorsFile::open_folder(write_tiny_hf_model(folder_.path() / "single", options));
  options.shards = 3;
  const auto sharded =
      SafetensorsFile::open_folder(write_tiny_hf_model(folder_.path() / "sharded", options));
  ASSERT_TRUE(single) << single.error().message;
  ASSERT_TRUE(sharded) << sharded.error().message;
  EXPECT_EQ(sharded->files().size(), 3u);
  ASSERT_EQ(single->tensors().size(), sharded->tensors().size());
  for (const auto& [name, view] : single->tensors()) {
    const TensorView& other = sharded->tensors().at(name);
    ASSERT_EQ(view.shape, other.shape) << name;
    EXPECT_EQ(std::memcmp(view.data, other.data, static_cast<std::size_t>(view.bytes())), 0)
        << name;
  }
}

}  // namespace
}  // namespace conduit::kernels
