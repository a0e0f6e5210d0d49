// `conduit inspect`: what a model on disk is, without loading it: sizes, tensors, the memory it
// would take, its tokenizer and template, and what of it Conduit would refuse, with the reason. The
// idea: a report is one JSON value; the text for people is written from the same one. A model that
// cannot be opened still shows whatever of it can be read.
#pragma once

#include <string>

namespace conduit::cluster {

struct InspectOptions {
  std::string model;          // FILE.gguf or a folder
  bool as_json = false;       // one JSON object instead of the text
  bool with_tensors = false;  // every tensor, not just the sums
};

// 0: it can be served. 1: it would be refused; the report on stdout and stderr's line say why.
int run_inspect(InspectOptions options);

}  // namespace conduit::cluster
