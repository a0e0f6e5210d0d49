// The pull in one thread, its progress drawn by another.
#include "cluster/model_source.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <deque>
#include <future>
#include <mutex>
#include <utility>

#include "provisioning/disk_space.h"
#include "provisioning/model_store.h"

namespace conduit::cluster {

namespace {

using Clock = std::chrono::steady_clock;
using provisioning::bytes_text;
using provisioning::PullProgress;

double seconds_between(Clock::time_point begin, Clock::time_point end) {
  return std::chrono::duration<double>(end - begin).count();
}

class ProgressLine {
 public:
  ProgressLine(std::string name, bool is_quiet, const PullProgress& progress)
      : name_(std::move(name)),
        is_quiet_(is_quiet),
        is_terminal_(!is_quiet && isatty(STDERR_FILENO) != 0),
        progress_(progress) {}

  void tick() {
    const std::lock_guard lock(mutex_);
    const std::uint64_t total = progress_.total;
    if (is_quiet_ || total == 0) return;
    const auto now = Clock::now();
    samples_.emplace_back(now, progress_.done);
    while (samples_.size() > 2 && seconds_between(samples_[1].first, now) > kRateSeconds)
      samples_.pop_front();
    if (is_terminal_) {
      std::fprintf(stderr, "\r%s\033[K", state(total).c_str());
      is_drawn_ = true;
    } else if (seconds_between(last_line_, now) > kQuietSeconds) {
      std::fprintf(stderr, "%s\n", state(total).c_str());
      last_line_ = now;
    }
  }

  void note(std::string_view line) {
    const std::lock_guard lock(mutex_);
    if (is_quiet_) return;
    clear();
    std::fprintf(stderr, "%.*s\n", static_cast<int>(line.size()), line.data());
  }

  void finish(bool is_done) {
    const std::lock_guard lock(mutex_);
    clear();
    if (is_quiet_ || !is_done) return;
    const std::uint64_t total = progress_.total;
    std::fprintf(stderr, "%s: %sthere after %s\n", name_.c_str(),
                 total == 0 ? "" : (bytes_text(total) + ", ").c_str(),
                 duration_text(seconds_between(begun_, Clock::now())).c_str());
  }

 private:
  static constexpr double kRateSeconds = 5;    // a rate that follows, but does not jump
  static constexpr double kQuietSeconds = 10;  // between lines where nobody may be looking
  static constexpr int kBarCells = 24;

  std::string state(std::uint64_t total) const {
    const std::uint64_t done = std::min(progress_.done.load(), total);
    const auto& [since, had] = samples_.front();
    const double seconds = seconds_between(since, samples_.back().first);
    const double rate = seconds > 0 && done > had ? double(done - had) / seconds : 0;
    const double part = double(done) / double(total);
    std::string text = fmt::format("{} {:3.0f} %", name_, 100 * part);
    if (is_terminal_) {
      const int full = static_cast<int>(part * kBarCells);
      text += " [" + std::string(full, '#') + std::string(kBarCells - full, '.') + "]";
    }
    text += fmt::format("  {} of {}", bytes_text(done), bytes_text(total));
    if (rate > 0)
      text += fmt::format("  {}/s  {} left", bytes_text(static_cast<std::uint64_t>(rate)),
                          duration_text(double(total - done) / rate));
    return text;
  }

  void clear() {
    if (std::exchange(is_drawn_, false)) std::fputs("\r\033[K", stderr);
  }

  const std::string name_;
  const bool is_quiet_, is_terminal_;
  const PullProgress& progress_;
  std::mutex mutex_;  // notes come from the threads that fetch
  bool is_drawn_ = false;
  Clock::time_point begun_ = Clock::now(), last_line_ = begun_;
  std::deque<std::pair<Clock::time_point, std::uint64_t>> samples_;
};

}  // namespace

std::string duration_text(double seconds) {
  const auto whole = static_cast<long>(seconds + 0.5);
  if (whole < 60) return fmt::format("{} s", whole);
  if (whole < 3600) return fmt::format("{} min {} s", whole / 60, whole % 60);
  return fmt::format("{} h {} min", whole / 3600, whole % 3600 / 60);
}

Result<std::string> pull_with_progress(std::string_view name, bool is_quiet,
                                       const std::atomic<bool>* cancelled) {
  CONDUIT_TRY(const auto parsed, provisioning::parse_model_name(name));
  PullProgress progress;
  ProgressLine line(std::string(name.substr(0, name.find('#'))), is_quiet, progress);
  progress.note = [&](std::string_view text) { line.note(text); };
  const bool shows_pip = !is_quiet && isatty(STDERR_FILENO) != 0;
  auto pulled = std::async(std::launch::async, [&] {
    return provisioning::pull_model(parsed, shows_pip, progress, cancelled);
  });
  constexpr auto kTick = std::chrono::milliseconds(100);
  while (pulled.wait_for(kTick) == std::future_status::timeout) line.tick();
  auto path = pulled.get();
  line.finish(path.has_value());
  if (!path) return path.error();
  return path->string();
}

Result<std::string> local_model(std::string_view name, const std::atomic<bool>* cancelled) {
  CONDUIT_TRY(const auto parsed, provisioning::parse_model_name(name));
  if (const auto found = provisioning::find_model(parsed)) return found->string();
  return pull_with_progress(name, false, cancelled);
}

}  // namespace conduit::cluster
