// libedit's wide interface. It is fed by our own reading, so that Ctrl-C ends a line, and text is
// UTF-8 whatever the locale.
#include "cluster/cli/line_editor.h"

#include <histedit.h>
#include <langinfo.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <clocale>
#include <cstdio>
#include <cstring>
#include <utility>

#include "cluster/cli/terminal.h"
#include "mdl/base/utf8.h"

namespace conduit::cluster {

namespace {

constexpr int kRemembered = 1000;  // lines

std::string to_utf8(const wchar_t* text) {
  std::string bytes;
  for (; *text != L'\0'; ++text) utf8::append(bytes, static_cast<char32_t>(*text));
  return bytes;
}

// How long the character is that begins so.
std::size_t length_of(unsigned char lead) {
  return lead < 0xC0 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
}

// Waits for a byte, and for Ctrl-C even if that comes just before the wait.
bool wait_for_input() {
  constexpr int kTickMs = 100;
  pollfd readable{STDIN_FILENO, POLLIN, 0};
  while (!is_interrupted())
    if (::poll(&readable, 1, kTickMs) > 0) return true;
  return false;
}

// 1: a character; 0: the end; -1: Ctrl-C.
int read_character(EditLine*, wchar_t* character) {
  std::string bytes;
  do {
    if (!wait_for_input()) return -1;
    char byte = 0;
    if (::read(STDIN_FILENO, &byte, 1) <= 0) return 0;
    // Ctrl-D that came while the terminal still collected lines is kept as a zero.
    constexpr char kControlD = 4;
    bytes += byte == '\0' ? kControlD : byte;
  } while (bytes.size() < length_of(static_cast<unsigned char>(bytes[0])));
  *character = static_cast<wchar_t>(utf8::read(bytes).code_point);
  return 1;
}

wchar_t* show_prompt(EditLine* editor) {
  void* prompt = nullptr;
  el_wget(editor, EL_CLIENTDATA, &prompt);
  return static_cast<wchar_t*>(prompt);
}

}  // namespace

struct LineEditor::Parts {
  EditLine* editor = nullptr;
  HistoryW* history = nullptr;
  HistEventW event{};
  std::filesystem::path file;
  std::wstring prompt;
};

LineEditor::LineEditor(std::filesystem::path history) : parts_(std::make_unique<Parts>()) {
  std::setlocale(LC_CTYPE, "");
  if (std::strcmp(nl_langinfo(CODESET), "UTF-8") != 0) std::setlocale(LC_CTYPE, "C.UTF-8");
  Parts& p = *parts_;
  p.file = std::move(history);
  p.history = history_winit();
  history_w(p.history, &p.event, H_SETSIZE, kRemembered);
  history_w(p.history, &p.event, H_SETUNIQUE, 1);
  history_w(p.history, &p.event, H_LOAD, p.file.c_str());
  p.editor = el_init("conduit", stdin, stderr, stderr);
  el_wset(p.editor, EL_EDITOR, L"emacs");
  el_wset(p.editor, EL_HIST, history_w, p.history);
  el_wset(p.editor, EL_PROMPT, show_prompt);
  el_wset(p.editor, EL_GETCFN, read_character);
}

LineEditor::~LineEditor() {
  el_end(parts_->editor);
  std::error_code ignored;
  std::filesystem::create_directories(parts_->file.parent_path(), ignored);
  const mode_t before = ::umask(077);
  history_w(parts_->history, &parts_->event, H_SAVE, parts_->file.c_str());
  ::umask(before);
  history_wend(parts_->history);
}

LineEditor::Line LineEditor::read(const char* prompt) {
  Parts& p = *parts_;
  p.prompt.assign(prompt, prompt + std::strlen(prompt));
  el_wset(p.editor, EL_CLIENTDATA, p.prompt.data());
  el_resize(p.editor);  // the window may have changed meanwhile
  int count = 0;
  const wchar_t* typed = el_wgets(p.editor, &count);
  if (is_interrupted()) {
    el_reset(p.editor);
    return {End::interrupted, {}};
  }
  if (typed == nullptr || count <= 0) return {End::closed, {}};
  std::string text = utf8::replace_invalid(to_utf8(typed));
  while (text.ends_with('\n') || text.ends_with('\r')) text.pop_back();
  if (!text.empty()) history_w(p.history, &p.event, H_ENTER, typed);
  return {End::line, std::move(text)};
}

}  // namespace conduit::cluster
