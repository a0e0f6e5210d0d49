// `conduit quantize`: a model's folder, or a GGUF file, to a GGUF file of another type.
// The idea: what would fail late is asked first (what GGUF cannot say, the disk's space, a file in
// the way), and the new file has its name only once it is whole: until then it is NAME.partial,
// which an error or Ctrl-C removes.
#pragma once

#include <string>

namespace conduit::cluster {

struct QuantizeOptions {
  std::string source;           // FILE.gguf or a folder
  std::string target;           // the new file
  std::string type = "Q4_K_M";  // kernels::quantise_type_names()
  std::string output_type;      // of the output matrix; empty: as llama.cpp chooses it
  int threads = 0;              // 0: one per core
  bool allow_requantize = false;
  bool force = false;    // replace the target
  bool as_json = false;  // what was made as a JSON object
};

std::string quantize_types();  // the names, for help

// 0 done, 1 failed (one line on stderr says why), 130 Ctrl-C. What was made goes to stdout; how far
// it is, to stderr where that is a terminal.
int run_quantize(const QuantizeOptions& options);

}  // namespace conduit::cluster
