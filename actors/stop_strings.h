// Stop strings over streamed text: lets through what is certain not to belong to one.
// The idea: text arrives in pieces cut anywhere, so whatever could still become a stop string is
// held back until the next piece decides. The string that is complete first ends the answer (of
// two complete at once the longer), so the result does not depend on how the text was cut.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace conduit::actors {

class StopStrings {
 public:
  // `shows_found`: the string that ends the text is shown as its end.
  explicit StopStrings(std::vector<std::string> strings, bool shows_found = false)
      : strings_(std::move(strings)), shows_found_(shows_found) {}

  // More text; what may be shown of all so far. Nothing more once one was found.
  std::string push(std::string_view text);
  // The text is over: what was held back after all.
  std::string flush();
  // The string that ended the text.
  const std::optional<std::string>& found() const { return found_; }

 private:
  std::size_t undecided() const;

  std::vector<std::string> strings_;
  bool shows_found_;
  std::string held_;
  std::optional<std::string> found_;
};

}  // namespace conduit::actors
