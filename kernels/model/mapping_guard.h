// What happens when a mapped file is cut short, or its disk fails, while it is read: the system
// sends SIGBUS, which would end the process and every answer in it.
// The idea: a handler puts zeros in the place of what is gone and notes it with the mapping, so the
// reader goes on, and who asked for the file finds out afterwards and gives it up. A SIGBUS outside
// of guarded memory goes to whoever had the signal before.
#pragma once

#include <cstddef>

namespace conduit::kernels {

class MappingGuard {
 public:
  // Of [begin, begin + bytes), which is mapped for reading and stays so as long as this lives. More
  // mappings than kMost at a time are not guarded.
  MappingGuard(const std::byte* begin, std::size_t bytes);
  ~MappingGuard();
  MappingGuard(const MappingGuard&) = delete;
  MappingGuard& operator=(const MappingGuard&) = delete;

  bool is_damaged() const;  // some of it reads as zeros now

  static constexpr int kMost = 1024;  // a model's parts are a few hundred at most

 private:
  int slot_;  // -1: none was free
};

}  // namespace conduit::kernels
