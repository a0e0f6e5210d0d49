// Files → report → text.
#include "cluster/cli/inspect.h"

#include <fmt/format.h>

#include <filesystem>
#include <map>
#include <optional>
#include <utility>
#include <variant>

#include "cluster/cli/terminal.h"
#include "cluster/cli/text_io.h"
#include "cluster/model_source.h"
#include "kernels/engine/memory_plan.h"
#include "kernels/model/gguf.h"
#include "kernels/model/model.h"
#include "kernels/model/open_template.h"
#include "kernels/model/open_tokenizer.h"
#include "kernels/model/safetensors.h"
#include "mdl/base/log.h"

namespace conduit::cluster {

namespace {

namespace fs = std::filesystem;
using kernels::GgufFile;
using kernels::Model;

constexpr std::size_t kMaxConfigBytes = 256 << 20;  // a tokenizer.json may be read here, too

// What can be read of a model that need not be one Conduit runs.
struct Parts {
  bool is_folder = false;
  std::optional<GgufFile> gguf;
  json::Value hf_config;  // null: none
  kernels::NamedTensors tensors;
  std::vector<std::shared_ptr<const kernels::MappedFile>> files;
};

json::Value read_json_if_there(const fs::path& path) {
  const auto text = kernels::read_text_file(path, kMaxConfigBytes);
  if (!text) return {};
  auto value = json::parse(*text);
  return value ? *std::move(value) : json::Value();
}

Parts read_parts(const fs::path& path) {
  Parts parts;
  std::error_code ignored;
  parts.is_folder = fs::is_directory(path, ignored);
  if (!parts.is_folder) {
    if (auto file = GgufFile::open(path)) {
      parts.tensors = file->tensors();
      parts.gguf = *std::move(file);
    }
    return parts;
  }
  parts.hf_config = read_json_if_there(path / "config.json");
  if (auto weights = kernels::SafetensorsFile::open_folder(path)) {
    parts.tensors = weights->tensors();
    parts.files = weights->files();
  }
  return parts;
}

// --- architecture and sizes

const char* name_of(kernels::Pooling pooling) {
  switch (pooling) {
    case kernels::Pooling::none: break;
    case kernels::Pooling::last: return "last";
    case kernels::Pooling::mean: return "mean";
    case kernels::Pooling::cls: return "cls";
  }
  return "none";
}

json::Value config_of(const kernels::ModelConfig& config) {
  json::Array eos(config.eos.begin(), config.eos.end());
  return json::Object{{"hidden", config.hidden},
                      {"layers", config.layers},
                      {"heads", config.heads},
                      {"kv_heads", config.kv_heads},
                      {"head_dim", config.head_dim},
                      {"intermediate", config.intermediate},
                      {"vocab", config.vocab},
                      {"max_position", config.max_position},
                      {"rotary_dim", config.rotary_dim},
                      {"rope_theta", config.rope.theta},
                      {"window", config.window},
                      {"experts", config.experts},
                      {"experts_per_token", config.experts_per_token},
                      {"is_causal", config.is_causal},
                      {"has_head", config.has_head},
                      {"tied_embeddings", config.tied_embeddings},
                      {"pooling", name_of(config.pooling)},
                      {"labels", config.labels},
                      {"bos", config.bos < 0 ? json::Value() : json::Value(config.bos)},
                      {"eos", std::move(eos)}};
}

bool is_scalar(const json::Value& value) { return !value.is_array() && !value.is_object(); }

// As the files write it, where Conduit does not understand all of it.
json::Value raw_config(const Parts& parts) {
  json::Value raw = json::Object{};
  if (parts.hf_config.is_object())
    for (const json::Member& member : parts.hf_config.as_object())
      if (is_scalar(member.value)) raw.set(member.key, member.value);
  if (!parts.gguf) return raw;
  for (const auto& [key, value] : parts.gguf->metadata()) {
    if (key.starts_with("tokenizer.") || key.starts_with("general.")) continue;
    if (const auto integer = parts.gguf->integer(key)) {
      raw.set(key, *integer);
    } else if (const auto real = parts.gguf->real(key)) {
      raw.set(key, *real);
    } else if (const auto text = parts.gguf->text(key)) {
      raw.set(key, *text);
    }
  }
  return raw;
}

json::Value raw_architecture(const Parts& parts) {
  if (parts.gguf) {
    const auto name = parts.gguf->text("general.architecture");
    return name ? json::Value(*name) : json::Value();
  }
  const json::Value* type = parts.hf_config.find("model_type");
  return type != nullptr && type->is_string() ? *type : json::Value();
}

// --- tensors

json::Value tensor_sums(const kernels::NamedTensors& tensors) {
  struct Sum {
    std::int64_t tensors = 0, elements = 0, bytes = 0;
  };
  std::map<std::string, Sum> by_dtype;
  Sum all;
  for (const auto& [name, tensor] : tensors)
    for (Sum* sum : {&by_dtype[std::string(traits(tensor.dtype).name)], &all}) {
      ++sum->tensors;
      sum->elements += tensor.elements();
      sum->bytes += tensor.bytes();
    }
  json::Array dtypes;
  for (const auto& [dtype, sum] : by_dtype)
    dtypes.push_back(json::Object{{"dtype", dtype},
                                  {"tensors", sum.tensors},
                                  {"elements", sum.elements},
                                  {"bytes", sum.bytes}});
  return json::Object{{"count", all.tensors},
                      {"elements", all.elements},
                      {"bytes", all.bytes},
                      {"dtypes", std::move(dtypes)}};
}

json::Value tensor_table(const kernels::NamedTensors& tensors) {
  json::Array table;
  for (const auto& [name, tensor] : tensors)
    table.push_back(json::Object{{"name", name},
                                 {"dtype", traits(tensor.dtype).name},
                                 {"shape", json::Array(tensor.shape.begin(), tensor.shape.end())},
                                 {"bytes", tensor.bytes()}});
  return table;
}

// --- memory, with the options a node has by default

json::Value memory_of(const Model& model, std::optional<Error>& refusal) {
  auto device = kernels::make_cpu_device({.threads = 1, .instructions = ""});
  if (!device) return json::Object{{"refused", device.error().message}};
  const auto plan = kernels::plan_memory({}, model, **device);
  if (!plan) {
    refusal = plan.error();
    return json::Object{{"refused", plan.error().message}};
  }
  const kernels::EngineOptions& options = plan->options;
  const std::int64_t kv_per_token = options.kv_bytes / (plan->pages * options.page_size);
  return json::Object{
      {"weights_bytes", plan->weight_bytes},
      {"kv_bytes_per_token", kv_per_token},
      {"context", options.max_model_len},
      {"kv_bytes_of_context", kv_per_token * options.max_model_len},
      {"max_concurrency", options.max_concurrency},
      {"kv_bytes_of_cache", options.kv_bytes},
      {"scratch_bytes", kernels::Transformer::scratch_bytes(model.config, plan->largest_batch)},
      {"device", (*device)->name()},
      {"device_bytes", (*device)->memory_bytes()}};
}

// --- tokenizer and template

json::Value tokenizer_kind(const fs::path& path, const Parts& parts) {
  if (parts.gguf) {
    const auto kind = parts.gguf->text("tokenizer.ggml.model");
    return kind ? json::Value(*kind) : json::Value();
  }
  const json::Value file = read_json_if_there(path / "tokenizer.json");
  const json::Value* model = file.find("model");
  const json::Value* type = model == nullptr ? nullptr : model->find("type");
  return type == nullptr ? json::Value("sentencepiece") : *type;
}

// null: there is none.
json::Value tokenizer_of(const fs::path& path, const Parts& parts) {
  const auto tokenizer = kernels::open_tokenizer(path);
  if (!tokenizer && tokenizer.error().code == Code::not_found) return {};
  json::Value report = json::Object{{"kind", tokenizer_kind(path, parts)}};
  if (tokenizer) report.set("vocab_size", tokenizer->vocab_size());
  report.set("refused", tokenizer ? json::Value() : json::Value(tokenizer.error().message));
  return report;
}

json::Value template_of(const fs::path& path) {
  const auto parsed = kernels::open_template(path);
  if (!parsed && parsed.error().code == Code::not_found) return {};
  if (!parsed) return json::Object{{"refused", parsed.error().message}};
  return json::Object{{"bytes", parsed->source().size()}, {"refused", nullptr}};
}

// --- the report

json::Value make_report(const InspectOptions& options, std::optional<Error>& refusal) {
  const fs::path path = options.model;
  const Parts parts = read_parts(path);
  const auto model = kernels::open_model(path);
  if (!model) refusal = model.error();
  if (model)
    if (const Status fits = kernels::check_weights((*model)->config, (*model)->tensors); !fits)
      refusal = fits.error();
  json::Value report = json::Object{{"path", path.string()}};
  report.set("format", parts.gguf        ? json::Value("gguf")
                       : parts.is_folder ? json::Value("safetensors")
                                         : json::Value());
  report.set("refused", nullptr);  // its place; the memory plan may refuse, too
  report.set("architecture",
             model ? json::Value((*model)->config.architecture) : raw_architecture(parts));
  report.set("config", model ? config_of((*model)->config) : raw_config(parts));
  report.set("tensors", tensor_sums(parts.tensors));
  if (options.with_tensors) report.set("tensor_table", tensor_table(parts.tensors));
  report.set("memory", model ? memory_of(**model, refusal) : json::Value());
  const bool is_model = parts.gguf || parts.is_folder;
  report.set("tokenizer", is_model ? tokenizer_of(path, parts) : json::Value());
  report.set("chat_template", is_model ? template_of(path) : json::Value());
  if (refusal) report.set("refused", refusal->message);
  return report;
}

// --- the report as text: a line per field, an indented one per field of a field

std::string scalar_text(const std::string& name, const json::Value& value) {
  if (value.is_null()) return name == "refused" ? "no" : "none";
  if (value.is_string()) return value.as_string();
  std::string text = json::dump(value);
  if (name.find("bytes") != name.npos && value.is_integer())
    text += fmt::format("  ({:.2f} MiB)", value.as_double() / (1 << 20));
  return text;
}

// One item of a table: names first, numbers with what they are of.
std::string row_text(const json::Value& item) {
  std::string text;
  for (const json::Member& member : item.as_object())
    text += " " + (member.value.is_string() ? member.value.as_string()
                                            : member.key + " " + json::dump(member.value));
  return text;
}

void append_text(std::string& out, const std::string& name, const json::Value& value, int indent) {
  const std::string margin(static_cast<std::size_t>(indent), ' ');
  const bool is_table =
      value.is_array() && !value.as_array().empty() && value.as_array().front().is_object();
  if (is_table) {
    out += margin + name + ":\n";
    for (const json::Value& item : value.as_array()) out += margin + " " + row_text(item) + "\n";
  } else if (value.is_object() && !value.as_object().empty()) {
    out += margin + name + ":\n";
    for (const json::Member& member : value.as_object())
      append_text(out, member.key, member.value, indent + 2);
  } else {
    out += margin + name + ": " + scalar_text(name, value) + "\n";
  }
}

std::string as_text(const json::Value& report) {
  std::string out;
  for (const json::Member& member : report.as_object())
    append_text(out, member.key, member.value, 0);
  return out;
}

}  // namespace

int run_inspect(InspectOptions options) {
  log::set_level(log::Level::off);  // what is left out stands in the report
  auto path = local_model(options.model);
  if (!path) return report(path.error());
  options.model = *std::move(path);
  std::optional<Error> refusal;
  const json::Value report_value = make_report(options, refusal);
  if (options.as_json) {
    const Status written = write_stdout(json::dump(report_value) + "\n");
    if (!written) return report(written.error());
  } else {
    print(as_text(report_value));
  }
  return refusal ? report(*refusal) : 0;
}

}  // namespace conduit::cluster
