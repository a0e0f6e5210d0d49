// Opening GGUF files: one, or all parts of one that was split.
// The idea: part names follow from the first one's, so nothing in a file can name another file; a
// part must say itself which it is. Parts as llama.cpp's tools/gguf-split makes them:
// NAME-00001-of-00003.gguf with split.no 0, split.count 3, split.tensors.count of all three.
#include <cstdio>
#include <utility>

#include "kernels/model/gguf.h"

namespace conduit::kernels {
namespace {

constexpr std::int64_t kMaxParts = 99999;  // five digits in a name

Error wrong(const std::filesystem::path& path, const std::string& what) {
  return {Code::corrupt, path.string() + ": GGUF: " + what};
}

// "-00001-of-00003.gguf"; number from 1.
std::string ending_of(std::int64_t number, std::int64_t count) {
  char text[48];
  std::snprintf(text, sizeof text, "-%05lld-of-%05lld.gguf", static_cast<long long>(number),
                static_cast<long long>(count));
  return text;
}

Result<std::int64_t> integer_of(const GgufFile& file, const char* key,
                                const std::filesystem::path& path) {
  auto value = file.integer(key);
  if (!value) return Error{value.error().code, path.string() + ": " + value.error().message};
  return value;
}

Status check_equal(const GgufFile& file, const char* key, std::int64_t wanted,
                   const std::filesystem::path& path) {
  CONDUIT_TRY(const std::int64_t stated, integer_of(file, key, path));
  if (stated == wanted) return ok();
  return wrong(path, std::string(key) + " is " + std::to_string(stated) + "; this part needs " +
                         std::to_string(wanted));
}

// A part that names no architecture belongs to any.
Status check_architecture(const GgufFile& first, const GgufFile& part,
                          const std::filesystem::path& path) {
  constexpr const char* kKey = "general.architecture";
  const GgufValue* stated = part.find(kKey);
  const GgufValue* wanted = first.find(kKey);
  if (stated == nullptr || (wanted != nullptr && *stated == *wanted)) return ok();
  return wrong(path, std::string(kKey) + " is another than in the first part");
}

// The first part's name up to its ending.
Result<std::string> stem_of(const std::filesystem::path& path, std::int64_t number,
                            std::int64_t count) {
  const std::string name = path.filename().string();
  const std::string first = ending_of(1, count);
  if (number != 0)
    return Error{Code::invalid_argument, path.string() + ": part " + std::to_string(number + 1) +
                                             " of " + std::to_string(count) +
                                             "; open the first, whose name ends in " + first};
  if (!name.ends_with(first))
    return Error{Code::invalid_argument, path.string() + ": the first of " + std::to_string(count) +
                                             " parts, but the name does not end in " + first};
  return name.substr(0, name.size() - first.size());
}

}  // namespace

Result<GgufFile> GgufFile::open_one(const std::filesystem::path& path) {
  CONDUIT_TRY(auto mapped, MappedFile::open(path));
  auto file = parse(mapped.bytes());
  if (!file) return Error{file.error().code, path.string() + ": " + file.error().message};
  file->files_.push_back(std::make_shared<const MappedFile>(std::move(mapped)));
  return file;
}

Status GgufFile::take_part(GgufFile part, const std::filesystem::path& path) {
  for (const auto& [name, view] : part.tensors_)
    if (!tensors_.emplace(name, view).second)
      return wrong(path, "tensor '" + name + "' is in an earlier part too");
  files_.push_back(part.files_.front());
  return ok();
}

Result<GgufFile> GgufFile::open(const std::filesystem::path& path) {
  CONDUIT_TRY(GgufFile file, open_one(path));
  if (file.find("split.count") == nullptr) return file;
  CONDUIT_TRY(const std::int64_t count, integer_of(file, "split.count", path));
  if (count < 0 || count > kMaxParts)
    return wrong(path, "split.count is " + std::to_string(count) + "; 0 to 99999 are possible");
  if (count <= 1) return file;
  CONDUIT_TRY(const std::int64_t number, integer_of(file, "split.no", path));
  CONDUIT_TRY(const std::string stem, stem_of(path, number, count));
  for (std::int64_t i = 1; i < count; ++i) {
    const std::filesystem::path part_path = path.parent_path() / (stem + ending_of(i + 1, count));
    CONDUIT_TRY(GgufFile part, open_one(part_path));
    CONDUIT_TRY_STATUS(check_equal(part, "split.no", i, part_path));
    CONDUIT_TRY_STATUS(check_equal(part, "split.count", count, part_path));
    CONDUIT_TRY_STATUS(check_architecture(file, part, part_path));
    CONDUIT_TRY_STATUS(file.take_part(std::move(part), part_path));
  }
  CONDUIT_TRY(const std::int64_t tensors, integer_of(file, "split.tensors.count", path));
  if (tensors != static_cast<std::int64_t>(file.tensors_.size()))
    return wrong(path, "split.tensors.count is " + std::to_string(tensors) + "; the parts hold " +
                           std::to_string(file.tensors_.size()));
  return file;
}

}  // namespace conduit::kernels
