// Lines typed at a terminal, with editing, and history on the arrow keys. libedit stands behind it
// and nowhere else. What it draws goes to stderr, so that answers on stdout can be redirected.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

namespace conduit::cluster {

class LineEditor {
 public:
  // `history`: kept there from one conversation to the next, readable by its owner alone.
  explicit LineEditor(std::filesystem::path history);
  ~LineEditor();

  enum class End { line, interrupted, closed };
  struct Line {
    End end;
    std::string text;  // valid UTF-8, without its line end
  };
  // What was typed before Ctrl-C is dropped with it.
  Line read(const char* prompt);

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace conduit::cluster
