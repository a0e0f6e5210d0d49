// Models from a hub on loopback: the cache's layout, and every way a line or a server can fail.
#include "provisioning/hub_pull.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "tests/support/fake_hub.h"
#include "tests/support/shared_dir.h"

namespace conduit::provisioning {
namespace {

namespace fs = std::filesystem;
using conduit::testing::FakeHub;
using ::testing::AllOf;
using ::testing::HasSubstr;

std::string read(const fs::path& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

// Bytes of which no two ranges are alike.
std::string some_bytes(std::size_t count) {
  std::string bytes;
  std::uint32_t state = 1;
  while (bytes.size() < count)
    bytes += static_cast<char>((state = state * 1664525 + 1013904223) >> 24);
  return bytes;
}

constexpr std::size_t kLarge = 10'500;
constexpr const char* kWeights = "model.safetensors";

class HubPullTest : public ::testing::Test {
 protected:
  HubPullTest() {
    options_.patience.first_wait = std::chrono::milliseconds(1);
    options_.range_bytes = 1000;
    progress_.note = [this](std::string_view line) {
      const std::lock_guard lock(mutex_);
      notes_ += std::string(line) + "\n";
    };
  }

  Result<fs::path> pull(std::string_view name = "hf:org/model") {
    const auto parsed = parse_model_name(name);
    EXPECT_TRUE(parsed) << parsed.error().message;
    return pull_from_hub(hub_.settings(cache_.path()), std::get<HubName>(*parsed), options_,
                         progress_, &cancelled_);
  }
  std::string error_of(const Result<fs::path>& result) {
    return result ? "no error" : result.error().message;
  }
  fs::path repo() const { return cache_.path() / "models--org--model"; }
  fs::path incomplete() { return repo() / "blobs" / (hub_.etag(kWeights) + ".incomplete"); }
  void leave_incomplete(const std::string& bytes) {
    fs::create_directories(repo() / "blobs");
    std::ofstream(incomplete(), std::ios::binary) << bytes;
  }

  FakeHub hub_{{{"config.json", {"{}"}},
                {"tokenizer.json", {"{\"a\": 1}"}},
                {"README.md", {"not a part of the model"}},
                {"onnx/model.onnx", {"neither", true}},
                {kWeights, {some_bytes(kLarge), true}}}};
  conduit::testing::TemporaryDir cache_;
  DownloadOptions options_;
  std::mutex mutex_;
  std::string notes_;
  PullProgress progress_;
  std::atomic<bool> cancelled_ = false;
};

TEST_F(HubPullTest, AModelLiesAsHuggingFaceHubLaysIt) {
  const auto path = pull();
  ASSERT_TRUE(path) << path.error().message;
  EXPECT_EQ(*path, repo() / "snapshots" / FakeHub::kCommit);
  EXPECT_EQ(read(repo() / "refs/main"), FakeHub::kCommit);
  for (const char* file : {"config.json", "tokenizer.json", kWeights}) {
    EXPECT_EQ(fs::read_symlink(*path / file), fs::path("../../blobs") / hub_.etag(file));
    EXPECT_EQ(read(*path / file), hub_.content(file));
  }
  EXPECT_FALSE(fs::exists(*path / "README.md"));
  EXPECT_FALSE(fs::exists(*path / "onnx"));
  EXPECT_EQ(progress_.done, progress_.total);
  EXPECT_EQ(progress_.total, kLarge + 2 + 8);
}

TEST_F(HubPullTest, WhatIsThereIsNotFetchedAgain) {
  ASSERT_TRUE(pull());
  const int before = hub_.content_requests(kWeights);
  ASSERT_TRUE(pull());
  EXPECT_EQ(hub_.content_requests(kWeights), before);
  EXPECT_EQ(hub_.content_requests("config.json"), 1);
}

TEST_F(HubPullTest, ALargeFileComesInRanges) {
  ASSERT_TRUE(pull());
  EXPECT_EQ(hub_.content_requests(kWeights), 11);
}

TEST_F(HubPullTest, TheTokenGoesToTheHubAndNotWhereItRedirects) {
  ASSERT_TRUE(pull());
  for (const FakeHub::Seen& one : hub_.seen())
    EXPECT_EQ(one.authorization, one.server == "hub" ? "Bearer secret" : "") << one.path;
}

TEST_F(HubPullTest, ACutAnswerIsContinued) {
  for (const int bytes : {300, 0, 1, 999}) hub_->faults.push_back({0, "", bytes});
  const auto path = pull();
  ASSERT_TRUE(path) << path.error().message;
  EXPECT_EQ(read(*path / kWeights), hub_.content(kWeights));
}

TEST_F(HubPullTest, WhatCameBeforeAKillIsContinued) {
  leave_incomplete(hub_.content(kWeights).substr(0, 4321));
  const auto path = pull();
  ASSERT_TRUE(path) << path.error().message;
  EXPECT_EQ(read(*path / kWeights), hub_.content(kWeights));
  const auto seen = hub_.seen();
  EXPECT_TRUE(std::any_of(seen.begin(), seen.end(),
                          [](const FakeHub::Seen& one) { return one.range == "bytes=4321-5320"; }));
  EXPECT_EQ(hub_.content_requests(kWeights), 7);
  EXPECT_FALSE(fs::exists(incomplete()));
}

TEST_F(HubPullTest, AForeignBeginningIsFetchedAnew) {
  leave_incomplete(std::string(4321, 'x'));
  const auto path = pull();
  ASSERT_TRUE(path) << path.error().message;
  EXPECT_EQ(read(*path / kWeights), hub_.content(kWeights));
  EXPECT_THAT(notes_, HasSubstr("from the beginning"));
}

TEST_F(HubPullTest, ALongerBeginningIsNone) {
  leave_incomplete(std::string(kLarge + 1, 'x'));
  const auto path = pull();
  ASSERT_TRUE(path) << path.error().message;
  EXPECT_EQ(read(*path / kWeights), hub_.content(kWeights));
}

TEST_F(HubPullTest, AWrongSumLeavesNothing) {
  hub_->files[kWeights].listed_sum = std::string(64, 'a');
  const auto path = pull();
  EXPECT_EQ(path.error().code, Code::corrupt);
  EXPECT_THAT(error_of(path), AllOf(HasSubstr("SHA-256"), HasSubstr("pull it again")));
  EXPECT_FALSE(fs::exists(incomplete()));
  EXPECT_FALSE(fs::exists(repo() / "refs/main"));
}

TEST_F(HubPullTest, AnotherLengthThanListedIsAnError) {
  for (const int size : {int(kLarge) - 1, int(kLarge) + 1, 900}) {
    hub_->files[kWeights].listed_size = size;
    const auto path = pull();
    ASSERT_FALSE(path) << size;
    EXPECT_EQ(path.error().code, Code::corrupt) << error_of(path);
    EXPECT_THAT(error_of(path), HasSubstr("not the " + std::to_string(size)));
    EXPECT_FALSE(fs::exists(incomplete()));
  }
}

TEST_F(HubPullTest, AServerWithoutRangesIsReadWhole) {
  hub_->knows_ranges = false;
  leave_incomplete(hub_.content(kWeights).substr(0, 4321));
  hub_->faults.push_back({});  // config.json
  hub_->faults.push_back({});  // tokenizer.json
  hub_->faults.push_back({});  // the range that is none
  for (int i = 0; i < 3; ++i) hub_->faults.push_back({0, "", 5000});
  const auto path = pull();
  ASSERT_TRUE(path) << path.error().message;
  EXPECT_EQ(read(*path / kWeights), hub_.content(kWeights));
  EXPECT_EQ(progress_.done, progress_.total);
}

TEST_F(HubPullTest, ABusyServerIsAskedAgain) {
  hub_->faults = {{429, "0"}, {503}, {500}, {}, {}, {503, "0"}, {429}, {502}};
  const auto path = pull();
  ASSERT_TRUE(path) << path.error().message;
  EXPECT_EQ(read(*path / kWeights), hub_.content(kWeights));
  EXPECT_THAT(notes_, AllOf(HasSubstr("429"), HasSubstr("503"), HasSubstr("trying again in 0 s")));
}

TEST_F(HubPullTest, PatienceHasAnEnd) {
  options_.patience.attempts = 3;
  hub_->faults.assign(40, {503});
  const auto path = pull();
  EXPECT_EQ(path.error().code, Code::unavailable);
  EXPECT_THAT(error_of(path), AllOf(HasSubstr("503"), HasSubstr("tried 3 times")));
  hub_->faults.clear();
  EXPECT_TRUE(pull());
}

TEST_F(HubPullTest, ALongRetryAfterIsToldAndNotWaitedFor) {
  hub_->faults = {{429, "86400"}};
  EXPECT_THAT(error_of(pull()), AllOf(HasSubstr("429"), HasSubstr("86400 s")));
}

TEST_F(HubPullTest, AnAddressThatExpiredIsAskedForAgain) {
  hub_->faults = {{}, {}, {}, {}, {}, {}, {403}, {}, {403}};
  options_.connections = 1;
  const auto path = pull();
  ASSERT_TRUE(path) << path.error().message;
  EXPECT_EQ(read(*path / kWeights), hub_.content(kWeights));
}

TEST_F(HubPullTest, SizesThatAreNotListedAreAskedFor) {
  hub_->lists_sizes = false;
  const auto path = pull();
  ASSERT_TRUE(path) << path.error().message;
  EXPECT_EQ(read(*path / kWeights), hub_.content(kWeights));
  EXPECT_EQ(fs::read_symlink(*path / kWeights).filename(), hub_.etag(kWeights));
}

TEST_F(HubPullTest, ARefusalSaysWhatHelps) {
  const auto refusal = [&](int status, const char* code) {
    hub_->api_status = status;
    hub_->error_code = code;
    return error_of(pull());
  };
  EXPECT_THAT(refusal(403, "GatedRepo"),
              AllOf(HasSubstr("accept its terms at http"), HasSubstr("HF_TOKEN")));
  EXPECT_THAT(refusal(401, "GatedRepo"), HasSubstr("accept its terms"));
  EXPECT_THAT(refusal(401, ""), HasSubstr("renew HF_TOKEN"));
  EXPECT_THAT(refusal(401, "RepoNotFound"), HasSubstr("check the name"));
  EXPECT_THAT(refusal(404, "RepoNotFound"), HasSubstr("org/model is not at"));
  EXPECT_THAT(refusal(404, "RevisionNotFound"), HasSubstr("no revision \"main\""));
}

TEST_F(HubPullTest, TooSmallADiskIsToldBeforeAnythingComes) {
  hub_->files[kWeights].listed_size = std::int64_t{1} << 49;
  const auto path = pull();
  EXPECT_EQ(path.error().code, Code::exhausted);
  EXPECT_THAT(error_of(path), AllOf(HasSubstr("needs 512.0 TiB"), HasSubstr("HF_HOME")));
  EXPECT_EQ(hub_.content_requests("config.json"), 0);
}

TEST_F(HubPullTest, APathThatLeavesTheFolderIsRefused) {
  hub_->files["../../evil.json"] = {"{}"};
  const auto path = pull();
  EXPECT_EQ(path.error().code, Code::corrupt);
}

TEST_F(HubPullTest, TwoPullsOfOneModelAreOneDownload) {
  PullProgress other;
  Result<fs::path> first = Error{}, second = Error{};
  const auto settings = hub_.settings(cache_.path());
  const HubName name{"org/model"};
  std::thread a([&] { first = pull_from_hub(settings, name, options_, progress_, nullptr); });
  std::thread b([&] { second = pull_from_hub(settings, name, options_, other, nullptr); });
  a.join();
  b.join();
  ASSERT_TRUE(first) << first.error().message;
  ASSERT_TRUE(second) << second.error().message;
  EXPECT_EQ(*first, *second);
  EXPECT_EQ(hub_.content_requests(kWeights), 11);
  EXPECT_EQ(hub_.content_requests("config.json"), 1);
}

TEST_F(HubPullTest, WhatIsTakenBackStaysForTheNextTime) {
  options_.connections = 1;
  hub_->faults = {{}, {}, {}, {}, {0, "", 500}};
  options_.patience.first_wait = std::chrono::hours(1);
  options_.patience.longest_wait = std::chrono::hours(2);
  progress_.note = [this](std::string_view) { cancelled_ = true; };  // it waits to try again
  EXPECT_EQ(pull().error().code, Code::cancelled);
  EXPECT_EQ(read(incomplete()), hub_.content(kWeights).substr(0, 2500));
  cancelled_ = false;
  const auto path = pull();
  ASSERT_TRUE(path) << path.error().message;
  EXPECT_EQ(read(*path / kWeights), hub_.content(kWeights));
}

TEST_F(HubPullTest, OfflineNothingIsAsked) {
  HubSettings settings = hub_.settings(cache_.path());
  settings.is_offline = true;
  EXPECT_THAT(error_of(pull_from_hub(settings, {"org/model"}, options_, progress_, nullptr)),
              HasSubstr("HF_HUB_OFFLINE"));
  EXPECT_TRUE(hub_.seen().empty());
}

}  // namespace
}  // namespace conduit::provisioning
