// The reader of safetensors: one file, and a folder's single file or indexed shards.
#include "kernels/model/safetensors.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <optional>
#include <set>
#include <utility>

#include "mdl/base/json.h"

namespace conduit::kernels {
namespace {

// The format's own limit; the header of a model of 10^5 tensors has 10 MB.
constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;
constexpr std::size_t kMaxIndexBytes = 100'000'000;
constexpr std::size_t kMaxDimensions = 8;
constexpr std::size_t kMaxNameBytes = 1024;  // names of published models stay below 200
constexpr std::size_t kLengthBytes = 8;
constexpr const char* kIndexName = "model.safetensors.index.json";
constexpr const char* kSingleName = "model.safetensors";

Error corrupt_safetensors(const std::string& what) {
  return {Code::corrupt, "safetensors: " + what};
}

Error at_path(const std::filesystem::path& path, const Error& error) {
  return {error.code, path.string() + ": " + error.message};
}

// A non-negative integer, or nothing.
std::optional<std::int64_t> count_of(const json::Value& value) {
  if (value.kind() != json::Kind::integer || value.as_int() < 0) return std::nullopt;
  return value.as_int();
}

Result<DType> dtype_of(const json::Value& entry, const std::string& tensor) {
  const json::Value* name = entry.find("dtype");
  if (name == nullptr || !name->is_string()) return corrupt_safetensors(tensor + " has no dtype");
  for (int i = 0; i < kDTypes; ++i) {
    const auto dtype = static_cast<DType>(i);
    if (!is_quantised(dtype) && name->as_string() == traits(dtype).name) return dtype;
  }
  return Error{Code::invalid_argument,
               tensor + " has type " + name->as_string() + ", which is not supported"};
}

Result<std::vector<std::int64_t>> shape_of(const json::Value& entry, const std::string& tensor) {
  const json::Value* list = entry.find("shape");
  if (list == nullptr || !list->is_array() || list->as_array().size() > kMaxDimensions)
    return corrupt_safetensors(tensor + " has no shape of up to 8 dimensions");
  std::vector<std::int64_t> shape;
  std::int64_t elements = 1;
  for (const json::Value& item : list->as_array()) {
    const auto extent = count_of(item);
    // 8: the widest element's bytes, so that the size in bytes cannot overflow either.
    if (!extent ||
        (elements > 0 && *extent > std::numeric_limits<std::int64_t>::max() / 8 / elements))
      return corrupt_safetensors(tensor + " has an impossible shape");
    shape.push_back(*extent);
    elements *= *extent;
  }
  return shape;
}

struct ByteRange {
  std::int64_t begin = 0;
  std::int64_t end = 0;
};

Result<ByteRange> byte_range(const json::Value& entry, std::size_t data_bytes,
                             const std::string& tensor) {
  const json::Value* offsets = entry.find("data_offsets");
  if (offsets == nullptr || !offsets->is_array() || offsets->as_array().size() != 2)
    return corrupt_safetensors(tensor + " has no data_offsets of two numbers");
  const auto begin = count_of(offsets->as_array()[0]);
  const auto end = count_of(offsets->as_array()[1]);
  if (!begin || !end || *begin > *end)
    return corrupt_safetensors(tensor + " has impossible data_offsets");
  if (static_cast<std::uint64_t>(*end) > data_bytes)
    return corrupt_safetensors(tensor + " lies beyond the end of the file (truncated?)");
  return ByteRange{*begin, *end};
}

struct Entry {
  TensorView view;
  ByteRange range;
};

Result<Entry> read_entry(const json::Value& fields, std::span<const std::byte> data,
                         const std::string& tensor) {
  if (!fields.is_object()) return corrupt_safetensors(tensor + " is no object");
  Entry entry;
  CONDUIT_TRY(entry.view.dtype, dtype_of(fields, tensor));
  CONDUIT_TRY(entry.view.shape, shape_of(fields, tensor));
  CONDUIT_TRY(entry.range, byte_range(fields, data.size(), tensor));
  const std::int64_t stated = entry.range.end - entry.range.begin;
  if (stated != entry.view.bytes())
    return corrupt_safetensors(tensor + " has " + std::to_string(stated) +
                               " bytes; its shape and dtype need " +
                               std::to_string(entry.view.bytes()));
  entry.view.data = data.data() + entry.range.begin;
  return entry;
}

// The format leaves no gap and lets no byte belong to two tensors.
Status check_cover(std::vector<std::pair<ByteRange, std::string>> ranges, std::size_t data_bytes) {
  std::sort(ranges.begin(), ranges.end(), [](const auto& a, const auto& b) {
    return std::pair(a.first.begin, a.first.end) < std::pair(b.first.begin, b.first.end);
  });
  std::int64_t end = 0;
  for (const auto& [range, name] : ranges) {
    if (range.begin < end)
      return corrupt_safetensors("tensor '" + name + "' overlaps another tensor");
    if (range.begin > end) return corrupt_safetensors("a gap lies before tensor '" + name + "'");
    end = range.end;
  }
  if (static_cast<std::uint64_t>(end) != data_bytes)
    return corrupt_safetensors("the file goes on " +
                               std::to_string(data_bytes - static_cast<std::size_t>(end)) +
                               " bytes after the last tensor");
  return ok();
}

struct Header {
  json::Value tensors;
  std::span<const std::byte> data;
};

Result<Header> read_header(std::span<const std::byte> bytes) {
  if (bytes.size() < kLengthBytes)
    return corrupt_safetensors("the file ends within the header's length");
  std::uint64_t length = 0;
  std::memcpy(&length, bytes.data(), sizeof length);
  if (length > kMaxHeaderBytes)
    return corrupt_safetensors("the header claims " + std::to_string(length) +
                               " bytes; the limit is " + std::to_string(kMaxHeaderBytes));
  if (length > bytes.size() - kLengthBytes)
    return corrupt_safetensors("the file ends within the header");
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()) + kLengthBytes,
                              static_cast<std::size_t>(length));
  auto tensors = json::parse(text);
  if (!tensors) return corrupt_safetensors("header: " + tensors.error().message);
  if (!tensors->is_object()) return corrupt_safetensors("the header is no JSON object");
  return Header{*std::move(tensors),
                bytes.subspan(kLengthBytes + static_cast<std::size_t>(length))};
}

// A shard beside the index: a plain file name, so that an index cannot reach out of its folder.
bool is_part_name(const std::string& name) {
  return !name.empty() && name != "." && name != ".." &&
         name.find_first_of(std::string_view("/\0", 2)) == std::string::npos;
}

Result<std::map<std::string, std::string>> read_index(const std::filesystem::path& path) {
  CONDUIT_TRY(const std::string text, read_text_file(path, kMaxIndexBytes));
  auto index = json::parse(text);
  if (!index) return at_path(path, index.error());
  const json::Value* weight_map = index->find("weight_map");
  if (weight_map == nullptr || !weight_map->is_object() || weight_map->as_object().empty())
    return Error{Code::corrupt, path.string() + ": weight_map is missing or empty"};
  std::map<std::string, std::string> shard_of;
  for (const json::Member& member : weight_map->as_object()) {
    if (!member.value.is_string() || !is_part_name(member.value.as_string()))
      return Error{Code::corrupt, path.string() + ": tensor '" + member.key +
                                      "' does not lie in a file of this folder"};
    if (!shard_of.emplace(member.key, member.value.as_string()).second)
      return Error{Code::corrupt, path.string() + ": tensor '" + member.key + "' appears twice"};
  }
  return shard_of;
}

}  // namespace

Result<SafetensorsFile> SafetensorsFile::parse(std::span<const std::byte> bytes) {
  CONDUIT_TRY(const Header header, read_header(bytes));
  SafetensorsFile file;
  std::vector<std::pair<ByteRange, std::string>> ranges;
  for (const json::Member& member : header.tensors.as_object()) {
    if (member.key == "__metadata__") continue;  // the writer's notes
    if (member.key.empty() || member.key.size() > kMaxNameBytes)
      return corrupt_safetensors("a tensor's name has " + std::to_string(member.key.size()) +
                                 " bytes; 1 to " + std::to_string(kMaxNameBytes) + " are possible");
    const std::string tensor = "tensor '" + member.key + "'";
    CONDUIT_TRY(Entry entry, read_entry(member.value, header.data, tensor));
    ranges.emplace_back(entry.range, member.key);
    if (!file.tensors_.emplace(member.key, std::move(entry.view)).second)
      return corrupt_safetensors(tensor + " appears twice");
  }
  CONDUIT_TRY_STATUS(check_cover(std::move(ranges), header.data.size()));
  return file;
}

Result<SafetensorsFile> SafetensorsFile::open(const std::filesystem::path& path) {
  CONDUIT_TRY(MappedFile mapped, MappedFile::open(path));
  auto file = parse(mapped.bytes());
  if (!file) return at_path(path, file.error());
  file->files_.push_back(std::make_shared<const MappedFile>(std::move(mapped)));
  return file;
}

Result<SafetensorsFile> SafetensorsFile::open_folder(const std::filesystem::path& folder) {
  const std::filesystem::path index_path = folder / kIndexName;
  std::error_code ignored;
  // As transformers: a single file wins over an index.
  if (std::filesystem::exists(folder / kSingleName, ignored)) return open(folder / kSingleName);
  if (!std::filesystem::exists(index_path, ignored))
    return Error{Code::not_found,
                 folder.string() + ": neither " + kSingleName + " nor " + kIndexName + " is there"};
  CONDUIT_TRY(const auto shard_of, read_index(index_path));
  std::set<std::string> names;
  for (const auto& [tensor, name] : shard_of) names.insert(name);
  SafetensorsFile whole;
  for (const std::string& name : names) {
    CONDUIT_TRY(SafetensorsFile shard, open(folder / name));
    for (auto& [tensor, view] : shard.tensors_) {
      const auto listed = shard_of.find(tensor);
      if (listed == shard_of.end() || listed->second != name)
        return Error{Code::corrupt, (folder / name).string() + ": tensor '" + tensor +
                                        "' is not placed here by " + kIndexName};
      whole.tensors_.emplace(tensor, std::move(view));
    }
    whole.files_.push_back(std::move(shard.files_.front()));
  }
  for (const auto& [tensor, name] : shard_of)
    if (!whole.tensors_.contains(tensor))
      return Error{Code::corrupt, (folder / name).string() + ": tensor '" + tensor +
                                      "', which the index places here, is missing"};
  return whole;
}

}  // namespace conduit::kernels
