// Paths, operations, bodies, answers.
#include "cluster/gateway/openapi.h"

#include <algorithm>
#include <cctype>
#include <utility>

namespace conduit::cluster {

namespace {

// As error_object() writes it.
constexpr const char* kErrorSchema = R"({"type":"object","required":["error"],"properties":{
    "error":{"type":"object","required":["message","type","param","code"],"properties":{
      "message":{"type":"string"},"type":{"type":"string"},
      "param":{"type":["string","null"]},"code":{"type":["string","null"]}}}}})";

json::Value content(std::string media, json::Value schema) {
  return json::Object{{std::move(media), json::Object{{"schema", std::move(schema)}}}};
}

json::Value error_reference() { return json::Object{{"$ref", "#/components/schemas/Error"}}; }

json::Value success(const DescribedRoute& route) {
  const bool is_json = route.answers == "application/json";
  json::Value media =
      content(std::string(route.answers), json::Object{{"type", is_json ? "object" : "string"}});
  if (route.may_stream)
    media.set("text/event-stream", json::Object{{"schema", json::Object{{"type", "string"}}}});
  return json::Object{{"description", "The answer"}, {"content", std::move(media)}};
}

json::Value operation(const DescribedRoute& route, const std::string& name) {
  json::Value out = json::Object{{"summary", route.summary}, {"operationId", name}};
  if (route.path.size() > 1 && route.path.ends_with('/'))
    out.set("parameters", json::Array{json::Object{
                              {"name", "name"},
                              {"in", "path"},
                              {"required", true},
                              {"schema", json::Object{{"type", "string"}, {"minLength", 1}}}}});
  if (route.body_schema != nullptr)
    out.set("requestBody",
            json::Object{{"required", true},
                         {"content", content("application/json", route.body_schema())}});
  // Probes answer 503 in their own shape; everything else fails as Error.
  json::Value responses = json::Object{{"200", success(route)}};
  const bool is_probe = route.path == "/health" || route.path == "/ready";
  if (is_probe) responses.set("503", success(route));
  responses.set("default",
                json::Object{{"description", "What is wrong"},
                             {"content", content("application/json", error_reference())}});
  out.set("responses", std::move(responses));
  return out;
}

// "POST /v1/chat/completions" → "post_v1_chat_completions".
std::string operation_name(const DescribedRoute& route) {
  std::string name = std::string(route.method) + std::string(route.path);
  for (char& c : name)
    c = std::isalnum(static_cast<unsigned char>(c)) != 0
            ? static_cast<char>(std::tolower(static_cast<unsigned char>(c)))
            : '_';
  return name;
}

}  // namespace

json::Value openapi_document(const std::vector<DescribedRoute>& routes, const std::string& version,
                             bool has_key) {
  json::Value paths = json::Object{};
  for (const DescribedRoute& route : routes) {
    std::string path(route.path);
    if (path.size() > 1 && path.ends_with('/')) path += "{name}";
    std::string method(route.method);
    std::transform(method.begin(), method.end(), method.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    paths.set(std::move(path), json::Object{{method, operation(route, operation_name(route))}});
  }
  json::Value components =
      json::Object{{"schemas", json::Object{{"Error", *json::parse(kErrorSchema)}}}};
  json::Value document =
      json::Object{{"openapi", "3.1.0"},
                   {"info", json::Object{{"title", "Conduit"}, {"version", version}}},
                   {"paths", std::move(paths)}};
  if (has_key) {
    components.set("securitySchemes",
                   json::Object{{"key", json::Object{{"type", "http"}, {"scheme", "bearer"}}}});
    document.set("security", json::Array{json::Object{{"key", json::Array{}}}});
  }
  document.set("components", std::move(components));
  return document;
}

}  // namespace conduit::cluster
