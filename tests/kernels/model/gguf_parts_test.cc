// GGUF files in parts: opened as one, and each way in which parts may not belong together.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <functional>

#include "kernels/model/gguf.h"
#include "tests/support/shared_dir.h"
#include "tests/support/weight_files.h"

namespace conduit::kernels {
namespace {

using conduit::testing::GgufWriter;
using conduit::testing::TemporaryDir;
using conduit::testing::write_file;
using ::testing::HasSubstr;

constexpr std::uint32_t kF32 = 0;

struct Part {
  std::uint32_t number = 0, count = 3;
  std::string tensor = "t";
  std::string architecture;
};

class GgufPartsTest : public ::testing::Test {
 protected:
  static std::string name_of(int part) {
    return "model-0000" + std::to_string(part + 1) + "-of-00003.gguf";
  }
  std::filesystem::path path_of(int part) const { return folder_.path() / name_of(part); }

  static void describe(GgufWriter& file, const Part& part) {
    if (!part.architecture.empty()) file.text("general.architecture", part.architecture);
    file.number("split.no", part.number);
    file.number("split.count", part.count);
    file.number("split.tensors.count", 3);
    file.tensor(part.tensor, {1}, kF32, part.tensor.substr(0, 1) + "000");
  }
  void write(const std::string& name, const Part& part) {
    GgufWriter file;
    describe(file, part);
    write_file(folder_.path() / name, file.finish());
  }
  void write_all() {
    write(name_of(0), {0, 3, "a", "llama"});
    write(name_of(1), {1, 3, "b", ""});
    write(name_of(2), {2, 3, "c", "llama"});
  }
  std::string refusal(int first = 0) const {
    const auto file = GgufFile::open(path_of(first));
    return file ? "accepted" : file.error().message;
  }

  TemporaryDir folder_;
};

TEST_F(GgufPartsTest, OpenAsOneFile) {
  write_all();
  const auto file = GgufFile::open(path_of(0));
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->text("general.architecture").value_or(""), "llama");
  EXPECT_EQ(file->files().size(), 3u);
  ASSERT_EQ(file->tensors().size(), 3u);
  EXPECT_EQ(std::memcmp(file->tensors().at("a").data, "a000", 4), 0);
  EXPECT_EQ(std::memcmp(file->tensors().at("c").data, "c000", 4), 0);
}

TEST_F(GgufPartsTest, AFirstPartMayHoldNoTensors) {
  write_all();
  GgufWriter first;
  first.number("split.no", 0);
  first.number("split.count", 3);
  first.number("split.tensors.count", 2);
  first.text("general.architecture", "llama");
  write_file(path_of(0), first.finish());
  EXPECT_EQ(refusal(), "accepted");
}

TEST_F(GgufPartsTest, AFileOfOnePartNeedsNoSpecialName) {
  for (std::uint32_t count : {0u, 1u}) {
    write("any.gguf", {0, count, "a", "llama"});
    EXPECT_TRUE(GgufFile::open(folder_.path() / "any.gguf")) << count;
  }
}

TEST_F(GgufPartsTest, AMissingPartIsNamed) {
  write_all();
  std::filesystem::remove(path_of(2));
  const auto file = GgufFile::open(path_of(0));
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().code, Code::not_found);
  EXPECT_THAT(file.error().message, HasSubstr(path_of(2).string() + ": cannot open"));
}

TEST_F(GgufPartsTest, ALaterPartSaysWhichToOpen) {
  write_all();
  EXPECT_THAT(refusal(1), HasSubstr("part 2 of 3; open the first, whose name ends in "
                                    "-00001-of-00003.gguf"));
  std::filesystem::rename(path_of(0), folder_.path() / "model.gguf");
  const auto renamed = GgufFile::open(folder_.path() / "model.gguf");
  ASSERT_FALSE(renamed);
  EXPECT_THAT(renamed.error().message, HasSubstr("the name does not end in -00001-of-00003.gguf"));
}

TEST_F(GgufPartsTest, PartsThatDoNotBelongTogetherAreRefused) {
  struct Case {
    int place;
    Part part;
    const char* reason;
  };
  const Case cases[] = {
      {1, {2, 3, "b", ""}, "split.no is 2; this part needs 1"},
      {1, {1, 4, "b", ""}, "split.count is 4; this part needs 3"},
      {2, {2, 3, "c", "qwen3"}, "general.architecture is another than in the first part"},
      {2, {2, 3, "a", ""}, "tensor 'a' is in an earlier part too"},
      {0, {0, 100000, "a", "llama"}, "split.count is 100000; 0 to 99999 are possible"},
  };
  for (const Case& c : cases) {
    write_all();
    write(name_of(c.place), c.part);
    EXPECT_THAT(refusal(), HasSubstr(path_of(c.place).string()));
    EXPECT_THAT(refusal(), HasSubstr(c.reason));
  }
}

TEST_F(GgufPartsTest, EachPartIsReadAsStrictlyAsAWholeFile) {
  write_all();
  write_file(path_of(1), "GGUX");
  EXPECT_THAT(refusal(), HasSubstr(path_of(1).string() + ": GGUF: the file does not begin"));
  GgufWriter no_number;
  no_number.tensor("b", {1}, kF32, "b000");
  write_file(path_of(1), no_number.finish());
  EXPECT_THAT(refusal(), HasSubstr(path_of(1).string() + ": GGUF: key 'split.no' is missing"));
}

TEST_F(GgufPartsTest, TheirTensorsMustAddUp) {
  write_all();
  GgufWriter last;
  last.number("split.no", 2);
  last.number("split.count", 3);
  write_file(path_of(2), last.finish());
  EXPECT_THAT(refusal(), HasSubstr("split.tensors.count is 3; the parts hold 2"));
}

}  // namespace
}  // namespace conduit::kernels
