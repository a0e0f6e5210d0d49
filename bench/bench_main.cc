// conduit-bench: the numbers of README.md beside this file, reproduced.
#include <CLI/CLI.hpp>
#include <csignal>
#include <iostream>

#include "bench/engine_bench.h"
#include "bench/tokenize_bench.h"

int main(int argc, char** argv) {
  using namespace conduit;
  std::signal(SIGPIPE, SIG_IGN);  // a peer that ended is an error, not our end

  CLI::App app("Measures Conduit, beside its peers and this machine's limits");
  app.require_subcommand(1);
  bench::EngineBenchOptions options;
  bench::Workload& workload = options.workload;
  std::string peer;
  bool is_float32 = false;
  CLI::App* engine = app.add_subcommand("engine", "Prefill and decode of one model");
  engine->add_option("--model", workload.model, "A GGUF file, or a Hugging Face folder")
      ->required()
      ->check(CLI::ExistingPath);
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
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  engine->add_option("--runs", options.runs, "Counted runs, after one that is not")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  engine->add_option("--vs", peer, "Run a peer in turn")
      ->check(CLI::IsMember({"llama-cpp-python"}));
  engine->add_flag("--f32", is_float32, "Compute in float32 throughout");
  engine->add_flag("--json", options.is_json, "Print one line of JSON");
  bench::TokenizeBenchOptions tokenize_options;
  std::string tokenize_peer;
  CLI::App* tokenize = app.add_subcommand("tokenize", "Text to token ids, on one thread");
  tokenize
      ->add_option("--tokenizer", tokenize_options.tokenizer,
                   "tokenizer.json; without --vs also tokenizer.model or a GGUF file")
      ->required()
      ->check(CLI::ExistingPath);
  tokenize->add_option("--text", tokenize_options.text, "UTF-8")
      ->required()
      ->check(CLI::ExistingFile);
  tokenize->add_option("--runs", tokenize_options.runs, "Counted runs, after one that is not")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  tokenize->add_option("--vs", tokenize_peer, "Run a peer in turn")
      ->check(CLI::IsMember({"tokenizers"}));
  CLI11_PARSE(app, argc, argv);

  tokenize_options.is_against_tokenizers = !tokenize_peer.empty();
  options.is_against_llama_cpp = !peer.empty();
  if (is_float32) workload.precision = kernels::Precision::f32;
  const Status status = engine->parsed() ? bench::run_engine_bench(options, std::cout)
                                         : bench::run_tokenize_bench(tokenize_options, std::cout);
  if (status) return 0;
  std::cerr << "conduit-bench: " << status.error().message << "\n";
  return 1;
}
