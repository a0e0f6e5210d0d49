// conduit: the command line of a cluster. One command so far: chat.
// Exit codes: 0 done, 1 failed (stderr says why), 2 a malformed command line, 130 Ctrl-C ended the
// answer to a single question.
#include <CLI/CLI.hpp>
#include <string>

#include "cluster/cli/chat.h"
#include "cluster/node.h"

namespace {

using conduit::cluster::ChatOptions;  // the program's own file

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

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("The command line of Conduit: asks the nodes that conduit-node runs.");
  app.set_version_flag("--version", std::string("conduit ") + conduit::cluster::kVersion);
  app.require_subcommand(1);
  ChatOptions chat;
  declare_chat(app, chat);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kMalformed;
  }
  return conduit::cluster::run_chat(chat);
}
