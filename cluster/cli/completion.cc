// Scripts for three shells. Models' names come from `conduit models --json` when they are asked
// for; everything else stands in the script.
#include <string>

#include "cluster/cli/command_tree.h"
#include "cluster/cli/text_io.h"
#include "mdl/base/json.h"

namespace conduit::cluster {

namespace {

// Where a command takes a model, by place or by flag.
bool takes_model(const CommandOption& option) { return option.name == "MODEL"; }

bool takes_model_by_place(const CommandTree& command) {
  for (const CommandOption& option : command.options)
    if (option.flags.empty() && takes_model(option)) return true;
  return false;
}

std::string joined_flags(const CommandTree& command) {
  std::string words;
  for (const CommandOption& option : command.options)
    for (const std::string& flag : option.flags) words += (words.empty() ? "" : " ") + flag;
  return words;
}

std::string joined_commands(const CommandTree& tree) {
  std::string words;
  for (const CommandTree& command : tree.commands)
    words += (words.empty() ? "" : " ") + command.name;
  return words;
}

// For single quotes of any of the shells; `quote`: how one is written inside them.
std::string quoted(const std::string& text, const std::string& quote) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? quote : std::string(1, c == '\n' ? ' ' : c);
  return out + "'";
}

constexpr const char* kNames =
    "conduit models --json 2>/dev/null | tr '{' '\\n' | sed -n "
    "'s/.*\"name\":\"\\([^\"]*\\)\".*/\\1/p'";

std::string bash_script(const CommandTree& tree) {
  std::string script =
      "# bash completion of conduit; written by: conduit completion bash\n"
      "_conduit_names() {\n  " +
      std::string(kNames) +
      "\n}\n"
      "_conduit() {\n"
      "  local word=${COMP_LINE:0:COMP_POINT} flags= names= command=${COMP_WORDS[1]}\n"
      "  word=${word##*[[:space:]]}\n"
      "  if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
      "    COMPREPLY=($(compgen -W " +
      quoted(joined_commands(tree) + " " + joined_flags(tree), "'\\''") +
      " -- \"$word\"))\n    return\n  fi\n"
      "  case $command in\n";
  for (const CommandTree& command : tree.commands)
    script += "    " + command.name + ") flags=" + quoted(joined_flags(command), "'\\''") +
              (takes_model_by_place(command) ? "; names=yes" : "") + " ;;\n";
  script +=
      "  esac\n"
      "  case $word in\n"
      "    -*) COMPREPLY=($(compgen -W \"$flags\" -- \"$word\")) ;;\n"
      "    *)\n"
      "      COMPREPLY=($(compgen -f -- \"$word\"))\n"
      "      [ -z \"$names\" ] || COMPREPLY+=($(compgen -W \"$(_conduit_names)\" -- \"$word\"))\n"
      "      # bash takes what stands behind a colon for a word of its own\n"
      "      case $word in *:*) COMPREPLY=(\"${COMPREPLY[@]#\"${word%\"${word##*:}\"}\"}\") ;; "
      "esac ;;\n"
      "  esac\n"
      "}\n"
      "complete -o filenames -F _conduit conduit\n";
  return script;
}

// `[` and `]` end a description in _arguments, `:` its parts.
std::string zsh_help(const std::string& help) {
  std::string out;
  for (const char c : help) {
    if (c == '[' || c == ']' || c == ':' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

std::string zsh_option(const CommandOption& option) {
  const std::string action = takes_model(option) ? "_conduit_models" : "_files";
  if (option.flags.empty())
    return quoted((option.is_repeatable ? "*:" : ":") + zsh_help(option.name) + ":" + action,
                  "'\\''");
  std::string specs;
  for (const std::string& flag : option.flags) {
    std::string spec = (option.is_repeatable ? "*" : "") + flag + "[" + zsh_help(option.help) + "]";
    if (!option.name.empty()) spec += ":" + zsh_help(option.name) + ":" + action;
    specs += (specs.empty() ? "" : " ") + quoted(spec, "'\\''");
  }
  return specs;
}

std::string zsh_script(const CommandTree& tree) {
  std::string script =
      "#compdef conduit\n# zsh completion; written by: conduit completion zsh\n"
      "_conduit_models() {\n  local -a names\n  names=(${(f)\"$(" +
      std::string(kNames) +
      ")\"})\n  compadd -a names\n  _files\n}\n"
      "_conduit() {\n  local -a commands\n  commands=(\n";
  for (const CommandTree& command : tree.commands)
    script += "    " + quoted(command.name + ":" + zsh_help(command.help), "'\\''") + "\n";
  script +=
      "  )\n"
      "  if (( CURRENT == 2 )); then\n    _describe command commands\n    return\n  fi\n"
      "  local command=$words[2]\n  shift words\n  (( CURRENT-- ))\n  case $command in\n";
  for (const CommandTree& command : tree.commands) {
    script += "    " + command.name + ") _arguments";
    for (const CommandOption& option : command.options)
      script += " \\\n      " + zsh_option(option);
    script += " ;;\n";
  }
  return script + "  esac\n}\ncompdef _conduit conduit\n";
}

std::string fish_script(const CommandTree& tree) {
  std::string script =
      "# fish completion of conduit; written by: conduit completion fish\n"
      "function __conduit_names\n    " +
      std::string(kNames) + "\nend\n";
  for (const CommandTree& command : tree.commands) {
    script += "complete -c conduit -n __fish_use_subcommand -f -a " + command.name + " -d " +
              quoted(command.help, "\\'") + "\n";
    const std::string seen = " -n '__fish_seen_subcommand_from " + command.name + "'";
    for (const CommandOption& option : command.options) {
      for (const std::string& flag : option.flags)
        script += "complete -c conduit" + seen +
                  (flag.starts_with("--") ? " -l " + flag.substr(2) : " -s " + flag.substr(1)) +
                  (option.name.empty() ? "" : " -r") + " -d " + quoted(option.help, "\\'") + "\n";
      if (option.flags.empty() && takes_model(option))
        script += "complete -c conduit" + seen + " -a '(__conduit_names)'\n";
    }
  }
  return script;
}

std::string script_for(const CommandTree& tree, const std::string& shell) {
  if (shell == "bash") return bash_script(tree);
  if (shell == "zsh") return zsh_script(tree);
  return fish_script(tree);
}

}  // namespace

int run_completion(const CommandTree& tree, const CompletionOptions& options) {
  const std::string script = script_for(tree, options.shell);
  const json::Value object = json::Object{{"shell", options.shell}, {"script", script}};
  const Status written = write_stdout(options.as_json ? json::dump(object) + "\n" : script);
  return written ? 0 : report(written.error());
}

}  // namespace conduit::cluster
