// URLs as text, and the loop over redirects.
#include "provisioning/redirects.h"

#include <algorithm>
#include <cctype>

namespace conduit::provisioning {

namespace {

constexpr int kMostRedirects = 8;  // a hub and its CDN need two

bool is_redirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

}  // namespace

std::string_view origin_of(std::string_view url) {
  const std::size_t scheme = url.find("://");
  if (scheme == url.npos) return url;
  return url.substr(0, std::min(url.find_first_of("/?#", scheme + 3), url.size()));
}

std::string resolve_location(std::string_view url, std::string_view location) {
  if (location.find("://") < location.find_first_of("/?#")) return std::string(location);
  const std::string origin(origin_of(url));
  if (location.starts_with("//"))
    return origin.substr(0, origin.find("//")) + std::string(location);
  if (location.starts_with('/')) return origin + std::string(location);
  const std::string_view path = url.substr(0, url.find_first_of("?#"));
  const std::size_t slash = path.rfind('/');
  if (slash < origin.size()) return origin + "/" + std::string(location);
  return std::string(path.substr(0, slash + 1)) + std::string(location);
}

std::string encode_path(std::string_view path) {
  std::string encoded;
  for (const char c : path) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) != 0 || std::string_view("-._~/").find(c) != std::string_view::npos) {
      encoded += c;
    } else {
      encoded += '%';
      encoded += "0123456789ABCDEF"[byte >> 4];
      encoded += "0123456789ABCDEF"[byte & 15];
    }
  }
  return encoded;
}

Result<HttpReply> RedirectingClient::send(HttpCall call, const HttpSink& sink, Follow follow,
                                          std::string* final_url) {
  const HttpHeaders headers = call.headers;
  const std::string asked = call.url;
  for (int hops = 0; hops <= kMostRedirects; ++hops) {
    call.headers = headers;
    if (!token_.empty() && origin_of(call.url) == service_)
      call.headers.emplace_back("Authorization", "Bearer " + token_);
    CONDUIT_TRY(HttpReply reply, http_.send(call, sink));
    if (final_url != nullptr) *final_url = call.url;
    const std::string_view location = reply.header("Location");
    if (!is_redirect(reply.status) || location.empty()) return reply;
    const std::string next = resolve_location(call.url, location);
    if (follow == Follow::same_origin && origin_of(next) != origin_of(call.url)) return reply;
    if (call.url.starts_with("https:") && !next.starts_with("https:"))
      return Error{Code::corrupt, asked + ": a redirect leaves https for " + next};
    call.url = next;
  }
  return Error{Code::corrupt,
               asked + ": over " + std::to_string(kMostRedirects) + " redirects in a row"};
}

}  // namespace conduit::provisioning
