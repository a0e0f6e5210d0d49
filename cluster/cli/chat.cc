// One question, or a conversation.
#include "cluster/cli/chat.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <utility>

#include "cluster/cli/conversation.h"
#include "cluster/cli/line_editor.h"
#include "cluster/cli/local_nodes.h"
#include "cluster/cli/terminal.h"
#include "cluster/cli/text_io.h"
#include "provisioning/openai_client.h"

namespace conduit::cluster {

namespace {

// One line, with the mend where it is known.
int report_at(const Error& error, const std::string& url) {
  // The client's own error names the URL; what a server said does not.
  const bool is_connection = error.code == Code::unavailable && error.message.starts_with(url);
  const char* mend = " (start a node: conduit serve MODEL, or ask with conduit run MODEL)";
  return report(Error{error.code, error.message + (is_connection ? mend : "")});
}

// An answer on stdout as it comes, behind what the model thought, which is told apart by words as
// well as by its style: not every terminal has one.
class ShownAnswer {
 public:
  ShownAnswer(bool is_shown, bool with_thoughts)
      : is_shown_(is_shown), with_thoughts_(is_shown && with_thoughts) {}

  void take(const provisioning::ChatPiece& piece) {
    if (!(piece.is_thought ? with_thoughts_ : is_shown_)) return;
    if (piece.is_thought != is_thinking_) print(turn(piece.is_thought), Style::dim);
    is_thinking_ = piece.is_thought;
    has_begun_ = true;
    print(piece.text, piece.is_thought ? std::optional(Style::dim) : std::nullopt);
  }

  void end() const {
    if (has_begun_) print("\n");
  }

 private:
  static const char* turn(bool is_thought) {
    return is_thought ? "Thinking...\n" : "\n...done thinking.\n\n";
  }

  const bool is_shown_, with_thoughts_;
  bool is_thinking_ = false;
  bool has_begun_ = false;
};

class Chat {
 public:
  explicit Chat(const ChatOptions& options)
      : conversation_(options.system),
        client_(options.url, api_key_of_environment()),
        shows_thoughts_(!options.hides_thoughts && is_terminal(STDOUT_FILENO)) {
    call_.temperature = options.temperature;
    call_.max_tokens = options.max_tokens;
    call_.cancelled = &interrupted_;
    call_.model = options.model;
  }

  Status choose_model() {
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
  Conversation& conversation() { return conversation_; }
  bool take_interrupt() { return interrupted_.exchange(false); }

  struct Answer {
    std::string thoughts, content, finish_reason;
  };
  // A question that fails leaves the history as it was; of an answer that was interrupted the
  // history keeps what was seen. `is_shown`: the answer goes to stdout as it comes.
  Result<Answer> ask(std::string question, bool is_shown) {
    conversation_.add("user", std::move(question));
    call_.messages = conversation_.messages();
    Answer answer;
    ShownAnswer shown(is_shown, shows_thoughts_);
    auto finish_reason = client_.chat(call_, [&](const provisioning::ChatPiece& piece) {
      (piece.is_thought ? answer.thoughts : answer.content) += piece.text;
      shown.take(piece);
    });
    shown.end();
    if (!finish_reason && answer.content.empty()) {
      conversation_.take_back();
      return finish_reason.error();
    }
    conversation_.add("assistant", answer.content);
    if (!finish_reason) return finish_reason.error();
    answer.finish_reason = *std::move(finish_reason);
    if (answer.finish_reason == "length")
      std::fprintf(stderr, "note: the answer was cut at its limit of tokens (--max-tokens)\n");
    return answer;
  }

 private:
  std::atomic<bool>& interrupted_ = catch_interrupts();
  Conversation conversation_;
  provisioning::OpenAiClient client_;
  provisioning::ChatCall call_;
  const bool shows_thoughts_;
};

int ask_once(Chat& chat, const ChatOptions& options, std::string question) {
  const auto answer = chat.ask(std::move(question), !options.as_json);
  if (!answer)
    return answer.error().code == Code::cancelled ? kInterrupted
                                                  : report_at(answer.error(), options.url);
  if (!options.as_json) return 0;
  json::Value object = json::Object{{"model", chat.model()}};
  if (!options.hides_thoughts && !answer->thoughts.empty())
    object.set("reasoning_content", answer->thoughts);
  object.set("content", answer->content);
  object.set("finish_reason", answer->finish_reason);
  const Status written = write_stdout(json::dump(object) + "\n");
  return written ? 0 : report(written.error());
}

// A line; or, between two `"""`, several.
LineEditor::Line read_question(LineEditor& editor) {
  constexpr std::string_view kMark = "\"\"\"";
  LineEditor::Line line = editor.read(">>> ");
  if (line.end != LineEditor::End::line || !line.text.starts_with(kMark)) return line;
  std::string text = line.text.substr(kMark.size());
  while (!text.ends_with(kMark)) {
    line = editor.read("... ");
    if (line.end != LineEditor::End::line) return line;
    text += "\n" + line.text;
  }
  text.resize(text.size() - kMark.size());
  return {LineEditor::End::line, std::move(text)};
}

int converse(Chat& chat, const ChatOptions& options) {
  const std::string hint = chat.model() + " at " + options.url +
                           ". /help lists commands, Ctrl-C stops an answer, Ctrl-D leaves.";
  std::fprintf(stderr, "%s\n", styled(hint, Style::dim, STDERR_FILENO).c_str());
  LineEditor editor(state_folder() / "chat_history");
  for (;;) {
    chat.take_interrupt();  // one that came before the question is not meant for its answer
    const LineEditor::Line line = read_question(editor);
    if (line.end != LineEditor::End::line) std::fputc('\n', stderr);
    if (line.end == LineEditor::End::closed) return 0;
    if (line.end == LineEditor::End::interrupted || line.text.empty()) continue;
    if (line.text.starts_with('/')) {
      if (run_slash_command(line.text, chat.conversation(), chat.model()) == SlashOutcome::leave)
        return 0;
      continue;
    }
    const auto answer = chat.ask(line.text, true);
    if (!answer && answer.error().code != Code::cancelled) report_at(answer.error(), options.url);
  }
}

}  // namespace

std::string api_key_of_environment() {
  const char* api_key = std::getenv("CONDUIT_API_KEY");
  return api_key == nullptr ? "" : api_key;
}

int run_chat(const ChatOptions& options) {
  Chat chat(options);
  if (const Status chosen = chat.choose_model(); !chosen)
    return report_at(chosen.error(), options.url);
  if (options.prompt) return ask_once(chat, options, *options.prompt);
  if (is_terminal(STDIN_FILENO)) return converse(chat, options);
  std::optional<std::string> question = read_all();
  if (!question) return kInterrupted;
  if (question->empty())
    return report(Error{Code::invalid_argument, "stdin is empty: nothing to ask"});
  return ask_once(chat, options, *std::move(question));
}

}  // namespace conduit::cluster
