// HTTP to one service that keeps its large files elsewhere: requests that follow redirects.
// The idea: the service's token goes to its own scheme, host and port and to nobody a redirect
// names; https is never left for http.
#pragma once

#include <string>
#include <string_view>

#include "mdl/base/result.h"
#include "provisioning/http_client.h"

namespace conduit::provisioning {

// Scheme, host and port of a URL: `https://huggingface.co`.
std::string_view origin_of(std::string_view url);

// What `location` means in the answer to `url`: absolute, or relative in any of its ways.
std::string resolve_location(std::string_view url, std::string_view location);

// Everything but letters, digits and `-._~/` percent-encoded: for the path of a URL.
std::string encode_path(std::string_view path);

// For one thread at a time.
class RedirectingClient {
 public:
  // `service`: where the token may go. An empty token is not sent.
  RedirectingClient(std::string_view service, std::string token)
      : service_(origin_of(service)), token_(std::move(token)) {}

  enum class Follow { everywhere, same_origin };  // same_origin: another's redirect is the answer
  // As HttpClient::send. `final_url`: whose answer it is. More errors: corrupt (redirects that do
  // not end, or leave https).
  Result<HttpReply> send(HttpCall call, const HttpSink& sink = {},
                         Follow follow = Follow::everywhere, std::string* final_url = nullptr);

 private:
  std::string service_, token_;
  HttpClient http_;
};

}  // namespace conduit::provisioning
