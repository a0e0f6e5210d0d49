// <shared>/golden/sampling: exact distributions for logits and parameters, float64.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <span>
#include <string>

#include "kernels/engine/adjusted_logits.h"
#include "kernels/engine/sampler.h"
#include "tests/golden/reference.h"
#include "tests/support/shared_dir.h"

namespace conduit::testing {
namespace {

namespace fs = std::filesystem;
using kernels::Sampling;

fs::path sampling_file() { return shared_dir() / "golden/sampling/sampling.json"; }

// One test per set of parameters that occur together: "temperature_top_k".
std::string parameters_of(const json::Value& sample) {
  std::set<std::string> names;
  for (const auto& [name, value] : member(sample, "params").as_object()) names.insert(name);
  std::string joined;
  for (const std::string& name : names) joined += (joined.empty() ? "" : "_") + name;
  return joined.empty() ? "neutral" : joined;
}

std::vector<std::string> parameter_sets() {
  std::set<std::string> sets;
  if (fs::exists(sampling_file())) {
    const json::Value file = read_json(sampling_file());
    for (const json::Value& sample : member(file, "cases").as_array()) {
      sets.insert(parameters_of(sample));
    }
  }
  return {sets.begin(), sets.end()};
}

Sampling read_parameters(const json::Value& parameters) {
  Sampling sampling;
  for (const auto& [name, value] : parameters.as_object()) {
    if (name == "logit_bias") {
      for (const auto& [id, bias] : value.as_object())
        sampling.logit_bias.push_back({std::stoi(id), static_cast<float>(bias.as_double())});
    } else if (name == "repetition_penalty") {
      sampling.repetition_penalty = static_cast<float>(value.as_double());
    } else if (name == "frequency_penalty") {
      sampling.frequency_penalty = static_cast<float>(value.as_double());
    } else if (name == "presence_penalty") {
      sampling.presence_penalty = static_cast<float>(value.as_double());
    } else if (name == "temperature") {
      sampling.temperature = static_cast<float>(value.as_double());
    } else if (name == "top_k") {
      sampling.top_k = static_cast<int>(value.as_int());
    } else if (name == "top_p") {
      sampling.top_p = static_cast<float>(value.as_double());
    } else if (name == "typical_p") {
      sampling.typical_p = static_cast<float>(value.as_double());
    } else if (name == "min_p") {
      sampling.min_p = static_cast<float>(value.as_double());
    } else {
      ADD_FAILURE() << name << " is a parameter that Sampling does not have";
    }
  }
  return sampling;
}

kernels::TokenCounts counts_of(const json::Value& history) {
  kernels::TokenCounts counts;
  for (std::int32_t id : ids_of(history, "prompt")) counts.emplace(id, 0);
  for (std::int32_t id : ids_of(history, "output")) ++counts[id];
  return counts;
}

void expect_distribution(const json::Value& sample, std::span<const float> logits,
                         const Sampling& sampling) {
  constexpr double kTolerance = 1e-6;  // golden/README.md
  std::map<kernels::TokenId, double> found;
  for (const auto& [id, probability] : kernels::distribution(logits, sampling)) {
    found[id] = probability;
  }
  const json::Array& expected = member(sample, "probs").as_array();
  if (sample.find("tie_order_dependent") != nullptr) {  // which of equal tokens stay is open
    std::vector<double> ours;
    std::vector<double> theirs;
    for (const auto& [id, probability] : found) ours.push_back(probability);
    for (const json::Value& pair : expected) theirs.push_back(pair.as_array().at(1).as_double());
    std::sort(ours.begin(), ours.end());
    std::sort(theirs.begin(), theirs.end());
    ASSERT_EQ(ours.size(), theirs.size());
    for (std::size_t i = 0; i < ours.size(); ++i) EXPECT_NEAR(ours[i], theirs[i], kTolerance);
    return;
  }
  for (const json::Value& pair : expected) {
    const auto id = static_cast<kernels::TokenId>(pair.as_array().at(0).as_int());
    EXPECT_NEAR(found[id], pair.as_array().at(1).as_double(), kTolerance) << "token " << id;
    found.erase(id);
  }
  for (const auto& [id, probability] : found) {
    EXPECT_LE(probability, kTolerance) << "token " << id << " is outside the support";
  }
}

TEST(GoldenDataTest, SamplingCasesArePresent) {
  if (!fs::exists(sampling_file())) GTEST_SKIP() << sampling_file() << " is absent";
  std::string all;
  for (const std::string& set : parameter_sets()) all += set + " ";
  for (const char* name : {"logit_bias", "repetition_penalty", "frequency_penalty",
                           "presence_penalty", "temperature", "top_k", "top_p", "min_p"})
    EXPECT_NE(all.find(name), all.npos) << name << " is in no case";
}

class SamplingGoldenTest : public ::testing::TestWithParam<std::string> {};

TEST_P(SamplingGoldenTest, DistributionsAreTheReferences) {
  const json::Value file = read_json(sampling_file());
  const json::Array& cases = member(file, "cases").as_array();
  for (std::size_t i = 0; i < cases.size(); ++i) {
    if (parameters_of(cases[i]) != GetParam()) continue;
    const Sampling sampling = read_parameters(member(cases[i], "params"));
    const json::Array& rows = member(file, "rows").as_array();
    std::vector<float> logits;
    const auto row = static_cast<std::size_t>(member(cases[i], "row").as_int());
    for (const json::Value& logit : member(rows.at(row), "logits").as_array()) {
      logits.push_back(static_cast<float>(logit.as_double()));
    }
    const json::Array& histories = member(file, "histories").as_array();
    const auto history = static_cast<std::size_t>(member(cases[i], "history").as_int());
    SCOPED_TRACE("case " + std::to_string(i));
    const kernels::AdjustedLogits adjusted(logits, sampling, counts_of(histories.at(history)));
    expect_distribution(cases[i], adjusted.row(), sampling);
  }
}

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(SamplingGoldenTest);
INSTANTIATE_TEST_SUITE_P(Parameters, SamplingGoldenTest, ::testing::ValuesIn(parameter_sets()),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace conduit::testing
