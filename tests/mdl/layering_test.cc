// The house's order, checked on its own source: a folder includes itself and what stands left of
// it, and a library enters through one door.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "tests/support/shared_dir.h"

namespace conduit::testing {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 5> kOrder = {"mdl", "kernels", "provisioning", "actors",
                                                    "cluster"};

// What an include of a library begins with → the files that may hold it, by the beginning of their
// path.
const std::map<std::string, std::vector<std::string>> kDoors = {
    {"simdjson", {"mdl/base/json.cc"}},
    {"spdlog/", {"mdl/base/log.cc"}},
    {"prometheus/", {"mdl/base/metrics.cc"}},
    {"pcre2", {"kernels/model/regex.", "mdl/unicode_classes.cc"}},
    {"curl/", {"provisioning/http_client.cc"}},
    {"openssl/", {"provisioning/sha256.cc"}},
    {"histedit", {"cluster/cli/line_editor.cc"}},
    {"boost/", {"provisioning/http_"}},
    {"boost/beast", {"provisioning/http_server.cc", "provisioning/http_connection."}},
    {"caf/", {"actors/", "cluster/"}},
    {"flatbuffers/", {"cluster/spine/frame."}},
    {"zmq", {"cluster/spine/transport.cc"}},
    {"toml++/", {"cluster/node_config.cc"}},
    {"CLI/", {"cluster/node_main.cc", "cluster/conduit_main.cc"}},
    {"caf/all.hpp", {}},
};

int place_of(std::string_view path) {
  const std::string_view folder = path.substr(0, path.find('/'));
  const auto found = std::find(kOrder.begin(), kOrder.end(), folder);
  return found == kOrder.end() ? -1 : static_cast<int>(found - kOrder.begin());
}

bool is_ours(std::string_view include) {
  return place_of(include) >= 0 && include.find('/') != std::string_view::npos;
}

// Whether `file` may include `included` of our own.
bool is_in_order(std::string_view file, std::string_view included) {
  if (included.starts_with("cluster/wire/"))
    return place_of(file) >= place_of("actors/");  // data, not code
  return place_of(included) <= place_of(file);
}

// Every library's rule that matches must let the file in.
bool is_at_door(std::string_view file, std::string_view included) {
  return std::all_of(kDoors.begin(), kDoors.end(), [&](const auto& door) {
    return !included.starts_with(door.first) ||
           std::any_of(door.second.begin(), door.second.end(),
                       [&](const std::string& allowed) { return file.starts_with(allowed); });
  });
}

std::vector<std::string> lines_of(const fs::path& path) {
  std::ifstream file(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

// The name in `#include "name"` or `#include <name>`; empty for another line.
std::string included_by(const std::string& line) {
  if (!line.starts_with("#include ")) return {};
  const std::size_t begin = line.find_first_of("\"<");
  const std::size_t end = line.find_last_of("\">");
  return begin == std::string::npos || end <= begin ? "" : line.substr(begin + 1, end - begin - 1);
}

// One line per offence below `root`.
std::vector<std::string> offences(const fs::path& root) {
  std::vector<std::string> found;
  for (std::string_view folder : kOrder) {
    if (!fs::exists(root / folder)) continue;
    for (const auto& entry : fs::recursive_directory_iterator(root / folder)) {
      const std::string extension = entry.path().extension().string();
      if (extension != ".h" && extension != ".cc" && extension != ".inc") continue;
      const std::string file = fs::relative(entry.path(), root).generic_string();
      const std::vector<std::string> lines = lines_of(entry.path());
      if (lines.empty() || !lines.front().starts_with("//"))
        found.push_back(file + " does not open with what it is");
      if (extension == ".h" && std::find(lines.begin(), lines.end(), "#pragma once") == lines.end())
        found.push_back(file + " lacks #pragma once");
      for (const std::string& line : lines) {
        const std::string included = included_by(line);
        if (is_ours(included) ? !is_in_order(file, included) : !is_at_door(file, included))
          found.push_back(file + " includes " + included);
      }
    }
  }
  return found;
}

void write(const fs::path& path, std::string_view text) {
  fs::create_directories(path.parent_path());
  std::ofstream(path) << text;
}

TEST(LayeringTest, EveryFileKeepsTheOrder) {
  EXPECT_THAT(offences(CONDUIT_SOURCE_DIR), ::testing::IsEmpty());
}

TEST(LayeringTest, FolderThatLooksRightIsFound) {
  TemporaryDir tree;
  write(tree.path() / "kernels/a.cc",
        "// A.\n#include \"actors/b.h\"\n#include \"mdl/base/c.h\"\n");
  EXPECT_THAT(offences(tree.path()), ::testing::ElementsAre("kernels/a.cc includes actors/b.h"));
}

TEST(LayeringTest, LibraryBesideItsDoorIsFound) {
  TemporaryDir tree;
  write(tree.path() / "kernels/a.cc", "// A.\n#include <caf/send.hpp>\n#include <vector>\n");
  write(tree.path() / "actors/b.cc", "// B.\n#include <caf/send.hpp>\n#include <zmq.h>\n");
  write(tree.path() / "cluster/spine/transport.cc", "// C.\n#include <zmq.h>\n");
  EXPECT_THAT(offences(tree.path()),
              ::testing::UnorderedElementsAre("kernels/a.cc includes caf/send.hpp",
                                              "actors/b.cc includes zmq.h"));
}

TEST(LayeringTest, UmbrellaHeaderIsFound) {
  TemporaryDir tree;
  write(tree.path() / "actors/a.cc", "// A.\n#include <caf/all.hpp>\n");
  EXPECT_THAT(offences(tree.path()), ::testing::ElementsAre("actors/a.cc includes caf/all.hpp"));
}

TEST(LayeringTest, HeaderWithoutGuardOrIntroductionIsFound) {
  TemporaryDir tree;
  write(tree.path() / "mdl/a.h", "int a();\n");
  EXPECT_THAT(offences(tree.path()), ::testing::ElementsAre("mdl/a.h does not open with what it is",
                                                            "mdl/a.h lacks #pragma once"));
}

}  // namespace
}  // namespace conduit::testing
