// The vectors of <shared>/schemas/mdl_*.json, and the neutral form in which they declare types.
#pragma once

#include <string>
#include <utility>

#include "mdl/base/json.h"
#include "mdl/type.h"
#include "tests/golden/reference.h"
#include "tests/support/shared_dir.h"

namespace conduit::testing {

// Empty where the file is not there.
inline json::Array mdl_cases(const std::string& file) {
  const auto path = shared_dir() / "schemas" / file;
  if (!std::filesystem::exists(path)) return {};
  return member(read_json(path), "cases").as_array();
}

// "int", {"list": T}, {"record": {"name": …, "fields": [[name, T], …]}}, …
inline mdl::Type neutral_type(const json::Value& form) {
  using Kind = mdl::Type::Kind;
  static const std::vector<std::pair<std::string, Kind>> kKinds = {
      {"int", Kind::integer},       {"float", Kind::number},  {"str", Kind::string},
      {"bool", Kind::boolean},      {"null", Kind::null},     {"any", Kind::any},
      {"optional", Kind::optional}, {"union", Kind::either},  {"list", Kind::list},
      {"dict", Kind::dict},         {"tuple", Kind::tuple},   {"tuple_of", Kind::repeated},
      {"record", Kind::record},     {"ref", Kind::reference}, {"other", Kind::other},
  };
  const std::string word = form.is_string() ? form.as_string() : form.as_object().front().key;
  mdl::Type type;
  for (const auto& [known, kind] : kKinds)
    if (known == word) type.kind = kind;
  if (form.is_string()) return type;
  const json::Value& of = form.as_object().front().value;
  if (type.kind == Kind::record) {
    type.name = of.find("name")->as_string();
    for (const json::Value& field : of.find("fields")->as_array()) {
      type.fields.push_back(field.as_array()[0].as_string());
      type.of.push_back(neutral_type(field.as_array()[1]));
    }
  } else if (type.kind == Kind::reference || type.kind == Kind::other) {
    type.name = of.as_string();
  } else if (of.is_array()) {
    for (const json::Value& part : of.as_array()) type.of.push_back(neutral_type(part));
  } else if (!of.is_null()) {
    type.of.push_back(neutral_type(of));
  }
  return type;
}

}  // namespace conduit::testing
