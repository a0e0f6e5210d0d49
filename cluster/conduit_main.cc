// conduit: the command line. chat asks a node; tokenize, detokenize, render, inspect and quantize
// work on a model's files alone.
// Exit codes: 0 done, 1 failed (stderr says why), 2 a malformed command line, 130 Ctrl-C ended the
// answer to a single question, or a quantization.
#include <CLI/CLI.hpp>
#include <string>

#include "cluster/cli/chat.h"
#include "cluster/cli/inspect.h"
#include "cluster/cli/quantize.h"
#include "cluster/cli/render.h"
#include "cluster/cli/tokens.h"
#include "cluster/node.h"

namespace {

using namespace conduit::cluster;  // the program's own file

constexpr int kMalformed = 2;

void declare_chat(CLI::App& app, ChatOptions& options) {
  CLI::App* chat = app.add_subcommand("chat", "talk with a model that a node serves");
  chat->add_option("prompt", options.prompt,
                   "ask just this; without it stdin is read: a pipe as one question, a terminal "
                   "as a conversation");
  chat->add_option("--url", options.url, "where the node's HTTP is")->capture_default_str();
  chat->add_option("--model", options.model, "which model; not needed when one is served");
  chat->add_option("--system", options.system, "a system message to begin with");
  chat->add_option("--temperature", options.temperature, "0 for the likeliest answer")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 2.0));
  chat->add_option("--max-tokens", options.max_tokens, "where to cut an answer")
      ->check(CLI::PositiveNumber);
  chat->footer(
      "Ctrl-C stops an answer, Ctrl-D leaves. The environment's CONDUIT_API_KEY is sent along.\n"
      "Exit codes: 0 done, 1 failed, 2 malformed command line, 130 Ctrl-C.");
}

constexpr const char* kExitCodes = "\nExit codes: 0 done, 1 failed, 2 malformed command line.";

// Each of the following declares a command and returns it; parsing the line fills its options.
CLI::App* declare_tokenize(CLI::App& app, TokenizeOptions& options) {
  CLI::App* tokenize = app.add_subcommand("tokenize", "texts to token ids, by a model's tokenizer");
  tokenize
      ->add_option("--tokenizer", options.tokenizer,
                   "tokenizer.json, tokenizer.model, a .gguf, or a model's folder")
      ->required();
  tokenize->add_flag("--no-special", options.no_special,
                     "without the tokens that the tokenizer puts around a text");
  tokenize->footer(std::string("stdin: a JSON array of strings; stdout: an array of id arrays.\n"
                               "Example: echo '[\"Hello\"]' | conduit tokenize --tokenizer "
                               "tokenizer.json") +
                   kExitCodes);
  return tokenize;
}

CLI::App* declare_detokenize(CLI::App& app, DetokenizeOptions& options) {
  CLI::App* detokenize =
      app.add_subcommand("detokenize", "token ids to texts, by a model's tokenizer");
  detokenize
      ->add_option("--tokenizer", options.tokenizer,
                   "tokenizer.json, tokenizer.model, a .gguf, or a model's folder")
      ->required();
  detokenize->add_flag("--skip-special", options.skip_special,
                       "leave special tokens out of the text");
  detokenize->footer(std::string("stdin: a JSON array of id arrays; stdout: an array of strings.\n"
                                 "Example: echo '[[72, 105]]' | conduit detokenize --tokenizer "
                                 "model.gguf") +
                     kExitCodes);
  return detokenize;
}

CLI::App* declare_render(CLI::App& app, RenderOptions& options) {
  CLI::App* render = app.add_subcommand("render", "a conversation to a prompt, by a chat template");
  render
      ->add_option("--template", options.chat_template,
                   "a .jinja, tokenizer_config.json, chat_template.json, a .gguf, or a model's "
                   "folder")
      ->required();
  render->footer(
      std::string("stdin: a JSON object: messages, tools, add_generation_prompt, bos_token,\n"
                  "eos_token, now (the date-time that strftime_now shows), any other variable;\n"
                  "stdout: the prompt, byte for byte.\n"
                  "Example: echo '{\"messages\": [{\"role\": \"user\", \"content\": \"Hi\"}], "
                  "\"add_generation_prompt\": true}' | conduit render --template model.gguf") +
      kExitCodes);
  return render;
}

CLI::App* declare_inspect(CLI::App& app, InspectOptions& options) {
  CLI::App* inspect =
      app.add_subcommand("inspect", "what a model is, needs, and what would be refused of it");
  inspect->add_option("model", options.model, "FILE.gguf or a folder")->required();
  inspect->add_flag("--json", options.as_json, "one JSON object instead of text");
  inspect->add_flag("--tensors", options.with_tensors, "with a table of all tensors");
  inspect->footer(std::string("Example: conduit inspect --tensors model.gguf") + kExitCodes);
  return inspect;
}

CLI::App* declare_quantize(CLI::App& app, QuantizeOptions& options) {
  CLI::App* quantize =
      app.add_subcommand("quantize", "a model to a smaller GGUF file, for Conduit and llama.cpp");
  quantize->add_option("source", options.source, "a model's folder, or FILE.gguf")->required();
  quantize->add_option("target", options.target, "the new .gguf")->required();
  quantize->add_option("--type", options.type, "of the matrices: " + quantize_types())
      ->capture_default_str();
  quantize->add_option("--output-type", options.output_type,
                       "of the output matrix; without it Q6_K, or Q8_0 where all are");
  quantize->add_option("--threads", options.threads, "without it one per core")
      ->check(CLI::PositiveNumber);
  quantize->add_flag("--allow-requantize", options.allow_requantize,
                     "from a file that is quantised already, which loses more");
  quantize->add_flag("--force", options.force, "replace the new file if it is there");
  quantize->footer(
      "Matrices whose rows do not fit a type's blocks get one that they fit; the summary says so.\n"
      "Example: conduit quantize Qwen3-0.6B/ qwen3.gguf --type Q4_K_M\n"
      "Exit codes: 0 done, 1 failed, 2 malformed command line, 130 Ctrl-C.");
  return quantize;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("The command line of Conduit: asks the nodes that conduit-node runs.");
  app.set_version_flag("--version", std::string("conduit ") + conduit::cluster::kVersion);
  app.require_subcommand(1);
  ChatOptions chat;
  declare_chat(app, chat);
  TokenizeOptions tokenize;
  const CLI::App* tokenize_command = declare_tokenize(app, tokenize);
  DetokenizeOptions detokenize;
  const CLI::App* detokenize_command = declare_detokenize(app, detokenize);
  RenderOptions render;
  const CLI::App* render_command = declare_render(app, render);
  InspectOptions inspect;
  const CLI::App* inspect_command = declare_inspect(app, inspect);
  QuantizeOptions quantize;
  const CLI::App* quantize_command = declare_quantize(app, quantize);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kMalformed;
  }
  if (tokenize_command->parsed()) return run_tokenize(tokenize);
  if (detokenize_command->parsed()) return run_detokenize(detokenize);
  if (render_command->parsed()) return run_render(render);
  if (inspect_command->parsed()) return run_inspect(inspect);
  if (quantize_command->parsed()) return run_quantize(quantize);
  return run_chat(chat);
}
