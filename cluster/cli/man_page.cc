// man(7), by which man, mandoc and every pager of theirs show a page.
#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>

#include "cluster/cli/command_tree.h"
#include "cluster/cli/text_io.h"
#include "mdl/base/json.h"

namespace conduit::cluster {

namespace {

// A backslash begins an escape, a dot or a quote at a line's beginning a request, a hyphen may be
// broken at.
std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    const bool begins_line = out.empty() || out.back() == '\n';
    if (begins_line && (c == '.' || c == '\'')) out += "\\&";
    out += c == '\\' ? std::string("\\e") : c == '-' ? std::string("\\-") : std::string(1, c);
  }
  return out;
}

std::string bold(const std::string& text) { return "\\fB" + escaped(text) + "\\fR"; }
std::string slanted(const std::string& text) { return "\\fI" + escaped(text) + "\\fR"; }

std::string upper(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return std::toupper(c); });
  return text;
}

std::string head(const std::string& name, const std::string& help, const std::string& version) {
  return ".TH " + upper(name) + " 1 \"\" \"conduit " + version + "\" \"Conduit\"\n.SH NAME\n" +
         escaped(name) + " \\- " + escaped(help) + "\n";
}

std::string synopsis(const std::string& called, const CommandTree& command) {
  std::string text = ".SH SYNOPSIS\n" + bold(called);
  if (std::any_of(command.options.begin(), command.options.end(),
                  [](const CommandOption& option) { return !option.flags.empty(); }))
    text += " [" + slanted("options") + "]";
  for (const CommandOption& option : command.options) {
    if (!option.flags.empty()) continue;
    const std::string name = slanted(option.name) + (option.is_repeatable ? "..." : "");
    text += option.is_required ? " " + name : " [" + name + "]";
  }
  return text + (command.commands.empty() ? "" : " " + slanted("command") + " ...") + "\n";
}

std::string options_of(const CommandTree& command) {
  std::string text;
  for (const CommandOption& option : command.options) {
    std::string label;
    for (const std::string& flag : option.flags) label += (label.empty() ? "" : ", ") + bold(flag);
    if (!option.name.empty()) label += (label.empty() ? "" : " ") + slanted(option.name);
    text += ".TP\n" + label + "\n" + escaped(option.help) + "\n";
  }
  return text.empty() ? "" : ".SH OPTIONS\n" + text;
}

std::string notes_of(const CommandTree& command) {
  if (command.footer.empty()) return "";
  return ".SH NOTES\n.nf\n" + escaped(command.footer) + "\n.fi\n";
}

std::string page_of(const CommandTree& tree, const std::string& version) {
  std::string text = head(tree.name, tree.help, version) + synopsis(tree.name, tree);
  text += ".SH COMMANDS\n";
  for (const CommandTree& command : tree.commands)
    text += ".TP\n" + bold(tree.name + " " + command.name) + "\n" + escaped(command.help) + "\n";
  text += options_of(tree) + notes_of(tree) + ".SH SEE ALSO\n";
  for (const CommandTree& command : tree.commands)
    text += ".BR " + escaped(tree.name + "-" + command.name) + " (1)" +
            (&command == &tree.commands.back() ? "\n" : ",\n");
  return text;
}

std::string page_of(const CommandTree& tree, const CommandTree& command,
                    const std::string& version) {
  const std::string name = tree.name + "-" + command.name;
  return head(name, command.help, version) + synopsis(tree.name + " " + command.name, command) +
         options_of(command) + notes_of(command) + ".SH SEE ALSO\n.BR " + escaped(tree.name) +
         " (1)\n";
}

}  // namespace

int run_man(const CommandTree& tree, const ManOptions& options, const std::string& version) {
  std::vector<std::pair<std::string, std::string>> pages = {
      {tree.name + ".1", page_of(tree, version)}};
  for (const CommandTree& command : tree.commands)
    pages.emplace_back(tree.name + "-" + command.name + ".1", page_of(tree, command, version));
  std::error_code error;  // the first page that cannot be written tells of it
  std::filesystem::create_directories(options.folder, error);
  json::Array files;
  for (const auto& [name, text] : pages) {
    const std::string path = std::filesystem::path(options.folder) / name;
    std::ofstream page(path);
    if (!(page << text).flush())
      return report(Error{Code::unavailable, path + " cannot be written"});
    files.push_back(path);
  }
  if (!options.as_json) return 0;
  const Status written = write_stdout(json::dump(files) + "\n");
  return written ? 0 : report(written.error());
}

}  // namespace conduit::cluster
