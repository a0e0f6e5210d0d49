// The plan: metadata, tensors, types, places.
#include <algorithm>
#include <thread>
#include <utility>

#include "kernels/model/config_to_gguf.h"
#include "kernels/model/gguf.h"
#include "kernels/model/gguf_writer.h"
#include "kernels/model/quantise.h"
#include "kernels/model/quantise_model.h"
#include "kernels/model/tokenizer_to_gguf.h"

namespace conduit::kernels {
namespace {

namespace fs = std::filesystem;

constexpr std::uint32_t kQuantisationVersion = 2;  // ggml.h, GGML_QNT_VERSION

std::string quoted_name(const std::string& name) { return "'" + name + "'"; }

// --- from a folder

Status take_folder(QuantisePlan& plan, GgufHeader& header) {
  const Model& source = *plan.source;
  CONDUIT_TRY(const std::string architecture, gguf_architecture(source.config));
  header.add_text("general.architecture", architecture);
  header.add_text("general.type", "model");
  header.add_text("general.name", fs::weakly_canonical(source.path).filename().string());
  CONDUIT_TRY_STATUS(add_config(header, source.config));
  CONDUIT_TRY_STATUS(add_tokenizer(header, source));
  CONDUIT_TRY(std::vector<GgufTensor> tensors, gguf_tensors_of(source));
  for (GgufTensor& tensor : tensors) plan.targets.push_back({std::move(tensor), DType::f32});
  plan.rope_factors = rope_factors_of(source.config);
  if (plan.rope_factors.empty()) return ok();
  const auto pairs = static_cast<std::int64_t>(plan.rope_factors.size());
  const TensorView factors{
      reinterpret_cast<const std::byte*>(plan.rope_factors.data()), DType::f32, {pairs}};
  plan.targets.insert(plan.targets.begin(),
                      {GgufTensor{"rope_freqs.weight", {pairs}, {factors}}, DType::f32});
  return ok();
}

// --- from a GGUF file: everything but types is as there

bool is_about_types(std::string_view key) {
  return key == "general.file_type" || key == "general.quantization_version" ||
         key == "general.alignment" || key.starts_with("split.");
}

Status take_gguf(QuantisePlan& plan, GgufHeader& header) {
  CONDUIT_TRY(const GgufFile file, GgufFile::open(plan.source->path));
  for (const auto& [key, value] : file.metadata())
    if (!is_about_types(key)) header.add_encoded(key, file.encoded(key));
  for (const auto& [name, view] : plan.source->tensors)
    plan.targets.push_back({GgufTensor{name, view.shape, {view}}, view.dtype});
  return ok();
}

// --- types

Status choose_type(QuantisePlan& plan, QuantisePlan::Target& target, const TypeChoice& choice,
                   bool allow_requantise) {
  const DType source = target.tensor.parts.front().dtype;
  if (!is_quantisable(target.tensor)) return ok();  // F32, or as the file had it
  const TypeChoice::Chosen chosen = choice.of(target.tensor);
  target.dtype = chosen.dtype;
  if (is_quantised(source) && source != chosen.dtype && !allow_requantise)
    return Error{Code::invalid_argument,
                 "tensor " + quoted_name(target.tensor.name) + " is " +
                     std::string(traits(source).name) +
                     " already; quantising it again loses more than once: --allow-requantize"};
  if (chosen.dtype == chosen.wanted) return ok();
  ++plan.notes[std::string(traits(chosen.dtype).name) + " instead of " +
               std::string(traits(chosen.wanted).name) + ", as rows of " +
               std::to_string(target.tensor.shape.back()) + " are no multiple of " +
               std::to_string(traits(chosen.wanted).block_elements)];
  return ok();
}

Status choose_types(QuantisePlan& plan, const QuantiseOptions& options) {
  for (const DType dtype : {options.type.matrices, options.output.value_or(DType::f32)})
    if (!can_quantise_to(dtype))
      return Error{Code::invalid_argument,
                   std::string(traits(dtype).name) + " is not a type that is written"};
  const TypeChoice choice(options.type, options.output, plan.source->config);
  for (QuantisePlan::Target& target : plan.targets)
    CONDUIT_TRY_STATUS(choose_type(plan, target, choice, options.allow_requantise));
  return ok();
}

void lay_out(QuantisePlan& plan, GgufHeader& header) {
  for (QuantisePlan::Target& target : plan.targets) {
    target.offset = header.add_tensor(target.tensor.name, target.dtype, target.tensor.shape);
    for (const TensorView& part : target.tensor.parts)
      plan.source_bytes += static_cast<std::uint64_t>(part.bytes());
  }
  plan.header = header.bytes();
  for (QuantisePlan::Target& target : plan.targets) target.offset += plan.header.size();
  plan.file_bytes = plan.header.size() + header.data_bytes();
  // Part of the config: the first tensor, there before the others.
  for (float factor : plan.rope_factors)
    plan.header.append(reinterpret_cast<const char*>(&factor), sizeof factor);
}

}  // namespace

Result<std::unique_ptr<const QuantisePlan>> plan_quantise(const fs::path& path,
                                                          const QuantiseOptions& options) {
  auto plan = std::make_unique<QuantisePlan>();
  CONDUIT_TRY(plan->source, open_model(path));
  CONDUIT_TRY_STATUS(check_weights(plan->source->config, plan->source->tensors));
  std::error_code ignored;
  plan->is_from_gguf = !fs::is_directory(path, ignored);
  const int cores = static_cast<int>(std::thread::hardware_concurrency());
  plan->threads = options.threads > 0 ? options.threads : std::max(cores, 1);
  GgufHeader header;
  CONDUIT_TRY_STATUS(plan->is_from_gguf ? take_gguf(*plan, header) : take_folder(*plan, header));
  header.add("general.file_type", options.type.file_type);
  header.add("general.quantization_version", kQuantisationVersion);
  CONDUIT_TRY_STATUS(choose_types(*plan, options));
  lay_out(*plan, header);
  return std::unique_ptr<const QuantisePlan>(std::move(plan));
}

Status check_quantised(const QuantisePlan& plan, const fs::path& file) {
  CONDUIT_TRY(const auto written, open_model(file));
  CONDUIT_TRY_STATUS(check_weights(written->config, written->tensors));
  if (plan.is_from_gguf) return ok();  // whose metadata was copied
  CONDUIT_TRY_STATUS(check_same_config(plan.source->config, written->config));
  return check_same_tokenizer(*plan.source, *written);
}

}  // namespace conduit::kernels
