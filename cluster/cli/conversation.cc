// Messages as JSON, commands as words.
#include "cluster/cli/conversation.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <utility>

namespace conduit::cluster {

namespace {

constexpr const char* kHelp =
    "/system TEXT   what the model is told before all else; alone: shows it; /system - : none\n"
    "/reset         begins anew, without what was said\n"
    "/save FILE     the conversation as JSON\n"
    "/help          this\n"
    "/exit          leaves, as Ctrl-D does\n"
    "\"\"\"            begins and ends a text of several lines\n"
    "Ctrl-C stops an answer; the arrow keys bring back what was typed.\n";

void say(const std::string& text) { std::fprintf(stderr, "%s\n", text.c_str()); }

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t");
  if (begin == text.npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

void set_system(Conversation& conversation, std::string_view text) {
  if (text.empty())
    return say(conversation.system().empty() ? "no system message" : conversation.system());
  conversation.set_system(text == "-" ? "" : std::string(text));
  say(text == "-" ? "no system message any more" : "the system message is set");
}

void save(const Conversation& conversation, std::string_view path, std::string_view model) {
  if (path.empty()) return say("/save needs a file's name: /save talk.json");
  const Status saved = conversation.save(std::string(path), model);
  say(saved ? "saved to " + std::string(path) : "error: " + saved.error().message);
}

}  // namespace

void Conversation::add(std::string_view role, std::string content) {
  messages_.push_back(json::Object{{"role", role}, {"content", std::move(content)}});
}

void Conversation::reset() {
  messages_.clear();
  if (!system_.empty()) add("system", system_);
}

void Conversation::set_system(std::string system) {
  const bool had_one = !system_.empty();
  system_ = std::move(system);
  if (had_one) messages_.erase(messages_.begin());
  if (!system_.empty())
    messages_.insert(messages_.begin(), json::Object{{"role", "system"}, {"content", system_}});
}

Status Conversation::save(const std::string& path, std::string_view model) const {
  std::ofstream file(path);
  file << json::dump(json::Object{{"model", model}, {"messages", messages_}}) << '\n';
  if (file.flush()) return ok();
  return Error{Code::unavailable, path + " cannot be written: " + std::strerror(errno)};
}

SlashOutcome run_slash_command(std::string_view line, Conversation& conversation,
                               std::string_view model) {
  line = trimmed(line);
  const std::string_view command = line.substr(0, std::min(line.find(' '), line.size()));
  const std::string_view rest = trimmed(line.substr(command.size()));
  if (command == "/exit" || command == "/bye" || command == "/quit") return SlashOutcome::leave;
  if (command == "/system") {
    set_system(conversation, rest);
  } else if (command == "/reset" || command == "/clear") {
    conversation.reset();
    say("begun anew");
  } else if (command == "/save") {
    save(conversation, rest, model);
  } else if (command == "/help" || command == "/?") {
    std::fputs(kHelp, stderr);
  } else {
    say("unknown command " + std::string(command) + "; /help lists what there is");
  }
  return SlashOutcome::done;
}

}  // namespace conduit::cluster
