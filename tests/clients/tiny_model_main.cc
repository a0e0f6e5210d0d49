// tiny_model_file FOLDER: writes FOLDER/tiny.gguf, a model of random weights that any node can
// serve, for suites that start one. Its context is long, so that an answer can be caught running.
#include <cstdio>

#include "tests/support/tiny_model.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: tiny_model_file FOLDER\n", stderr);
    return 2;
  }
  conduit::testing::TinyModelOptions options;
  options.max_position = 8192;
  std::puts(conduit::testing::write_tiny_gguf(argv[1], options).c_str());
  return 0;
}
