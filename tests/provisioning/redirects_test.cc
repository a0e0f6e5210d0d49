// URLs that an answer names, and Retry-After.
#include "provisioning/redirects.h"

#include <gtest/gtest.h>

#include "provisioning/retries.h"

namespace conduit::provisioning {
namespace {

TEST(RedirectsTest, ALocationIsReadAgainstTheUrlThatNamedIt) {
  const std::string url = "https://h.co:8443/a/b?c=/d";
  EXPECT_EQ(resolve_location(url, "http://x/y"), "http://x/y");
  EXPECT_EQ(resolve_location(url, "//x/y"), "https://x/y");
  EXPECT_EQ(resolve_location(url, "/x?u=http://z"), "https://h.co:8443/x?u=http://z");
  EXPECT_EQ(resolve_location(url, "x"), "https://h.co:8443/a/x");
  EXPECT_EQ(resolve_location("https://h.co", "x"), "https://h.co/x");
}

TEST(RedirectsTest, AnOriginIsSchemeHostAndPort) {
  EXPECT_EQ(origin_of("https://h.co:8443/a?b"), "https://h.co:8443");
  EXPECT_EQ(origin_of("https://h.co?b"), "https://h.co");
  EXPECT_NE(origin_of("https://h.co.evil.example/a"), origin_of("https://h.co/a"));
}

TEST(RedirectsTest, APathIsEncoded) { EXPECT_EQ(encode_path("a b/c#ü"), "a%20b/c%23%C3%BC"); }

TEST(RetriesTest, RetryAfterIsSecondsOrADate) {
  using std::chrono::milliseconds;
  EXPECT_EQ(read_retry_after("7", milliseconds(1)), milliseconds(7000));
  EXPECT_EQ(read_retry_after("Thu, 01 Jan 1970 00:00:00 GMT", milliseconds(1)), milliseconds(0));
  for (const char* other : {"", "soon", "-1", "7 s"})
    EXPECT_EQ(read_retry_after(other, milliseconds(1)), milliseconds(1)) << other;
}

}  // namespace
}  // namespace conduit::provisioning
