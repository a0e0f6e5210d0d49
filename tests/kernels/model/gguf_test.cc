// GGUF: what a good file gives, and each way a bad one is refused, by the name of its key or
// tensor.
#include "kernels/model/gguf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <limits>

#include "tests/support/shared_dir.h"
#include "tests/support/tiny_model.h"
#include "tests/support/weight_files.h"

namespace conduit::kernels {
namespace {

using conduit::testing::GgufType;
using conduit::testing::GgufWriter;
using conduit::testing::TemporaryDir;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::uint32_t kF32 = 0, kF16 = 1, kQ8_0 = 8;

std::span<const std::byte> bytes_of(const std::string& text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

template <class T>
std::string raw(T value) {
  std::string bytes(sizeof value, '\0');
  std::memcpy(bytes.data(), &value, sizeof value);
  return bytes;
}

// The message of the refusal, or "accepted".
std::string refusal(const std::string& file) {
  const auto parsed = GgufFile::parse(bytes_of(file));
  return parsed ? "accepted" : parsed.error().message;
}

std::string refusal(const std::function<void(GgufWriter&)>& write) {
  GgufWriter writer;
  write(writer);
  return refusal(writer.finish());
}

TEST(GgufFileTest, GivesMetadataByKeyInItsKind) {
  GgufWriter writer;
  writer.text("general.architecture", "llama");
  writer.number("count", 7);
  writer.raw("negative", 1, raw<std::int8_t>(-5));
  writer.raw("large", 10, raw<std::uint64_t>(std::numeric_limits<std::uint64_t>::max()));
  writer.real("eps", 0.5f);
  writer.flag("claim", true);
  writer.texts("names", {"a", "", "c"});
  writer.numbers("types", {1, -2});
  const std::string text = writer.finish();
  const auto file = GgufFile::parse(bytes_of(text));
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->text("general.architecture").value_or(""), "llama");
  EXPECT_EQ(file->integer("count").value_or(0), 7);
  EXPECT_EQ(file->integer("negative").value_or(0), -5);
  EXPECT_EQ(file->real("count").value_or(0), 7.0);
  EXPECT_EQ(file->real("eps").value_or(0), 0.5);
  EXPECT_EQ(*file->find("claim"), GgufValue(true));
  EXPECT_EQ(*file->find("names"), GgufValue(std::vector<std::string>{"a", "", "c"}));
  EXPECT_EQ(*file->find("types"), GgufValue(std::vector<std::int64_t>{1, -2}));
  EXPECT_EQ(*file->find("large"), GgufValue(std::numeric_limits<std::uint64_t>::max()));
  EXPECT_EQ(file->find("absent"), nullptr);
}

TEST(GgufFileTest, LookUpsNameTheKeyThatIsMissingOrOfAnotherKind) {
  GgufWriter writer;
  writer.text("name", "llama");
  writer.text("latin-1", "na\xefve");
  writer.raw("large", 10, raw<std::uint64_t>(std::numeric_limits<std::uint64_t>::max()));
  const std::string text = writer.finish();
  const auto file = GgufFile::parse(bytes_of(text));
  ASSERT_TRUE(file);
  EXPECT_EQ(file->integer("absent").error().message, "GGUF: key 'absent' is missing");
  EXPECT_EQ(file->integer("name").error().message, "GGUF: key 'name' is not an integer");
  EXPECT_EQ(file->integer("large").error().message, "GGUF: key 'large' is not an integer");
  EXPECT_EQ(file->real("name").error().message, "GGUF: key 'name' is not a number");
  EXPECT_EQ(file->text("large").error().message, "GGUF: key 'large' is not a string");
  EXPECT_EQ(file->text("latin-1").error().message, "GGUF: key 'latin-1' is not UTF-8 text");
}

TEST(GgufFileTest, TensorsPointIntoTheFileWithNumpysOrderOfExtents) {
  GgufWriter writer;
  writer.tensor("matrix", {2, 3}, kF32, std::string(24, 'm'));
  writer.tensor("vector", {5}, kF16, std::string(10, 'v'));
  const std::string text = writer.finish();
  const auto file = GgufFile::parse(bytes_of(text));
  ASSERT_TRUE(file) << file.error().message;
  const TensorView& matrix = file->tensors().at("matrix");
  EXPECT_EQ(matrix.dtype, DType::f32);
  EXPECT_THAT(matrix.shape, ElementsAre(2, 3));
  EXPECT_EQ(std::memcmp(matrix.data, std::string(24, 'm').data(), 24), 0);
  const TensorView& vector = file->tensors().at("vector");
  EXPECT_EQ(vector.dtype, DType::f16);
  EXPECT_EQ(std::memcmp(vector.data, std::string(10, 'v').data(), 10), 0);
}

TEST(GgufFileTest, AlignmentIsTheFilesOwnWhereStated) {
  GgufWriter writer;
  writer.alignment = 128;
  writer.number("general.alignment", 128);
  writer.tensor("a", {1}, kF32, "aaaa");
  writer.tensor("b", {1}, kF32, "bbbb");
  const std::string text = writer.finish();
  const auto file = GgufFile::parse(bytes_of(text));
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(std::memcmp(file->tensors().at("b").data, "bbbb", 4), 0);
  for (std::uint32_t bad : {0u, 3u, 1u << 30})
    EXPECT_THAT(refusal([&](GgufWriter& w) { w.number("general.alignment", bad); }),
                HasSubstr("general.alignment is " + std::to_string(bad)));
}

TEST(GgufFileTest, RefusesAnotherMagicOrVersion) {
  GgufWriter writer;
  std::string text = writer.finish();
  EXPECT_EQ(refusal(text), "accepted");
  text[0] = 'g';
  EXPECT_EQ(refusal(text), "GGUF: the file does not begin with 'GGUF'");
  writer.version = 2;
  EXPECT_EQ(refusal(writer.finish()), "GGUF: version 2 is not supported; 3 is");
  writer.version = 3u << 24;
  EXPECT_EQ(refusal(writer.finish()), "GGUF: big-endian files are not supported");
}

TEST(GgufFileTest, EveryTruncationIsRefused) {
  GgufWriter writer;
  writer.text("name", "text");
  writer.texts("names", {"a", "b"});
  writer.numbers("numbers", {1, 2, 3});
  writer.tensor("t", {32}, kQ8_0, std::string(34, 'q'));
  const std::string text = writer.finish();
  const std::size_t end = text.size() - (64 - 34);  // the tensor's last byte; padding follows
  for (std::size_t size = 0; size < end; ++size)
    ASSERT_NE(refusal(text.substr(0, size)), "accepted") << size;
  EXPECT_EQ(refusal(text.substr(0, end)), "accepted");
}

TEST(GgufFileTest, CountsBeyondTheFileAreRefusedBeforeAnythingIsAllocated) {
  const std::uint64_t huge = std::uint64_t{1} << 62;
  const std::string strings = raw<std::uint32_t>(8), bytes = raw<std::uint32_t>(0);
  EXPECT_THAT(refusal([&](GgufWriter& w) { w.raw("k", 9, strings + raw(huge)); }),
              HasSubstr("key 'k' claims 4611686018427387904 items"));
  EXPECT_THAT(refusal([&](GgufWriter& w) { w.raw("k", 9, bytes + raw(huge)); }),
              HasSubstr("key 'k' claims"));
  EXPECT_THAT(refusal([&](GgufWriter& w) { w.raw("k", 8, raw(huge)); }), HasSubstr("key 'k' has"));
  const std::string header = "GGUF" + raw<std::uint32_t>(3);
  EXPECT_THAT(refusal(header + raw(huge) + raw<std::uint64_t>(0)),
              HasSubstr("the number of tensors is"));
  EXPECT_THAT(refusal(header + raw<std::uint64_t>(0) + raw(huge)),
              HasSubstr("the number of metadata keys is"));
}

TEST(GgufFileTest, RefusesValuesThatAreNone) {
  EXPECT_THAT(refusal([](GgufWriter& w) { w.raw("k", 13, "xxxxxxxx"); }),
              HasSubstr("key 'k' has unknown type 13"));
  EXPECT_THAT(refusal([](GgufWriter& w) { w.raw("k", 7, "\x02"); }),
              HasSubstr("key 'k' is a bool of value 2"));
  const std::string one = raw<std::uint64_t>(1);
  EXPECT_THAT(refusal([&](GgufWriter& w) { w.raw("k", 9, raw<std::uint32_t>(9) + one); }),
              HasSubstr("key 'k' is an array of arrays"));
  EXPECT_THAT(refusal([&](GgufWriter& w) { w.raw("k", 9, raw<std::uint32_t>(77) + one); }),
              HasSubstr("key 'k' has items of unknown type 77"));
  EXPECT_THAT(refusal([&](GgufWriter& w) {
                w.raw("k", 9, raw<std::uint32_t>(10) + one + raw<std::uint64_t>(~0ull));
              }),
              HasSubstr("key 'k' is beyond int64"));
}

TEST(GgufFileTest, RefusesNamesGivenTwice) {
  EXPECT_EQ(refusal([](GgufWriter& w) {
              w.number("k", 1);
              w.number("k", 1);
            }),
            "GGUF: key 'k' appears twice");
  EXPECT_EQ(refusal([](GgufWriter& w) {
              w.tensor("t", {1}, kF32, "aaaa");
              w.tensor("t", {1}, kF32, "bbbb");
            }),
            "GGUF: tensor 't' appears twice");
}

TEST(GgufFileTest, UnsupportedTensorTypesAreNamedAsGgmlDoes) {
  const auto refuse_type = [](std::uint32_t type) {
    const auto parsed = [&] {
      GgufWriter writer;
      writer.tensor("x", {256}, type, std::string(1024, 'x'));
      return writer.finish();
    }();
    const auto result = GgufFile::parse(bytes_of(parsed));
    EXPECT_FALSE(result);
    EXPECT_EQ(result.error().code, Code::invalid_argument);
    return result.error().message;
  };
  EXPECT_EQ(refuse_type(9), "tensor 'x' has type number 9 (Q8_1), which is not supported");
  EXPECT_EQ(refuse_type(16), "tensor 'x' has type number 16 (IQ2_XXS), which is not supported");
  EXPECT_EQ(refuse_type(24), "tensor 'x' has type number 24 (I8), which is not supported");
  EXPECT_EQ(refuse_type(4), "tensor 'x' has type number 4, which is not supported");
  EXPECT_EQ(refuse_type(99), "tensor 'x' has type number 99, which is not supported");
}

TEST(GgufFileTest, EveryWeightTypeHasItsNumberAndItsBlocks) {
  const std::pair<std::uint32_t, DType> types[] = {
      {0, DType::f32},    {1, DType::f16},     {2, DType::q4_0},    {3, DType::q4_1},
      {6, DType::q5_0},   {7, DType::q5_1},    {8, DType::q8_0},    {10, DType::q2_k},
      {11, DType::q3_k},  {12, DType::q4_k},   {13, DType::q5_k},   {14, DType::q6_k},
      {30, DType::bf16},  {20, DType::iq4_nl}, {23, DType::iq4_xs}, {34, DType::tq1_0},
      {35, DType::tq2_0}, {39, DType::mxfp4}};
  for (const auto& [number, dtype] : types) {
    const std::string name(traits(dtype).name);
    const auto file_of = [&, type = number](std::int64_t cols, std::int64_t bytes) {
      return [=](GgufWriter& w) {
        w.tensor("x", {3, cols}, type, std::string(static_cast<std::size_t>(bytes), 'x'));
      };
    };
    const std::int64_t needed = kernels::bytes_of(dtype, 3 * 512);
    EXPECT_EQ(refusal(file_of(512, needed)), "accepted") << name;
    GgufWriter cut;
    file_of(512, needed)(cut);
    const std::string text = cut.finish();
    const auto file = GgufFile::parse(bytes_of(text));
    EXPECT_EQ(file->tensors().at("x").dtype, dtype) << name;
    const std::size_t padding = static_cast<std::size_t>((32 - needed % 32) % 32);
    EXPECT_THAT(refusal(text.substr(0, text.size() - padding - 1)),
                HasSubstr("tensor 'x' lies beyond the end of the file"))
        << name;
    if (const std::int64_t block = traits(dtype).block_elements; block > 1) {
      EXPECT_THAT(refusal(file_of(512 + block / 2, 2 * needed)),
                  HasSubstr(name + " needs a multiple of " + std::to_string(block)));
    }
  }
}

TEST(GgufFileTest, NamesAreTextOfLimitedLength) {
  const std::string long_name(65, 'n');
  const std::pair<std::string, std::string> names[] = {
      {"", "is empty or no UTF-8 text"},
      {"a\xff", "is empty or no UTF-8 text"},
      {"\xed\xa0\x80", "is empty or no UTF-8 text"},  // half of a surrogate pair
      {std::string("a\0b", 3), "is empty or no UTF-8 text"},
      {long_name, "has 65 bytes; the limit is 64"}};
  for (const auto& [name, reason] : names) {
    const std::string tensor = refusal([&](GgufWriter& w) { w.tensor(name, {1}, kF32, "aaaa"); });
    EXPECT_THAT(tensor, HasSubstr("a tensor's name"));
    EXPECT_THAT(tensor, HasSubstr(reason));
    if (name.size() > 64) continue;  // a key may be longer
    const std::string key = refusal([&](GgufWriter& w) { w.number(name, 1); });
    EXPECT_THAT(key, HasSubstr("a metadata key"));
    EXPECT_THAT(key, HasSubstr(reason));
  }
  EXPECT_THAT(refusal([](GgufWriter& w) { w.number(std::string(65536, 'k'), 1); }),
              HasSubstr("a metadata key has 65536 bytes; the limit is 65535"));
}

TEST(GgufFileTest, ArraysOfMoreItemsThanAnyModelHasAreRefused) {
  const std::uint64_t count = (std::uint64_t{1} << 22) + 1;
  EXPECT_THAT(refusal([&](GgufWriter& w) {
                w.raw("k", 9, raw<std::uint32_t>(0) + raw(count) + std::string(count, 'x'));
              }),
              HasSubstr("key 'k' has 4194305 items; the limit is 4194304"));
}

TEST(GgufFileTest, RefusesImpossibleShapes) {
  const auto refuse_shape = [](const std::vector<std::int64_t>& shape, std::uint32_t type) {
    return refusal([&](GgufWriter& w) { w.tensor_at("x", shape, type, 0); });
  };
  EXPECT_THAT(refuse_shape({}, kF32), HasSubstr("tensor 'x' has 0 dimensions"));
  EXPECT_THAT(refuse_shape({1, 1, 1, 1, 1}, kF32), HasSubstr("tensor 'x' has 5 dimensions"));
  EXPECT_THAT(refuse_shape({4, 0}, kF32), HasSubstr("tensor 'x' has an impossible extent 0"));
  EXPECT_THAT(refuse_shape({-1}, kF32), HasSubstr("tensor 'x' has an impossible extent"));
  EXPECT_THAT(refuse_shape({1ll << 31, 1ll << 31}, kF32),
              HasSubstr("tensor 'x' has an impossible"));
  EXPECT_THAT(refuse_shape({1ll << 59}, kF32), HasSubstr("tensor 'x' lies beyond the end"));
  EXPECT_THAT(refuse_shape({2, 48}, kQ8_0),
              HasSubstr("tensor 'x' has rows of 48 values; Q8_0 needs a multiple of 32"));
}

TEST(GgufFileTest, RefusesTensorsOutOfPlace) {
  const auto refuse_offset = [](std::uint64_t offset) {
    return refusal([&](GgufWriter& w) {
      w.tensor("a", {16}, kF32, std::string(64, 'a'));
      w.tensor_at("x", {8}, kF32, offset);
    });
  };
  EXPECT_THAT(refuse_offset(4), HasSubstr("tensor 'x' starts at 4, no multiple of the alignment"));
  EXPECT_THAT(refuse_offset(32), HasSubstr("tensor 'x' overlaps another tensor"));
  EXPECT_THAT(refuse_offset(64), HasSubstr("tensor 'x' lies beyond the end of the file"));
  EXPECT_THAT(refuse_offset(~0ull - 31), HasSubstr("tensor 'x' lies beyond the end of the file"));
  EXPECT_THAT(refusal([](GgufWriter& w) {
                w.tensor("a", {40}, kF32,
                         std::string(192, 'a'));  // 160 bytes and a line of its own
                w.tensor("x", {1}, kF32, "xxxx");
              }),
              HasSubstr("a gap lies before tensor 'x', which starts at 192"));
  EXPECT_THAT(refusal([](GgufWriter& w) { w.tensor_at("x", {1}, kF32, 0); }),
              HasSubstr("tensor 'x' lies beyond the end of the file"));
}

TEST(GgufFileTest, OpenNamesTheFileAndKeepsItMapped) {
  TemporaryDir folder;
  const auto path = conduit::testing::write_tiny_gguf(folder.path());
  const auto file = GgufFile::open(path);
  ASSERT_TRUE(file) << file.error().message;
  ASSERT_EQ(file->files().size(), 1u);
  EXPECT_EQ(file->files().front()->path(), path);
  EXPECT_EQ(file->text("general.architecture").value_or(""), "llama");
  conduit::testing::write_file(folder.path() / "bad.gguf", "GGML");
  EXPECT_EQ(GgufFile::open(folder.path() / "bad.gguf").error().message,
            (folder.path() / "bad.gguf").string() + ": GGUF: the file does not begin with 'GGUF'");
}

}  // namespace
}  // namespace conduit::kernels
