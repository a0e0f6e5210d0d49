// How much of prompts a step may carry beside running answers.
// The idea: an answer's gap between two tokens is one step, and a step lasts as long as its rows.
// So the budget knows, by measuring, how long a step takes that carries no prompt, and what a row
// of a prompt adds; it gives prompts as many as make a step `stretch` times as long. Nobody
// decodes: as many as a step may have.
// Counted in rows at the beginning of a text; row_work.h says how many of those another row is.
// Plain arithmetic on the durations it is told, no clock: tests make them up.
// Not here: which prompts get the rows (scheduler.h).
#pragma once

#include <array>
#include <chrono>
#include <cstdint>

namespace conduit::kernels {

class StepBudget {
 public:
  using Seconds = std::chrono::duration<double>;

  // At most `prefill_chunk` rows of a step; stretch 0: always as many.
  StepBudget(int prefill_chunk, double stretch);

  // Prompts' work of the next step, which `decoding` running answers share. 0 now and then, to
  // measure them undisturbed; never in two steps running.
  double prompt_work(int decoding);
  // How long a step took that carried it.
  void observe(int decoding, double prompt_work, Seconds took);

  // Whatever a step takes, a prompt gets on by this: so few rows cost little beside the weights
  // that a step reads for one.
  static constexpr int kLeastRows = 4;

 private:
  // Steps without prompts; the median of the last few, as any one may have been held up.
  struct Undisturbed {
    std::array<double, 5> seconds{};
    int measured = 0;
    int uses = 0;  // since the last measurement

    bool is_known() const;
    void add(double took);
    double median() const;
  };
  Undisturbed& undisturbed(int decoding);
  double room(const Undisturbed& alone) const { return (stretch_ - 1) * alone.median(); }
  double fitting(const Undisturbed& alone) const;

  double most_;
  double least_;
  double stretch_;
  double row_seconds_ = 0;  // what a row adds to a step; 0: not known yet
  bool was_measuring_ = false;
  std::array<Undisturbed, 16> by_size_{};  // by the binary digits of the number of answers
};

}  // namespace conduit::kernels
