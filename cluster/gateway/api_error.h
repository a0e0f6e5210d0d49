// ApiError: a failure as an OpenAI client expects to read it, and the HTTP status that goes with
// it. The idea: one place decides which Code is which status, so every route answers alike.
#pragma once

#include <string>

#include "mdl/base/json.h"
#include "mdl/base/result.h"

namespace conduit::cluster {

struct ApiError {
  int status = 500;
  std::string message;
  std::string param;  // the request's field; empty: none
  std::string code;   // what a program may branch on; empty: none
};

// The request's own fault, in the field `param`.
ApiError invalid_request(std::string param, std::string message);
// 400 for invalid_argument and corrupt, 404 for not_found (of which only models can be), 429 for
// exhausted, 503 for unavailable and cancelled, 500 for internal.
ApiError api_error(const Error& error);

// {"error":{"message":…,"type":…,"param":…,"code":…}}
json::Value error_object(const ApiError& error);

}  // namespace conduit::cluster
