// Attention: cuts attention into blocks of rows and spans of keys, and hands them to the threads;
// writes keys and values into their pages.
// The idea: the query heads that share a kv head, of neighbouring tokens, form one list of rows; a
// block of them reads each key and value once. A context is a list of spans, whole pages of about
// kSpanTokens tokens; what each span gives a row is merged in their order. Few rows of a long
// context, as in decoding, are cut into a piece per span, so that one sequence uses all threads.
// Spans lie at fixed places and a row goes through one in the same steps whatever block it is in,
// so neither the batch, nor the cut of a prompt, nor the number of threads changes its result.
// Not here: the arithmetic of a span (kernels.h), the layout of pages (kv_layout.h).
#pragma once

#include <atomic>
#include <span>
#include <vector>

#include "kernels/cpu/kernels.h"
#include "kernels/cpu/thread_pool.h"
#include "kernels/device.h"

namespace conduit::kernels::cpu {

class Attention {
 public:
  Attention(const Kernels& kernels, ThreadPool& pool) : kernels_(kernels), pool_(pool) {}

  void append(KvPages& kv, int layer, Tensor k, Tensor v, std::span<const SequenceRows> sequences);
  void attend(Tensor out, Tensor q, const KvPages& kv, int layer, const AttentionMask& mask,
              std::span<const SequenceRows> sequences);

 private:
  // Rows of a sequence, counted token * group + head, group = the heads that share a kv head.
  struct Block {
    const SequenceRows* sequence = nullptr;
    int kv_head = 0;
    std::int64_t first = 0;
    int rows = 0;
    std::int64_t first_span = 0;
    std::int64_t last_span = 0;  // exclusive
    std::size_t states = 0;      // where a cut block's start in states_
  };
  struct Piece {
    std::size_t block = 0;
    std::int64_t span = -1;  // of a cut block; -1: all of the block
  };
  // A page's share of the tokens to write.
  struct PageWrite {
    const SequenceRows* sequence = nullptr;
    std::int64_t first = 0;  // token of the sequence
    std::int64_t last = 0;   // exclusive
  };
  static constexpr std::size_t kLineFloats = 16;
  struct alignas(kLineFloats * sizeof(float)) CacheLine {
    float floats[kLineFloats];
  };
  struct Call;

  void cut_rows(const Call& call, std::span<const SequenceRows> sequences);
  void cut_spans(const Call& call);
  void attend_block(const Call& call, const Block& block) const;
  void attend_span(const Call& call, const Piece& piece);
  void merge(const Call& call, const Block& block, float* states, const float* next) const;
  void finish(const Call& call, const Block& block, const float* states) const;
  AttentionTask task_of(const Call& call, const Block& block, AttentionRow* rows) const;

  const Kernels& kernels_;
  ThreadPool& pool_;
  // Kept from call to call.
  std::vector<PageWrite> writes_;
  std::vector<Block> blocks_;
  std::vector<Piece> pieces_;
  std::vector<CacheLine> states_;  // of cut blocks, [spans, kCutRows, state_floats]
  std::vector<std::atomic<std::int64_t>> spans_left_;  // [blocks]: who takes the last one merges
};

}  // namespace conduit::kernels::cpu
