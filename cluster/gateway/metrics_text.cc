// One table, applied line by line.
#include "cluster/gateway/metrics_text.h"

namespace conduit::cluster {

namespace {

struct Alias {
  std::string_view ours, vllms;
};

// vLLM's names of its V1 engine; time_per_output_token is its older word for the gap between
// tokens.
constexpr Alias kAliases[] = {
    {"conduit_requests_running", "vllm:num_requests_running"},
    {"conduit_requests_waiting", "vllm:num_requests_waiting"},
    {"conduit_kv_cache_usage_ratio", "vllm:kv_cache_usage_perc"},
    {"conduit_prompt_tokens_total", "vllm:prompt_tokens_total"},
    {"conduit_generation_tokens_total", "vllm:generation_tokens_total"},
    {"conduit_prefix_cache_queries_total", "vllm:prefix_cache_queries_total"},
    {"conduit_prefix_cache_hits_total", "vllm:prefix_cache_hits_total"},
    {"conduit_num_preemptions_total", "vllm:num_preemptions_total"},
    {"conduit_request_success_total", "vllm:request_success_total"},
    {"conduit_time_to_first_token_seconds", "vllm:time_to_first_token_seconds"},
    {"conduit_inter_token_latency_seconds", "vllm:inter_token_latency_seconds"},
    {"conduit_inter_token_latency_seconds", "vllm:time_per_output_token_seconds"},
    {"conduit_e2e_request_latency_seconds", "vllm:e2e_request_latency_seconds"},
    {"conduit_request_prompt_tokens", "vllm:request_prompt_tokens"},
    {"conduit_request_generation_tokens", "vllm:request_generation_tokens"},
};

// The name of the family that a line belongs to, as it stands in the line.
std::string_view family_at(std::string_view line) {
  for (std::string_view comment : {"# HELP ", "# TYPE "})
    if (line.starts_with(comment)) line.remove_prefix(comment.size());
  return line.substr(0, line.find_first_of(" {"));
}

bool is_of(std::string_view name, std::string_view family) {
  if (!name.starts_with(family)) return false;
  const std::string_view rest = name.substr(family.size());
  return rest.empty() || rest == "_bucket" || rest == "_sum" || rest == "_count";
}

void append_alias(std::string& out, std::string_view line, const Alias& alias) {
  const std::size_t name = line.find(alias.ours);
  std::string renamed(line);
  renamed.replace(name, alias.ours.size(), alias.vllms);
  if (const std::size_t label = renamed.find("{model=\""); label != std::string::npos)
    renamed.replace(label + 1, 5, "model_name");
  else if (const std::size_t later = renamed.find(",model=\""); later != std::string::npos)
    renamed.replace(later + 1, 5, "model_name");
  out += renamed;
  out += '\n';
}

}  // namespace

std::string with_vllm_names(std::string_view text) {
  std::string out(text);
  for (const Alias& alias : kAliases) {
    for (std::size_t start = 0, end; (end = text.find('\n', start)) != text.npos; start = end + 1) {
      const std::string_view line = text.substr(start, end - start);
      if (is_of(family_at(line), alias.ours)) append_alias(out, line, alias);
    }
  }
  return out;
}

}  // namespace conduit::cluster
