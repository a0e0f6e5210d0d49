// EventStream: server-sent events out of the pieces in which their bytes arrive; of each event its
// data (WHATWG HTML, "Parsing an event stream"). Names, ids and retry times are skipped: no API
// that is spoken here uses them.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "mdl/base/result.h"

namespace conduit::provisioning {

class EventStream {
 public:
  // The largest event in the wild, log-probabilities of a whole prompt, stays below 1 MB.
  static constexpr std::size_t kMaxEventBytes = 16 << 20;
  using OnEvent = std::function<Status(std::string_view data)>;

  // Calls `on_event` for each event that `piece` completes; its error ends the reading. Error of
  // its own: exhausted, for an event over the limit. An event without its blank line is never
  // complete.
  Status feed(std::string_view piece, const OnEvent& on_event);

 private:
  Status end_line(const OnEvent& on_event);

  std::string line_;  // begun, not ended
  std::string data_;  // of the event so far
  bool has_data_ = false;
  bool ended_with_cr_ = false;  // a \n that follows belongs to that line end
};

}  // namespace conduit::provisioning
