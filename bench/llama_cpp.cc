// Environment, script, lines of JSON.
#include "bench/llama_cpp.h"

#include <cstdlib>
#include <filesystem>
#include <utility>

#include "mdl/base/json.h"
#include "mdl/base/log.h"

namespace conduit::bench {
namespace {

namespace fs = std::filesystem;

fs::path environment_folder() {
  if (const char* named = std::getenv("CONDUIT_BENCH_VENV")) return named;
  if (const char* cache = std::getenv("XDG_CACHE_HOME")) return fs::path(cache) / "conduit/bench";
  const char* home = std::getenv("HOME");
  return fs::path(home != nullptr ? home : ".") / ".cache/conduit/bench";
}

bool has_package(const std::string& python) {
  return run_command({python, "-c", "import llama_cpp, numpy"}).has_value();
}

// The Python that has the package.
Result<std::string> prepare_python() {
  const fs::path folder = environment_folder();
  const std::string python = (folder / "bin" / "python").string();
  if (fs::exists(python) && has_package(python)) return python;
  log::info("making a virtual environment with llama-cpp-python; some minutes, once",
            {{"folder", folder.string()}});
  CONDUIT_TRY_STATUS(run_command({"python3", "-m", "venv", folder.string()}));
  CONDUIT_TRY_STATUS(run_command({python, "-m", "pip", "install", "--quiet", "llama-cpp-python"}));
  return python;
}

// conduit-bench is run from its checkout, where the script lies beside this file.
std::string script() { return (fs::path(__FILE__).parent_path() / "peer_llama_cpp.py").string(); }

Result<double> number_of(const json::Value& answer, std::string_view key) {
  const json::Value* value = answer.find(key);
  if (value != nullptr && value->is_number()) return value->as_double();
  return Error{Code::corrupt, "the peer's answer lacks " + std::string(key)};
}

}  // namespace

LlamaCpp::LlamaCpp(ChildProcess process, std::string version)
    : process_(std::move(process)), version_(std::move(version)) {}

Result<LlamaCpp> LlamaCpp::open(const Workload& workload) {
  CONDUIT_TRY(const std::string python, prepare_python());
  CONDUIT_TRY(auto process, ChildProcess::start({python, script(), workload.model.string(),
                                                 "--threads", std::to_string(workload.threads),
                                                 "--batch", std::to_string(workload.batch),
                                                 "--prompt", std::to_string(workload.prompt),
                                                 "--generate", std::to_string(workload.generate)}));
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
