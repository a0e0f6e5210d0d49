// Targets, heads, chunks.
#include "provisioning/http_message.h"

#include <strings.h>

#include <charconv>
#include <ctime>

#include "mdl/base/utf8.h"

namespace conduit::provisioning {

namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// `%2F` → `/`; what is no escape stays as it is.
std::string percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && hex_digit(text[i + 1]) >= 0 &&
        hex_digit(text[i + 2]) >= 0) {
      out += static_cast<char>(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2]));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

std::string date_now() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[40];
  return {text, std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts)};
}

// A header's value must not end its line.
std::string one_line(std::string value) {
  for (char& c : value)
    if (c == '\r' || c == '\n' || c == '\0') c = ' ';
  return value;
}

}  // namespace

std::string_view HttpRequest::header(std::string_view name) const {
  for (const auto& [key, value] : headers)
    if (key.size() == name.size() && strncasecmp(key.data(), name.data(), name.size()) == 0)
      return value;
  return {};
}

void split_target(std::string_view target, HttpRequest& request) {
  if (auto scheme = target.find("://"); !target.starts_with('/') && scheme != target.npos) {
    auto slash = target.find('/', scheme + 3);
    target = slash == target.npos ? "/" : target.substr(slash);
  }
  auto question = target.find('?');
  request.path = utf8::replace_invalid(percent_decoded(target.substr(0, question)));
  if (question != target.npos) request.query = target.substr(question + 1);
}

std::string response_head(int status, std::string_view reason, const HttpHeaders& headers) {
  std::string text = "HTTP/1.1 ";
  text.append(std::to_string(status)).append(" ").append(reason);
  text.append("\r\nDate: ").append(date_now());
  for (const auto& [name, value] : headers)
    text.append("\r\n").append(name).append(": ").append(one_line(value));
  return text.append("\r\n\r\n");
}

std::string chunk_frame(std::string_view chunk) {
  char size[16];
  const auto end = std::to_chars(size, size + sizeof size, chunk.size(), 16).ptr;
  std::string frame(size, end);
  return frame.append("\r\n").append(chunk).append("\r\n");
}

}  // namespace conduit::provisioning
