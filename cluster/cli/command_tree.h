// The command line as data: what completions and man pages are written from. conduit_main.cc makes
// it of the same declarations that parse, so the three cannot differ.
#pragma once

#include <string>
#include <vector>

namespace conduit::cluster {

struct CommandOption {
  std::vector<std::string> flags;  // --json, -f; empty: it has a place instead
  std::string name;                // of its value: FILE; empty: it has none
  std::string help;
  bool is_required = false;
  bool is_repeatable = false;
};

struct CommandTree {
  std::string name;
  std::string help;
  std::string footer;  // examples, exit codes
  std::vector<CommandOption> options;
  std::vector<CommandTree> commands;
};

struct CompletionOptions {
  std::string shell;     // "bash", "zsh" or "fish"
  bool as_json = false;  // {"shell", "script"}
};
// A script to stdout that completes commands, flags, models' names and files.
int run_completion(const CommandTree& tree, const CompletionOptions& options);

struct ManOptions {
  std::string folder;    // made if need be
  bool as_json = false;  // the files' paths as an array; else stdout stays empty
};
// NAME.1 and a NAME-COMMAND.1 for each, in man(7). `version` stands at their foot. 1: one cannot be
// written, and stderr says which.
int run_man(const CommandTree& tree, const ManOptions& options, const std::string& version);

}  // namespace conduit::cluster
