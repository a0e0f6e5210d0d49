// Who holds a port: this test itself does.
#include "cluster/port_holder.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

namespace conduit::cluster {
namespace {

class ListeningSocket {
 public:
  ListeningSocket() : socket_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* any = reinterpret_cast<sockaddr*>(&address);
    is_listening_ = bind(socket_, any, size) == 0 && listen(socket_, 1) == 0 &&
                    getsockname(socket_, any, &size) == 0;
    port_ = ntohs(address.sin_port);
  }
  ~ListeningSocket() { close(socket_); }
  bool is_listening() const { return is_listening_; }
  std::uint16_t port() const { return port_; }

 private:
  int socket_;
  bool is_listening_ = false;
  std::uint16_t port_ = 0;
};

TEST(PortHolderTest, NamesProcessAndCommand) {
  const ListeningSocket socket;
  ASSERT_TRUE(socket.is_listening());
  const std::string holder = port_holder(socket.port());
  EXPECT_THAT(holder, ::testing::HasSubstr("process " + std::to_string(getpid()) + " ("));
  EXPECT_THAT(holder, ::testing::HasSubstr("cluster_test"));
}

TEST(PortHolderTest, NobodyIsEmpty) {
  std::uint16_t port = 0;
  {
    const ListeningSocket socket;
    ASSERT_TRUE(socket.is_listening());
    port = socket.port();
  }
  EXPECT_EQ(port_holder(port), "");
}

}  // namespace
}  // namespace conduit::cluster
