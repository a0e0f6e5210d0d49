// The steering: what a row is thought to take falls while steps are shorter than they may be, and
// grows when they are longer.
#include "kernels/engine/step_budget.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <vector>

namespace conduit::kernels {
namespace {

// Steps with a prompt until one without is measured again: contexts grow, machines get busy.
constexpr int kUsesOfMeasurement = 32;
constexpr int kLeastMeasurements = 3;
// A step that used so much of its budget used it up: what is left is less than a whole row's work.
constexpr double kFull = 0.75;

}  // namespace

bool StepBudget::Undisturbed::is_known() const {
  return measured >= kLeastMeasurements && uses < kUsesOfMeasurement;
}

void StepBudget::Undisturbed::add(double took) {
  seconds[static_cast<std::size_t>(measured++) % seconds.size()] = took;
  uses = 0;
}

double StepBudget::Undisturbed::median() const {
  const auto count = std::min<std::ptrdiff_t>(measured, std::ssize(seconds));
  std::vector<double> sorted(seconds.begin(), seconds.begin() + count);
  std::sort(sorted.begin(), sorted.end());
  return sorted[(sorted.size() - 1) / 2];
}

StepBudget::StepBudget(int prefill_chunk, double stretch)
    : most_(prefill_chunk), least_(std::min<double>(kLeastRows, most_)), stretch_(stretch) {}

StepBudget::Undisturbed& StepBudget::undisturbed(int decoding) {
  const auto digits = static_cast<std::size_t>(std::bit_width(static_cast<unsigned>(decoding)));
  return by_size_[std::min(digits, by_size_.size() - 1)];
}

// Rows that fill the room beside running answers.
double StepBudget::fitting(const Undisturbed& alone) const {
  if (row_seconds_ == 0 || alone.measured == 0) return least_;
  return std::clamp(room(alone) / row_seconds_, least_, most_);
}

double StepBudget::prompt_work(int decoding) {
  if (decoding == 0 || stretch_ == 0) return most_;
  Undisturbed& alone = undisturbed(decoding);
  was_measuring_ = !was_measuring_ && !alone.is_known();
  if (was_measuring_) return 0;
  ++alone.uses;
  return fitting(alone);
}

void StepBudget::observe(int decoding, double prompt_work, Seconds took) {
  if (decoding == 0 || stretch_ == 0) return;
  Undisturbed& alone = undisturbed(decoding);
  if (prompt_work == 0) return alone.add(took.count());
  if (alone.measured == 0 || room(alone) <= 0) return;  // no time passed between clock's ticks
  // So that steering begins with the fewest rows.
  if (row_seconds_ == 0) row_seconds_ = room(alone) / least_;
  const double added = (took.count() - alone.median()) / prompt_work;
  // A prompt's last few rows say nothing about how many more there could have been.
  if (prompt_work < kFull * fitting(alone) && took.count() <= stretch_ * alone.median()) return;
  // The root: half way, so that one step's noise is halved too.
  row_seconds_ *= std::sqrt(std::clamp(added / row_seconds_, 0.5, 4.0));
  // Within what fitting() can use, or it would take long to come back.
  row_seconds_ = std::clamp(row_seconds_, room(alone) / most_, room(alone) / least_);
}

}  // namespace conduit::kernels
