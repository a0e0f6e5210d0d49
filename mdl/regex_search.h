// RegexSearch: what can be said of an expression only by looking where its derivatives lead:
// whether an intersection is empty, its shortest text, its longest. The idea: without intersections
// the facts noted in the arena are exact; with them the states are searched, best first by those
// facts, and what was found is kept for every state on the way.
#pragma once

#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "mdl/regex_expressions.h"

namespace conduit::mdl {

class RegexSearch {
 public:
  using Id = Regexes::Id;
  explicit RegexSearch(Expressions& expressions) : expressions_(expressions) {}

  // A text matches. False too when a limit was reached on the way.
  bool is_alive(Id id);
  // What the shortest text has; nothing: there is none, or a limit was reached.
  struct Cost {
    std::uint64_t points = 0;  // a character that has begun not counted
    std::uint64_t bytes = 0;
    auto operator<=>(const Cost&) const = default;
  };
  std::optional<Cost> cost(Id id);
  std::optional<std::string> shortest(Id id);
  std::uint64_t min_points(Id id);  // of any text; a lower bound where the search was cut short
  std::uint64_t max_points(Id id);  // kEndless: no bound

 private:
  enum class Life : std::uint8_t { unknown, alive, dead };
  Life& life(Id id);
  // Where each byte that makes a difference leads; the nicest byte of its kind.
  std::vector<std::pair<std::uint8_t, Id>> next(Id id);
  std::optional<Cost> known_cost(Id id) const;
  void search(Id id);
  void append_shortest(Id id, std::string& out);

  Expressions& expressions_;
  std::vector<Life> lives_;
  // The first step of the shortest text, and what all of it costs: for every state on a way that
  // was found, so that whoever follows a way stays on it.
  struct Way {
    std::uint8_t byte;
    Id to;
    Cost cost;
    bool is_least;  // false: the search was cut short, and there may be a shorter text
  };
  std::unordered_map<Id, Way> ways_;
  std::unordered_map<Id, std::uint64_t> max_points_;
};

}  // namespace conduit::mdl
