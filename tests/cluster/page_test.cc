// The web page's files as a browser gets them. What they do is shown in
// tests/clients/page_suite.py.
#include "cluster/gateway/page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>
#include <set>

#include "cluster/gateway/gateway.h"
#include "tests/support/fake_router.h"
#include "tests/support/raw_client.h"

namespace conduit::cluster {
namespace {

using ::testing::HasSubstr;
using testing::http_request;
using ::testing::Not;
using testing::RawClient;
using testing::RawResponse;

class PageTest : public ::testing::Test {
 protected:
  PageTest() {
    GatewayOptions options;
    options.port = 0;
    options.api_key = "s3cret";  // which nothing here sends
    gateway_ = *Gateway::start(system_, router_.actor(), std::move(options));
  }

  RawResponse get(const std::string& path, const std::string& headers = "") {
    RawClient client(gateway_->port());
    client.send(http_request(path, "", headers));
    return client.read_response();
  }

  // "/" and what it names, and what that imports.
  std::set<std::string> files() {
    std::set<std::string> found = {"/"};
    std::vector<std::string> unread = {"/"};
    const std::regex name(R"re(="(page/[^"]*)"|from "\./([^"]*)")re");
    while (!unread.empty()) {
      const std::string text = get(unread.back()).body;
      unread.pop_back();
      for (std::sregex_iterator match(text.begin(), text.end(), name), end; match != end; ++match) {
        const std::string path =
            (*match)[1].matched ? "/" + (*match)[1].str() : "/page/" + (*match)[2].str();
        if (found.insert(path).second) unread.push_back(path);
      }
    }
    return found;
  }

  struct Config : caf::actor_system_config {
    Config() { actors::configure(*this, 2); }
  };
  Config config_;
  caf::actor_system system_{config_};
  testing::FakeRouter router_{system_};
  std::unique_ptr<Gateway> gateway_;
};

TEST_F(PageTest, EveryFileThatItNamesIsServedWithoutAKey) {
  EXPECT_EQ(files().size(), 9u);
  for (const std::string& path : files()) {
    const RawResponse file = get(path);
    EXPECT_EQ(file.status, 200) << path;
    EXPECT_THAT(file.body, Not(::testing::IsEmpty())) << path;
    EXPECT_EQ(file.header("Cache-Control"), "no-cache") << path;
    EXPECT_EQ(file.header("X-Content-Type-Options"), "nosniff") << path;
    EXPECT_THAT(file.header("Content-Security-Policy"), HasSubstr("default-src 'none'")) << path;
  }
  EXPECT_EQ(get("/").header("Content-Type"), "text/html; charset=utf-8");
  EXPECT_EQ(get("/page/page.js").header("Content-Type"), "text/javascript; charset=utf-8");
  EXPECT_EQ(get("/page/page.css").header("Content-Type"), "text/css; charset=utf-8");
  EXPECT_EQ(get("/page/icon.svg").header("Content-Type"), "image/svg+xml");
}

TEST_F(PageTest, NamesNoOtherHostAndHasNothingInline) {
  for (const std::string& path : files()) {
    std::string text = get(path).body;
    text = std::regex_replace(text, std::regex("http://www\\.w3\\.org/2000/svg"), "");  // a name
    EXPECT_THAT(text, Not(HasSubstr("//www"))) << path;
    EXPECT_THAT(text, Not(HasSubstr("http://"))) << path;
    EXPECT_THAT(text, Not(HasSubstr("https://"))) << path;
    EXPECT_THAT(text, Not(HasSubstr("innerHTML"))) << path;
  }
  const std::string html = get("/").body;
  EXPECT_THAT(html, Not(HasSubstr("<style")));
  EXPECT_THAT(html, Not(HasSubstr("style=")));
  EXPECT_THAT(html, Not(HasSubstr(" onclick")));
}

TEST_F(PageTest, AskedForAgainWithItsTagItIsNotSentAgain) {
  const std::string tag = get("/page/page.js").header("ETag");
  EXPECT_EQ(tag.size(), 18u);
  EXPECT_NE(tag, get("/").header("ETag"));
  RawClient client(gateway_->port());
  client.send(http_request("/page/page.js", "", "If-None-Match: \"other\", W/" + tag + "\r\n"));
  const RawResponse same = client.read_response(true);
  EXPECT_EQ(same.status, 304);
  EXPECT_EQ(same.header("ETag"), tag);
  client.send(http_request("/page/page.js", "", "If-None-Match: \"other\"\r\n"));
  EXPECT_EQ(client.read_response().status, 200);
}

TEST_F(PageTest, OtherFilesAreNotFound) {
  for (const char* path : {"/page/", "/page/none.js", "/page/../page.cc", "/page/%2e%2e/x"})
    EXPECT_EQ(get(path).status, 404) << path;
}

}  // namespace
}  // namespace conduit::cluster
