// config.json: rotary embeddings. transformers 5 keeps everything in rope_parameters, Gemma 3 one
// set for each kind of layer; 4 has rope_theta beside rope_scaling, whose kind is `rope_type` or,
// older, `type`. Rules: transformers 5, modeling_rope_utils.py.
#include <algorithm>
#include <array>
#include <cmath>
#include <string>

#include "kernels/model/config_fields.h"

namespace conduit::kernels::config_checks {
namespace {

constexpr const char* kOriginal = "original_max_position_embeddings";
constexpr float kGemmaTheta = 1e6F;
constexpr float kGemmaWindowedTheta = 1e4F;
constexpr float kLlamaTheta = 1e4F;

// Every key of one set of rope parameters that some kind of scaling reads.
constexpr std::array kKnownRopeKeys = {
    "rope_type",        "type",          "rope_theta", "partial_rotary_factor",
    "factor",           kOriginal,       "truncate",   "low_freq_factor",
    "high_freq_factor", "beta_fast",     "beta_slow",  "attention_factor",
    "mscale",           "mscale_all_dim"};

Status refuse_unknown_keys(const Fields& rope) {
  for (const json::Member& member : rope.object().as_object())
    if (std::find(kKnownRopeKeys.begin(), kKnownRopeKeys.end(), member.key) ==
            kKnownRopeKeys.end() &&
        !member.value.is_null())
      return unsupported(rope.full(member.key));
  return ok();
}

// The order of transformers' standardize_rope_params.
Status read_original_max_position(RopeConfig& r, const ModelConfig& c, const Fields& rope,
                                  const Fields& config) {
  r.original_max_position = c.max_position;
  for (const Fields* fields : {&config, &rope}) {
    if (!fields->has(kOriginal)) continue;
    CONDUIT_TRY(r.original_max_position, fields->integer(kOriginal, kMaxPositions));
    break;
  }
  return ok();
}

// A number that counts as absent when it is 0, as `x or default` does in Python.
Result<float> nonzero_or(const Fields& rope, std::string_view key, float otherwise) {
  const json::Value* value = rope.find(key);
  if (value == nullptr || *value == json::Value(0)) return otherwise;
  return rope.real(key);
}

Status read_yarn(RopeConfig& r, const Fields& rope) {
  CONDUIT_TRY(r.beta_fast, nonzero_or(rope, "beta_fast", 32));
  CONDUIT_TRY(r.beta_slow, nonzero_or(rope, "beta_slow", 1));
  CONDUIT_TRY(r.truncate, rope.flag("truncate", true));
  CONDUIT_TRY(const float mscale, nonzero_or(rope, "mscale", 0));
  CONDUIT_TRY(const float mscale_all_dim, nonzero_or(rope, "mscale_all_dim", 0));
  r.attention_factor = yarn_attention_factor(r.factor);
  if (mscale > 0 && mscale_all_dim > 0)
    r.attention_factor =
        yarn_attention_factor(r.factor, mscale) / yarn_attention_factor(r.factor, mscale_all_dim);
  CONDUIT_TRY(r.attention_factor, rope.real_or("attention_factor", r.attention_factor));
  return ok();
}

// One set of parameters; its theta is already known.
Status read_scaling(RopeConfig& r, ModelConfig& c, const Fields& rope, const Fields& config,
                    Kind kind) {
  CONDUIT_TRY(const std::string older_name, rope.text("type", "default"));
  CONDUIT_TRY(const std::string name, rope.text("rope_type", older_name));
  if (name == "default") return refuse_unknown_keys(rope);
  const bool is_known = name == "linear" || name == "llama3" || name == "yarn";
  if (!is_known || kind == Kind::phi3)  // Phi-3's own reading of yarn is longrope
    return unsupported("rope scaling '" + name + "' in a " + c.architecture);
  CONDUIT_TRY_STATUS(refuse_unknown_keys(rope));
  CONDUIT_TRY(r.factor, rope.real("factor", 1));
  if (name == "linear") {
    r.scaling = RopeScaling::linear;
    return ok();
  }
  CONDUIT_TRY_STATUS(read_original_max_position(r, c, rope, config));
  if (name == "llama3") {
    r.scaling = RopeScaling::llama3;
    CONDUIT_TRY(r.low_freq_factor, rope.real("low_freq_factor"));
    CONDUIT_TRY(r.high_freq_factor, rope.real("high_freq_factor"));
    return ok();
  }
  r.scaling = RopeScaling::yarn;
  return read_yarn(r, rope);
}

// Only Phi-3 turns a part of each head.
Status read_rotary_dim(ModelConfig& c, const Fields& rope, const Fields& config, Kind kind) {
  constexpr const char* kKey = "partial_rotary_factor";
  for (const Fields* fields : {&rope, &config}) {
    if (!fields->has(kKey)) continue;
    CONDUIT_TRY(const float part, fields->real(kKey));
    if (part == 1) return ok();
    if (kind != Kind::phi3) return unsupported(fields->full(kKey) + " in a " + c.architecture);
    if (part > 1) return corrupt(fields->full(kKey) + " is above 1");
    c.rotary_dim = static_cast<int>(static_cast<float>(c.head_dim) * part);
    if (c.rotary_dim < 2) return corrupt(fields->full(kKey) + " leaves no pair to turn");
    return ok();
  }
  return ok();
}

// A member that is an object of its own; absent: an empty one.
Result<Fields> object_in(const Fields& fields, std::string_view key) {
  static const json::Value kNothing = json::Object{};
  const json::Value* part = fields.find(key);
  if (part != nullptr && !part->is_object()) return corrupt(fields.full(key) + " is no object");
  return Fields(part != nullptr ? *part : kNothing, fields.full(key) + ".");
}

// theta_key: of transformers 4, beside the set. 0: no default.
Status read_set(RopeConfig& r, ModelConfig& c, const Fields& rope, const Fields& config, Kind kind,
                const char* theta_key, float default_theta) {
  if (rope.has("rope_theta")) {
    CONDUIT_TRY(r.theta, rope.real("rope_theta", 1));
  } else if (config.has(theta_key) || default_theta == 0) {
    CONDUIT_TRY(r.theta, config.real(theta_key, 1));
  } else {
    r.theta = default_theta;
  }
  CONDUIT_TRY_STATUS(read_rotary_dim(c, rope, config, kind));
  return read_scaling(r, c, rope, config, kind);
}

Status read_gemma_rope(ModelConfig& c, const Fields& fields) {
  CONDUIT_TRY(const Fields parameters, object_in(fields, "rope_parameters"));
  CONDUIT_TRY(const Fields scaling, object_in(fields, "rope_scaling"));
  CONDUIT_TRY(const Fields full, object_in(parameters, "full_attention"));
  CONDUIT_TRY(const Fields windowed, object_in(parameters, "sliding_attention"));
  for (const json::Member& member : parameters.object().as_object())
    if (member.key != "full_attention" && member.key != "sliding_attention")
      return unsupported(parameters.full(member.key) + " in a " + c.architecture);
  // transformers 4's rope_scaling is of the layers that see everything.
  const Fields& rope = fields.has("rope_scaling") ? scaling : full;
  CONDUIT_TRY_STATUS(read_set(c.rope, c, rope, fields, Kind::gemma3, "rope_theta", kGemmaTheta));
  return read_set(c.windowed_rope, c, windowed, fields, Kind::gemma3, "rope_local_base_freq",
                  kGemmaWindowedTheta);
}

// YaRN's factor extends what the model was trained on; files often leave max_position_embeddings.
void extend_max_position(ModelConfig& c) {
  if (c.rope.scaling != RopeScaling::yarn) return;
  const double extended = double{c.rope.factor} * c.rope.original_max_position;
  c.max_position =
      std::max(c.max_position, static_cast<int>(std::min<double>(extended, kMaxPositions)));
}

}  // namespace

Status read_hf_rope(ModelConfig& c, const Fields& fields, Kind kind) {
  if (kind == Kind::gemma3) {
    CONDUIT_TRY_STATUS(read_gemma_rope(c, fields));
  } else {
    const char* key = fields.has("rope_scaling") ? "rope_scaling" : "rope_parameters";
    CONDUIT_TRY(const Fields rope, object_in(fields, key));
    const float default_theta = kind == Kind::llama ? kLlamaTheta : 0;
    CONDUIT_TRY_STATUS(read_set(c.rope, c, rope, fields, kind, "rope_theta", default_theta));
    c.windowed_rope = c.rope;
  }
  extend_max_position(c);
  return ok();
}

}  // namespace conduit::kernels::config_checks
