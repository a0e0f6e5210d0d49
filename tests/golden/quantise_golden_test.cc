// Reference models through a GGUF file of ours: what cost no precision still meets the reference's
// float32 bound, eight bits stay within what bfloat16 may lose, and what GGUF cannot say is refused
// before a file is made. Tokenizers: the ids of the reference from the written file. Encoders: no
// more lost than the reference's own lost.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "kernels/dequantise.h"
#include "kernels/model/gguf.h"
#include "kernels/model/open_tokenizer.h"
#include "kernels/model/quantise.h"
#include "kernels/model/quantise_model.h"
#include "kernels/model/tokenizer_to_gguf.h"
#include "tests/golden/model_cases.h"
#include "tests/golden/reference.h"
#include "tests/golden/teacher_forcing.h"
#include "tests/support/shared_dir.h"

namespace conduit::testing {
namespace {

namespace fs = std::filesystem;
using kernels::DType;
using kernels::Model;

// As the command does it.
Status write_file(const fs::path& source, const char* type, const fs::path& target) {
  kernels::QuantiseOptions options;
  CONDUIT_TRY(options.type, kernels::quantise_type_of(type));
  options.allow_requantise = true;
  options.threads = 2;
  CONDUIT_TRY(const auto plan, kernels::plan_quantise(source, options));
  const int file = ::open(target.c_str(), O_RDWR | O_CREAT | O_TRUNC, 0600);
  EXPECT_EQ(::pwrite(file, plan->header.data(), plan->header.size(), 0),
            static_cast<ssize_t>(plan->header.size()));
  EXPECT_EQ(::ftruncate(file, static_cast<off_t>(plan->file_bytes)), 0);
  kernels::QuantiseProgress progress;
  Status done = kernels::check_quantised(*plan, target);
  if (done) done = kernels::write_quantised(*plan, file, progress);
  ::close(file);
  if (done) {
    EXPECT_EQ(progress.source_bytes, plan->source_bytes);
  }
  return done;
}

class QuantiseGoldenTest : public ::testing::TestWithParam<ModelCase> {
 protected:
  struct Difference {
    double max = 0, squares = 0;
    std::int64_t values = 0;
    double rms() const { return std::sqrt(squares / static_cast<double>(values)); }
  };

  // Of the logits at every position of every prompt.
  Difference difference(const Model& model) const {
    const json::Value golden = read_json(GetParam().golden / "golden.json");
    const ReferenceArrays arrays(GetParam().golden / "golden.safetensors");
    const json::Array& prompts = member(golden, "prompts").as_array();
    Difference found;
    for (std::size_t i = 0; i < prompts.size(); ++i) {
      const std::vector<std::int32_t> ids = ids_of(prompts[i], "input_ids");
      const auto length = static_cast<std::int64_t>(ids.size());
      auto teacher = TeacherForcing::create(
          model, {kernels::Precision::f32, 16, (length + 15) / 16 * 16, length});
      if (!teacher) {
        ADD_FAILURE() << teacher.error().message;
        return found;
      }
      const std::vector<float> expected = arrays.floats("prompt" + std::to_string(i) + ".logits");
      (*teacher)->add(ids);
      (*teacher)->step(
          {{0, length}}, [&](std::size_t, std::int64_t position, std::span<const float> logits) {
            for (std::size_t j = 0; j < logits.size(); ++j) {
              const std::size_t at = static_cast<std::size_t>(position) * logits.size() + j;
              const double error = std::abs(double{logits[j]} - expected[at]);
              if (!(error <= found.max)) found.max = error;
              found.squares += error * error;
              ++found.values;
            }
          });
    }
    return found;
  }

  double tolerance(const char* engine, const char* measure) const {
    const json::Value golden = read_json(GetParam().golden / "golden.json");
    return member(member(member(golden, "tolerances"), engine), measure).as_double();
  }

  // Nothing: GGUF cannot say what this model is, and the refusal says so.
  std::shared_ptr<const Model> written(const char* type) {
    const fs::path file = folder_.path() / "model.gguf";
    const Status done = write_file(GetParam().model, type, file);
    if (!done) {
      EXPECT_EQ(done.error().code, Code::invalid_argument);
      EXPECT_NE(done.error().message.find("cannot be written to GGUF"), std::string::npos)
          << done.error().message;
      return nullptr;
    }
    auto model = kernels::open_model(file);
    EXPECT_TRUE(model) << model.error().message;
    return model ? *model : nullptr;
  }

  TemporaryDir folder_;
};

TEST_P(QuantiseGoldenTest, Float32LosesNothing) {
  const auto model = written("F32");
  if (model == nullptr) return;
  EXPECT_LE(difference(*model).max, tolerance("float32_engine", "max_abs"));
}

TEST_P(QuantiseGoldenTest, EightBitsLoseLittle) {
  const auto model = written("Q8_0");
  if (model == nullptr) return;
  const double rms = difference(*model).rms();
  RecordProperty("rms", std::to_string(rms));
  EXPECT_LE(rms, 2 * tolerance("bfloat16_engine", "rms"));
}

INSTANTIATE_TEST_SUITE_P(Models, QuantiseGoldenTest,
                         ::testing::ValuesIn(find_model_cases_with("prompts")),
                         [](const auto& info) { return info.param.name; });
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(QuantiseGoldenTest);

// --- tokenizers

std::vector<fs::path> tokenizer_files() {
  std::vector<fs::path> files;
  for (const fs::path& root :
       {shared_dir() / "golden/tokenizers", own_golden_dir() / "own/tokenizers"}) {
    std::error_code absent;
    for (const auto& entry : fs::directory_iterator(root, absent))
      if (fs::exists(entry.path() / "tokenizer.json")) files.push_back(entry.path());
  }
  return files;
}

std::optional<kernels::Tokenizer> through_gguf(const fs::path& folder, Status& outcome) {
  Model source;
  source.path = folder;
  source.tokenizer = *kernels::open_tokenizer(folder);
  source.config.vocab = source.tokenizer->vocab_size() + 3;  // models have rows to spare
  kernels::GgufHeader header;
  outcome = kernels::add_tokenizer(header, source);
  if (!outcome) return std::nullopt;
  const std::string bytes = header.bytes();
  const auto file = kernels::GgufFile::parse(std::as_bytes(std::span(bytes)));
  EXPECT_TRUE(file) << file.error().message;
  Model written;
  written.tokenizer = *kernels::Tokenizer::from_gguf(*file);
  outcome = kernels::check_same_tokenizer(source, written);
  return written.tokenizer;
}

TEST(QuantiseTokenizerGoldenTest, WhatIsWrittenGivesTheReferencesIds) {
  int checked = 0;
  for (const fs::path& folder : tokenizer_files()) {
    SCOPED_TRACE(folder.string());
    Status outcome = ok();
    const auto tokenizer = through_gguf(folder, outcome);
    if (!outcome) {  // refused; a wrong one would not be
      EXPECT_EQ(outcome.error().code, Code::invalid_argument);
      continue;
    }
    const fs::path golden = folder.string() + ".golden.json";
    if (!fs::exists(golden)) continue;
    const json::Value texts = read_json(golden);
    for (const json::Value& text : member(texts, "encode").as_array()) {
      EXPECT_EQ(tokenizer->encode(member(text, "text").as_string(), {.add_special = false}),
                ids_of(text, "ids"));
      ++checked;
    }
  }
  RecordProperty("texts", checked);
}

// --- encoders

TEST(QuantiseEncoderGoldenTest, NoMoreIsLostThanByTheReference) {
  const fs::path path = shared_dir() / "golden/dequant/dequant.safetensors";
  if (!fs::exists(path)) GTEST_SKIP() << path << " is absent";
  const ReferenceArrays arrays(path);
  for (int i = 0; i < kernels::kWeightDTypes; ++i) {
    const auto dtype = static_cast<DType>(i);
    const std::string name(kernels::traits(dtype).name);
    if (!kernels::can_quantise_to(dtype) || !arrays.has(name + ".quant_input")) continue;
    const std::vector<float> input = arrays.floats(name + ".quant_input");
    const std::vector<float> reference = arrays.floats(name + ".quant_output");
    const float limit = kernels::largest_value(dtype);
    if (std::any_of(input.begin(), input.end(),
                    [&](float value) { return !(std::abs(value) <= limit); }))
      continue;
    const auto count = static_cast<std::int64_t>(input.size());
    std::vector<std::byte> bytes(static_cast<std::size_t>(kernels::bytes_of(dtype, count)));
    kernels::quantise(dtype, input, bytes.data());
    std::vector<float> output(input.size());
    kernels::dequantise(dtype, bytes.data(), count, output.data());
    double ours = 0, theirs = 0;
    for (std::size_t j = 0; j < input.size(); ++j) {
      ours += std::pow(double{output[j]} - input[j], 2);
      theirs += std::pow(double{reference[j]} - input[j], 2);
    }
    EXPECT_LE(std::sqrt(ours), 1.02 * std::sqrt(theirs)) << name;
  }
}

}  // namespace
}  // namespace conduit::testing
