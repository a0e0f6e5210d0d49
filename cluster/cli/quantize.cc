// Checks, the partial file, progress, the summary.
#include "cluster/cli/quantize.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <future>
#include <map>
#include <optional>
#include <utility>

#include "cluster/cli/terminal.h"
#include "cluster/cli/text_io.h"
#include "cluster/model_source.h"
#include "kernels/model/quantise_model.h"

namespace conduit::cluster {

namespace {

namespace fs = std::filesystem;
using kernels::QuantisePlan;
using kernels::QuantiseProgress;
using Clock = std::chrono::steady_clock;

constexpr double kMiB = 1 << 20;

Error file_failed(const fs::path& path, const std::string& what) {
  return {Code::unavailable, path.string() + ": " + what + ": " + std::strerror(errno)};
}

// The new file under its first name; removed unless it gets its own.
class PartialFile {
 public:
  explicit PartialFile(const fs::path& target) : target_(target), path_(target) {
    path_ += ".partial";
  }
  ~PartialFile() {
    if (descriptor_ < 0) return;
    ::close(descriptor_);
    if (!is_whole_) ::unlink(path_.c_str());
  }
  PartialFile(const PartialFile&) = delete;
  PartialFile& operator=(const PartialFile&) = delete;

  const fs::path& path() const { return path_; }
  int descriptor() const { return descriptor_; }

  // With the header in it, and its full length.
  Status begin(const QuantisePlan& plan) {
    descriptor_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (descriptor_ < 0) return file_failed(path_, "cannot be made");
    const auto length = static_cast<ssize_t>(plan.header.size());
    if (::pwrite(descriptor_, plan.header.data(), plan.header.size(), 0) != length ||
        ::ftruncate(descriptor_, static_cast<off_t>(plan.file_bytes)) != 0)
      return file_failed(path_, "cannot be written");
    return ok();
  }
  Status finish() {
    if (::fsync(descriptor_) != 0) return file_failed(path_, "cannot be written");
    if (::rename(path_.c_str(), target_.c_str()) != 0)
      return file_failed(target_, "cannot be made");
    is_whole_ = true;
    return ok();
  }

 private:
  fs::path target_, path_;
  int descriptor_ = -1;
  bool is_whole_ = false;
};

// --- what is asked first

Result<kernels::QuantiseOptions> quantise_options(const QuantizeOptions& asked) {
  kernels::QuantiseOptions options;
  CONDUIT_TRY(options.type, kernels::quantise_type_of(asked.type));
  if (!asked.output_type.empty()) {
    CONDUIT_TRY(const auto output, kernels::quantise_type_of(asked.output_type));
    options.output = output.matrices;
  }
  options.allow_requantise = asked.allow_requantize;
  options.threads = asked.threads;
  return options;
}

Status check_target(const QuantizeOptions& options) {
  std::error_code ignored;
  const fs::path target = options.target;
  if (fs::equivalent(options.source, target, ignored))
    return Error{Code::invalid_argument, options.target + " is the model that would be read"};
  if (fs::is_directory(target, ignored))
    return Error{Code::invalid_argument, options.target + " is a folder; a file's name is needed"};
  if (fs::exists(target, ignored) && !options.force)
    return Error{Code::invalid_argument, options.target + " is there already; --force replaces it"};
  return ok();
}

Status check_space(const QuantisePlan& plan, const fs::path& target) {
  std::error_code error;
  const fs::path folder = target.has_parent_path() ? target.parent_path() : fs::path(".");
  const fs::space_info space = fs::space(folder, error);
  if (error) return Error{Code::not_found, folder.string() + " cannot be used: " + error.message()};
  if (space.available >= plan.file_bytes) return ok();
  return Error{Code::exhausted, fmt::format("{} would take {:.1f} MiB; {} has {:.1f} MiB left",
                                            target.string(), double(plan.file_bytes) / kMiB,
                                            folder.string(), double(space.available) / kMiB)};
}

// --- how far it is

class ProgressLine {
 public:
  explicit ProgressLine(std::uint64_t total)
      : total_(total), is_shown_(is_terminal(STDERR_FILENO)) {}

  void show(std::uint64_t done) const {
    if (!is_shown_) return;
    const double seconds = std::chrono::duration<double>(Clock::now() - begun_).count();
    const double rate = double(done) / std::max(seconds, 1e-3);
    const double left = double(total_ - std::min(done, total_)) / std::max(rate, 1.0);
    const std::string line =
        fmt::format("\r{:3.0f} %  {:.0f} of {:.0f} MiB  {:.0f} MiB/s  {:.0f} s left\033[K",
                    100 * double(done) / std::max(double(total_), 1.0), double(done) / kMiB,
                    double(total_) / kMiB, rate / kMiB, left);
    std::fputs(line.c_str(), stderr);
  }
  void clear() const {
    if (is_shown_) std::fputs("\r\033[K", stderr);
  }

 private:
  std::uint64_t total_;
  bool is_shown_;
  Clock::time_point begun_ = Clock::now();
};

Status write_tensors(const QuantisePlan& plan, int descriptor,
                     const std::atomic<bool>& interrupted) {
  QuantiseProgress progress;
  auto written = std::async(std::launch::async,
                            [&] { return kernels::write_quantised(plan, descriptor, progress); });
  const ProgressLine line(plan.source_bytes);
  constexpr auto kTick = std::chrono::milliseconds(100);
  while (written.wait_for(kTick) == std::future_status::timeout) {
    if (interrupted) progress.stop = true;
    line.show(progress.source_bytes);
  }
  line.clear();
  return written.get();
}

// --- what was made

struct Made {
  std::map<std::string_view, int> tensors;  // by dtype
  double weights = 0;
};
Made count(const QuantisePlan& plan) {
  Made made;
  for (const QuantisePlan::Target& target : plan.targets) {
    ++made.tensors[traits(target.dtype).name];
    made.weights += double(target.tensor.elements());
  }
  return made;
}

std::string summary_json(const QuantisePlan& plan, const std::string& target) {
  const Made made = count(plan);
  json::Array dtypes;
  for (const auto& [name, tensors] : made.tensors)
    dtypes.push_back(json::Object{{"dtype", name}, {"tensors", tensors}});
  return json::dump(json::Object{{"path", target},
                                 {"bytes", plan.file_bytes},
                                 {"source_bytes", plan.source_bytes},
                                 {"bits_per_weight", 8 * double(plan.file_bytes) / made.weights},
                                 {"dtypes", std::move(dtypes)}}) +
         "\n";
}

std::string summary(const QuantisePlan& plan, const std::string& target) {
  const auto [tensors, weights] = count(plan);
  std::string text =
      fmt::format("{}: {:.1f} MiB, {:.2f} bits per weight, from {:.1f} MiB\n", target,
                  double(plan.file_bytes) / kMiB, 8 * double(plan.file_bytes) / weights,
                  double(plan.source_bytes) / kMiB);
  for (const auto& [name, number] : tensors)
    text += fmt::format("  {} tensors of {}\n", number, name);
  for (const auto& [note, number] : plan.notes)
    text += fmt::format("  {} of them {}\n", number, note);
  return text;
}

Status quantize(QuantizeOptions asked) {
  CONDUIT_TRY(asked.source, local_model(asked.source));
  CONDUIT_TRY(const auto options, quantise_options(asked));
  CONDUIT_TRY_STATUS(check_target(asked));
  CONDUIT_TRY(const auto plan, kernels::plan_quantise(asked.source, options));
  CONDUIT_TRY_STATUS(check_space(*plan, asked.target));
  const std::atomic<bool>& interrupted = catch_interrupts();
  PartialFile file(asked.target);
  CONDUIT_TRY_STATUS(file.begin(*plan));
  CONDUIT_TRY_STATUS(kernels::check_quantised(*plan, file.path()));
  CONDUIT_TRY_STATUS(write_tensors(*plan, file.descriptor(), interrupted));
  CONDUIT_TRY_STATUS(file.finish());
  return write_stdout(asked.as_json ? summary_json(*plan, asked.target)
                                    : summary(*plan, asked.target));
}

}  // namespace

std::string quantize_types() { return kernels::quantise_type_names(); }

int run_quantize(const QuantizeOptions& options) {
  const Status done = quantize(options);
  if (done) return 0;
  if (done.error().code == Code::cancelled) return kInterrupted;
  return report(done.error());
}

}  // namespace conduit::cluster
