// A header written here is read by GgufFile as it was meant.
#include "kernels/model/gguf_writer.h"

#include <gtest/gtest.h>

#include <span>
#include <string>
#include <vector>

#include "kernels/model/gguf.h"

namespace conduit::kernels {
namespace {

Result<GgufFile> read(const std::string& bytes) {
  return GgufFile::parse(std::as_bytes(std::span(bytes)));
}

TEST(GgufHeaderTest, EveryKindOfValueIsReadBack) {
  GgufHeader header;
  header.add("a", 7U);
  header.add("b", 0.5F);
  header.add_flag("c", true);
  header.add_text("d", "text");
  header.add_texts("e", std::vector<std::string>{"x", "", "z"});
  header.add_integers("f", std::vector<std::int32_t>{-1, 2});
  header.add_numbers("g", std::vector<float>{-1.5F});
  const std::string bytes = header.bytes();
  const auto file = read(bytes);
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(*file->integer("a"), 7);
  EXPECT_EQ(*file->real("b"), 0.5);
  EXPECT_EQ(*file->find("c"), GgufValue(true));
  EXPECT_EQ(*file->text("d"), "text");
  EXPECT_EQ(*file->find("e"), GgufValue(std::vector<std::string>{"x", "", "z"}));
  EXPECT_EQ(*file->find("f"), GgufValue(std::vector<std::int64_t>{-1, 2}));
  EXPECT_EQ(*file->find("g"), GgufValue(std::vector<double>{-1.5}));
}

TEST(GgufHeaderTest, AValueOfAnotherFileIsCopiedWithItsType) {
  GgufHeader first;
  first.add_texts("names", std::vector<std::string>{"one", "two"});
  first.add("number", 9U);
  const std::string first_bytes = first.bytes();
  const auto file = read(first_bytes);
  ASSERT_TRUE(file);
  GgufHeader second;
  for (const auto& [key, value] : file->metadata()) second.add_encoded(key, file->encoded(key));
  EXPECT_EQ(second.bytes(), first_bytes);
}

TEST(GgufHeaderTest, TensorsLieWhereTheirOffsetsSay) {
  GgufHeader header;
  const std::vector<std::int64_t> matrix{3, 32}, vector{5};
  EXPECT_EQ(header.add_tensor("m", DType::q4_0, matrix), 0U);
  EXPECT_EQ(header.add_tensor("v", DType::f32, vector), 64U);  // 3 * 18 bytes, padded
  std::string bytes = header.bytes();
  const std::size_t begin = bytes.size();
  EXPECT_EQ(begin % 32, 0U);
  bytes.resize(begin + header.data_bytes());
  const auto file = read(bytes);
  ASSERT_TRUE(file) << file.error().message;
  const TensorView& m = file->tensors().at("m");
  EXPECT_EQ(m.shape, matrix);
  EXPECT_EQ(m.dtype, DType::q4_0);
  const auto* data = reinterpret_cast<const std::byte*>(bytes.data() + begin);
  EXPECT_EQ(m.data, data);
  EXPECT_EQ(file->tensors().at("v").data, data + 64);
}

}  // namespace
}  // namespace conduit::kernels
