// Counting, reading Retry-After, waiting.
#include "provisioning/retries.h"

#include <algorithm>
#include <charconv>
#include <ctime>
#include <string>
#include <thread>

namespace conduit::provisioning {

namespace {

using std::chrono::milliseconds;

std::string seconds_text(milliseconds wait) {
  const auto tenths = wait.count() / 100;
  return tenths % 10 == 0 ? std::to_string(tenths / 10)
                          : std::to_string(tenths / 10) + "." + std::to_string(tenths % 10);
}

}  // namespace

bool is_passing(int status) {
  return status == 408 || status == 425 || status == 429 || status == 500 ||
         (status >= 502 && status <= 504);
}

milliseconds read_retry_after(std::string_view value, milliseconds otherwise) {
  int seconds = 0;
  const char* end = value.data() + value.size();
  const auto [stopped, error] = std::from_chars(value.data(), end, seconds);
  if (!value.empty() && error == std::errc{} && stopped == end && seconds >= 0)
    return std::chrono::seconds(seconds);
  std::tm date{};
  if (strptime(std::string(value).c_str(), "%a, %d %b %Y %H:%M:%S GMT", &date) == nullptr)
    return otherwise;
  return std::chrono::seconds(std::max<std::int64_t>(0, timegm(&date) - std::time(nullptr)));
}

Status Retries::wait(const Error& why, std::string_view retry_after) {
  if (++failures_ >= patience_.attempts)
    return Error{why.code, why.message + " (tried " + std::to_string(failures_) + " times)"};
  const milliseconds back_off =
      std::min(patience_.first_wait * (1 << std::min(failures_ - 1, 16)), patience_.longest_wait);
  const milliseconds wait = read_retry_after(retry_after, back_off);
  if (wait > patience_.longest_wait)
    return Error{why.code, why.message + "; the server asks to come back in " + seconds_text(wait) +
                               " s: try again then"};
  if (note_) note_(why.message + ": trying again in " + seconds_text(wait) + " s");
  const auto end = std::chrono::steady_clock::now() + wait;
  constexpr milliseconds kTick{50};  // how fast Ctrl-C is noticed
  while (std::chrono::steady_clock::now() < end) {
    if (cancelled_ != nullptr && *cancelled_) return Error{Code::cancelled, "cancelled"};
    std::this_thread::sleep_for(std::min(kTick, wait));
  }
  return ok();
}

}  // namespace conduit::provisioning
