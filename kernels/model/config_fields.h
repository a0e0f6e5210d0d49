// Fields: one JSON object's members, each read as what it must be; `null` counts as absent.
// Private to kernels/model/config*.cc.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "kernels/model/config_checks.h"

namespace conduit::kernels::config_checks {

class Fields {
 public:
  explicit Fields(const json::Value& object, std::string prefix = {})
      : object_(&object), prefix_(std::move(prefix)) {}

  const json::Value* find(std::string_view key) const {
    const json::Value* value = object_->find(key);
    return value == nullptr || value->is_null() ? nullptr : value;
  }
  bool has(std::string_view key) const { return find(key) != nullptr; }
  // Stated, be it as null.
  bool mentions(std::string_view key) const { return object_->find(key) != nullptr; }
  std::string full(std::string_view key) const { return prefix_ + std::string(key); }
  const json::Value& object() const { return *object_; }

  Result<int> integer(std::string_view key, std::int64_t limit) const {
    const json::Value* value = find(key);
    if (value == nullptr) return corrupt(full(key) + " is missing");
    if (value->kind() != json::Kind::integer) return corrupt(full(key) + " is not an integer");
    return bounded(value->as_int(), limit, full(key));
  }
  Result<int> integer_or(std::string_view key, std::int64_t limit, int otherwise) const {
    if (!has(key)) return otherwise;
    return integer(key, limit);
  }
  Result<float> real(std::string_view key, double minimum = kTiny) const {
    const json::Value* value = find(key);
    if (value == nullptr) return corrupt(full(key) + " is missing");
    if (!value->is_number()) return corrupt(full(key) + " is not a number");
    return at_least(minimum, value->as_double(), full(key));
  }
  Result<float> real_or(std::string_view key, float otherwise, double minimum = kTiny) const {
    if (!has(key)) return otherwise;
    return real(key, minimum);
  }
  Result<bool> flag(std::string_view key, bool otherwise) const {
    const json::Value* value = find(key);
    if (value == nullptr) return otherwise;
    if (!value->is_bool()) return corrupt(full(key) + " is not true or false");
    return value->as_bool();
  }
  Result<std::string> text(std::string_view key, std::string_view otherwise) const {
    const json::Value* value = find(key);
    if (value == nullptr) return std::string(otherwise);
    if (!value->is_string()) return corrupt(full(key) + " is not a string");
    return value->as_string();
  }

 private:
  const json::Value* object_;
  std::string prefix_;
};

// config.json's rope_scaling or rope_parameters, and what stands beside them (config_hf_rope.cc).
Status read_hf_rope(ModelConfig& config, const Fields& fields, Kind kind);
// config.json's windows and layer types (config_hf_layers.cc).
Status read_hf_layers(ModelConfig& config, const Fields& fields, Kind kind);
// config.json's mixture of experts (config_hf_layers.cc).
Status read_hf_experts(ModelConfig& config, const Fields& fields);
// Error: invalid_argument, naming a key that changes the arithmetic of other families and that this
// one does not have (config_hf_foreign.cc).
Status refuse_foreign_keys(const Fields& fields, Kind kind);

}  // namespace conduit::kernels::config_checks
