// Server-sent events, however their bytes are cut.
#include "provisioning/event_stream.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace conduit::provisioning {
namespace {

using Events = std::vector<std::string>;

Events events_of(std::string_view bytes, std::size_t piece_length) {
  EventStream stream;
  Events events;
  for (std::size_t at = 0; at < bytes.size(); at += piece_length) {
    const Status fed = stream.feed(bytes.substr(at, piece_length), [&](std::string_view data) {
      events.emplace_back(data);
      return ok();
    });
    EXPECT_TRUE(fed) << fed.error().message;
  }
  return events;
}

TEST(EventStreamTest, PiecesMayEndAnywhere) {
  const std::string bytes =
      "data: one\n\ndata: {\"a\": \"é\"}\n\n: a comment\nevent: x\nid: 7\ndata: "
      "two\ndata:three\n\n";
  const Events expected = {"one", "{\"a\": \"é\"}", "two\nthree"};
  for (std::size_t length = 1; length <= bytes.size(); ++length)
    ASSERT_EQ(events_of(bytes, length), expected) << length;
}

TEST(EventStreamTest, AnyLineEndWillDo) {
  const std::string bytes = "data: a\r\n\r\ndata: b\r\rdata: c\n\ndata: d\r\n\n";
  for (std::size_t length = 1; length <= bytes.size(); ++length)
    ASSERT_EQ(events_of(bytes, length), (Events{"a", "b", "c", "d"})) << length;
}

TEST(EventStreamTest, EmptyDataIsAnEventAndNoDataIsNone) {
  EXPECT_EQ(events_of("data\n\nevent: x\n\n\n\ndata: \n\ndata:  x\n\n", 100),
            (Events{"", "", " x"}));
}

TEST(EventStreamTest, AnEventWithoutItsBlankLineIsNotComplete) {
  EXPECT_EQ(events_of("data: a\n\ndata: b\n", 100), (Events{"a"}));
}

TEST(EventStreamTest, TheCallersErrorEndsTheReading) {
  EventStream stream;
  int seen = 0;
  const Status fed = stream.feed("data: a\n\ndata: b\n\n", [&](std::string_view) -> Status {
    ++seen;
    return Error{Code::corrupt, "enough"};
  });
  ASSERT_FALSE(fed);
  EXPECT_EQ(fed.error().message, "enough");
  EXPECT_EQ(seen, 1);
}

TEST(EventStreamTest, AnEventHasALimit) {
  EventStream stream;
  const std::string piece(1 << 20, 'x');
  Status fed = stream.feed("data: ", [](std::string_view) { return ok(); });
  for (int i = 0; i < 17 && fed; ++i)
    fed = stream.feed(piece, [](std::string_view) { return ok(); });
  ASSERT_FALSE(fed);
  EXPECT_EQ(fed.error().code, Code::exhausted);
}

}  // namespace
}  // namespace conduit::provisioning
