// conduit-bench: the numbers of README.md beside this file, reproduced.
#include <CLI/CLI.hpp>
#include <csignal>
#include <functional>
#include <iostream>
#include <memory>

#include "bench/engine_bench.h"
#include "bench/http_bench.h"
#include "bench/make_model.h"
#include "bench/mdl_bench.h"
#include "bench/peer.h"
#include "bench/storm_bench.h"
#include "bench/table.h"
#include "bench/tokenize_bench.h"

namespace {

using namespace conduit;  // the program's own file
using Command = std::function<Status()>;

constexpr int kMaxThreads = 1024;

// Each declares a subcommand and what runs when it is given.
using Commands = std::vector<std::pair<CLI::App*, Command>>;

void add_engine(CLI::App& app, Commands& commands) {
  auto options = std::make_shared<bench::EngineBenchOptions>();
  auto is_float32 = std::make_shared<bool>(false);
  bench::Workload& workload = options->workload;
  CLI::App* engine = app.add_subcommand("engine", "Prefill and decode of one model");
  engine->add_option("--model", workload.model, "A GGUF file, or a Hugging Face folder")
      ->required()
      ->check(CLI::ExistingPath);
  engine
      ->add_option("--hf", workload.hf_model,
                   "The same model as a Hugging Face folder, for peers that read no GGUF")
      ->check(CLI::ExistingDirectory);
  engine->add_option("--prompt", workload.prompt, "Tokens of each prompt")
      ->check(CLI::Range(1, 1 << 20))
      ->capture_default_str();
  engine->add_option("--generate", workload.generate, "Tokens of each answer")
      ->check(CLI::Range(2, 1 << 20))
      ->capture_default_str();
  engine->add_option("--batch", workload.batch, "Sequences at a time")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  engine->add_option("--threads", workload.threads, "0: one per core this process may use")
      ->check(CLI::Range(0, kMaxThreads))
      ->capture_default_str();
  engine->add_option("--runs", options->runs, "Counted runs, after one that is not")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  engine->add_option("--vs", options->peers, "Run a peer in turn; may be given again")
      ->check(CLI::IsMember(bench::peer_names()));
  engine->add_flag("--f32", *is_float32, "Compute in float32 throughout");
  engine->add_flag("--json", options->is_json, "Print one line of JSON");
  commands.emplace_back(engine, [options, is_float32] {
    if (*is_float32) options->workload.precision = kernels::Precision::f32;
    return bench::run_engine_bench(*options, std::cout);
  });
}

void add_mdl(CLI::App& app, Commands& commands) {
  auto options = std::make_shared<bench::MdlBenchOptions>();
  CLI::App* mdl = app.add_subcommand("mdl", "Token masks of JSON Schemas, and how many are right");
  mdl->add_option("--tokenizer", options->tokenizer, "tokenizer.json, a GGUF file or a folder")
      ->required()
      ->check(CLI::ExistingPath);
  mdl->add_option("schemas", options->schemas, "Files with one {schema, valid, invalid} a line")
      ->required()
      ->check(CLI::ExistingFile);
  mdl->add_option("--vs", options->peers, "Run a peer on the same tokens; may be given again")
      ->check(CLI::IsMember(bench::mdl_peer_names()));
  mdl->add_flag("--json", options->is_json, "Print one line of JSON per file and engine");
  commands.emplace_back(mdl, [options] { return bench::run_mdl_bench(*options, std::cout); });
}

void add_storm(CLI::App& app, Commands& commands) {
  auto options = std::make_shared<bench::StormOptions>();
  CLI::App* storm = app.add_subcommand("storm", "Gaps of running answers while prompts arrive");
  storm->add_option("--model", options->model, "A GGUF file, or a Hugging Face folder")
      ->required()
      ->check(CLI::ExistingPath);
  storm->add_option("--streams", options->streams, "Answers that run all the time")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  storm->add_option("--prompts", options->prompts, "In all")
      ->check(CLI::Range(1, 10000))
      ->capture_default_str();
  storm->add_option("--at-once", options->at_once, "Prompts that are there at a time")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  storm->add_option("--prompt-tokens", options->prompt_tokens, "Of each prompt")
      ->check(CLI::Range(1, 1 << 20))
      ->capture_default_str();
  storm->add_option("--speculative-tokens", options->speculative_tokens, "Proposed at a time")
      ->check(CLI::Range(0, 64))
      ->capture_default_str();
  storm->add_option("--threads", options->threads, "0: one per core this process may use")
      ->check(CLI::Range(0, kMaxThreads))
      ->capture_default_str();
  storm->add_flag("--json", options->is_json, "Print one line of JSON");
  commands.emplace_back(storm, [options] { return bench::run_storm_bench(*options, std::cout); });
}

void add_tokenize(CLI::App& app, Commands& commands) {
  auto options = std::make_shared<bench::TokenizeBenchOptions>();
  auto peer = std::make_shared<std::string>();
  CLI::App* tokenize = app.add_subcommand("tokenize", "Text to token ids, on one thread");
  tokenize
      ->add_option("--tokenizer", options->tokenizer,
                   "tokenizer.json; without --vs also tokenizer.model or a GGUF file")
      ->required()
      ->check(CLI::ExistingPath);
  tokenize->add_option("--text", options->text, "UTF-8")->required()->check(CLI::ExistingFile);
  tokenize->add_option("--runs", options->runs, "Counted runs, after one that is not")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  tokenize->add_option("--vs", *peer, "Run a peer in turn")->check(CLI::IsMember({"tokenizers"}));
  commands.emplace_back(tokenize, [options, peer] {
    options->is_against_tokenizers = !peer->empty();
    return bench::run_tokenize_bench(*options, std::cout);
  });
}

// What the command line says of a shape: a name or config.json, and sizes that replace its.
struct ShapeFlags {
  std::string shape, dtype = "Q8_0";
  std::vector<std::pair<int bench::ModelShape::*, int>> sizes;
};

Result<kernels::DType> dtype_named(std::string name) {
  for (char& c : name) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  for (int i = 0; i < kernels::kWeightDTypes; ++i)
    if (kernels::traits(static_cast<kernels::DType>(i)).name == name)
      return static_cast<kernels::DType>(i);
  return Error{Code::invalid_argument, "--dtype " + name + " is no type of weights; Q8_0 is one"};
}

Status run_make_model(const ShapeFlags& flags, bench::MakeModelOptions options) {
  if (!flags.shape.empty()) {
    CONDUIT_TRY(options.shape, bench::find_shape(flags.shape));
  }
  for (const auto& [field, size] : flags.sizes)
    if (size > 0) options.shape.*field = size;
  CONDUIT_TRY(options.dtype, dtype_named(flags.dtype));
  return bench::make_model(options);
}

void add_make_model(CLI::App& app, Commands& commands) {
  using Shape = bench::ModelShape;
  auto options = std::make_shared<bench::MakeModelOptions>();
  auto flags = std::make_shared<ShapeFlags>();
  CLI::App* make = app.add_subcommand("make-model", "Random weights of a given shape");
  std::string names;
  for (const std::string& name : bench::shape_names()) names += name + ", ";
  make->add_option("--shape", flags->shape, names + "or a config.json of llama or qwen3");
  const std::pair<const char*, int Shape::*> sizes[] = {
      {"--layers", &Shape::layers},     {"--hidden", &Shape::hidden},
      {"--heads", &Shape::heads},       {"--kv-heads", &Shape::kv_heads},
      {"--head-dim", &Shape::head_dim}, {"--intermediate", &Shape::intermediate},
      {"--vocab", &Shape::vocab}};
  flags->sizes.reserve(std::size(sizes));  // CLI11 keeps the addresses
  for (const auto& [name, field] : sizes) {
    flags->sizes.emplace_back(field, 0);
    make->add_option(name, flags->sizes.back().second, "Instead of the shape's")
        ->check(CLI::Range(1, 1 << 22));
  }
  make->add_option("--dtype", flags->dtype, "Of the matrices: F32, F16, BF16, Q8_0, Q4_0, Q4_1")
      ->capture_default_str();
  make->add_option("--seed", options->seed, "The same seed makes the same model")
      ->capture_default_str();
  make->add_option("OUT", options->out, "FILE.gguf, or a folder for Hugging Face's files")
      ->required();
  commands.emplace_back(make, [options, flags] { return run_make_model(*flags, *options); });
}

void add_http(CLI::App& app, Commands& commands) {
  auto options = std::make_shared<bench::HttpBenchOptions>();
  CLI::App* http = app.add_subcommand("http", "Streaming clients of an OpenAI-compatible server");
  http->add_option("--url", options->url, "Of the server, without /v1")->capture_default_str();
  http->add_option("--model", options->model, "As the server calls it; else its first");
  http->add_option("--api-key", options->api_key, "Sent as a bearer token");
  http->add_option("--clients", options->clients, "At a time")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  http->add_option("--requests", options->requests, "Of each client, after one not counted")
      ->check(CLI::Range(1, 10000))
      ->capture_default_str();
  http->add_option("--prompt-tokens", options->prompt_tokens, "By the server's own count")
      ->check(CLI::Range(1, 1 << 20))
      ->capture_default_str();
  http->add_option("--max-tokens", options->max_tokens, "Of each answer")
      ->check(CLI::Range(1, 1 << 20))
      ->capture_default_str();
  http->add_flag("--json", options->is_json, "Print one line of JSON");
  commands.emplace_back(http, [options] { return bench::run_http_bench(*options, std::cout); });
}

void add_table(CLI::App& app, Commands& commands) {
  auto options = std::make_shared<bench::TableOptions>();
  CLI::App* table = app.add_subcommand("table", "Every row of README.md's table, as Markdown");
  table->add_option("--vs", options->peers, "Run a peer in turn; may be given again")
      ->check(CLI::IsMember(bench::peer_names()));
  table->add_option("--smollm2", options->smollm2, "SmolLM2-135M-Instruct.Q4_1.gguf")
      ->capture_default_str();
  table->add_option("--gemma", options->gemma, "gemma-3-270m-q4_k_m.gguf")->capture_default_str();
  table->add_option("--only", options->only, "Rows whose name contains this");
  table->add_option("--threads", options->threads, "0: one per core this process may use")
      ->check(CLI::Range(0, kMaxThreads))
      ->capture_default_str();
  table->add_option("--runs", options->runs, "Counted runs of each row, after one that is not")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  commands.emplace_back(table, [options] { return bench::run_table(*options, std::cout); });
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);  // a peer that ended is an error, not our end
  CLI::App app("Measures Conduit, beside its peers and this machine's limits");
  app.require_subcommand(1);
  Commands commands;
  add_engine(app, commands);
  add_mdl(app, commands);
  add_storm(app, commands);
  add_tokenize(app, commands);
  add_make_model(app, commands);
  add_http(app, commands);
  add_table(app, commands);
  CLI11_PARSE(app, argc, argv);

  for (const auto& [command, run] : commands) {
    if (!command->parsed()) continue;
    const Status status = run();
    if (status) return 0;
    std::cerr << "conduit-bench: " << status.error().message << "\n";
  }
  return 1;
}
