// Format: sentence-transformers, modules.json and models/Pooling.py. Read strictly: an embedding
// pooled in another way looks like any other.
#include "kernels/model/config_pooling.h"

#include <string_view>

#include "kernels/model/config_fields.h"

namespace conduit::kernels {
namespace {

using namespace config_checks;

// Two layouts: older files have a flag for each mode, sentence-transformers 6 names the one.
struct Mode {
  std::string_view name;
  std::string_view flag;
  Pooling pooling;  // none: not supported
};

constexpr Mode kModes[] = {
    {"cls", "pooling_mode_cls_token", Pooling::cls},
    {"mean", "pooling_mode_mean_tokens", Pooling::mean},
    {"lasttoken", "pooling_mode_lasttoken", Pooling::last},
    {"max", "pooling_mode_max_tokens", Pooling::none},
    {"mean_sqrt_len_tokens", "pooling_mode_mean_sqrt_len_tokens", Pooling::none},
    {"weightedmean", "pooling_mode_weightedmean_tokens", Pooling::none},
};

constexpr const char* kMode = "pooling_mode";
constexpr const char* kWidths[] = {"word_embedding_dimension", "embedding_dimension"};

bool is_known(std::string_view key) {
  if (key == kMode || key == "include_prompt") return true;
  for (const Mode& mode : kModes)
    if (mode.flag == key) return true;
  for (const char* width : kWidths)
    if (width == key) return true;
  return false;
}

Result<Pooling> named_pooling(const json::Value& stated) {
  for (const Mode& mode : kModes)
    if (stated == json::Value(mode.name) && mode.pooling != Pooling::none) return mode.pooling;
  return unsupported("pooling_mode " + json::dump(stated));
}

Result<Pooling> flagged_pooling(const Fields& fields) {
  Pooling pooling = Pooling::none;
  for (const Mode& mode : kModes) {
    CONDUIT_TRY(const bool is_set, fields.flag(mode.flag, false));
    if (!is_set) continue;
    if (mode.pooling == Pooling::none) return unsupported(std::string(mode.flag));
    if (pooling != Pooling::none) return unsupported(std::string(mode.flag) + " beside another");
    pooling = mode.pooling;
  }
  if (pooling == Pooling::none) return corrupt("no pooling_mode_… is true");
  return pooling;
}

// A folder beside modules.json: no way out of the model's own.
bool is_plain_name(std::string_view path) {
  return !path.empty() && path.front() != '.' && path.find('/') == std::string_view::npos &&
         path.find('\\') == std::string_view::npos;
}

Status read_module(EmbeddingModules& result, const json::Value& module, std::size_t place) {
  const std::string prefix = "module " + std::to_string(place) + ": ";
  if (!module.is_object()) return corrupt(prefix + "no object");
  const Fields fields(module, prefix);
  CONDUIT_TRY(const std::string type, fields.text("type", ""));
  CONDUIT_TRY(const std::string path, fields.text("path", ""));
  const std::string name = type.substr(type.find_last_of('.') + 1);
  if (place == 0) {
    if (name != "Transformer" || !path.empty())
      return unsupported(prefix + "type '" + type + "' in folder '" + path +
                         "' where the transformer itself is expected");
    return ok();
  }
  if (name == "Pooling" && !result.pooling_folder && !result.normalises) {
    if (!is_plain_name(path)) return corrupt(fields.full("path") + " '" + path + "' is no folder");
    result.pooling_folder = path;
    return ok();
  }
  if (name != "Normalize" || !result.pooling_folder || result.normalises)
    return unsupported(prefix + "type '" + type + "' in this place");
  result.normalises = true;
  return ok();
}

}  // namespace

Result<EmbeddingModules> modules_from_json(const json::Value& modules) {
  if (!modules.is_array()) return corrupt("the modules are no list");
  EmbeddingModules result;
  for (std::size_t i = 0; i < modules.as_array().size(); ++i)
    CONDUIT_TRY_STATUS(read_module(result, modules.as_array()[i], i));
  return result;
}

Result<Pooling> pooling_from_json(const json::Value& config, int hidden) {
  if (!config.is_object()) return corrupt("the pooling's config is no object");
  const Fields fields(config);
  for (const json::Member& member : config.as_object())
    if (!is_known(member.key)) return unsupported("pooling key " + member.key);
  for (const char* key : kWidths) {
    CONDUIT_TRY(const int width, fields.integer_or(key, kMaxWidth, hidden));
    if (width != hidden)
      return corrupt(std::string(key) + " is " + std::to_string(width) +
                     "; the transformer's hidden size is " + std::to_string(hidden));
  }
  CONDUIT_TRY(const bool with_prompt, fields.flag("include_prompt", true));
  if (!with_prompt) return unsupported("include_prompt false");
  if (const json::Value* mode = fields.find(kMode)) return named_pooling(*mode);
  return flagged_pooling(fields);
}

}  // namespace conduit::kernels
