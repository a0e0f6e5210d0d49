// Blocks of rows, spans of keys, and writing pages.
#include "kernels/cpu/attention.h"

#include <algorithm>
#include <cstring>

namespace conduit::kernels::cpu {
namespace {

// Long enough that merging costs nothing beside it, short enough to balance threads.
constexpr std::int64_t kSpanTokens = 256;
// Blocks of at most so many rows are cut into spans: states of more would take much memory.
constexpr std::int64_t kCutRows = 16;
// Blocks per thread below which rows are cut finer, though their keys are then read more often.
constexpr std::int64_t kBlocksPerThread = 4;
// Tokens below which writing pages is not worth a fork.
constexpr std::int64_t kForkFrom = 16;

std::byte* layer_of(const KvPages& kv, const KvLayout& layout, int layer) {
  return kv.storage.data + layer * kv.pages * layout.page_bytes();
}

// One token's keys and values of a head, into a slot of a page; Element: an integer of their size.
template <class Element>
void write_slot(const Kernels& kernels, const KvLayout& layout, std::byte* head, std::int64_t slot,
                const float* k, const float* v) {
  const auto store = kernels.to_kv[static_cast<std::size_t>(layout.format)];
  std::array<Element, kMaxHeadDim + 1> row;
  const auto scatter = [&](std::byte* to, std::int64_t first, std::int64_t step) {
    for (std::int64_t i = 0; i < layout.head_dim; ++i)
      std::memcpy(to + (first + i * step) * std::int64_t{sizeof(Element)},
                  &row[static_cast<std::size_t>(i)], sizeof(Element));
  };
  const auto scatter_pairs = [&](std::byte* to, std::int64_t step) {
    for (std::int64_t i = 0; i < layout.head_dim; i += 2)
      std::memcpy(to + (slot + i / 2 * step) * 2 * std::int64_t{sizeof(Element)},
                  &row[static_cast<std::size_t>(i)], 2 * sizeof(Element));
  };
  row[static_cast<std::size_t>(layout.head_dim)] = 0;  // the pair of an odd last one
  store(row.data(), k, layout.head_dim);
  if (layout.format == KvFormat::bf16) {
    scatter_pairs(head, layout.slots);
  } else {
    scatter(head, slot, layout.slots);
  }
  store(row.data(), v, layout.head_dim);
  scatter(head + layout.keys_bytes(), layout.value_index(0, slot),
          layout.value_index(1, 0) - layout.value_index(0, 0));
}

}  // namespace

// What all pieces of a call share.
struct Attention::Call {
  Tensor out, q;
  KvLayout layout;
  const std::byte* layer;
  AttentionMask mask;
  AttentionKernel kernel;
  std::int64_t group = q.cols / (layout.kv_heads * layout.head_dim);
  std::int64_t span_pages = std::max<std::int64_t>(kSpanTokens / layout.page_size, 1);
  std::int64_t state_floats = cpu::state_floats(layout.value_dim);

  std::int64_t span_tokens() const { return span_pages * layout.page_size; }
  std::int64_t position(const Block& block, std::int64_t row) const {
    return block.sequence->context + (block.first + row) / group;
  }
  std::int64_t from(const Block& block, std::int64_t row) const {
    if (mask.window == 0) return 0;
    return std::max<std::int64_t>(position(block, row) + 1 - mask.window, 0);
  }
  std::int64_t until(const Block& block, std::int64_t row) const {
    return mask.is_causal ? position(block, row) + 1
                          : block.sequence->context + block.sequence->rows;
  }
  std::int64_t column(const Block& block, std::int64_t row) const {
    return (block.kv_head * group + (block.first + row) % group) * layout.head_dim;
  }
  // One span of a task.
  void run(AttentionTask& task, std::int64_t span) const {
    task.first_page = span * span_pages;
    task.last_page = std::min(task.first_page + span_pages,
                              (task.row[task.rows - 1].until - 1) / layout.page_size + 1);
    kernel.attend(task);
  }
};

void Attention::append(KvPages& kv, int layer, Tensor k, Tensor v,
                       std::span<const SequenceRows> sequences) {
  const KvLayout layout(kv);
  std::byte* pages = layer_of(kv, layout, layer);
  // A page is written by one thread: its tokens' keys share cache lines.
  writes_.clear();
  std::int64_t tokens = 0;
  for (const SequenceRows& sequence : sequences) {
    const std::int64_t end = sequence.context + sequence.rows;
    for (std::int64_t first = sequence.context, last; first < end; first = last) {
      last = std::min(end, (first / layout.page_size + 1) * layout.page_size);
      writes_.push_back({&sequence, first, last});
    }
    tokens += sequence.rows;
  }
  const auto write_page = [&](std::uint32_t index) {
    const auto& [sequence, first, last] = writes_[index];
    const auto page = sequence->pages[static_cast<std::size_t>(first / layout.page_size)];
    for (int head = 0; head < layout.kv_heads; ++head) {
      std::byte* at = pages + layout.keys_offset(page, head);
      const auto write =
          layout.format == KvFormat::f32 ? write_slot<std::uint32_t> : write_slot<std::uint16_t>;
      for (std::int64_t token = first; token < last; ++token) {
        const std::int64_t row = sequence->first_row + token - sequence->context;
        write(kernels_, layout, at, token % layout.page_size, k.row(row) + head * layout.head_dim,
              v.row(row) + head * layout.head_dim);
      }
    }
  };
  const auto count = static_cast<std::uint32_t>(writes_.size());
  if (tokens >= kForkFrom) return pool_.run(count, write_page);
  for (std::uint32_t i = 0; i < count; ++i) write_page(i);
}

void Attention::attend(Tensor out, Tensor q, const KvPages& kv, int layer,
                       const AttentionMask& mask, std::span<const SequenceRows> sequences) {
  const KvLayout layout(kv);
  const Call call{out,    q,
                  layout, layer_of(kv, layout, layer),
                  mask,   kernels_.attention[static_cast<std::size_t>(layout.format)]};
  cut_rows(call, sequences);
  cut_spans(call);
  pool_.run(static_cast<std::uint32_t>(pieces_.size()), [&](std::uint32_t index) {
    const Piece& piece = pieces_[index];
    piece.span < 0 ? attend_block(call, blocks_[piece.block]) : attend_span(call, piece);
  });
}

void Attention::cut_rows(const Call& call, std::span<const SequenceRows> sequences) {
  std::int64_t all = 0;
  for (const SequenceRows& sequence : sequences)
    all += sequence.rows * call.group * call.layout.kv_heads;
  const std::int64_t balanced = all / (pool_.threads() * kBlocksPerThread);
  const std::int64_t height = std::clamp<std::int64_t>(balanced / kCutRows * kCutRows, kCutRows,
                                                       attention_rows(call.layout.value_dim));
  blocks_.clear();
  for (const SequenceRows& sequence : sequences) {
    const std::int64_t rows = sequence.rows * call.group;
    for (std::int64_t first = 0; first < rows; first += height) {
      for (int head = 0; head < call.layout.kv_heads; ++head) {
        Block& block = blocks_.emplace_back(Block{&sequence, head, first});
        block.rows = static_cast<int>(std::min(height, rows - first));
        block.first_span = call.from(block, 0) / call.span_tokens();
        block.last_span = (call.until(block, block.rows - 1) - 1) / call.span_tokens() + 1;
      }
    }
  }
}

void Attention::cut_spans(const Call& call) {
  pieces_.clear();
  std::size_t lines = 0;
  if (spans_left_.size() < blocks_.size())
    spans_left_ = std::vector<std::atomic<std::int64_t>>(blocks_.size());
  for (std::size_t i = 0; i < blocks_.size(); ++i) {
    Block& block = blocks_[i];
    const std::int64_t spans = block.last_span - block.first_span;
    if (block.rows > kCutRows || spans == 1) {
      pieces_.push_back({i});
      continue;
    }
    block.states = lines;
    lines += static_cast<std::size_t>(spans * kCutRows * call.state_floats) / kLineFloats;
    spans_left_[i].store(spans, std::memory_order_relaxed);
    for (std::int64_t span = block.first_span; span < block.last_span; ++span)
      pieces_.push_back({i, span});
  }
  states_.resize(std::max(states_.size(), lines));
}

// Without its span and states.
AttentionTask Attention::task_of(const Call& call, const Block& block, AttentionRow* rows) const {
  for (int i = 0; i < block.rows; ++i) {
    const std::int64_t token = block.sequence->first_row + (block.first + i) / call.group;
    rows[i] = {call.q.row(token) + call.column(block, i), call.from(block, i),
               call.until(block, i)};
  }
  AttentionTask task;
  task.layout = &call.layout;
  task.layer = call.layer;
  task.pages = block.sequence->pages.data();
  task.kv_head = block.kv_head;
  task.scale = call.mask.scale;
  task.softcap = call.mask.softcap;
  task.row = rows;
  task.rows = block.rows;
  return task;
}

void Attention::attend_block(const Call& call, const Block& block) const {
  std::array<AttentionRow, kMaxAttentionRows> rows;
  alignas(64) std::array<float, kMaxStateFloats> q, states, next;
  AttentionTask task = task_of(call, block, rows.data());
  task.q = q.data();
  call.kernel.pack_q(task);
  for (std::int64_t span = block.first_span; span < block.last_span; ++span) {
    task.states = span == block.first_span ? states.data() : next.data();
    call.run(task, span);
    if (span > block.first_span) merge(call, block, states.data(), next.data());
  }
  finish(call, block, states.data());
}

void Attention::attend_span(const Call& call, const Piece& piece) {
  const Block& block = blocks_[piece.block];
  std::array<AttentionRow, kMaxAttentionRows> rows;
  alignas(64) std::array<float, kMaxStateFloats> q;
  AttentionTask task = task_of(call, block, rows.data());
  task.q = q.data();
  call.kernel.pack_q(task);
  float* states = states_[block.states].floats;
  const std::int64_t span_floats = kCutRows * call.state_floats;
  task.states = states + (piece.span - block.first_span) * span_floats;
  call.run(task, piece.span);
  if (spans_left_[piece.block].fetch_sub(1, std::memory_order_acq_rel) > 1) return;
  for (std::int64_t span = 1; span < block.last_span - block.first_span; ++span)
    merge(call, block, states, states + span * span_floats);
  finish(call, block, states);
}

void Attention::merge(const Call& call, const Block& block, float* states,
                      const float* next) const {
  for (std::int64_t row = 0; row < block.rows; ++row)
    kernels_.merge_states(states + row * call.state_floats, next + row * call.state_floats,
                          call.layout.value_dim);
}

void Attention::finish(const Call& call, const Block& block, const float* states) const {
  for (std::int64_t row = 0; row < block.rows; ++row) {
    const std::int64_t token = block.sequence->first_row + (block.first + row) / call.group;
    kernels_.finish_state(call.out.row(token) + call.column(block, row),
                          states + row * call.state_floats, call.layout.head_dim,
                          call.layout.value_dim);
  }
}

}  // namespace conduit::kernels::cpu
