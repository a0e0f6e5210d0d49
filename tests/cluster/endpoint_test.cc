// Endpoints: one spelling, and loopback only.
#include "cluster/spine/endpoint.h"

#include <gtest/gtest.h>

namespace conduit::cluster {
namespace {

TEST(EndpointTest, OneSpellingForOnePlace) {
  EXPECT_EQ(peer_endpoint("tcp://127.0.0.1:7000").value(), "tcp://127.0.0.1:7000");
  EXPECT_EQ(peer_endpoint("tcp://localhost:7000").value(), "tcp://127.0.0.1:7000");
  EXPECT_EQ(peer_endpoint("tcp://127.0.0.1:07000").value(), "tcp://127.0.0.1:7000");
  EXPECT_EQ(listen_endpoint("tcp://127.0.0.1:*").value(), "tcp://127.0.0.1:*");
  EXPECT_EQ(listen_endpoint("tcp://127.0.0.1:0").value(), "tcp://127.0.0.1:*");
}

TEST(EndpointTest, NothingButLoopbackWithoutKeys) {
  for (const char* text : {"tcp://0.0.0.0:7000", "tcp://*:7000", "tcp://192.168.1.2:7000",
                           "tcp://example.org:7000", "tcp://[::]:7000", "tcp://eth0:7000"}) {
    const auto endpoint = listen_endpoint(text);
    ASSERT_FALSE(endpoint) << text;
    EXPECT_EQ(endpoint.error().code, Code::invalid_argument);
    EXPECT_NE(endpoint.error().message.find("no keys yet"), std::string::npos)
        << endpoint.error().message;
  }
}

TEST(EndpointTest, WhatIsNotAnEndpointIsRefused) {
  for (const char* text : {"", "127.0.0.1:7000", "tcp://", "tcp://127.0.0.1", "tcp:127.0.0.1:1",
                           "inproc://x", "tcp://127.0.0.1:", "tcp://127.0.0.1:x",
                           "tcp://127.0.0.1:65536", "tcp://127.0.0.1:-1", "tcp://127.0.0.1:1x"})
    EXPECT_FALSE(listen_endpoint(text)) << text;
  EXPECT_FALSE(peer_endpoint("tcp://127.0.0.1:0"));
  EXPECT_FALSE(peer_endpoint("tcp://127.0.0.1:*"));
}

}  // namespace
}  // namespace conduit::cluster
