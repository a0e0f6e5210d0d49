// ThreadPool: the compute threads; no other file of the engine knows threads.
// The idea: an operation is cut into chunks, and whoever is free takes the next one, the caller
// included, so a thread the system took away for a moment costs one chunk, not the operation. Idle
// threads spin for less than an operation's pause, then give way, then sleep until there is work:
// between two operations of a step nobody sleeps, between two requests nobody burns a core.
// Thread safety: one `run` at a time.
#pragma once

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

namespace conduit::kernels::cpu {

class ThreadPool {
 public:
  // `threads` in all: the caller of run() is one of them.
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const { return static_cast<int>(workers_.size()) + 1; }

  // Calls task(chunk) for every chunk of [0, chunks), each once, on any thread, in any order;
  // returns when all have returned.
  template <class Task>
  void run(std::uint32_t chunks, const Task& task) {
    run_chunks(
        chunks,
        [](const void* context, std::uint32_t chunk) {
          (*static_cast<const Task*>(context))(chunk);
        },
        &task);
  }

 private:
  using ChunkFunction = void (*)(const void* context, std::uint32_t chunk);

  void run_chunks(std::uint32_t chunks, ChunkFunction function, const void* context);
  bool take_one_chunk();
  void wait_until_done();
  void wait_for_work();
  void work();

  // The job. Written by run() while no chunk is open, read only by who holds a chunk of it.
  ChunkFunction function_ = nullptr;
  const void* context_ = nullptr;

  alignas(64) std::atomic<std::uint32_t> open_{0};        // chunks nobody has taken
  alignas(64) std::atomic<std::uint32_t> unfinished_{0};  // chunks not yet returned
  alignas(64) std::atomic<std::uint32_t> jobs_{0};  // how many were started: what sleepers watch
  std::atomic<bool> is_stopping_{false};
  std::vector<std::thread> workers_;
};

}  // namespace conduit::kernels::cpu
