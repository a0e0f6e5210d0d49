// Headers first, then the weights, piece by piece.
#include "bench/make_model.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "bench/random_weights.h"
#include "kernels/cpu/machine.h"
#include "kernels/cpu/thread_pool.h"
#include "kernels/model/gguf_writer.h"
#include "mdl/base/json.h"
#include "mdl/base/log.h"
#include "tests/support/quantise.h"
#include "tests/support/tiny_model.h"
#include "tests/support/tiny_tokenizer.h"
#include "tests/support/weight_files.h"

namespace conduit::bench {
namespace {

namespace fs = std::filesystem;
using kernels::DType;
using testing::GgufWriter;

constexpr std::int64_t kPieceElements = 1
                                        << 20;  // what one thread makes at a time: 4 MiB of float32
constexpr int kByteTokens = 259;                // 256 bytes and three special tokens
constexpr int kMerges = 29;                     // of the tokenizer that is padded

struct Part {
  WeightSpec weight;
  DType dtype = DType::f32;
  std::int64_t bytes = 0;
};

Error cannot_write(const fs::path& path) {
  return {Code::unavailable, path.string() + ": cannot write: " + std::strerror(errno)};
}

std::int64_t aligned(std::int64_t bytes) { return (bytes + 31) / 32 * 32; }

// llama.cpp's number for a file that is mostly of this type (llama.h, llama_ftype).
std::uint32_t file_type(DType dtype) {
  switch (dtype) {
    case DType::f16: return 1;
    case DType::q4_0: return 2;
    case DType::q4_1: return 3;
    case DType::q8_0: return 7;
    case DType::bf16: return 32;
    default: return 0;
  }
}

std::vector<Part> parts_of(const MakeModelOptions& options, bool is_gguf) {
  std::vector<Part> parts;
  for (WeightSpec& weight : weights_of(options.shape)) {
    const bool is_exact = is_gguf && !weight.is_matrix();
    const DType dtype = is_exact ? DType::f32 : options.dtype;
    const std::int64_t bytes = kernels::bytes_of(dtype, weight.rows() * weight.cols());
    parts.push_back({std::move(weight), dtype, bytes});
  }
  return parts;
}

Status check_space(const fs::path& path, const std::vector<Part>& parts) {
  std::int64_t needed = 0;
  for (const Part& part : parts) needed += aligned(part.bytes);
  std::error_code error;
  const fs::path folder = path.has_parent_path() ? path.parent_path() : ".";
  const fs::space_info space = fs::space(folder, error);
  if (error) return Error{Code::not_found, folder.string() + ": " + error.message()};
  if (space.available >= static_cast<std::uintmax_t>(needed)) return ok();
  return Error{Code::exhausted, folder.string() + " has " + std::to_string(space.available >> 20) +
                                    " MiB free; " + std::to_string(needed >> 20) +
                                    " MiB are needed"};
}

// A file under another name until it is whole.
class PartialFile {
 public:
  explicit PartialFile(const fs::path& path)
      : path_(path), partial_(path.string() + ".part"), stream_(partial_, std::ios::binary) {}
  ~PartialFile() {
    std::error_code ignored;
    fs::remove(partial_, ignored);
  }
  PartialFile(const PartialFile&) = delete;
  PartialFile& operator=(const PartialFile&) = delete;

  Status write(std::string_view bytes) {
    stream_.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    return stream_ ? ok() : Status(cannot_write(partial_));
  }
  Status finish() {
    stream_.close();
    if (!stream_) return cannot_write(partial_);
    std::error_code error;
    fs::rename(partial_, path_, error);
    if (error) return Error{Code::unavailable, path_.string() + ": " + error.message()};
    return ok();
  }

 private:
  fs::path path_, partial_;
  std::ofstream stream_;
};

constexpr std::int64_t kQuietBelow = 64 << 20;  // made in a second

class Progress {
 public:
  explicit Progress(const std::vector<Part>& parts) {
    for (const Part& part : parts) total_ += part.bytes;
  }
  void add(std::int64_t bytes) {
    done_ += bytes;
    const std::int64_t tenths = done_ * 10 / total_;
    if (tenths == told_ || total_ < kQuietBelow) return;
    told_ = tenths;
    log::info("making a model", {{"percent", tenths * 10}, {"mebibytes", done_ >> 20}});
  }

 private:
  std::int64_t total_ = 0, done_ = 0, told_ = 0;
};

class WeightStream {
 public:
  WeightStream(const MakeModelOptions& options, bool is_gguf, PartialFile& file)
      : seed_(options.seed), is_gguf_(is_gguf), file_(file), pool_(kernels::cpu::usable_cores()) {}

  Status write(const Part& part) {
    const std::int64_t rows = part.weight.rows();
    const std::int64_t piece = std::max<std::int64_t>(kPieceElements / part.weight.cols(), 1);
    std::vector<std::string> pieces(static_cast<std::size_t>(pool_.threads()));
    for (std::int64_t first = 0; first < rows;
         first += piece * static_cast<std::int64_t>(pieces.size())) {
      pool_.run(static_cast<std::uint32_t>(pieces.size()), [&](std::uint32_t i) {
        const std::int64_t from = first + i * piece;
        const std::int64_t count = std::max<std::int64_t>(std::min(piece, rows - from), 0);
        pieces[i] = weight_bytes(part.weight, {from, count, is_gguf_}, part.dtype, seed_);
      });
      for (const std::string& bytes : pieces) CONDUIT_TRY_STATUS(file_.write(bytes));
    }
    return ok();
  }

 private:
  std::uint64_t seed_;
  bool is_gguf_;
  PartialFile& file_;
  kernels::cpu::ThreadPool pool_;
};

// --- GGUF

void add_config(GgufWriter& file, const ModelShape& shape) {
  const auto key = [&](const char* name) { return shape.architecture + "." + name; };
  const auto number = [&](const char* name, int value) {
    file.number(key(name), static_cast<std::uint32_t>(value));
  };
  file.text("general.architecture", shape.architecture);
  file.text("general.name", "random weights");
  number("context_length", shape.max_position);
  number("embedding_length", shape.hidden);
  number("block_count", shape.layers);
  number("feed_forward_length", shape.intermediate);
  number("attention.head_count", shape.heads);
  number("attention.head_count_kv", shape.kv_heads);
  number("attention.key_length", shape.head_dim);
  number("attention.value_length", shape.head_dim);
  number("rope.dimension_count", shape.head_dim);
  number("vocab_size", shape.vocab);
  file.real(key("attention.layer_norm_rms_epsilon"), 1e-6f);
  file.real(key("rope.freq_base"), static_cast<float>(shape.rope_theta));
}

void add_tokenizer(GgufWriter& file, int vocab) {
  constexpr std::int32_t kNormal = 1, kControl = 3, kUnused = 5;  // docs/gguf.md, token_type
  auto tokenizer = testing::make_tiny_tokenizer(std::min(vocab, kByteTokens + kMerges));
  std::vector<std::int32_t> types(tokenizer.tokens.size(), kNormal);
  for (std::size_t id = 0; id < 3; ++id) types[id] = kControl;
  while (static_cast<int>(tokenizer.tokens.size()) < vocab) {
    tokenizer.tokens.push_back("[PAD" + std::to_string(tokenizer.tokens.size()) + "]");
    types.push_back(kUnused);
  }
  file.text("tokenizer.ggml.model", "gpt2");
  file.text("tokenizer.ggml.pre", "gpt-2");
  file.texts("tokenizer.ggml.tokens", tokenizer.tokens);
  file.numbers("tokenizer.ggml.token_type", types);
  file.texts("tokenizer.ggml.merges", tokenizer.merges);
  file.number("tokenizer.ggml.bos_token_id", 1);
  file.number("tokenizer.ggml.eos_token_id", 2);
  file.number("tokenizer.ggml.padding_token_id", 0);
  file.flag("tokenizer.ggml.add_bos_token", false);
  file.text("tokenizer.chat_template", testing::tiny_chat_template());
}

Status write_gguf(const MakeModelOptions& options) {
  const std::vector<Part> parts = parts_of(options, true);
  CONDUIT_TRY_STATUS(check_space(options.out, parts));
  GgufWriter header;
  add_config(header, options.shape);
  header.number("general.file_type", file_type(options.dtype));
  header.number("general.quantization_version", 2);
  add_tokenizer(header, options.shape.vocab);
  std::int64_t offset = 0;
  for (const Part& part : parts) {
    header.tensor_at(part.weight.gguf_name, part.weight.shape, kernels::ggml_type_of(part.dtype),
                     static_cast<std::uint64_t>(offset));
    offset += aligned(part.bytes);
  }
  PartialFile file(options.out);
  CONDUIT_TRY_STATUS(file.write(header.finish()));
  WeightStream stream(options, true, file);
  Progress progress(parts);
  for (const Part& part : parts) {
    CONDUIT_TRY_STATUS(stream.write(part));
    const auto padding = static_cast<std::size_t>(aligned(part.bytes) - part.bytes);
    CONDUIT_TRY_STATUS(file.write(std::string(padding, '\0')));
    progress.add(part.bytes);
  }
  return file.finish();
}

// --- Hugging Face folder

Status write_json(const fs::path& path, const json::Value& value) {
  PartialFile file(path);
  CONDUIT_TRY_STATUS(file.write(json::dump(value)));
  return file.finish();
}

Status write_text_parts(const fs::path& folder, const ModelShape& shape) {
  CONDUIT_TRY_STATUS(write_json(folder / "config.json", config_json(shape)));
  const auto tokenizer = testing::make_tiny_tokenizer(std::min(shape.vocab, kByteTokens + kMerges));
  CONDUIT_TRY_STATUS(
      write_json(folder / "tokenizer.json", testing::tiny_tokenizer_json(tokenizer)));
  json::Value config;
  config.set("tokenizer_class", "PreTrainedTokenizerFast");
  config.set("bos_token", testing::kTinyBos);
  config.set("eos_token", testing::kTinyEos);
  config.set("chat_template", testing::tiny_chat_template());
  return write_json(folder / "tokenizer_config.json", config);
}

std::string safetensors_header(const std::vector<Part>& parts) {
  json::Object header;
  std::int64_t offset = 0;
  for (const Part& part : parts) {
    json::Value fields;
    fields.set("dtype", std::string(kernels::traits(part.dtype).name));
    fields.set("shape", json::Array(part.weight.shape.begin(), part.weight.shape.end()));
    fields.set("data_offsets", json::Array{offset, offset + part.bytes});
    header.push_back({part.weight.hf_name, std::move(fields)});
    offset += part.bytes;
  }
  std::string text = json::dump(std::move(header));
  text.resize((text.size() + 7) / 8 * 8, ' ');  // the data is to start on a multiple of 8
  return testing::safetensors_file(text, "");
}

Status write_folder(const MakeModelOptions& options) {
  std::error_code error;
  fs::create_directories(options.out, error);
  if (error) return Error{Code::unavailable, options.out.string() + ": " + error.message()};
  const std::vector<Part> parts = parts_of(options, false);
  CONDUIT_TRY_STATUS(check_space(options.out / "model.safetensors", parts));
  CONDUIT_TRY_STATUS(write_text_parts(options.out, options.shape));
  PartialFile file(options.out / "model.safetensors");
  CONDUIT_TRY_STATUS(file.write(safetensors_header(parts)));
  WeightStream stream(options, false, file);
  Progress progress(parts);
  for (const Part& part : parts) {
    CONDUIT_TRY_STATUS(stream.write(part));
    progress.add(part.bytes);
  }
  return file.finish();
}

Status check(const MakeModelOptions& options, bool is_gguf) {
  CONDUIT_TRY_STATUS(check_shape(options.shape));
  const kernels::DTypeTraits format = kernels::traits(options.dtype);
  if (!testing::can_quantise(options.dtype) || (!is_gguf && format.block_elements != 1))
    return Error{Code::invalid_argument,
                 std::string(format.name) + " is not a type that can be written to a " +
                     (is_gguf ? "GGUF file: F32, F16, BF16, Q8_0, Q4_0 or Q4_1 is needed"
                              : "Hugging Face folder: F32, F16 or BF16 is needed")};
  if (options.shape.vocab < kByteTokens)
    return Error{Code::invalid_argument, "vocab is " + std::to_string(options.shape.vocab) +
                                             "; a byte-level tokenizer needs " +
                                             std::to_string(kByteTokens)};
  for (const WeightSpec& weight : weights_of(options.shape))
    if (weight.is_matrix() && weight.cols() % format.block_elements != 0)
      return Error{Code::invalid_argument, weight.gguf_name + " has rows of " +
                                               std::to_string(weight.cols()) + "; " +
                                               std::string(format.name) + " needs a multiple of " +
                                               std::to_string(format.block_elements)};
  return ok();
}

}  // namespace

Status make_model(const MakeModelOptions& options) {
  const bool is_gguf = options.out.extension() == ".gguf";
  CONDUIT_TRY_STATUS(check(options, is_gguf));
  return is_gguf ? write_gguf(options) : write_folder(options);
}

}  // namespace conduit::bench
