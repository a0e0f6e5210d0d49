// RFC 3986 §5.2 (relative resolution) over the parts that §3 cuts a URI into.
#include "mdl/uri.h"

#include <algorithm>
#include <cctype>
#include <optional>
#include <vector>

namespace conduit::mdl {
namespace {

struct Parts {
  std::optional<std::string_view> scheme, authority, query, fragment;
  std::string_view path;
};

// Takes what stands before the first of `ends`, and that character unless it is the end.
std::string_view take_until(std::string_view& text, std::string_view ends) {
  const std::string_view part = text.substr(0, text.find_first_of(ends));
  text.remove_prefix(part.size());
  return part;
}

bool is_scheme(std::string_view text) {
  return !text.empty() && std::isalpha(static_cast<unsigned char>(text[0])) != 0 &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) {
           return std::isalnum(c) != 0 || c == '+' || c == '-' || c == '.';
         });
}

Parts cut(std::string_view uri) {
  Parts parts;
  const std::size_t colon = uri.find_first_of(":/?#");
  if (colon != std::string_view::npos && uri[colon] == ':' && is_scheme(uri.substr(0, colon))) {
    parts.scheme = uri.substr(0, colon);
    uri.remove_prefix(colon + 1);
  }
  if (uri.substr(0, 2) == "//") {
    uri.remove_prefix(2);
    parts.authority = take_until(uri, "/?#");
  }
  parts.path = take_until(uri, "?#");
  if (!uri.empty() && uri[0] == '?') {
    uri.remove_prefix(1);
    parts.query = take_until(uri, "#");
  }
  if (!uri.empty()) parts.fragment = uri.substr(1);
  return parts;
}

// §5.2.4
std::string without_dots(std::string_view path) {
  std::vector<std::string_view> kept;
  for (bool is_last = false; !is_last;) {
    const std::string_view segment = take_until(path, "/");
    is_last = path.empty();
    if (!is_last) path.remove_prefix(1);
    const bool is_dots = segment == "." || segment == "..";
    // The first segment of an absolute path is the empty one before its slash.
    if (segment == ".." && !kept.empty() && !(kept.size() == 1 && kept[0].empty())) kept.pop_back();
    if (!is_dots) kept.push_back(segment);
    if (is_dots && is_last) kept.push_back({});
  }
  std::string out;
  for (std::size_t i = 0; i < kept.size(); ++i) out.append(i == 0 ? "" : "/").append(kept[i]);
  return out;
}

// §5.2.3
std::string merged(const Parts& base, std::string_view path) {
  if (base.authority && base.path.empty()) return "/" + std::string(path);
  const std::size_t slash = base.path.rfind('/');
  if (slash == std::string_view::npos) return std::string(path);
  return std::string(base.path.substr(0, slash + 1)) + std::string(path);
}

}  // namespace

std::string resolve_uri(std::string_view base_uri, std::string_view reference) {
  const Parts base = cut(base_uri);
  Parts target = cut(reference);
  std::string path;
  if (target.scheme || target.authority) {
    path = without_dots(target.path);
  } else if (target.path.empty()) {
    path = base.path;
    if (!target.query) target.query = base.query;
  } else {
    path =
        without_dots(target.path[0] == '/' ? std::string(target.path) : merged(base, target.path));
  }
  if (!target.scheme) {
    if (!target.authority) target.authority = base.authority;
    target.scheme = base.scheme;
  }
  std::string uri;
  if (target.scheme) uri.append(*target.scheme).append(":");
  if (target.authority) uri.append("//").append(*target.authority);
  uri += path;
  if (target.query) uri.append("?").append(*target.query);
  if (target.fragment) uri.append("#").append(*target.fragment);
  return uri;
}

std::pair<std::string_view, std::string_view> split_fragment(std::string_view uri) {
  const std::size_t hash = uri.find('#');
  if (hash == std::string_view::npos) return {uri, {}};
  return {uri.substr(0, hash), uri.substr(hash + 1)};
}

std::string percent_decoded(std::string_view text) {
  const auto digit = [&](std::size_t i) {
    const char c = i < text.size() ? text[i] : '\0';
    if (c >= '0' && c <= '9') return c - '0';
    const char lower = static_cast<char>(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
  };
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && digit(i + 1) >= 0 && digit(i + 2) >= 0) {
      out += static_cast<char>(digit(i + 1) * 16 + digit(i + 2));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

}  // namespace conduit::mdl
