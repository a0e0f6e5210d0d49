// Names of models and of a hub's files, redirects and Retry-After: the first line is a name, the
// others are what a hub lists. What is accepted stays below its folder and reads back as it was.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "mdl/base/check.h"
#include "provisioning/hub_files.h"
#include "provisioning/model_name.h"
#include "provisioning/redirects.h"
#include "provisioning/retries.h"

namespace {

using namespace conduit;
using namespace conduit::provisioning;

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    lines.emplace_back(text.substr(0, end));
    text = end == text.npos ? std::string_view() : text.substr(end + 1);
  }
  return lines;
}

void check_hub(const HubName& name, const std::vector<std::string>& listed) {
  CONDUIT_CHECK(is_safe_relative_path(name.repo), "a repository is a path");
  CONDUIT_CHECK(is_safe_relative_path(name.revision), "a revision is a path");
  const auto again = parse_model_name(to_string(name));
  CONDUIT_CHECK(again && to_string(std::get<HubName>(*again)) == to_string(name), "reads back");
  if (const auto chosen = choose_files(name, listed))
    CONDUIT_CHECK(chosen->files.size() <= listed.size() + 999, "no more than is there or in parts");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto lines = lines_of({reinterpret_cast<const char*>(data), size});
  if (lines.empty()) return 0;
  if (const auto name = parse_model_name(lines.front())) {
    (void)served_name(*name);
    if (const auto* hub = std::get_if<HubName>(&*name)) check_hub(*hub, lines);
    if (const auto* pypi = std::get_if<PypiName>(&*name))
      CONDUIT_CHECK(is_safe_relative_path(pypi->file), "a file in a wheel is a path");
  }
  check_hub({"org/model"}, lines);
  for (const std::string& line : lines) {
    (void)resolve_location("https://hub.example/a/b", line);
    (void)encode_path(line);
    (void)quant_of(line);
    (void)read_retry_after(line, std::chrono::milliseconds(1));
  }
  return 0;
}
