// Files mapped and read: what is refused, and that a mapping outlives its name.
#include "kernels/model/mapped_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "tests/support/shared_dir.h"
#include "tests/support/weight_files.h"

namespace conduit::kernels {
namespace {

using conduit::testing::TemporaryDir;
using conduit::testing::write_file;

std::string text_of(const MappedFile& file) {
  return {reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()};
}

TEST(MappedFileTest, ShowsTheBytesOfTheFile) {
  TemporaryDir folder;
  write_file(folder.path() / "a", "some bytes");
  const auto file = MappedFile::open(folder.path() / "a");
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(text_of(*file), "some bytes");
  EXPECT_EQ(file->path(), folder.path() / "a");
}

TEST(MappedFileTest, BytesStayAfterTheFileIsDeletedAndTheFirstOwnerIsGone) {
  TemporaryDir folder;
  write_file(folder.path() / "a", "some bytes");
  auto file = MappedFile::open(folder.path() / "a");
  ASSERT_TRUE(file);
  const MappedFile copy = *file;
  file = Error{};
  std::filesystem::remove(folder.path() / "a");
  EXPECT_EQ(text_of(copy), "some bytes");
}

TEST(MappedFileTest, ReleasedPagesAreReadAgain) {
  TemporaryDir folder;
  write_file(folder.path() / "a", "some bytes");
  const auto file = MappedFile::open(folder.path() / "a");
  ASSERT_TRUE(file);
  file->release_pages();
  EXPECT_EQ(text_of(*file), "some bytes");
}

TEST(MappedFileTest, AFileCutWhileItIsReadEndsInZerosAndCheckSaysSo) {
  TemporaryDir folder;
  const auto path = folder.path() / "a";
  write_file(path, std::string(100'000, 'x'));
  const auto file = MappedFile::open(path);
  ASSERT_TRUE(file);
  EXPECT_TRUE(file->check());
  std::filesystem::resize_file(path, 10);
  const std::string text = text_of(*file);
  EXPECT_EQ(text.substr(0, 10), std::string(10, 'x'));
  EXPECT_EQ(text.substr(50'000), std::string(50'000, '\0'));
  write_file(path, std::string(100'000, 'x'));
  const Status status = file->check();
  ASSERT_FALSE(status) << "though it looks whole again";
  EXPECT_EQ(status.error().code, Code::corrupt);
  EXPECT_NE(status.error().message.find(path.string()), std::string::npos);
}

TEST(MappedFileTest, AFileWrittenAnewWhileItIsReadIsNotTheOneThatWasOpened) {
  TemporaryDir folder;
  write_file(folder.path() / "a", "some bytes");
  const auto file = MappedFile::open(folder.path() / "a");
  ASSERT_TRUE(file);
  write_file(folder.path() / "a", "some bytes, and more");
  EXPECT_FALSE(file->check());
}

TEST(MappedFileTest, AFileThatAnotherTookThePlaceOfIsStillWhole) {
  TemporaryDir folder;
  write_file(folder.path() / "a", "some bytes");
  const auto file = MappedFile::open(folder.path() / "a");
  ASSERT_TRUE(file);
  write_file(folder.path() / "b", "others");
  std::filesystem::rename(folder.path() / "b", folder.path() / "a");
  EXPECT_TRUE(file->check());
  EXPECT_EQ(text_of(*file), "some bytes");
}

TEST(MappedFileTest, RefusesWhatIsNoFileWithContent) {
  TemporaryDir folder;
  write_file(folder.path() / "empty", "");
  ASSERT_EQ(::mkfifo((folder.path() / "pipe").c_str(), 0600), 0);
  EXPECT_EQ(MappedFile::open(folder.path() / "absent").error().code, Code::not_found);
  EXPECT_EQ(MappedFile::open(folder.path() / "empty" / "absent").error().code, Code::not_found);
  EXPECT_EQ(MappedFile::open(folder.path()).error().code, Code::invalid_argument);
  EXPECT_EQ(MappedFile::open(folder.path() / "pipe").error().code, Code::invalid_argument);
  EXPECT_EQ(MappedFile::open(folder.path() / "empty").error().code, Code::corrupt);
}

TEST(ReadTextFileTest, ReadsUpToItsLimitAndNamesItBeyond) {
  TemporaryDir folder;
  write_file(folder.path() / "a", "0123456789");
  write_file(folder.path() / "empty", "");
  EXPECT_EQ(read_text_file(folder.path() / "a", 10).value_or("error"), "0123456789");
  EXPECT_EQ(read_text_file(folder.path() / "empty", 10).value_or("error"), "");
  const auto refused = read_text_file(folder.path() / "a", 9);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::exhausted);
  EXPECT_EQ(refused.error().message,
            (folder.path() / "a").string() + " has 10 bytes; the limit is 9");
}

}  // namespace
}  // namespace conduit::kernels
