// Codes → statuses → OpenAI's error types.
#include "cluster/gateway/api_error.h"

#include <utility>

namespace conduit::cluster {

namespace {

const char* type_of(int status) {
  switch (status) {
    case 401: return "authentication_error";
    case 404: return "not_found_error";
    case 429: return "rate_limit_error";
    default: return status < 500 ? "invalid_request_error" : "server_error";
  }
}

json::Value text_or_null(const std::string& text) {
  return text.empty() ? json::Value() : json::Value(text);
}

}  // namespace

ApiError invalid_request(std::string param, std::string message) {
  return {400, std::move(message), std::move(param), ""};
}

ApiError api_error(const Error& error) {
  switch (error.code) {
    case Code::invalid_argument:
    case Code::corrupt: return {400, error.message, "", ""};
    case Code::not_found: return {404, error.message, "model", "model_not_found"};
    case Code::exhausted: return {429, error.message, "", "overloaded"};
    case Code::unavailable:
    case Code::cancelled: return {503, error.message, "", "unavailable"};
    case Code::internal: break;
  }
  return {500, error.message, "", "internal"};
}

json::Value error_object(const ApiError& error) {
  return json::Object{{"error", json::Object{{"message", error.message},
                                             {"type", type_of(error.status)},
                                             {"param", text_or_null(error.param)},
                                             {"code", text_or_null(error.code)}}}};
}

}  // namespace conduit::cluster
