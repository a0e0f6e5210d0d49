// Little-endian numbers, one behind another.
#include "kernels/model/gguf_writer.h"

#include <cstring>

#include "mdl/base/check.h"

namespace conduit::kernels {
namespace {

constexpr std::uint32_t kWrittenVersion = 3;
constexpr std::uint64_t kAlignment = 32;  // docs/gguf.md: without general.alignment

// docs/gguf.md, gguf_metadata_value_type.
constexpr std::uint32_t kUint32 = 4, kInt32 = 5, kFloat32 = 6, kBool = 7, kString = 8, kArray = 9;

template <class T>
void put(std::string& out, T value) {
  char bytes[sizeof value];
  std::memcpy(bytes, &value, sizeof value);
  out.append(bytes, sizeof value);
}

void put_text(std::string& out, std::string_view text) {
  put(out, static_cast<std::uint64_t>(text.size()));
  out += text;
}

void put_list(std::string& out, std::uint32_t type, std::size_t items) {
  put(out, type);
  put(out, static_cast<std::uint64_t>(items));
}

std::uint64_t padded(std::uint64_t bytes) {
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

}  // namespace

// ggml.h, enum ggml_type.
std::uint32_t ggml_type_of(DType dtype) {
  switch (dtype) {
    case DType::f32: return 0;
    case DType::f16: return 1;
    case DType::q4_0: return 2;
    case DType::q4_1: return 3;
    case DType::q5_0: return 6;
    case DType::q5_1: return 7;
    case DType::q8_0: return 8;
    case DType::q2_k: return 10;
    case DType::q3_k: return 11;
    case DType::q4_k: return 12;
    case DType::q5_k: return 13;
    case DType::q6_k: return 14;
    case DType::iq4_nl: return 20;
    case DType::iq4_xs: return 23;
    case DType::bf16: return 30;
    case DType::tq1_0: return 34;
    case DType::tq2_0: return 35;
    case DType::mxfp4: return 39;
    default: break;
  }
  CONDUIT_CHECK(false, "a type that GGUF does not have");
  return 0;
}

void GgufHeader::begin_entry(std::string_view key, std::uint32_t type) {
  put_text(entries_, key);
  put(entries_, type);
  ++entry_count_;
}

void GgufHeader::add(std::string_view key, std::uint32_t value) {
  begin_entry(key, kUint32);
  put(entries_, value);
}

void GgufHeader::add(std::string_view key, float value) {
  begin_entry(key, kFloat32);
  put(entries_, value);
}

void GgufHeader::add_flag(std::string_view key, bool value) {
  begin_entry(key, kBool);
  put(entries_, static_cast<std::uint8_t>(value));
}

void GgufHeader::add_text(std::string_view key, std::string_view value) {
  begin_entry(key, kString);
  put_text(entries_, value);
}

void GgufHeader::add_texts(std::string_view key, std::span<const std::string> values) {
  begin_entry(key, kArray);
  put_list(entries_, kString, values.size());
  for (const std::string& value : values) put_text(entries_, value);
}

void GgufHeader::add_integers(std::string_view key, std::span<const std::int32_t> values) {
  begin_entry(key, kArray);
  put_list(entries_, kInt32, values.size());
  for (std::int32_t value : values) put(entries_, value);
}

void GgufHeader::add_numbers(std::string_view key, std::span<const float> values) {
  begin_entry(key, kArray);
  put_list(entries_, kFloat32, values.size());
  for (float value : values) put(entries_, value);
}

void GgufHeader::add_encoded(std::string_view key, std::span<const std::byte> value) {
  put_text(entries_, key);
  entries_.append(reinterpret_cast<const char*>(value.data()), value.size());
  ++entry_count_;
}

std::uint64_t GgufHeader::add_tensor(std::string_view name, DType dtype,
                                     std::span<const std::int64_t> shape) {
  put_text(directory_, name);
  put(directory_, static_cast<std::uint32_t>(shape.size()));
  std::int64_t elements = 1;
  for (std::size_t i = shape.size(); i-- > 0;) {  // GGUF lists the fastest extent first
    put(directory_, static_cast<std::uint64_t>(shape[i]));
    elements *= shape[i];
  }
  put(directory_, ggml_type_of(dtype));
  const std::uint64_t offset = data_bytes_;
  put(directory_, offset);
  data_bytes_ += padded(static_cast<std::uint64_t>(bytes_of(dtype, elements)));
  ++tensor_count_;
  return offset;
}

std::string GgufHeader::bytes() const {
  std::string out = "GGUF";
  put(out, kWrittenVersion);
  put(out, tensor_count_);
  put(out, entry_count_);
  out += entries_;
  out += directory_;
  out.resize(padded(out.size()));
  return out;
}

}  // namespace conduit::kernels
