// Sockets, and just enough HTTP to read a response.
#include "tests/support/raw_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "mdl/base/check.h"

namespace conduit::testing {

std::string RawResponse::header(std::string_view name) const {
  std::size_t line = head.find("\r\n");
  while (line != std::string::npos && line + 2 < head.size()) {
    line += 2;
    const std::size_t end = head.find("\r\n", line);
    const std::string_view text = std::string_view(head).substr(line, end - line);
    if (text.size() > name.size() + 1 && text[name.size()] == ':' &&
        strncasecmp(text.data(), name.data(), name.size()) == 0)
      return std::string(text.substr(text.find_first_not_of(' ', name.size() + 1)));
    line = end;
  }
  return "";
}

RawClient::RawClient(std::uint16_t port, int receive_buffer)
    : socket_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  CONDUIT_CHECK(socket_ >= 0, "no socket");
  const timeval patience{10, 0};
  setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  setsockopt(socket_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  if (receive_buffer > 0)
    setsockopt(socket_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int connected = connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address);
  CONDUIT_CHECK(connected == 0, "cannot connect to the server under test");
}

RawClient::~RawClient() { close(); }

bool RawClient::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

bool RawClient::receive() {
  char bytes[16384];
  const ssize_t received = recv(socket_, bytes, sizeof bytes, 0);
  if (received > 0) pending_.append(bytes, static_cast<std::size_t>(received));
  return received > 0;
}

std::string RawClient::take(std::size_t bytes) {
  while (pending_.size() < bytes)
    if (!receive()) break;
  std::string taken = pending_.substr(0, bytes);
  pending_.erase(0, bytes);
  return taken;
}

std::string RawClient::read_until(std::string_view text) {
  std::size_t found;
  while ((found = pending_.find(text)) == std::string::npos)
    if (!receive()) return take(pending_.size());
  return take(found + text.size());
}

std::string RawClient::read_until_closed() {
  while (receive()) {
  }
  return take(pending_.size());
}

void RawClient::finish_sending() { shutdown(socket_, SHUT_WR); }

RawResponse RawClient::read_response(bool head_only) {
  RawResponse response;
  response.head = read_until("\r\n\r\n");
  if (response.head.size() < 12) return response;
  response.status = std::atoi(response.head.c_str() + 9);
  if (head_only) return response;
  if (response.header("Transfer-Encoding") == "chunked") {
    while (const auto size = std::strtoul(read_until("\r\n").c_str(), nullptr, 16)) {
      response.body += take(size);
      take(2);
    }
    take(2);
  } else {
    response.body = take(std::strtoul(response.header("Content-Length").c_str(), nullptr, 10));
  }
  return response;
}

bool RawClient::is_closed_by_peer() {
  errno = 0;
  return pending_.empty() && !receive() && errno != EAGAIN;
}

void RawClient::close() {
  if (socket_ >= 0) ::close(socket_);
  socket_ = -1;
}

void RawClient::reset() {
  const linger at_once{1, 0};
  setsockopt(socket_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  close();
}

std::string http_request(std::string_view path, std::string_view body, std::string_view headers) {
  std::string text = body.empty() ? "GET " : "POST ";
  text.append(path).append(" HTTP/1.1\r\nHost: test\r\n").append(headers);
  if (!body.empty()) text += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  return text.append("\r\n").append(body);
}

}  // namespace conduit::testing
