// How many prompt tokens a step may carry beside running answers.
// The idea: an answer's gap between two tokens is one step, and a step lasts as long as its rows.
// So the budget knows, by measuring, how long a step takes that carries no prompt, and steers the
// prompt tokens beside running answers until a step takes `stretch` times as long. Nobody decodes:
// as many as a step may have.
// Plain arithmetic on the durations it is told, no clock: tests make them up.
// Not here: which prompts get the tokens (scheduler.h).
#pragma once

#include <array>
#include <chrono>
#include <cstdint>

namespace conduit::kernels {

class StepBudget {
 public:
  using Seconds = std::chrono::duration<double>;

  // At most `prefill_chunk` tokens of a step; stretch 0: always as many.
  StepBudget(int prefill_chunk, double stretch);

  // Prompt tokens of the next step, which `decoding` running answers share. 0 now and then, to
  // measure them undisturbed; never in two steps running.
  std::int64_t prompt_rows(int decoding);
  // How long a step took that carried them.
  void observe(int decoding, std::int64_t prompt_rows, Seconds took);

 private:
  // Steps without prompt tokens; the median of the last few, as any one may have been held up.
  struct Undisturbed {
    std::array<double, 5> seconds{};
    int measured = 0;
    int uses = 0;  // since the last measurement

    bool is_known() const;
    void add(double took);
    double median() const;
  };
  Undisturbed& undisturbed(int decoding);

  double most_;
  double stretch_;
  double rows_;
  bool was_measuring_ = false;
  std::array<Undisturbed, 16> by_size_{};  // by the binary digits of the number of answers
};

}  // namespace conduit::kernels
