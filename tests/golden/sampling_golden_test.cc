// <shared>/golden/sampling: exact distributions for logits and parameters, float64.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>

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

// The first parameter that Sampling does not have, or "".
std::string read_parameters(const json::Value& parameters, Sampling& sampling) {
  for (const auto& [name, value] : parameters.as_object()) {
    if (name == "temperature") {
      sampling.temperature = static_cast<float>(value.as_double());
    } else if (name == "top_k") {
      sampling.top_k = static_cast<int>(value.as_int());
    } else if (name == "top_p") {
      sampling.top_p = static_cast<float>(value.as_double());
    } else if (name == "min_p") {
      sampling.min_p = static_cast<float>(value.as_double());
    } else {
      return name;
    }
  }
  return "";
}

void expect_distribution(const json::Value& sample, const std::vector<float>& logits,
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
  EXPECT_FALSE(parameter_sets().empty());
}

class SamplingGoldenTest : public ::testing::TestWithParam<std::string> {};

TEST_P(SamplingGoldenTest, DistributionsAreTheReferences) {
  const json::Value file = read_json(sampling_file());
  const json::Array& cases = member(file, "cases").as_array();
  for (std::size_t i = 0; i < cases.size(); ++i) {
    if (parameters_of(cases[i]) != GetParam()) continue;
    Sampling sampling;
    const std::string unknown = read_parameters(member(cases[i], "params"), sampling);
    if (!unknown.empty()) GTEST_SKIP() << unknown << " is not supported yet";
    const json::Array& rows = member(file, "rows").as_array();
    std::vector<float> logits;
    const auto row = static_cast<std::size_t>(member(cases[i], "row").as_int());
    for (const json::Value& logit : member(rows.at(row), "logits").as_array()) {
      logits.push_back(static_cast<float>(logit.as_double()));
    }
    SCOPED_TRACE("case " + std::to_string(i));
    expect_distribution(cases[i], logits, sampling);
  }
}

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(SamplingGoldenTest);
INSTANTIATE_TEST_SUITE_P(Parameters, SamplingGoldenTest, ::testing::ValuesIn(parameter_sets()),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace conduit::testing
