// Pages of the key/value cache: which sequence holds which, and which are kept for sequences to
// come.
// The idea: a sequence owns a list of fixed pages, not one long strip, so memory never fragments. A
// full page is known by its content: its tokens and the page before it. Sequences with the same
// beginning hold the same pages, and a page that nobody holds any more is kept until its room is
// needed: the one unused for longest goes first. Content is compared, not hashed, so a page is
// never mistaken for another. Only full pages are shared, and none is written again.
// Whoever holds a page holds those before it, and lets go of the last first: so no page is evicted
// before those that follow it.
// Not here: the attention that reads pages (device.h), and who waits when none is free
// (scheduler.h).
#pragma once

#include <compare>
#include <cstdint>
#include <list>
#include <map>
#include <span>
#include <unordered_map>
#include <vector>

#include "kernels/engine/sequence.h"
#include "mdl/base/result.h"

namespace conduit::kernels {

class KvCache {
 public:
  // `shares`: full pages are found by others, and kept.
  KvCache(std::int64_t pages, int page_size, bool shares = true);
  KvCache(const KvCache&) = delete;
  KvCache& operator=(const KvCache&) = delete;

  // Pages for `tokens` tokens in all; false, and nothing changed, when not enough are free.
  bool reserve(SequenceId id, std::int64_t tokens);
  void release(SequenceId id);  // nothing when it holds none
  std::span<const std::int32_t> pages(SequenceId id) const;

  // Gives the sequence each kept page that goes on where its full pages end, as far as its first
  // `most` tokens; takes the place of its own page, where it holds one. Returns how many of its
  // tokens are in shared pages now.
  std::int64_t reuse(const Sequence& sequence, std::int64_t most);
  // The pages that its `computed` tokens fill are found by others from now on. What another has
  // computed meanwhile is held in place of its own.
  void publish(const Sequence& sequence);

  std::int64_t pages_for(std::int64_t tokens) const {
    return (tokens + page_size_ - 1) / page_size_;
  }
  // What reserve(id, tokens) would take.
  std::int64_t missing(SequenceId id, std::int64_t tokens) const;
  // That can be had: empty ones and kept ones.
  std::int64_t free_pages() const {
    return static_cast<std::int64_t>(empty_.size()) + kept_pages();
  }
  std::int64_t kept_pages() const { return static_cast<std::int64_t>(kept_.size()); }
  std::int64_t total_pages() const { return static_cast<std::int64_t>(pages_.size()); }
  int page_size() const { return page_size_; }

  // Counts everything again. Error: internal, what does not add up.
  Status check() const;

 private:
  struct Content {
    std::int64_t before = 0;  // the page before it; negative: it is the first, by adapter
    std::vector<TokenId> tokens;
    auto operator<=>(const Content&) const = default;
  };
  using Index = std::map<Content, std::int32_t>;
  struct Page {
    int holders = 0;
    Index::iterator content;                 // index_.end(): nobody can find it
    std::list<std::int32_t>::iterator kept;  // where in kept_, when found by content and not held
  };
  struct Held {
    std::vector<std::int32_t> pages;
    std::int64_t shared = 0;  // of them, the first ones
  };

  Content next_content(const Sequence& sequence, const Held& held) const;
  std::int32_t take_page();
  void hold_shared(Held& held, std::int32_t page);
  void let_go(std::int32_t page);
  Status check_chain(const Held& held) const;

  int page_size_;
  bool shares_;
  Index index_;
  std::list<std::int32_t> kept_;  // the one unused for longest first
  std::vector<std::int32_t> empty_;
  std::vector<Page> pages_;
  std::unordered_map<SequenceId, Held> held_;
};

}  // namespace conduit::kernels
