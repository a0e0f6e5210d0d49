// What the commands that read JSON and write a result share: stdin, stdout, and the one line of an
// error.
#pragma once

#include <string_view>

#include "mdl/base/json.h"
#include "mdl/base/result.h"

namespace conduit::cluster {

// All of stdin, which must be one JSON value. Errors say at which line and column it is not.
Result<json::Value> read_json_from_stdin();

// Exactly these bytes to stdout. Error: the reader closed its end, or the disk is full.
Status write_stdout(std::string_view bytes);

// "error: …" on stderr; returns the exit code of a failure.
int report(const Error& error);

}  // namespace conduit::cluster
