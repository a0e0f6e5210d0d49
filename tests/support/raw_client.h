// A TCP client that sends exactly the bytes a test wants and reads what comes: for what no HTTP
// library would send. Blocking; a server that stays silent for ten seconds ends the read, so a test
// fails instead of hanging.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace conduit::testing {

struct RawResponse {
  int status = 0;
  std::string head;  // status line and headers
  std::string body;  // chunks joined

  std::string header(std::string_view name) const;  // of any case; empty: none
};

class RawClient {
 public:
  explicit RawClient(std::uint16_t port, int receive_buffer = 0);  // 0: the system's size
  ~RawClient();
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  // False when the peer has closed.
  bool send(std::string_view bytes);
  // One response; `head_only`: to HEAD. Status 0: the connection ended or was silent.
  RawResponse read_response(bool head_only = false);
  // Until `text` has come (returns all up to its end) or the connection ends (returns what came).
  std::string read_until(std::string_view text);
  std::string read_until_closed();
  void finish_sending();     // FIN, while reading goes on
  bool is_closed_by_peer();  // waits for more bytes or the end
  void close();
  void reset();  // close with RST instead of FIN

 private:
  bool receive();  // more bytes into pending_
  std::string take(std::size_t bytes);

  int socket_ = -1;
  std::string pending_;
};

// "GET path HTTP/1.1", or a POST when there is a body; `headers`: whole lines.
std::string http_request(std::string_view path, std::string_view body = {},
                         std::string_view headers = {});

}  // namespace conduit::testing
