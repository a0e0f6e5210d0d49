// One question, or a conversation.
#include "cluster/cli/chat.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <utility>

#include "cluster/cli/terminal.h"
#include "provisioning/openai_client.h"

namespace conduit::cluster {

namespace {

constexpr int kFailed = 1;
constexpr int kInterrupted = 128 + 2;  // as a shell reports SIGINT

// One line, with the mend where it is known.
int report(const Error& error, const std::string& url) {
  // The client's own error names the URL; what a server said does not.
  const bool is_connection = error.code == Code::unavailable && error.message.starts_with(url);
  const char* mend = is_connection ? " (start a node: conduit-node --model FILE.gguf)" : "";
  std::fprintf(stderr, "error: %s%s\n", error.message.c_str(), mend);
  return kFailed;
}

json::Value message(std::string_view role, std::string content) {
  return json::Object{{"role", role}, {"content", std::move(content)}};
}

class Chat {
 public:
  Chat(const ChatOptions& options, std::string api_key)
      : options_(options), client_(options.url, std::move(api_key)) {
    call_.temperature = options.temperature;
    call_.max_tokens = options.max_tokens;
    call_.cancelled = &interrupted_;
    if (!options.system.empty()) call_.messages.push_back(message("system", options.system));
  }

  Status choose_model() {
    call_.model = options_.model;
    if (!call_.model.empty()) return ok();
    CONDUIT_TRY(const auto names, client_.models());
    if (names.empty())
      return Error{Code::unavailable, "no model is ready yet: try again in a moment"};
    if (names.size() > 1) {
      std::string list;
      for (const std::string& name : names) list += " " + name;
      return Error{Code::invalid_argument,
                   "several models are served; add --model with one of:" + list};
    }
    call_.model = names.front();
    return ok();
  }

  const std::string& model() const { return call_.model; }
  bool take_interrupt() { return interrupted_.exchange(false); }

  // Prints the answer. A question that fails leaves the history as it was; of an answer that was
  // interrupted the history keeps what was seen.
  Status ask(std::string question) {
    call_.messages.push_back(message("user", std::move(question)));
    std::string answer;
    const auto finish_reason = client_.chat(call_, [&answer](std::string_view text) {
      answer += text;
      print(text);
    });
    if (!answer.empty()) print("\n");
    if (!finish_reason && answer.empty()) {
      call_.messages.pop_back();
      return finish_reason.error();
    }
    call_.messages.push_back(message("assistant", std::move(answer)));
    if (!finish_reason) return finish_reason.error();
    if (*finish_reason == "length")
      std::fprintf(stderr, "note: the answer was cut at its limit of tokens (--max-tokens)\n");
    return ok();
  }

 private:
  const ChatOptions& options_;
  std::atomic<bool>& interrupted_ = catch_interrupts();
  provisioning::OpenAiClient client_;
  provisioning::ChatCall call_;
};

int ask_once(Chat& chat, const ChatOptions& options, std::string question) {
  const Status asked = chat.ask(std::move(question));
  if (asked) return 0;
  return asked.error().code == Code::cancelled ? kInterrupted : report(asked.error(), options.url);
}

int converse(Chat& chat, const ChatOptions& options) {
  std::fprintf(stderr, "%s at %s. Ctrl-C stops an answer, Ctrl-D leaves.\n", chat.model().c_str(),
               options.url.c_str());
  LineReader lines;
  for (;;) {
    std::fputs("> ", stderr);
    const LineReader::Line line = lines.read();
    chat.take_interrupt();  // one that came before the question is not meant for its answer
    if (line.end != LineReader::End::line) std::fputc('\n', stderr);
    if (line.end == LineReader::End::closed) return 0;
    if (line.text.empty()) continue;
    const Status asked = chat.ask(line.text);
    if (!asked && asked.error().code != Code::cancelled) report(asked.error(), options.url);
  }
}

}  // namespace

int run_chat(const ChatOptions& options) {
  const char* api_key = std::getenv("CONDUIT_API_KEY");
  Chat chat(options, api_key == nullptr ? "" : api_key);
  if (const Status chosen = chat.choose_model(); !chosen)
    return report(chosen.error(), options.url);
  if (options.prompt) return ask_once(chat, options, *options.prompt);
  if (is_terminal(STDIN_FILENO)) return converse(chat, options);
  std::optional<std::string> question = read_all();
  if (!question) return kInterrupted;
  if (question->empty())
    return report(Error{Code::invalid_argument, "stdin is empty: nothing to ask"}, options.url);
  return ask_once(chat, options, *std::move(question));
}

}  // namespace conduit::cluster
