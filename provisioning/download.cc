// Workers that take ranges, one plain stream where a server knows none, and the check at the end.
#include "provisioning/download.h"

#include <algorithm>
#include <charconv>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "provisioning/download_file.h"
#include "provisioning/redirects.h"

namespace conduit::provisioning {

namespace {

struct Range {
  std::uint64_t begin = 0, end = 0;  // end: one past the last byte
};

// "bytes 0-9/100" → the first byte and the whole length; a length of `*` is not told.
struct ContentRange {
  std::uint64_t begin = 0;
  std::optional<std::uint64_t> size;
};
std::optional<ContentRange> read_content_range(std::string_view text) {
  constexpr std::string_view kUnit = "bytes ";
  if (!text.starts_with(kUnit)) return std::nullopt;
  const char* const end = text.data() + text.size();
  ContentRange range;
  const auto [dash, wrong] = std::from_chars(text.data() + kUnit.size(), end, range.begin);
  const std::size_t slash = text.find('/');
  if (wrong != std::errc{} || dash == end || *dash != '-' || slash == text.npos)
    return std::nullopt;
  std::uint64_t size = 0;
  if (std::from_chars(text.data() + slash + 1, end, size).ec == std::errc{}) range.size = size;
  return range;
}

class Download {
 public:
  Download(const DownloadTarget& target, const DownloadOptions& options, PullProgress& progress,
           const std::atomic<bool>* cancelled)
      : target_(target), options_(options), progress_(progress), cancelled_(cancelled) {}

  Status run() {
    CONDUIT_TRY_STATUS(file_.open(incomplete_path(target_.path), target_.size));
    count(file_.written());
    const bool is_continued = file_.written() > 0;
    Status done = fetch_and_check();
    // What was there before may have been another content's beginning.
    if (!done && done.error().code == Code::corrupt && is_continued) {
      if (progress_.note) progress_.note(done.error().message + ": fetching it from the beginning");
      CONDUIT_TRY_STATUS(file_.clear());
      uncount_waiting();
      done = fetch_and_check();
    }
    if (!done) {
      if (done.error().code == Code::corrupt) file_.remove();
      return done;
    }
    return file_.finish(target_.path);
  }

 private:
  bool is_cancelled() const { return cancelled_ != nullptr && *cancelled_; }
  void count(std::uint64_t bytes) {
    counted_ += bytes;
    progress_.done += bytes;
  }
  // After ranges were given up: only what is in the file counts.
  void uncount_waiting() {
    progress_.done -= counted_ - file_.written();
    counted_ = file_.written();
  }

  Status fetch_and_check() {
    const std::uint64_t missing = target_.size - file_.written();
    if (missing > 0 && (file_.written() > 0 || missing > options_.range_bytes))
      CONDUIT_TRY_STATUS(fetch_ranges());
    if (file_.written() < target_.size) CONDUIT_TRY_STATUS(fetch_stream());
    const std::string sum = file_.sha256();
    if (target_.sha256.empty() || sum == target_.sha256) return ok();
    return Error{Code::corrupt, target_.name + " arrived with the SHA-256 " + sum + ", not " +
                                    target_.sha256 + ": it was deleted; pull it again"};
  }

  Error wrong_length(std::uint64_t found) const {
    return {Code::corrupt, target_.name + " has " + std::to_string(found) +
                               " bytes at the server, not the " + std::to_string(target_.size) +
                               " that are listed: the file changed, or a mirror is wrong; pull it "
                               "again later"};
  }
  Error broken_off(std::uint64_t at) const {
    return {Code::unavailable, target_.name + ": the answer broke off after " + std::to_string(at) +
                                   " of " + std::to_string(target_.size) + " bytes"};
  }
  static Error passing(const std::string& url, int status) {
    return {Code::unavailable, url + ": HTTP status " + std::to_string(status)};
  }

  // --- ranges; what several workers share is behind mutex_

  Status fetch_ranges() {
    next_ = file_.written();
    stop_ = false;
    failure_ = ok();
    const std::uint64_t ranges =
        (target_.size - next_ + options_.range_bytes - 1) / options_.range_bytes;
    const int workers =
        static_cast<int>(std::min<std::uint64_t>(ranges, std::uint64_t(options_.connections)));
    running_ = workers;
    std::vector<std::thread> threads;
    for (int i = 0; i < workers; ++i) threads.emplace_back([this] { work(); });
    watch();
    for (std::thread& thread : threads) thread.join();
    file_.forget_ranges();
    uncount_waiting();
    if (is_cancelled()) return Error{Code::cancelled, target_.name + ": cancelled"};
    return failure_;
  }

  // Hands Ctrl-C on to requests, which watch stop_, until all workers are done.
  void watch() {
    std::unique_lock lock(mutex_);
    constexpr std::chrono::milliseconds kTick{50};
    while (!changed_.wait_for(lock, kTick, [&] { return running_ == 0; })) {
      if (!is_cancelled()) continue;
      stop_ = true;
      changed_.notify_all();
    }
  }

  void work() {
    RedirectingClient client(target_.service, target_.token);
    Retries retries(options_.patience, progress_.note, &stop_);
    while (const auto range = take()) {
      if (const Status done = fetch_range(client, retries, *range); !done) {
        fail(done.error());
        break;
      }
    }
    std::lock_guard lock(mutex_);
    --running_;
    changed_.notify_all();
  }

  // The next range, once it is near enough to what is written for its bytes to wait in memory.
  std::optional<Range> take() {
    std::unique_lock lock(mutex_);
    const std::uint64_t window = 2 * options_.range_bytes * std::uint64_t(options_.connections);
    changed_.wait(lock, [&] { return stop_ || next_ < file_.written() + window; });
    if (stop_ || next_ >= target_.size) return std::nullopt;
    const Range range{next_, std::min(next_ + options_.range_bytes, target_.size)};
    next_ = range.end;
    file_.begin_range(range.begin);
    return range;
  }

  void fail(Error error) {
    std::lock_guard lock(mutex_);
    if (!stop_ && !has_no_ranges_) failure_ = std::move(error);
    stop_ = true;
    changed_.notify_all();
  }

  Status fetch_range(RedirectingClient& client, Retries& retries, const Range& range) {
    for (std::uint64_t at = range.begin; at < range.end;) {
      const std::uint64_t before = at;
      const std::string located = location();
      const auto reply = request_range(client, range, at, located);
      if (at > before) retries.progressed();
      if (at == range.end) break;
      if (stop_) return Error{Code::cancelled, target_.name + ": cancelled"};
      CONDUIT_TRY_STATUS(after_attempt(reply, retries, located, at));
    }
    std::lock_guard lock(mutex_);
    CONDUIT_TRY_STATUS(file_.end_range(range.begin));
    changed_.notify_all();
    return ok();
  }

  Result<HttpReply> request_range(RedirectingClient& client, const Range& range, std::uint64_t& at,
                                  const std::string& located) {
    HttpCall call = call_to(located);
    call.headers = {{"Range", "bytes=" + std::to_string(at) + "-" + std::to_string(range.end - 1)}};
    call.cancelled = &stop_;
    call.on_head = [&](int status, const HttpHeaders& headers) {
      return check_range_head(status, headers, at);
    };
    const auto sink = [&](std::string_view piece) -> Status {
      if (piece.size() > range.end - at)
        return Error{Code::corrupt, target_.name + ": a range has more bytes than were asked for"};
      std::lock_guard lock(mutex_);
      CONDUIT_TRY_STATUS(file_.put(range.begin, piece));
      at += piece.size();
      count(piece.size());
      return ok();
    };
    std::string final_url;
    auto reply =
        client.send(std::move(call), sink, RedirectingClient::Follow::everywhere, &final_url);
    if (reply && reply->status == 206) remember(final_url);
    return reply;
  }

  Status check_range_head(int status, const HttpHeaders& headers, std::uint64_t at) {
    if (status < 200 || status >= 300) return ok();
    if (status != 206) {
      std::lock_guard lock(mutex_);
      has_no_ranges_ = stop_ = true;
      changed_.notify_all();
      return Error{Code::cancelled, target_.name + ": the server knows no ranges"};
    }
    const auto range = read_content_range(find_header(headers, "Content-Range"));
    if (!range || range->begin != at)
      return Error{Code::corrupt, target_.name + ": the server sent another range than asked for"};
    if (range->size && *range->size != target_.size) return wrong_length(*range->size);
    return ok();
  }

  // --- the whole file in one answer

  Status fetch_stream() {
    RedirectingClient client(target_.service, target_.token);
    Retries retries(options_.patience, progress_.note, cancelled_);
    for (;;) {
      const std::uint64_t before = file_.written();
      const auto reply = request_stream(client);
      if (file_.written() == target_.size && reply) return ok();
      if (file_.written() > before) retries.progressed();
      if (is_cancelled()) return Error{Code::cancelled, target_.name + ": cancelled"};
      CONDUIT_TRY_STATUS(after_attempt(reply, retries, "", file_.written()));
    }
  }

  Result<HttpReply> request_stream(RedirectingClient& client) {
    HttpCall call = call_to("");
    call.cancelled = cancelled_;
    call.on_head = [&](int status, const HttpHeaders& headers) -> Status {
      const std::string_view text = find_header(headers, "Content-Length");
      std::uint64_t length = target_.size;
      std::from_chars(text.data(), text.data() + text.size(), length);
      if (status >= 200 && status < 300 && length != target_.size) return wrong_length(length);
      return ok();
    };
    std::uint64_t skipped = file_.written();  // of this answer, what is there already
    const auto sink = [&](std::string_view piece) -> Status {
      const auto skip = std::min<std::uint64_t>(skipped, piece.size());
      skipped -= skip;
      piece.remove_prefix(skip);
      if (piece.size() > target_.size - file_.written())
        return wrong_length(file_.written() + piece.size());
      count(piece.size());
      return file_.append(piece);
    };
    return client.send(std::move(call), sink);
  }

  // --- common to both

  HttpCall call_to(const std::string& located) const {
    HttpCall call;
    call.url = located.empty() ? target_.url : located;
    call.silence_timeout = options_.silence_timeout;
    call.max_body_bytes = 1 << 20;  // of an error's text
    return call;
  }

  // An attempt did not bring everything: waits for the next one, or says why there is none.
  Status after_attempt(const Result<HttpReply>& reply, Retries& retries, const std::string& located,
                       std::uint64_t at) {
    if (!reply) {
      if (reply.error().code != Code::unavailable) return reply.error();
      return retries.wait(reply.error());
    }
    if (reply->status >= 200 && reply->status < 300) return retries.wait(broken_off(at));
    if (is_passing(reply->status))
      return retries.wait(passing(target_.url, reply->status), reply->header("Retry-After"));
    if (located.empty()) return target_.refused(*reply);
    forget(located);  // a signed address of a CDN expires
    return retries.wait(passing(located, reply->status), "0");
  }

  std::string location() {
    std::lock_guard lock(mutex_);
    return location_;
  }
  void remember(const std::string& url) {
    std::lock_guard lock(mutex_);
    if (url != target_.url) location_ = url;
  }
  void forget(const std::string& url) {
    std::lock_guard lock(mutex_);
    if (location_ == url) location_.clear();
  }

  const DownloadTarget& target_;
  const DownloadOptions& options_;
  PullProgress& progress_;
  const std::atomic<bool>* cancelled_;

  std::mutex mutex_;
  std::condition_variable changed_;
  DownloadFile file_;
  std::uint64_t counted_ = 0;   // in progress_.done
  std::uint64_t next_ = 0;      // where the next range begins
  std::string location_;        // where redirects led; empty: not known
  int running_ = 0;             // workers
  bool has_no_ranges_ = false;  // the server answered 200 to one
  std::atomic<bool> stop_ = false;
  Status failure_ = ok();
};

}  // namespace

Status download(const DownloadTarget& target, const DownloadOptions& options,
                PullProgress& progress, const std::atomic<bool>* cancelled) {
  return Download(target, options, progress, cancelled).run();
}

std::filesystem::path incomplete_path(const std::filesystem::path& path) {
  return path.string() + ".incomplete";
}

}  // namespace conduit::provisioning
