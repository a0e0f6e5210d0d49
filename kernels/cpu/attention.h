// Attention: cuts attention into blocks of rows, and hands them to the threads; writes keys and
// values into their pages.
// The idea: the query heads that share a kv head, of neighbouring tokens, form one list of rows; a
// block of them reads each key and value once. A row goes through its context in the same steps
// whatever block it is in (online softmax, a fixed number of tokens at a time), so neither the
// batch nor the cut of a prompt changes its result.
// Not here: the arithmetic (kernels.h), the layout of pages (kv_layout.h).
#pragma once

#include <span>
#include <vector>

#include "kernels/cpu/kernels.h"
#include "kernels/cpu/thread_pool.h"
#include "kernels/device.h"

namespace conduit::kernels::cpu {

class Attention {
 public:
  Attention(const Kernels& kernels, ThreadPool& pool) : kernels_(kernels), pool_(pool) {}

  void append(KvPages& kv, int layer, Tensor k, Tensor v,
              std::span<const SequenceRows> sequences) const;
  void attend(Tensor out, Tensor q, const KvPages& kv, int layer, const AttentionMask& mask,
              std::span<const SequenceRows> sequences);

 private:
  struct Block {
    const SequenceRows* sequence = nullptr;
    std::int64_t kv_head = 0;
    std::int64_t first = 0;  // of the rows token * group + head, group = heads that share a kv head
    int rows = 0;
  };

  void cut_rows(std::span<const SequenceRows> sequences, const KvLayout& layout,
                std::int64_t group);

  const Kernels& kernels_;
  ThreadPool& pool_;
  std::vector<Block> blocks_;  // kept from call to call
};

}  // namespace conduit::kernels::cpu
