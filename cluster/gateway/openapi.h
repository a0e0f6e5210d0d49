// /openapi.json: what the routes take and give, for programs (schemathesis, code generators).
// The idea: the paths come from the table of routes and the fields from the parsers themselves
// (field_reader.h), so the description says what is served and checked, and nothing else.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "mdl/base/json.h"

namespace conduit::cluster {

struct DescribedRoute {
  std::string_view method;
  std::string_view path;  // one that ends in a slash takes a name behind it
  std::string_view summary;
  std::string_view answers;                // media type of a 200
  json::Value (*body_schema)() = nullptr;  // of a POST
  bool may_stream = false;                 // also text/event-stream
};

// OpenAPI 3.1.
json::Value openapi_document(const std::vector<DescribedRoute>& routes, const std::string& version,
                             bool has_key);

}  // namespace conduit::cluster
