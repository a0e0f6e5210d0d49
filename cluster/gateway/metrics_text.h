// The text of GET /metrics: the process's instruments, and those for which vLLM has a name once
// more under it, so that dashboards and alerts made for vLLM work.
#pragma once

#include <string>
#include <string_view>

namespace conduit::cluster {

// `text`: in the Prometheus text format. Behind it, the aliases: `model` is `model_name` there.
std::string with_vllm_names(std::string_view text);

}  // namespace conduit::cluster
