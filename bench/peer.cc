// The table of peers; script, lines of JSON.
#include "bench/peer.h"

#include <utility>

#include "bench/python_environment.h"
#include "mdl/base/json.h"

namespace conduit::bench {
namespace {

// llama.cpp's kernels depend on the instruction set they are compiled for, so a wheel from
// elsewhere would be another program. Without AMX: GCC 12's intrinsics do not say that they read
// memory, and llama.cpp's configuration of the tiles is lost with them.
std::vector<std::string> native_llama(const std::string& more = {}) {
  return {
      "CMAKE_ARGS=-DGGML_NATIVE=ON -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF "
      "-DCMAKE_CXX_FLAGS=\"-mno-amx-tile -mno-amx-int8 -mno-amx-bf16\"" +
      more};
}

// See the script.
std::string ik_llama_script() {
  return " -DCMAKE_PROJECT_ik_llama_cpp_python_INCLUDE=" + bench_script("peer_ik_llama_cpp.cmake");
}

// What llama-cpp-python's server needs beside it.
const std::vector<std::string> kLlamaServer = {
    "numpy", "fastapi", "uvicorn", "sse-starlette", "starlette-context", "pydantic-settings"};

struct PeerKind {
  PythonPackage package;
  std::string script;
  std::string server;  // the module of its HTTP server, if it has one
};

const std::vector<PeerKind>& peer_kinds() {
  static const std::vector<PeerKind> all = {
      {{"llama-cpp-python", "llama_cpp, numpy", kLlamaServer, native_llama()},
       "peer_llama_cpp.py",
       "llama_cpp.server"},
      {{"ik-llama-cpp-python", "ik_llama_cpp, numpy", {"numpy"}, native_llama(ik_llama_script())},
       "peer_llama_cpp.py",
       {}},
      {{"openvino-genai", "openvino_genai, numpy", {"numpy"}, {}}, "peer_openvino.py", {}},
      {{"ctranslate2", "ctranslate2, numpy", {"numpy"}, {}}, "peer_ctranslate2.py", {}},
  };
  return all;
}

const PeerKind* find_kind(const std::string& name) {
  for (const PeerKind& kind : peer_kinds())
    if (kind.package.name == name) return &kind;
  return nullptr;
}

Error unknown(const std::string& name) {
  return {Code::not_found, name + " is no peer of this bench"};
}

Result<double> number_of(const json::Value& answer, std::string_view key) {
  const json::Value* value = answer.find(key);
  if (value != nullptr && value->is_number()) return value->as_double();
  return Error{Code::corrupt, "the peer's answer lacks " + std::string(key)};
}

Result<std::string> version_of(const json::Value& hello) {
  if (const json::Value* error = hello.find("error"); error != nullptr && error->is_string())
    return Error{Code::unavailable, error->as_string()};
  const json::Value* version = hello.find("version");
  if (version != nullptr && version->is_string()) return version->as_string();
  return Error{Code::corrupt, "the peer did not say its version"};
}

std::vector<std::string> command_of(const std::string& python, const PeerKind& kind,
                                    const Workload& workload, Arithmetic arithmetic) {
  return {python,
          bench_script(kind.script),
          workload.model.string(),
          "--hf",
          workload.hf_model.string(),
          "--arithmetic",
          to_string(arithmetic),
          "--threads",
          std::to_string(workload.threads),
          "--batch",
          std::to_string(workload.batch),
          "--prompt",
          std::to_string(workload.prompt),
          "--generate",
          std::to_string(workload.generate)};
}

}  // namespace

std::vector<std::string> peer_names() {
  std::vector<std::string> names;
  for (const PeerKind& kind : peer_kinds()) names.push_back(kind.package.name);
  return names;
}

Peer::Peer(ChildProcess process, std::string name)
    : process_(std::move(process)), name_(std::move(name)) {}

Result<Peer> Peer::open(const std::string& name, const Workload& workload, Arithmetic arithmetic) {
  const PeerKind* kind = find_kind(name);
  if (kind == nullptr) return unknown(name);
  CONDUIT_TRY(const std::string python, python_with(kind->package));
  CONDUIT_TRY(auto process, ChildProcess::start(command_of(python, *kind, workload, arithmetic)));
  CONDUIT_TRY(const std::string line, process.read_line());
  CONDUIT_TRY(const json::Value hello, json::parse(line));
  CONDUIT_TRY(const std::string version, version_of(hello));
  return Peer(std::move(process), name + " " + version);
}

Result<Timing> Peer::run(const Prompts& prompts) {
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

Result<std::vector<std::string>> peer_server_command(const std::string& name,
                                                     const std::filesystem::path& model,
                                                     const PeerServer& server) {
  const PeerKind* kind = find_kind(name);
  if (kind == nullptr) return unknown(name);
  if (kind->server.empty()) return Error{Code::not_found, "its package brings no HTTP server"};
  CONDUIT_TRY(const std::string python, python_with(kind->package));
  // It answers one request at a time, so its context is that of one sequence.
  return std::vector<std::string>{python,
                                  "-m",
                                  kind->server,
                                  "--model",
                                  model.string(),
                                  "--host",
                                  "127.0.0.1",
                                  "--port",
                                  std::to_string(server.port),
                                  "--n_threads",
                                  std::to_string(server.threads),
                                  "--n_threads_batch",
                                  std::to_string(server.threads),
                                  "--n_ctx",
                                  std::to_string(server.context)};
}

}  // namespace conduit::bench
