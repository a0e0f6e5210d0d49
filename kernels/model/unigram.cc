// The forward pass and the way back.
#include "kernels/model/unigram.h"

#include <algorithm>
#include <utility>

#include "kernels/model/byte_letters.h"
#include "mdl/base/check.h"
#include "mdl/base/utf8.h"

namespace conduit::kernels {

UnigramModel::UnigramModel(Vocabulary vocabulary, std::span<const std::optional<double>> scores,
                           const Options& options)
    : vocabulary_(std::move(vocabulary)), scores_(scores.size()), options_(options) {
  for (std::size_t i = 0; i < scores.size(); ++i) {
    if (!scores[i]) continue;
    scores_[i] = *scores[i];
    trie_.add(vocabulary_.spelling(static_cast<TokenId>(i)), static_cast<TokenId>(i));
  }
}

void UnigramModel::find_best(std::string_view word, Workspace& workspace) const {
  auto& arrivals = workspace.arrivals;
  arrivals.assign(word.size() + 1, {0, kUncovered, 0});
  for (std::size_t at = 0; at < word.size();) {
    const double so_far = arrivals[at].score;
    const auto arrive = [&](std::size_t length, TokenId piece, double score) {
      auto& arrival = arrivals[at + length];
      const double total = options_.sums_floats
                               ? static_cast<float>(score) + static_cast<float>(so_far)
                               : score + so_far;
      if (arrival.length != 0 && !(total > arrival.score)) return;
      arrival = {total, piece, static_cast<std::uint32_t>(length)};
    };
    const std::size_t character = utf8::read(word.substr(at)).length;
    bool is_covered = false;
    trie_.walk(word.substr(at), [&](std::size_t length, TokenId piece) {
      arrive(length, piece, scores_[static_cast<std::size_t>(piece)]);
      is_covered = is_covered || length == character;
    });
    if (!is_covered) arrive(character, kUncovered, options_.unknown_score);
    at += character;
  }
}

// A run of characters that no piece covers.
void UnigramModel::add_uncovered_reversed(std::string_view run,
                                          std::vector<TokenId>& reversed) const {
  if (const auto whole = vocabulary_.find(run)) {
    reversed.push_back(*whole);
    return;
  }
  const std::size_t before = reversed.size();
  for (std::size_t i = run.size(); options_.byte_fallback && i-- > 0;) {
    const auto byte = vocabulary_.find(byte_token_of(static_cast<unsigned char>(run[i])));
    if (!byte) break;
    reversed.push_back(*byte);
  }
  if (options_.byte_fallback && reversed.size() - before == run.size()) return;
  reversed.resize(before);
  if (options_.unknown) reversed.push_back(*options_.unknown);
}

void UnigramModel::encode_word(std::string_view word, Workspace& workspace,
                               std::vector<TokenId>& out) const {
  CONDUIT_CHECK(word.size() <= INT32_MAX, "a word's places are counted in 32 bits");
  find_best(word, workspace);
  auto& reversed = workspace.reversed;
  reversed.clear();
  std::size_t run_end = 0;  // of uncovered characters; 0: none
  for (std::size_t end = word.size(); end > 0;) {
    const auto& arrival = workspace.arrivals[end];
    const bool is_uncovered = arrival.piece == kUncovered || arrival.piece == options_.unknown;
    if (is_uncovered && run_end == 0) run_end = end;
    if (!is_uncovered && run_end != 0) {
      add_uncovered_reversed(word.substr(end, run_end - end), reversed);
      run_end = 0;
    }
    if (!is_uncovered) reversed.push_back(arrival.piece);
    end -= arrival.length;
  }
  if (run_end != 0) add_uncovered_reversed(word.substr(0, run_end), reversed);
  out.insert(out.end(), reversed.rbegin(), reversed.rend());
}

}  // namespace conduit::kernels
