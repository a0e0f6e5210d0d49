// Told apart by the first bytes: GGUF has its magic, JSON begins with a brace; what is left is
// SentencePiece's protocol buffer.
#include "kernels/model/open_tokenizer.h"

#include <string>
#include <utility>

#include "kernels/model/gguf.h"
#include "kernels/model/mapped_file.h"

namespace conduit::kernels {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxTokenizerBytes = 256 << 20;  // the largest vocabularies take 35 MB

// In the order in which they count: tokenizer.json says everything, the others need its defaults.
constexpr const char* kNames[] = {"tokenizer.json", "tokenizer.model", "spiece.model",
                                  "sentencepiece.bpe.model"};

Result<Tokenizer> read_gguf(const fs::path& path, const std::stop_token& stop) {
  CONDUIT_TRY(const GgufFile file, GgufFile::open(path));
  const GgufValue* model = file.find("tokenizer.ggml.model");
  if (model == nullptr || *model == GgufValue(std::string("no_vocab")))
    return Error{Code::not_found, "no tokenizer: tokenizer.ggml.model names none"};
  return Tokenizer::from_gguf(file, stop);
}

Result<Tokenizer> read_file(const fs::path& path, const std::stop_token& stop) {
  CONDUIT_TRY(const MappedFile file, MappedFile::open(path));
  const std::string_view bytes(reinterpret_cast<const char*>(file.bytes().data()),
                               file.bytes().size());
  if (bytes.starts_with("GGUF")) return read_gguf(path, stop);
  if (bytes.size() > kMaxTokenizerBytes)
    return Error{Code::exhausted, "a tokenizer of " + std::to_string(bytes.size()) +
                                      " bytes is over the limit of " +
                                      std::to_string(kMaxTokenizerBytes)};
  const std::size_t first = bytes.find_first_not_of(" \t\r\n");
  if (first != bytes.npos && bytes[first] == '{') return Tokenizer::from_json(bytes, stop);
  return Tokenizer::from_sentencepiece(bytes, stop);
}

}  // namespace

Result<fs::path> tokenizer_file_of(const fs::path& folder) {
  std::error_code ignored;
  for (const char* name : kNames)
    if (fs::exists(folder / name, ignored)) return folder / name;
  return Error{Code::not_found,
               folder.string() + " has no tokenizer: no tokenizer.json, no tokenizer.model"};
}

Result<Tokenizer> open_tokenizer(const fs::path& path, const std::stop_token& stop) {
  std::error_code ignored;
  fs::path file = path;
  if (fs::is_directory(path, ignored)) {
    CONDUIT_TRY(file, tokenizer_file_of(path));
  }
  auto tokenizer = read_file(file, stop);
  if (tokenizer || tokenizer.error().message.starts_with(file.string())) return tokenizer;
  return Error{tokenizer.error().code, file.string() + ": " + tokenizer.error().message};
}

}  // namespace conduit::kernels
