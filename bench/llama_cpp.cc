// Script, lines of JSON.
#include "bench/llama_cpp.h"

#include <utility>

#include "bench/python_environment.h"
#include "mdl/base/json.h"

namespace conduit::bench {
namespace {

Result<double> number_of(const json::Value& answer, std::string_view key) {
  const json::Value* value = answer.find(key);
  if (value != nullptr && value->is_number()) return value->as_double();
  return Error{Code::corrupt, "the peer's answer lacks " + std::string(key)};
}

}  // namespace

LlamaCpp::LlamaCpp(ChildProcess process, std::string version)
    : process_(std::move(process)), version_(std::move(version)) {}

Result<LlamaCpp> LlamaCpp::open(const Workload& workload) {
  CONDUIT_TRY(const std::string python, python_with("llama-cpp-python", "llama_cpp, numpy"));
  CONDUIT_TRY(
      auto process,
      ChildProcess::start(
          {python, bench_script("peer_llama_cpp.py"), workload.model.string(), "--threads",
           std::to_string(workload.threads), "--batch", std::to_string(workload.batch), "--prompt",
           std::to_string(workload.prompt), "--generate", std::to_string(workload.generate)}));
  CONDUIT_TRY(const std::string line, process.read_line());
  CONDUIT_TRY(const json::Value hello, json::parse(line));
  const json::Value* version = hello.find("version");
  if (version == nullptr || !version->is_string())
    return Error{Code::corrupt, "the peer did not say its version"};
  return LlamaCpp(std::move(process), version->as_string());
}

Result<Timing> LlamaCpp::run(const Prompts& prompts) {
  json::Array sequences;
  for (const auto& prompt : prompts)
    sequences.emplace_back(json::Array(prompt.begin(), prompt.end()));
  CONDUIT_TRY_STATUS(process_.write_line(json::dump(std::move(sequences))));
  CONDUIT_TRY(const std::string line, process_.read_line());
  CONDUIT_TRY(const json::Value answer, json::parse(line));
  CONDUIT_TRY(const double prefill, number_of(answer, "prefill_seconds"));
  CONDUIT_TRY(const double decode, number_of(answer, "decode_seconds"));
  CONDUIT_TRY(const double peak, number_of(answer, "peak_bytes"));
  peak_bytes_ = static_cast<std::size_t>(peak);
  return Timing{prefill, decode};
}

}  // namespace conduit::bench
