// The config, then tensor by tensor.
#include "kernels/model/adapter.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "kernels/dequantise.h"
#include "kernels/model/config_fields.h"
#include "kernels/model/safetensors.h"

namespace conduit::kernels {
namespace {

namespace fs = std::filesystem;
using config_checks::Fields;

constexpr std::size_t kMaxAdapterConfigBytes = 1
                                               << 20;  // the largest list their modules one by one
constexpr std::int64_t kMaxRank = 4096;
constexpr std::string_view kModulePrefix = "base_model.model.";

Error unsupported_adapter(const std::string& what) {
  return {Code::invalid_argument, what + " is not supported yet"};
}

bool says_nothing(const json::Value& value) {
  return value.is_null() || value == json::Value(false) || value == json::Value("none") ||
         (value.is_array() && value.as_array().empty()) ||
         (value.is_object() && value.as_object().empty());
}

// --- adapter_config.json

struct Settings {
  std::int64_t rank = 0;
  double alpha = 0;
  bool is_rank_stabilised = false;              // scale = alpha / sqrt(rank)
  std::map<std::string, double> alpha_pattern;  // by a module's name or its last parts
};

// What changes the arithmetic, or adds tensors, of another kind than the products here.
bool is_other(std::string_view key) {
  constexpr std::string_view kOthers[] = {"bias",
                                          "lora_bias",
                                          "modules_to_save",
                                          "fan_in_fan_out",
                                          "layer_replication",
                                          "trainable_token_indices",
                                          "alora_invocation_tokens",
                                          "target_parameters"};
  // How A and B were begun with is no matter, now that they are there.
  constexpr std::string_view kBeginnings[] = {"eva_config", "corda_config", "loftq_config",
                                              "lora_ga_config"};
  const auto is_among = [key](const auto& list) {
    return std::find(std::begin(list), std::end(list), key) != std::end(list);
  };
  return is_among(kOthers) || (key.starts_with("use_") && key != "use_rslora") ||
         (key.ends_with("_config") && !is_among(kBeginnings));
}

// Ways to begin that change the model's own weights as well.
bool changes_model(const json::Value& beginning) {
  if (!beginning.is_string()) return false;
  for (std::string_view name : {"pissa", "olora", "corda", "loftq", "lora_ga"})
    if (beginning.as_string().starts_with(name)) return true;
  return false;
}

Status refuse_others(const Fields& fields) {
  for (const json::Member& member : fields.object().as_object())
    if ((is_other(member.key) && !says_nothing(member.value)) ||
        (member.key == "init_lora_weights" && changes_model(member.value)))
      return unsupported_adapter("an adapter with " + member.key + " " + json::dump(member.value));
  return ok();
}

Status read_alpha_pattern(Settings& settings, const Fields& fields) {
  const json::Value* patterns = fields.find("alpha_pattern");
  if (patterns == nullptr || !patterns->is_object()) return ok();
  for (const json::Member& member : patterns->as_object()) {
    constexpr std::string_view kPlain =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.";
    if (member.key.find_first_not_of(kPlain) != member.key.npos || !member.value.is_number())
      return unsupported_adapter("alpha_pattern \"" + member.key +
                                 "\", which is no module's name,");
    settings.alpha_pattern[member.key] = member.value.as_double();
  }
  return ok();
}

Result<Settings> read_settings(const json::Value& config) {
  const Fields fields(config);
  CONDUIT_TRY(const std::string type, fields.text("peft_type", "LORA"));
  if (type != "LORA") return unsupported_adapter("an adapter of type " + type);
  CONDUIT_TRY_STATUS(refuse_others(fields));
  Settings settings;
  CONDUIT_TRY(settings.rank, fields.integer("r", kMaxRank));
  CONDUIT_TRY(settings.alpha, fields.real("lora_alpha"));
  CONDUIT_TRY(settings.is_rank_stabilised, fields.flag("use_rslora", false));
  CONDUIT_TRY_STATUS(read_alpha_pattern(settings, fields));
  return settings;
}

float scale_of(const Settings& settings, std::string_view module, std::int64_t rank) {
  double alpha = settings.alpha;
  for (const auto& [name, value] : settings.alpha_pattern)
    if (module == name || module.ends_with("." + name)) alpha = value;
  const auto size = static_cast<double>(rank);
  return static_cast<float>(alpha / (settings.is_rank_stabilised ? std::sqrt(size) : size));
}

// --- which matrix a module is

// The part of a module's outputs that goes to a projection.
struct Share {
  Projection projection;
  std::int64_t first_row;
};

struct Module {
  int layer = 0;
  std::vector<Share> shares;  // several of a fused one (Phi-3)
  std::int64_t outputs = 0, inputs = 0;
};

std::vector<Projection> projections_of(std::string_view stem, bool is_fused) {
  using enum Projection;
  if (is_fused && stem == "self_attn.qkv_proj") return {q, k, v};
  if (is_fused && stem == "mlp.gate_up_proj") return {gate, up};
  if (!is_fused) {
    if (stem == "self_attn.q_proj") return {q};
    if (stem == "self_attn.k_proj") return {k};
    if (stem == "self_attn.v_proj") return {v};
    if (stem == "mlp.gate_proj") return {gate};
    if (stem == "mlp.up_proj") return {up};
  }
  if (stem == "self_attn.o_proj") return {out};
  if (stem == "mlp.down_proj") return {down};
  return {};
}

// "model.layers.3.self_attn.q_proj"; nothing: no matrix that an adapter can change.
std::optional<Module> module_of(std::string_view name, const ModelConfig& config) {
  constexpr std::string_view kLayers = "layers.";
  if (name.starts_with("model.")) name.remove_prefix(6);
  if (!name.starts_with(kLayers)) return std::nullopt;
  name.remove_prefix(kLayers.size());
  Module module;
  const auto number = std::from_chars(name.data(), name.data() + name.size(), module.layer);
  if (number.ec != std::errc{} || module.layer < 0 || module.layer >= config.layers)
    return std::nullopt;
  name.remove_prefix(static_cast<std::size_t>(number.ptr - name.data()));
  if (!name.starts_with('.')) return std::nullopt;
  for (Projection projection : projections_of(name.substr(1), config.has_fused_inputs)) {
    const bool is_mlp = projection >= Projection::gate;
    if (is_mlp && config.layer[static_cast<std::size_t>(module.layer)].has_experts)
      return std::nullopt;
    const ProjectionShape shape = shape_of(config, projection);
    module.shares.push_back({projection, module.outputs});
    module.outputs += shape.outputs;
    module.inputs = shape.inputs;
  }
  if (module.shares.empty()) return std::nullopt;
  return module;
}

// --- tensors

using Tensors = std::map<std::string, TensorView, std::less<>>;

std::string shape_text(const TensorView& view) {
  std::string text = "[";
  for (std::size_t i = 0; i < view.shape.size(); ++i)
    text += (i == 0 ? "" : ", ") + std::to_string(view.shape[i]);
  return text + "]";
}

Result<std::vector<float>> read_floats(const std::string& name, const TensorView& view) {
  if (!is_weight(view.dtype) || is_quantised(view.dtype))
    return unsupported_adapter("tensor '" + name + "' of type " +
                               std::string(traits(view.dtype).name));
  std::vector<float> values(static_cast<std::size_t>(view.elements()));
  dequantise(view.dtype, view.data, view.elements(), values.data());
  for (float value : values)
    if (!std::isfinite(value))
      return Error{Code::corrupt, "tensor '" + name + "' has a value that is no finite number"};
  return values;
}

// GGUF's llama has the rows of each head of q and k in pairs (kernels/device.h, Rope).
std::int64_t source_row(const ModelConfig& config, Projection projection, std::int64_t row) {
  const bool is_rotated = projection == Projection::q || projection == Projection::k;
  if (!config.rope_interleaved || !is_rotated) return row;
  const std::int64_t within = row % config.head_dim;
  return row - within + within / 2 + within % 2 * (config.head_dim / 2);
}

class AdapterReader {
 public:
  AdapterReader(const ModelConfig& config, const Settings& settings, const Tensors& tensors)
      : config_(config), settings_(settings), tensors_(tensors) {
    adapter_.layers.resize(static_cast<std::size_t>(config.layers));
  }

  Result<Adapter> read();

 private:
  Status take(const std::string& module, const TensorView& a);
  Status check_shapes(const std::string& module, const Module& place, const TensorView& a,
                      const TensorView& b) const;

  const ModelConfig& config_;
  const Settings& settings_;
  const Tensors& tensors_;
  Adapter adapter_;
};

constexpr std::string_view kA = ".lora_A.weight", kB = ".lora_B.weight";

Status AdapterReader::check_shapes(const std::string& module, const Module& place,
                                   const TensorView& a, const TensorView& b) const {
  const std::vector<std::int64_t> a_shape{a.shape.front(), place.inputs};
  const std::vector<std::int64_t> b_shape{place.outputs, a.shape.front()};
  if (a.shape == a_shape && b.shape == b_shape && a.shape.front() <= kMaxRank) return ok();
  return Error{Code::invalid_argument, "module '" + module + "' has A " + shape_text(a) +
                                           " and B " + shape_text(b) + "; the model's matrix is [" +
                                           std::to_string(place.outputs) + ", " +
                                           std::to_string(place.inputs) + "]"};
}

Status AdapterReader::take(const std::string& module, const TensorView& a) {
  const auto b = tensors_.find(std::string(kModulePrefix) + module + std::string(kB));
  if (b == tensors_.end())
    return Error{Code::corrupt, "tensor '" + module + std::string(kB) + "' is missing"};
  const auto place = module_of(module, config_);
  if (!place)
    return unsupported_adapter("an adapter of '" + module + "' in a " + config_.architecture);
  if (a.shape.size() != 2) return unsupported_adapter("an A of shape " + shape_text(a));
  CONDUIT_TRY_STATUS(check_shapes(module, *place, a, b->second));
  const std::int64_t rank = a.shape.front();
  CONDUIT_TRY(const std::vector<float> a_values, read_floats(module + std::string(kA), a));
  CONDUIT_TRY(const std::vector<float> b_values, read_floats(module + std::string(kB), b->second));
  for (const Share& share : place->shares) {
    LowRank& part = adapter_.layers[static_cast<std::size_t>(place->layer)]
                                   [static_cast<std::size_t>(share.projection)];
    part.rank = rank;
    part.scale = scale_of(settings_, module, rank);
    part.a = a_values;
    for (std::int64_t row = 0; row < shape_of(config_, share.projection).outputs; ++row) {
      const auto* from =
          b_values.data() + (share.first_row + source_row(config_, share.projection, row)) * rank;
      part.b.insert(part.b.end(), from, from + rank);
    }
  }
  adapter_.rank = std::max(adapter_.rank, rank);
  return ok();
}

Result<Adapter> AdapterReader::read() {
  for (const auto& [name, view] : tensors_) {
    const bool is_a = name.ends_with(kA), is_b = name.ends_with(kB);
    if (!name.starts_with(kModulePrefix) || (!is_a && !is_b))
      return unsupported_adapter("an adapter with tensor '" + name + "'");
    const std::string module =
        name.substr(kModulePrefix.size(), name.size() - kModulePrefix.size() - kA.size());
    if (is_a) CONDUIT_TRY_STATUS(take(module, view));
    if (is_b && !tensors_.contains(std::string(kModulePrefix) + module + std::string(kA)))
      return Error{Code::corrupt, "tensor '" + module + std::string(kA) + "' is missing"};
  }
  if (adapter_.rank == 0) return Error{Code::corrupt, "no tensor is there"};
  return std::move(adapter_);
}

Result<Adapter> read_adapter(const fs::path& folder, const ModelConfig& config) {
  CONDUIT_TRY(const std::string text,
              read_text_file(folder / "adapter_config.json", kMaxAdapterConfigBytes));
  CONDUIT_TRY(const json::Value parsed, json::parse(text));
  if (!parsed.is_object()) return Error{Code::corrupt, "adapter_config.json is no object"};
  CONDUIT_TRY(const Settings settings, read_settings(parsed));
  CONDUIT_TRY(const SafetensorsFile file,
              SafetensorsFile::open(folder / "adapter_model.safetensors"));
  CONDUIT_TRY(Adapter adapter, AdapterReader(config, settings, file.tensors()).read());
  for (const auto& mapped : file.files()) CONDUIT_TRY_STATUS(mapped->check());
  return adapter;
}

}  // namespace

ProjectionShape shape_of(const ModelConfig& c, Projection projection) {
  const std::int64_t q_rows = std::int64_t{c.heads} * c.head_dim;
  const std::int64_t kv_rows = std::int64_t{c.kv_heads} * c.head_dim;
  switch (projection) {
    case Projection::q: return {q_rows, c.hidden};
    case Projection::k:
    case Projection::v: return {kv_rows, c.hidden};
    case Projection::out: return {c.hidden, q_rows};
    case Projection::gate:
    case Projection::up: return {c.intermediate, c.hidden};
    case Projection::down: return {c.hidden, c.intermediate};
  }
  return {};
}

Result<Adapter> open_adapter(const fs::path& folder, const ModelConfig& config) {
  auto adapter = read_adapter(folder, config);
  if (!adapter)
    return Error{adapter.error().code,
                 "adapter " + folder.string() + ": " + adapter.error().message};
  adapter->path = folder;
  return adapter;
}

}  // namespace conduit::kernels
