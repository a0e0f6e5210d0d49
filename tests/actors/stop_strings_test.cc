// Stop strings: never shown, however the text is cut.
#include "actors/stop_strings.h"

#include <gtest/gtest.h>

namespace conduit::actors {
namespace {

struct Shown {
  std::string text;
  std::optional<std::string> found;
};

Shown show(const std::vector<std::string>& stops, const std::vector<std::string>& pieces) {
  StopStrings filter(stops);
  Shown shown;
  for (const std::string& piece : pieces) shown.text += filter.push(piece);
  shown.text += filter.flush();
  shown.found = filter.found();
  return shown;
}

TEST(StopStringsTest, TextWithoutStopStringsPassesAtOnce) {
  StopStrings filter({});
  EXPECT_EQ(filter.push("hello"), "hello");
  EXPECT_EQ(filter.flush(), "");
}

TEST(StopStringsTest, BeginningOfAStopStringIsHeldBackUntilItIsDecided) {
  StopStrings filter({"\nUser:"});
  EXPECT_EQ(filter.push("done\nUs"), "done");
  EXPECT_EQ(filter.push("ual"), "\nUsual");
  EXPECT_FALSE(filter.found());
}

TEST(StopStringsTest, StopStringAcrossPiecesIsNeverShown) {
  const Shown shown = show({"END"}, {"one E", "N", "D two"});
  EXPECT_EQ(shown.text, "one ");
  EXPECT_EQ(shown.found, "END");
}

TEST(StopStringsTest, HeldTextComesOutAtTheEnd) {
  EXPECT_EQ(show({"END"}, {"the EN"}).text, "the EN");
}

TEST(StopStringsTest, OverlapIsNotMissed) {
  EXPECT_EQ(show({"aab"}, {"aa", "ab"}).text, "a");
  EXPECT_EQ(show({"abab"}, {"ab", "aabab"}).text, "aba");
}

TEST(StopStringsTest, TheStringThatIsCompleteFirstEnds) {
  EXPECT_EQ(show({"abcd", "bc"}, {"abcd"}).found, "bc");
  EXPECT_EQ(show({"bc", "abc"}, {"abc"}).found, "abc");  // both at once: the longer
}

TEST(StopStringsTest, FoundStringIsShownAsTheEndWhenAskedFor) {
  StopStrings filter({"END"}, true);
  EXPECT_EQ(filter.push("one E"), "one ");
  EXPECT_EQ(filter.push("ND two"), "END");
  EXPECT_EQ(filter.flush(), "");
}

// Whatever the cut, the result is that of the text in one piece.
TEST(StopStringsTest, ResultDoesNotDependOnWhereTheTextIsCut) {
  const std::vector<std::vector<std::string>> stop_sets = {
      {"ab"}, {"abc", "b"}, {"aa", "aab"}, {"bca", "cab", "abb"}, {"cc", "ccc"}};
  const std::string text = "acbcacabbaabccca";
  for (const auto& stops : stop_sets) {
    const Shown whole = show(stops, {text});
    for (unsigned cuts = 0; cuts < 1u << (text.size() - 1); cuts += 7) {
      std::vector<std::string> pieces(1);
      for (std::size_t i = 0; i < text.size(); ++i) {
        pieces.back() += text[i];
        if (cuts >> i & 1) pieces.emplace_back();
      }
      const Shown cut = show(stops, pieces);
      ASSERT_EQ(cut.text, whole.text) << stops.front() << " " << cuts;
      ASSERT_EQ(cut.found, whole.found) << stops.front() << " " << cuts;
    }
  }
}

}  // namespace
}  // namespace conduit::actors
