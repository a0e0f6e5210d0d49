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

// "bash", "zsh" or "fish": a script that completes commands, flags, models' names and files.
std::string completion_script(const CommandTree& tree, const std::string& shell);

// man(7) source of `NAME` and one of `NAME-COMMAND`. `version` stands at the foot.
std::string man_page(const CommandTree& tree, const std::string& version);
std::string man_page(const CommandTree& tree, const CommandTree& command,
                     const std::string& version);

}  // namespace conduit::cluster
