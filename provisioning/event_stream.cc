// Lines, and what they add to an event.
#include "provisioning/event_stream.h"

#include <utility>

namespace conduit::provisioning {

Status EventStream::feed(std::string_view piece, const OnEvent& on_event) {
  for (const char c : piece) {
    const bool followed_cr = std::exchange(ended_with_cr_, c == '\r');
    if (followed_cr && c == '\n') continue;
    if (c == '\n' || c == '\r') {
      CONDUIT_TRY_STATUS(end_line(on_event));
      continue;
    }
    if (line_.size() + data_.size() >= kMaxEventBytes)
      return Error{Code::exhausted,
                   "an event over the limit of " + std::to_string(kMaxEventBytes) + " bytes"};
    line_ += c;
  }
  return ok();
}

Status EventStream::end_line(const OnEvent& on_event) {
  const std::string line = std::exchange(line_, {});
  if (line.empty()) {
    const bool is_event = std::exchange(has_data_, false);
    const std::string data = std::exchange(data_, {});
    return is_event ? on_event(data) : ok();
  }
  const std::size_t colon = line.find(':');
  if (std::string_view(line).substr(0, colon) != "data") return ok();
  std::string_view value = colon == line.npos ? "" : std::string_view(line).substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  if (has_data_) data_ += '\n';
  data_ += value;
  has_data_ = true;
  return ok();
}

}  // namespace conduit::provisioning
