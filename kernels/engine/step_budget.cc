// The steering: rows grow while steps are shorter than they may be, and shrink when they are
// longer.
#include "kernels/engine/step_budget.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <vector>

namespace conduit::kernels {
namespace {

// Whatever a step takes, a prompt gets on by this: so few rows cost little beside the weights that
// a step reads for one.
constexpr double kLeastRows = 4;
// Steps with a prompt until one without is measured again: contexts grow, machines get busy.
constexpr int kUsesOfMeasurement = 32;
constexpr int kLeastMeasurements = 3;

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
    : most_(prefill_chunk), stretch_(stretch), rows_(std::min(kLeastRows, most_)) {}

StepBudget::Undisturbed& StepBudget::undisturbed(int decoding) {
  const auto digits = static_cast<std::size_t>(std::bit_width(static_cast<unsigned>(decoding)));
  return by_size_[std::min(digits, by_size_.size() - 1)];
}

std::int64_t StepBudget::prompt_rows(int decoding) {
  if (decoding == 0 || stretch_ == 0) return static_cast<std::int64_t>(most_);
  Undisturbed& alone = undisturbed(decoding);
  was_measuring_ = !was_measuring_ && !alone.is_known();
  if (was_measuring_) return 0;
  ++alone.uses;
  return static_cast<std::int64_t>(rows_);
}

void StepBudget::observe(int decoding, std::int64_t prompt_rows, Seconds took) {
  if (decoding == 0 || stretch_ == 0) return;
  Undisturbed& alone = undisturbed(decoding);
  if (prompt_rows == 0) return alone.add(took.count());
  if (alone.measured == 0) return;
  const double undisturbed = alone.median();
  const double may_take = stretch_ * undisturbed;
  // A prompt's last few rows say nothing about how many more there could have been.
  if (prompt_rows < static_cast<std::int64_t>(rows_) && took.count() <= may_take) return;
  const double cost = took.count() - undisturbed;
  const double fitting = cost > 0 ? (may_take - undisturbed) / cost : 2;
  // The root: half way, so that one step's noise is halved too.
  const double change = std::sqrt(std::clamp(fitting, 0.25, 2.0));
  rows_ = std::clamp(rows_ * change, std::min(kLeastRows, most_), most_);
}

}  // namespace conduit::kernels
