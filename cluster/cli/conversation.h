// A conversation's messages, and what the slash commands of `conduit chat` do to them.
#pragma once

#include <string>
#include <string_view>

#include "mdl/base/json.h"
#include "mdl/base/result.h"

namespace conduit::cluster {

class Conversation {
 public:
  explicit Conversation(std::string system) : system_(std::move(system)) { reset(); }

  const json::Array& messages() const { return messages_; }
  void add(std::string_view role, std::string content);
  void take_back() { messages_.pop_back(); }
  // What was said goes; the system message stays.
  void reset();
  void set_system(std::string system);  // for what is said from here on; empty: none
  const std::string& system() const { return system_; }
  // {"model": …, "messages": […]}, as the API takes it. Error: unavailable.
  Status save(const std::string& path, std::string_view model) const;

 private:
  std::string system_;
  json::Array messages_;
};

enum class SlashOutcome { done, leave };
// `line` begins with a slash. What there is to say goes to stderr; an unknown command says so.
SlashOutcome run_slash_command(std::string_view line, Conversation& conversation,
                               std::string_view model);

}  // namespace conduit::cluster
