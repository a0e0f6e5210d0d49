// `conduit chat`: talks with a model in the terminal, over a node's HTTP.
// The idea: three ways to ask, told apart by what is given. A prompt on the command line, or a
// whole file or pipe on stdin, is one question and one answer; a terminal is a conversation, whose
// history is sent along each time, with commands that begin with a slash. The answer goes to stdout
// and nothing else does, so it can be piped on; only a terminal shows what a model thought before
// it. Ctrl-C ends the answer that is arriving, Ctrl-D the conversation.
#pragma once

#include <optional>
#include <string>

namespace conduit::cluster {

struct ChatOptions {
  std::string url = "http://127.0.0.1:8080";
  std::string model;         // empty: the only one that is served
  std::string system;        // empty: no system message
  double temperature = 0.6;  // the API's own 1 lets small models wander
  std::optional<int> max_tokens;
  std::optional<std::string> prompt;  // absent: stdin
  // Of one question: {"model", "content", "finish_reason"}, and "reasoning_content" where the model
  // thought.
  bool as_json = false;
  bool hides_thoughts = false;
};

// 0 answered, or the conversation was left; 1 failed, and one line on stderr says why; 130 Ctrl-C
// ended the answer to a single question.
int run_chat(const ChatOptions& options);

std::string api_key_of_environment();  // CONDUIT_API_KEY; empty: none

}  // namespace conduit::cluster
