// Tokenizers against Hugging Face's library and SentencePiece: every folder
// <root>/tokenizers/<name> with its vectors in <name>.golden.json (tokenizer.json) and
// <name>.sentencepiece.golden.json (tokenizer.model), of the shared reference data and of the
// project's own; and two GGUF files, which the environment may name.
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

std::vector<fs::path> folders_with(const char* file) {
  std::vector<fs::path> folders;
  for (const fs::path& root : tokenizer_roots()) {
    std::error_code absent;
    for (const auto& entry : fs::directory_iterator(root, absent))
      if (fs::exists(entry.path() / file)) folders.push_back(entry.path());
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

void expect_plain_encodings(const Tokenizer& tokenizer, const json::Value& golden) {
  for (const json::Value& vector : golden.find("encode")->as_array()) {
    const std::string& text = vector.find("text")->as_string();
    EXPECT_EQ(tokenizer.encode(text, {.add_special = false, .parse_special = false}),
              ids_of(*vector.find("ids")))
        << text;
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

json::Value read_golden(const fs::path& folder, const char* ending = ".golden.json") {
  const fs::path path = folder.parent_path() / (folder.filename().string() + ending);
  auto text = read_text_file(path, kFileLimit);
  EXPECT_TRUE(text) << path << ": " << (text ? "" : text.error().message);
  return text ? *json::parse(*text) : json::Value();
}

void expect_pairs(const Tokenizer& tokenizer, const json::Value& golden) {
  const json::Value* pairs = golden.find("pairs");
  if (pairs == nullptr) return;
  for (const json::Value& vector : pairs->as_array()) {
    const std::string& a = vector.find("a")->as_string();
    const std::string& b = vector.find("b")->as_string();
    const PairEncoding encoding = tokenizer.encode_pair(a, b);
    EXPECT_EQ(encoding.ids, ids_of(*vector.find("ids"))) << a << " | " << b;
    EXPECT_EQ(encoding.type_ids, ids_of(*vector.find("type_ids"))) << a << " | " << b;
  }
}

class TokenizerGoldenTest : public ::testing::TestWithParam<fs::path> {
 protected:
  void SetUp() override {
    const auto text = read_text_file(GetParam() / "tokenizer.json", kFileLimit);
    ASSERT_TRUE(text) << text.error().message;
    auto read = Tokenizer::from_json(*text);
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

TEST_P(TokenizerGoldenTest, EncodesPairsOfTexts) { expect_pairs(*tokenizer_, golden_); }

INSTANTIATE_TEST_SUITE_P(Walk, TokenizerGoldenTest,
                         ::testing::ValuesIn(folders_with("tokenizer.json")), test_name);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(TokenizerGoldenTest);

// tokenizer.model; to SentencePiece the text of a control token is plain text.
class SentencePieceGoldenTest : public ::testing::TestWithParam<fs::path> {};

TEST_P(SentencePieceGoldenTest, Encodes) {
  const auto bytes = read_text_file(GetParam() / "tokenizer.model", kFileLimit);
  ASSERT_TRUE(bytes) << bytes.error().message;
  const auto tokenizer = Tokenizer::from_sentencepiece(*bytes);
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  expect_plain_encodings(*tokenizer, read_golden(GetParam(), ".sentencepiece.golden.json"));
}

INSTANTIATE_TEST_SUITE_P(Walk, SentencePieceGoldenTest,
                         ::testing::ValuesIn(folders_with("tokenizer.model")), test_name);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(SentencePieceGoldenTest);

TEST(TokenizerGoldenWalkTest, FindsTokenizersInEachRoot) {
  for (const fs::path& root : tokenizer_roots()) {
    const auto folders = folders_with("tokenizer.json");
    const auto is_in_root = [&](const fs::path& folder) { return folder.parent_path() == root; };
    if (!fs::exists(root)) GTEST_SKIP() << "no reference tokenizers: " << root << " is absent";
    EXPECT_TRUE(std::any_of(folders.begin(), folders.end(), is_in_root)) << root;
  }
}

// --- the same kinds of vocabulary as GGUF metadata

// The model that `variable` names, or else `file` in the cache; empty when it is not there.
fs::path model_file(const char* variable, const char* file) {
  const char* named = std::getenv(variable);
  const char* home = std::getenv("HOME");
  const fs::path path =
      named ? fs::path(named) : fs::path(home ? home : "") / ".cache/conduit/models" / file;
  return fs::exists(path) ? path : fs::path();
}

Result<Tokenizer> read_gguf_tokenizer(const fs::path& path) {
  CONDUIT_TRY(const GgufFile file, GgufFile::open(path));
  return Tokenizer::from_gguf(file);
}

TEST(TokenizerGgufGoldenTest, AgreesWithTheVectorsOfItsTokenizerJson) {
  const fs::path folder = tokenizer_roots()[0] / "smollm2";
  if (!fs::exists(folder)) GTEST_SKIP() << folder << " is absent";
  const fs::path path = model_file("CONDUIT_TEST_MODEL", "SmolLM2-135M-Instruct.Q4_1.gguf");
  if (path.empty())
    GTEST_SKIP() << "CONDUIT_TEST_MODEL does not name SmolLM2-135M-Instruct.Q4_1.gguf";
  const auto tokenizer = read_gguf_tokenizer(path);
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  const json::Value golden = read_golden(folder);
  EXPECT_EQ(tokenizer->vocab_size(), golden.find("vocab_size")->as_int());
  expect_encodings(*tokenizer, golden);
  expect_decodings(*tokenizer, golden);
  expect_streams(*tokenizer, golden);
}

TEST(TokenizerGgufGoldenTest, GemmasAgreesWithSentencePiece) {
  const fs::path golden = tokenizer_roots()[0] / "gemma3-gguf";
  if (!fs::exists(golden.string() + ".sentencepiece.golden.json"))
    GTEST_SKIP() << golden << " has no vectors";
  const fs::path path = model_file("CONDUIT_TEST_GEMMA", "gemma-3-270m-q4_k_m.gguf");
  if (path.empty()) GTEST_SKIP() << "CONDUIT_TEST_GEMMA does not name gemma-3-270m-q4_k_m.gguf";
  const auto tokenizer = read_gguf_tokenizer(path);
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  expect_plain_encodings(*tokenizer, read_golden(golden, ".sentencepiece.golden.json"));
}

}  // namespace
}  // namespace conduit::kernels
