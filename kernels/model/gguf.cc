// The reader of GGUF: header, metadata, tensor directory, then the checks of each tensor's place.
// The idea: a cursor that cannot leave the bytes; every count is compared with what the rest of the
// file could hold before anything of that size is made.
#include "kernels/model/gguf.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <optional>
#include <utility>

#include "kernels/model/byte_cursor.h"
#include "mdl/base/utf8.h"

namespace conduit::kernels {
namespace {

constexpr std::string_view kMagic = "GGUF";
constexpr std::uint32_t kReadVersion = 3;
constexpr std::uint64_t kDefaultAlignment = 32;  // docs/gguf.md: without general.alignment
constexpr std::uint64_t kMaxAlignment = 1 << 20;
constexpr std::uint32_t kMaxGgufDimensions = 4;  // GGML_MAX_DIMS
constexpr std::size_t kMaxGgufNameBytes = 64;    // GGML_MAX_NAME
constexpr std::size_t kMaxKeyBytes = 65535;      // docs/gguf.md: 2^16 - 1
constexpr std::uint64_t kMaxEntries = 1 << 20;   // keys, or tensors: the largest models have 10^4
constexpr std::uint64_t kMaxItems = 1 << 22;     // of an array: the largest vocabularies have 10^6

enum class ValueType : std::uint32_t {
  uint8 = 0,
  int8 = 1,
  uint16 = 2,
  int16 = 3,
  uint32 = 4,
  int32 = 5,
  float32 = 6,
  boolean = 7,
  string = 8,
  array = 9,
  uint64 = 10,
  int64 = 11,
  float64 = 12,
};

// ggml's tensor types by number, as far as they have a name.
constexpr std::string_view kTensorTypes[] = {
    "F32",    "F16",   "Q4_0",  "Q4_1",   "",      "",      "Q5_0",    "Q5_1",   "Q8_0",    "Q8_1",
    "Q2_K",   "Q3_K",  "Q4_K",  "Q5_K",   "Q6_K",  "Q8_K",  "IQ2_XXS", "IQ2_XS", "IQ3_XXS", "IQ1_S",
    "IQ4_NL", "IQ3_S", "IQ2_S", "IQ4_XS", "I8",    "I16",   "I32",     "I64",    "F64",     "IQ1_M",
    "BF16",   "",      "",      "",       "TQ1_0", "TQ2_0", "",        "",       "",        "MXFP4",
};

Error corrupt_gguf(const std::string& what) { return {Code::corrupt, "GGUF: " + what}; }

std::string key_quoted(std::string_view name) {
  return std::string(1, '\'').append(name).append(1, '\'');
}

// --- metadata

std::size_t smallest_bytes(ValueType type) {
  switch (type) {
    case ValueType::uint8:
    case ValueType::int8:
    case ValueType::boolean: return 1;
    case ValueType::uint16:
    case ValueType::int16: return 2;
    case ValueType::uint32:
    case ValueType::int32:
    case ValueType::float32: return 4;
    case ValueType::string:  // its length
    case ValueType::uint64:
    case ValueType::int64:
    case ValueType::float64: return 8;
    case ValueType::array: return 12;  // type and count
  }
  return 0;  // not a type
}

template <class File, class Kept>
Result<Kept> read_as(ByteCursor& cursor, const std::string& what) {
  CONDUIT_TRY(const File value, cursor.number<File>(what));
  return static_cast<Kept>(value);
}

Result<std::int64_t> read_integer(ByteCursor& cursor, ValueType type, const std::string& what) {
  switch (type) {
    case ValueType::uint8: return read_as<std::uint8_t, std::int64_t>(cursor, what);
    case ValueType::int8: return read_as<std::int8_t, std::int64_t>(cursor, what);
    case ValueType::uint16: return read_as<std::uint16_t, std::int64_t>(cursor, what);
    case ValueType::int16: return read_as<std::int16_t, std::int64_t>(cursor, what);
    case ValueType::uint32: return read_as<std::uint32_t, std::int64_t>(cursor, what);
    case ValueType::int32: return read_as<std::int32_t, std::int64_t>(cursor, what);
    case ValueType::int64: return cursor.number<std::int64_t>(what);
    case ValueType::boolean: {
      CONDUIT_TRY(const auto value, cursor.number<std::uint8_t>(what));
      if (value > 1) return corrupt_gguf(what + " is a bool of value " + std::to_string(value));
      return std::int64_t{value};
    }
    case ValueType::uint64: {  // within arrays only: alone it keeps its type
      CONDUIT_TRY(const auto value, cursor.number<std::uint64_t>(what));
      if (!std::in_range<std::int64_t>(value)) return corrupt_gguf(what + " is beyond int64");
      return static_cast<std::int64_t>(value);
    }
    default: return corrupt_gguf(what + " is no integer");
  }
}

Result<double> read_real(ByteCursor& cursor, ValueType type, const std::string& what) {
  if (type == ValueType::float32) return read_as<float, double>(cursor, what);
  return cursor.number<double>(what);
}

template <class T, class Read>
Result<GgufValue> read_items(std::uint64_t count, const Read& read) {
  std::vector<T> items;
  items.reserve(static_cast<std::size_t>(count));
  for (std::uint64_t i = 0; i < count; ++i) {
    CONDUIT_TRY(T item, read());
    items.push_back(std::move(item));
  }
  return GgufValue(std::move(items));
}

Result<GgufValue> read_array(ByteCursor& cursor, const std::string& what) {
  CONDUIT_TRY(const auto number, cursor.number<std::uint32_t>(what));
  CONDUIT_TRY(const auto count, cursor.number<std::uint64_t>(what));
  const auto type = static_cast<ValueType>(number);
  const std::size_t item_bytes = smallest_bytes(type);
  if (item_bytes == 0)
    return corrupt_gguf(what + " has items of unknown type " + std::to_string(number));
  if (type == ValueType::array) return corrupt_gguf(what + " is an array of arrays: not supported");
  if (count > cursor.remaining() / item_bytes)
    return corrupt_gguf(what + " claims " + std::to_string(count) +
                        " items; the file is too short");
  if (count > kMaxItems)  // each takes more memory here than in the file
    return corrupt_gguf(what + " has " + std::to_string(count) + " items; the limit is " +
                        std::to_string(kMaxItems));
  switch (type) {
    case ValueType::string:
      return read_items<std::string>(count, [&] { return cursor.text(cursor.remaining(), what); });
    case ValueType::float32:
    case ValueType::float64:
      return read_items<double>(count, [&] { return read_real(cursor, type, what); });
    default:
      return read_items<std::int64_t>(count, [&] { return read_integer(cursor, type, what); });
  }
}

Result<GgufValue> read_value(ByteCursor& cursor, const std::string& what) {
  CONDUIT_TRY(const auto number, cursor.number<std::uint32_t>(what));
  const auto type = static_cast<ValueType>(number);
  switch (type) {
    case ValueType::array: return read_array(cursor, what);
    case ValueType::string: {
      CONDUIT_TRY(auto text, cursor.text(cursor.remaining(), what));
      return GgufValue(std::move(text));
    }
    case ValueType::float32:
    case ValueType::float64: {
      CONDUIT_TRY(const auto value, read_real(cursor, type, what));
      return GgufValue(value);
    }
    case ValueType::uint64: {
      CONDUIT_TRY(const auto value, cursor.number<std::uint64_t>(what));
      return GgufValue(value);
    }
    default: break;
  }
  if (smallest_bytes(type) == 0)
    return corrupt_gguf(what + " has unknown type " + std::to_string(number));
  CONDUIT_TRY(const auto value, read_integer(cursor, type, what));
  if (type == ValueType::boolean) return GgufValue(value != 0);
  return GgufValue(value);
}

// A key's or a tensor's: it may stand in messages, and is compared with names that are text.
Result<std::string> read_name(ByteCursor& cursor, std::size_t limit, const std::string& what) {
  CONDUIT_TRY(std::string name, cursor.text(limit, what));
  if (name.empty() || name.find('\0') != std::string::npos || !utf8::is_valid(name))
    return corrupt_gguf(what + " at byte " + std::to_string(cursor.position() - name.size()) +
                        " is empty or no UTF-8 text");
  return name;
}

Result<std::pair<std::string, GgufValue>> read_key(ByteCursor& cursor) {
  CONDUIT_TRY(std::string key, read_name(cursor, kMaxKeyBytes, "a metadata key"));
  CONDUIT_TRY(GgufValue value, read_value(cursor, "key " + key_quoted(key)));
  return std::pair{std::move(key), std::move(value)};
}

// --- tensors

// A tensor as the directory states it; its place is checked once the data's start is known.
struct TensorEntry {
  std::string name;
  TensorView view;
  std::uint64_t offset = 0;  // from the start of the data
  std::uint64_t bytes = 0;
};

std::optional<DType> dtype_named(std::string_view ggml_name) {
  for (int i = 0; i < kWeightDTypes; ++i)
    if (traits(static_cast<DType>(i)).name == ggml_name) return static_cast<DType>(i);
  return std::nullopt;
}

Result<DType> read_dtype(ByteCursor& cursor, const std::string& tensor) {
  CONDUIT_TRY(const auto number, cursor.number<std::uint32_t>(tensor));
  const std::string_view name =
      number < std::size(kTensorTypes) ? kTensorTypes[number] : std::string_view{};
  if (const auto dtype = dtype_named(name)) return *dtype;
  return Error{Code::invalid_argument, tensor + " has type number " + std::to_string(number) +
                                           (name.empty() ? "" : " (" + std::string(name) + ")") +
                                           ", which is not supported"};
}

// Extents in GGUF's order, the fastest first; returned as numpy lists them.
Result<std::vector<std::int64_t>> read_shape(ByteCursor& cursor, const std::string& tensor) {
  CONDUIT_TRY(const auto dimensions, cursor.number<std::uint32_t>(tensor));
  if (dimensions < 1 || dimensions > kMaxGgufDimensions)
    return corrupt_gguf(tensor + " has " + std::to_string(dimensions) +
                        " dimensions; 1 to 4 are known");
  std::vector<std::int64_t> shape;
  std::int64_t elements = 1;
  for (std::uint32_t i = 0; i < dimensions; ++i) {
    CONDUIT_TRY(const auto extent, cursor.number<std::uint64_t>(tensor));
    // 8: the widest element's bytes, so that the size in bytes cannot overflow either.
    if (extent == 0 || extent > static_cast<std::uint64_t>(
                                    std::numeric_limits<std::int64_t>::max() / 8 / elements))
      return corrupt_gguf(tensor + " has an impossible extent " + std::to_string(extent));
    shape.push_back(static_cast<std::int64_t>(extent));
    elements *= shape.back();
  }
  std::reverse(shape.begin(), shape.end());
  return shape;
}

Result<TensorEntry> read_tensor(ByteCursor& cursor) {
  TensorEntry entry;
  CONDUIT_TRY(entry.name, read_name(cursor, kMaxGgufNameBytes, "a tensor's name"));
  const std::string tensor = "tensor " + key_quoted(entry.name);
  CONDUIT_TRY(entry.view.shape, read_shape(cursor, tensor));
  CONDUIT_TRY(entry.view.dtype, read_dtype(cursor, tensor));
  CONDUIT_TRY(entry.offset, cursor.number<std::uint64_t>(tensor));
  const DTypeTraits format = traits(entry.view.dtype);
  if (entry.view.shape.back() % format.block_elements != 0)
    return corrupt_gguf(tensor + " has rows of " + std::to_string(entry.view.shape.back()) +
                        " values; " + std::string(format.name) + " needs a multiple of " +
                        std::to_string(format.block_elements));
  entry.bytes = static_cast<std::uint64_t>(entry.view.bytes());
  return entry;
}

// Points every entry into `data`. Tensors follow each other, each at the next multiple of the
// alignment (what the padding holds is nobody's business).
Status place(std::vector<TensorEntry>& entries, std::span<const std::byte> data,
             std::uint64_t alignment) {
  std::sort(entries.begin(), entries.end(),
            [](const TensorEntry& a, const TensorEntry& b) { return a.offset < b.offset; });
  std::uint64_t end = 0;
  for (TensorEntry& entry : entries) {
    const std::string tensor = "tensor " + key_quoted(entry.name);
    if (entry.offset % alignment != 0)
      return corrupt_gguf(tensor + " starts at " + std::to_string(entry.offset) +
                          ", no multiple of the alignment " + std::to_string(alignment));
    if (entry.offset > data.size() || entry.bytes > data.size() - entry.offset)
      return corrupt_gguf(tensor + " lies beyond the end of the file (truncated?)");
    if (entry.offset < end) return corrupt_gguf(tensor + " overlaps another tensor");
    if (entry.offset - end >= alignment)
      return corrupt_gguf("a gap lies before " + tensor + ", which starts at " +
                          std::to_string(entry.offset));
    end = entry.offset + entry.bytes;
    entry.view.data = data.data() + entry.offset;
  }
  return ok();
}

Result<std::uint64_t> read_count(ByteCursor& cursor, const char* what) {
  CONDUIT_TRY(const auto count, cursor.number<std::uint64_t>(what));
  if (count > kMaxEntries)
    return corrupt_gguf(std::string(what) + " is " + std::to_string(count) + "; the limit is " +
                        std::to_string(kMaxEntries));
  return count;
}

Status check_header(ByteCursor& cursor) {
  CONDUIT_TRY(const auto magic, cursor.take(kMagic.size(), "the magic"));
  if (std::memcmp(magic.data(), kMagic.data(), kMagic.size()) != 0)
    return corrupt_gguf("the file does not begin with 'GGUF'");
  CONDUIT_TRY(const auto version, cursor.number<std::uint32_t>("the version"));
  if (version == std::uint32_t{kReadVersion} << 24)
    return Error{Code::invalid_argument, "GGUF: big-endian files are not supported"};
  if (version != kReadVersion)
    return Error{Code::invalid_argument,
                 "GGUF: version " + std::to_string(version) + " is not supported; 3 is"};
  return ok();
}

Result<std::uint64_t> alignment_of(const GgufFile& file) {
  if (file.find("general.alignment") == nullptr) return kDefaultAlignment;
  CONDUIT_TRY(const auto stated, file.integer("general.alignment"));
  if (stated < 1 || stated > static_cast<std::int64_t>(kMaxAlignment) ||
      !std::has_single_bit(static_cast<std::uint64_t>(stated)))
    return corrupt_gguf("general.alignment is " + std::to_string(stated) +
                        "; a power of two up to 2^20 is possible");
  return static_cast<std::uint64_t>(stated);
}

Error wrong_kind(std::string_view key, const char* wanted) {
  return corrupt_gguf("key " + key_quoted(key) + " is not " + wanted);
}

Error missing(std::string_view key) {
  return corrupt_gguf("key " + key_quoted(key) + " is missing");
}

}  // namespace

Result<GgufFile> GgufFile::parse(std::span<const std::byte> bytes) {
  ByteCursor cursor(bytes, "GGUF: ");
  CONDUIT_TRY_STATUS(check_header(cursor));
  CONDUIT_TRY(const auto tensor_count, read_count(cursor, "the number of tensors"));
  CONDUIT_TRY(const auto key_count, read_count(cursor, "the number of metadata keys"));
  GgufFile file;
  for (std::uint64_t i = 0; i < key_count; ++i) {
    const std::size_t begin = cursor.position();
    CONDUIT_TRY(auto entry, read_key(cursor));
    const std::string key = entry.first;
    if (!file.metadata_.insert(std::move(entry)).second)
      return corrupt_gguf("key " + key_quoted(key) + " appears twice");
    const std::size_t value = begin + sizeof(std::uint64_t) + key.size();
    file.encoded_[key] = bytes.subspan(value, cursor.position() - value);
  }
  std::vector<TensorEntry> entries;
  for (std::uint64_t i = 0; i < tensor_count; ++i) {
    CONDUIT_TRY(TensorEntry entry, read_tensor(cursor));
    entries.push_back(std::move(entry));
  }
  CONDUIT_TRY(const auto alignment, alignment_of(file));
  const std::uint64_t start = (cursor.position() + alignment - 1) / alignment * alignment;
  const auto data = bytes.subspan(std::min<std::size_t>(start, bytes.size()));
  CONDUIT_TRY_STATUS(place(entries, data, alignment));
  for (TensorEntry& entry : entries) {
    if (!file.tensors_.emplace(entry.name, std::move(entry.view)).second)
      return corrupt_gguf("tensor " + key_quoted(entry.name) + " appears twice");
  }
  return file;
}

const GgufValue* GgufFile::find(std::string_view key) const {
  const auto found = metadata_.find(key);
  return found == metadata_.end() ? nullptr : &found->second;
}

Result<std::int64_t> GgufFile::integer(std::string_view key) const {
  const GgufValue* value = find(key);
  if (value == nullptr) return missing(key);
  if (const auto* number = std::get_if<std::int64_t>(value)) return *number;
  const auto* number = std::get_if<std::uint64_t>(value);
  if (number == nullptr || !std::in_range<std::int64_t>(*number))
    return wrong_kind(key, "an integer");
  return static_cast<std::int64_t>(*number);
}

Result<double> GgufFile::real(std::string_view key) const {
  const GgufValue* value = find(key);
  if (value == nullptr) return missing(key);
  if (const auto* number = std::get_if<double>(value)) return *number;
  const auto whole = integer(key);
  if (!whole) return wrong_kind(key, "a number");
  return static_cast<double>(*whole);
}

Result<std::string> GgufFile::text(std::string_view key) const {
  const GgufValue* value = find(key);
  if (value == nullptr) return missing(key);
  const auto* text = std::get_if<std::string>(value);
  if (text == nullptr) return wrong_kind(key, "a string");
  if (!utf8::is_valid(*text)) return wrong_kind(key, "UTF-8 text");
  return *text;
}

std::span<const std::byte> GgufFile::encoded(std::string_view key) const {
  return encoded_.find(key)->second;
}

}  // namespace conduit::kernels
