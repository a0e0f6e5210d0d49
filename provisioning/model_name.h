// How a model is named: a path, `hf:ORG/NAME[@REV][:QUANT | /FILE]` or
// `pypi:PACKAGE==VERSION[+PACKAGE[==VERSION]…]/FILE[#sha256=HEX]`.
// The idea: text from a command line or a TOML file becomes a struct whose parts are safe to put
// into a URL and into a path, or an error that says what would be right. Not here: where a model
// lies (model_store.h), and what is fetched of it (hub_files.h).
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "mdl/base/result.h"

namespace conduit::provisioning {

// A repository of a model hub, and what of it is meant.
struct HubName {
  std::string repo;  // ORG/NAME
  std::string revision = "main";
  std::string file = {};   // in the repository; empty: what makes up the model
  std::string quant = {};  // of a GGUF repository: Q4_K_M; empty: the usual one
};

// A file, or a folder, in a Python wheel; with several packages a file split over their wheels.
struct PypiName {
  std::vector<std::string> packages;  // NAME==VERSION, in the order of the file's pieces
  std::string file;                   // as a wheel holds it, or the end of its path
  std::string sha256;                 // lower-case hex; empty: not checked
};

struct PathName {
  std::string path;
};

using ModelName = std::variant<PathName, HubName, PypiName>;

// Whether the text names something to be fetched: it begins with `hf:` or `pypi:`.
bool is_remote(std::string_view text);

// Error: invalid_argument, with the form that would be right. Any other text is a path.
Result<ModelName> parse_model_name(std::string_view text);

std::string to_string(const HubName& name);
std::string to_string(const PypiName& name);  // without its sum

// What requests call it where nothing else is said: ORG/NAME; a file's or a folder's name, without
// `.gguf`.
std::string served_name(const ModelName& name);

// A path that stays below the folder it is put in: relative, no `..`, nothing empty, no controls.
bool is_safe_relative_path(std::string_view path);

}  // namespace conduit::provisioning
