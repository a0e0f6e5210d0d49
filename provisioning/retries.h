// Patience with a server: how often, and after which wait, a request that failed is tried again.
// The idea: attempts are counted since the last byte that came, so a long download over a bad line
// ends only when nothing moves any more; the server's own Retry-After counts before our back-off.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <string_view>

#include "mdl/base/result.h"
#include "provisioning/http_client.h"

namespace conduit::provisioning {

struct Patience {
  int attempts = 6;                             // in a row, without a byte of progress
  std::chrono::milliseconds first_wait{1'000};  // doubled from attempt to attempt
  // The most that is waited once. A server that asks for more is busy for longer than a user at a
  // terminal waits.
  std::chrono::milliseconds longest_wait{120'000};
};

// Lines for a person who waits: "… : trying again in 4 s". Any thread.
using Note = std::function<void(std::string_view line)>;

class Retries {
 public:
  // What is referred to must outlive this; `cancelled` may be null.
  Retries(const Patience& patience, const Note& note, const std::atomic<bool>* cancelled)
      : patience_(patience), note_(note), cancelled_(cancelled) {}

  void progressed() { failures_ = 0; }
  // Waits before the next attempt. Errors: `why`, with how often it was tried; cancelled.
  Status wait(const Error& why, std::string_view retry_after = {});

 private:
  const Patience& patience_;
  const Note& note_;
  const std::atomic<bool>* cancelled_;
  int failures_ = 0;
};

// A status that may be another one later: 408, 425, 429 and those of a server in trouble.
bool is_passing(int status);

// What Retry-After says, seconds or a date; nothing for anything else.
std::chrono::milliseconds read_retry_after(std::string_view value,
                                           std::chrono::milliseconds otherwise);

}  // namespace conduit::provisioning
