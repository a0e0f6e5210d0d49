// Tokenizers against Hugging Face's library: every folder <root>/tokenizers/<name> with its vectors
// in <name>.golden.json, of the shared reference data and of the project's own. A tokenizer of a
// kind that is not supported yet is skipped by name.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "kernels/model/gguf.h"
#include "kernels/model/mapped_file.h"
#include "kernels/model/tokenizer.h"
#include "mdl/base/json.h"
#include "tests/support/shared_dir.h"

namespace conduit::kernels {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kFileLimit = 256 << 20;

std::vector<fs::path> tokenizer_roots() {
  return {testing::shared_dir() / "golden" / "tokenizers",
          testing::own_golden_dir() / "own" / "tokenizers"};
}

std::vector<fs::path> tokenizer_folders() {
  std::vector<fs::path> folders;
  for (const fs::path& root : tokenizer_roots()) {
    std::error_code absent;
    for (const auto& entry : fs::directory_iterator(root, absent))
      if (fs::exists(entry.path() / "tokenizer.json")) folders.push_back(entry.path());
  }
  std::sort(folders.begin(), folders.end());
  return folders;
}

std::string test_name(const ::testing::TestParamInfo<fs::path>& info) {
  const bool is_own = info.param.parent_path() == tokenizer_roots()[1];
  std::string name = (is_own ? "own_" : "shared_") + info.param.filename().string();
  for (char& c : name)
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
  return name;
}

std::vector<TokenId> ids_of(const json::Value& list) {
  std::vector<TokenId> ids;
  for (const json::Value& id : list.as_array()) ids.push_back(static_cast<TokenId>(id.as_int()));
  return ids;
}

const json::Value& member_or(const json::Value& object, std::string_view key,
                             const json::Value& otherwise) {
  const json::Value* value = object.find(key);
  return value ? *value : otherwise;
}

// "=" stands for the text itself.
std::string decoded_text(const json::Value& vector) {
  const std::string decoded = vector.find("decoded")->as_string();
  return decoded == "=" ? vector.find("text")->as_string() : decoded;
}

void expect_encodings(const Tokenizer& tokenizer, const json::Value& golden) {
  for (const json::Value& vector : golden.find("encode")->as_array()) {
    const std::string& text = vector.find("text")->as_string();
    const json::Value& plain = *vector.find("ids");
    EXPECT_EQ(tokenizer.encode(text, {.add_special = false}), ids_of(plain)) << text;
    EXPECT_EQ(tokenizer.encode(text), ids_of(member_or(vector, "ids_with_special", plain))) << text;
  }
}

void expect_decodings(const Tokenizer& tokenizer, const json::Value& golden) {
  for (const json::Value& vector : golden.find("encode")->as_array()) {
    const json::Value decoded = decoded_text(vector);
    const std::vector<TokenId> ids = ids_of(*vector.find("ids"));
    EXPECT_EQ(tokenizer.decode(ids), decoded.as_string());
    EXPECT_EQ(tokenizer.decode(ids, /*skip_special=*/true),
              member_or(vector, "decoded_skip_special", decoded).as_string());
  }
  for (const json::Value& vector : golden.find("decode_ids")->as_array()) {
    const json::Value& decoded = *vector.find("decoded");
    const std::vector<TokenId> ids = ids_of(*vector.find("ids"));
    EXPECT_EQ(tokenizer.decode(ids), decoded.as_string());
    EXPECT_EQ(tokenizer.decode(ids, /*skip_special=*/true),
              member_or(vector, "decoded_skip_special", decoded).as_string());
  }
}

// The increments are ours to choose; together they are the whole, and none breaks a character.
void expect_streams(const Tokenizer& tokenizer, const json::Value& golden) {
  for (const json::Value& vector : golden.find("stream")->as_array()) {
    const std::string& full = vector.find("full")->as_string();
    const std::vector<TokenId> ids = ids_of(*vector.find("ids"));
    const bool skips_special = tokenizer.decode(ids, true) == full;
    Detokenizer detokenizer(tokenizer, skips_special);
    std::string streamed;
    for (const TokenId id : ids) {
      streamed += detokenizer.push(id);
      EXPECT_TRUE(full.starts_with(streamed)) << full << "\nagainst " << streamed;
    }
    streamed += detokenizer.flush();
    EXPECT_EQ(streamed, full);
  }
}

json::Value read_golden(const fs::path& folder) {
  const fs::path path = folder.parent_path() / (folder.filename().string() + ".golden.json");
  auto text = read_text_file(path, kFileLimit);
  EXPECT_TRUE(text) << path << ": " << (text ? "" : text.error().message);
  return text ? *json::parse(*text) : json::Value();
}

class TokenizerGoldenTest : public ::testing::TestWithParam<fs::path> {
 protected:
  void SetUp() override {
    const auto text = read_text_file(GetParam() / "tokenizer.json", kFileLimit);
    ASSERT_TRUE(text) << text.error().message;
    auto read = Tokenizer::from_json(*text);
    if (!read && read.error().code == Code::invalid_argument)
      GTEST_SKIP() << GetParam() << ": " << read.error().message;
    ASSERT_TRUE(read) << read.error().message;
    tokenizer_ = *std::move(read);
    golden_ = read_golden(GetParam());
  }

  std::optional<Tokenizer> tokenizer_;
  json::Value golden_;
};

TEST_P(TokenizerGoldenTest, Encodes) { expect_encodings(*tokenizer_, golden_); }

TEST_P(TokenizerGoldenTest, Decodes) { expect_decodings(*tokenizer_, golden_); }

TEST_P(TokenizerGoldenTest, Streams) { expect_streams(*tokenizer_, golden_); }

TEST_P(TokenizerGoldenTest, PairsOfTextsAreNotSupportedYet) {
  const json::Value* pairs = golden_.find("pairs");
  GTEST_SKIP() << GetParam() << ": " << (pairs ? pairs->as_array().size() : 0)
               << " pairs of texts not checked";
}

INSTANTIATE_TEST_SUITE_P(Walk, TokenizerGoldenTest, ::testing::ValuesIn(tokenizer_folders()),
                         test_name);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(TokenizerGoldenTest);

TEST(TokenizerGoldenWalkTest, FindsTokenizersInEachRoot) {
  for (const fs::path& root : tokenizer_roots()) {
    const auto folders = tokenizer_folders();
    const auto is_in_root = [&](const fs::path& folder) { return folder.parent_path() == root; };
    if (!fs::exists(root)) GTEST_SKIP() << "no reference tokenizers: " << root << " is absent";
    EXPECT_TRUE(std::any_of(folders.begin(), folders.end(), is_in_root)) << root;
  }
}

// The same vocabulary as GGUF metadata; CONDUIT_TEST_MODEL names SmolLM2-135M-Instruct's file.
TEST(TokenizerGgufGoldenTest, AgreesWithTheVectorsOfItsTokenizerJson) {
  const fs::path folder = tokenizer_roots()[0] / "smollm2";
  if (!fs::exists(folder)) GTEST_SKIP() << folder << " is absent";
  const char* model = std::getenv("CONDUIT_TEST_MODEL");
  if (model == nullptr || !fs::exists(model))
    GTEST_SKIP() << "CONDUIT_TEST_MODEL does not name SmolLM2-135M-Instruct.Q4_1.gguf";
  const auto file = GgufFile::open(model);
  ASSERT_TRUE(file) << file.error().message;
  const auto tokenizer = Tokenizer::from_gguf(*file);
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  const json::Value golden = read_golden(folder);
  EXPECT_EQ(tokenizer->vocab_size(), golden.find("vocab_size")->as_int());
  expect_encodings(*tokenizer, golden);
  expect_decodings(*tokenizer, golden);
  expect_streams(*tokenizer, golden);
}

}  // namespace
}  // namespace conduit::kernels
