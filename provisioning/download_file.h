// The incomplete file of a download: a beginning of the content, and the pieces that are ahead of
// it. Inside of download.cc.
// The idea: the first range that is not finished writes through to the file; later ones are kept
// until all before them is there.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>

#include "mdl/base/result.h"
#include "provisioning/sha256.h"

namespace conduit::provisioning {

// For one thread at a time.
class DownloadFile {
 public:
  DownloadFile() = default;
  ~DownloadFile();
  DownloadFile(const DownloadFile&) = delete;
  DownloadFile& operator=(const DownloadFile&) = delete;

  // Opens or makes it, and reads what it holds; more than `size` bytes are none.
  Status open(const std::filesystem::path& path, std::uint64_t size);
  std::uint64_t written() const { return written_; }
  std::string sha256() { return sum_.hex(); }  // of what is written; once

  void begin_range(std::uint64_t begin) { ranges_[begin]; }
  Status put(std::uint64_t begin, std::string_view piece);  // the next piece of that range
  Status end_range(std::uint64_t begin);                    // all of it has come
  void forget_ranges() { ranges_.clear(); }                 // what waits is fetched again
  Status append(std::string_view piece);                    // with no range begun

  // On disk, under its name.
  Status finish(const std::filesystem::path& name);
  void remove();
  Status clear();  // empty again

 private:
  struct Range {
    std::string waiting;
    bool is_whole = false;
  };
  std::filesystem::path path_;
  int descriptor_ = -1;
  std::uint64_t written_ = 0;
  Sha256 sum_;
  std::map<std::uint64_t, Range> ranges_;  // by their first byte
};

}  // namespace conduit::provisioning
