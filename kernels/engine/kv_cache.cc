// The list of empty pages is a stack that starts with page 0 on top: pages given back are taken
// again first, so memory is touched only as far as it is used.
#include "kernels/engine/kv_cache.h"

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <string>
#include <utility>

namespace conduit::kernels {

KvCache::KvCache(std::int64_t pages, int page_size, bool shares)
    : page_size_(page_size),
      shares_(shares),
      empty_(static_cast<std::size_t>(pages)),
      pages_(static_cast<std::size_t>(pages), Page{0, index_.end(), kept_.end()}) {
  std::iota(empty_.rbegin(), empty_.rend(), 0);
}

std::int64_t KvCache::missing(SequenceId id, std::int64_t tokens) const {
  return std::max<std::int64_t>(0, pages_for(tokens) - std::ssize(pages(id)));
}

bool KvCache::reserve(SequenceId id, std::int64_t tokens) {
  const std::int64_t count = missing(id, tokens);
  if (count > free_pages()) return false;
  if (count == 0) return true;
  Held& held = held_[id];
  for (std::int64_t i = 0; i < count; ++i) held.pages.push_back(take_page());
  return true;
}

// An empty page, held by one from now on; where there is none the page unused for longest.
std::int32_t KvCache::take_page() {
  if (empty_.empty()) {
    const std::int32_t oldest = kept_.front();
    kept_.pop_front();
    index_.erase(std::exchange(pages_[oldest].content, index_.end()));
    empty_.push_back(oldest);
  }
  const std::int32_t page = empty_.back();
  empty_.pop_back();
  pages_[page].holders = 1;
  return page;
}

void KvCache::release(SequenceId id) {
  const auto found = held_.find(id);
  if (found == held_.end()) return;
  std::vector<std::int32_t>& pages = found->second.pages;
  for (auto page = pages.rbegin(); page != pages.rend(); ++page) let_go(*page);
  held_.erase(found);
}

void KvCache::let_go(std::int32_t number) {
  Page& page = pages_[number];
  if (--page.holders > 0) return;
  if (page.content == index_.end()) {
    empty_.push_back(number);
  } else {
    page.kept = kept_.insert(kept_.end(), number);
  }
}

std::span<const std::int32_t> KvCache::pages(SequenceId id) const {
  const auto found = held_.find(id);
  if (found == held_.end()) return {};
  return found->second.pages;
}

// Of the page behind those that it shares; the sequence has its tokens.
KvCache::Content KvCache::next_content(const Sequence& sequence, const Held& held) const {
  Content content;
  // With an adapter the same tokens have other keys and values.
  content.before = held.shared == 0 ? -1 - sequence.spec.adapter
                                    : held.pages[static_cast<std::size_t>(held.shared - 1)];
  content.tokens.reserve(static_cast<std::size_t>(page_size_));
  const std::int64_t begin = held.shared * page_size_;
  for (std::int64_t i = begin; i < begin + page_size_; ++i)
    content.tokens.push_back(sequence.token(i));
  return content;
}

// As the next of those that `held` shares.
void KvCache::hold_shared(Held& held, std::int32_t number) {
  Page& page = pages_[number];
  if (page.holders++ == 0) kept_.erase(page.kept);
  const auto index = static_cast<std::size_t>(held.shared++);
  if (index == held.pages.size()) return held.pages.push_back(number);
  let_go(std::exchange(held.pages[index], number));
}

std::int64_t KvCache::reuse(const Sequence& sequence, std::int64_t most) {
  if (!shares_ || most < page_size_) return 0;
  Held& held = held_[sequence.spec.id];
  while ((held.shared + 1) * page_size_ <= most) {
    const auto found = index_.find(next_content(sequence, held));
    if (found == index_.end()) break;
    hold_shared(held, found->second);
  }
  const std::int64_t tokens = held.shared * page_size_;
  if (held.pages.empty()) held_.erase(sequence.spec.id);
  return tokens;
}

void KvCache::publish(const Sequence& sequence) {
  const auto entry = held_.find(sequence.spec.id);
  if (!shares_ || entry == held_.end()) return;
  Held& held = entry->second;
  while ((held.shared + 1) * page_size_ <= sequence.computed) {
    const std::int32_t own = held.pages[static_cast<std::size_t>(held.shared)];
    const auto [content, is_new] = index_.emplace(next_content(sequence, held), own);
    if (is_new) {
      pages_[own].content = content;
      ++held.shared;
    } else {
      hold_shared(held, content->second);
    }
  }
}

Status KvCache::check() const {
  const auto wrong = [](const std::string& what) {
    return Error{Code::internal, "pages: " + what};
  };
  std::vector<int> holders(pages_.size());
  for (const auto& [id, held] : held_) {
    for (std::int32_t page : held.pages) ++holders[static_cast<std::size_t>(page)];
    CONDUIT_TRY_STATUS(check_chain(held));
  }
  std::int64_t held_pages = 0;
  for (std::size_t i = 0; i < pages_.size(); ++i) {
    if (pages_[i].holders != holders[i])
      return wrong(std::to_string(i) + " counts " + std::to_string(pages_[i].holders) +
                   " holders, has " + std::to_string(holders[i]));
    held_pages += holders[i] > 0;
  }
  for (std::int32_t page : empty_)
    if (holders[page] > 0 || pages_[page].content != index_.end())
      return wrong(std::to_string(page) + " is empty and in use");
  for (std::int32_t page : kept_)
    if (holders[page] > 0 || pages_[page].content == index_.end())
      return wrong(std::to_string(page) + " is kept, though held or unknown");
  for (const auto& [content, page] : index_)
    if (pages_[page].content->second != page ||
        (content.before >= 0 && pages_[content.before].content == index_.end()))
      return wrong(std::to_string(page) + " is known by what is no longer there");
  if (held_pages + free_pages() == total_pages()) return ok();
  return wrong(std::to_string(held_pages) + " held and " + std::to_string(free_pages()) +
               " free are not " + std::to_string(total_pages()));
}

// What a sequence shares, it shares from its first page on, each after the one before.
Status KvCache::check_chain(const Held& held) const {
  for (std::size_t i = 0; i < held.pages.size(); ++i) {
    const Index::const_iterator content = pages_[held.pages[i]].content;
    const bool is_shared = static_cast<std::int64_t>(i) < held.shared;
    const auto follows = [&](std::int64_t before) {
      return i == 0 ? before < 0 : before == held.pages[i - 1];
    };
    const bool is_right = is_shared ? content != index_.end() && follows(content->first.before)
                                    : content == index_.end();
    if (is_right) continue;
    return Error{Code::internal, "pages: page " + std::to_string(i) + " of a sequence is " +
                                     (is_shared ? "not in its place" : "shared before it is full")};
  }
  return ok();
}

}  // namespace conduit::kernels
