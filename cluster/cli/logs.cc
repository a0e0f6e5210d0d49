// The files of local_nodes.h.
#include "cluster/cli/logs.h"

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "cluster/cli/local_nodes.h"
#include "cluster/cli/table.h"
#include "cluster/cli/terminal.h"
#include "cluster/cli/text_io.h"

namespace conduit::cluster {

namespace {

std::string joined(const std::vector<std::string>& parts) {
  std::string text;
  for (const std::string& part : parts) text += (text.empty() ? "" : " ") + part;
  return text.empty() ? "-" : text;
}

int list(const std::vector<LocalNode>& nodes, bool as_json) {
  json::Array array;
  Table rows = {{"NODE", "STATE", "URL", "MODELS"}};
  for (const LocalNode& node : nodes) {
    rows.push_back({node.name, node.is_running ? "running" : "ended",
                    node.url.empty() ? "-" : node.url, joined(node.models)});
    array.push_back(json::Object{{"name", node.name},
                                 {"pid", node.pid},
                                 {"url", node.url.empty() ? json::Value() : json::Value(node.url)},
                                 {"models", json::Array(node.models.begin(), node.models.end())},
                                 {"started", node.started},
                                 {"is_running", node.is_running},
                                 {"log", node.log.string()}});
  }
  const Status written =
      write_stdout(as_json ? json::dump(std::move(array)) + "\n" : table_text(rows));
  return written ? 0 : report(written.error());
}

// Where the last `lines` lines begin.
std::size_t tail(const std::string& text, int lines) {
  std::size_t begin = text.size();
  for (int line = 0; line <= lines && begin != 0; ++line) {
    const std::size_t found = text.rfind('\n', begin - 1);
    if (found == text.npos) return 0;
    if (line == lines) return found + 1;
    begin = found;
  }
  return begin;
}

int follow(std::ifstream& file, pid_t pid) {
  constexpr unsigned kTickUs = 100'000;
  const std::atomic<bool>& interrupted = catch_interrupts();
  while (!interrupted) {
    const bool is_running = ::access(("/proc/" + std::to_string(pid)).c_str(), F_OK) == 0;
    file.clear();
    std::ostringstream more;
    more << file.rdbuf();
    if (!write_stdout(more.str())) return 0;  // its reader has seen enough
    if (!is_running) return 0;
    ::usleep(kTickUs);
  }
  return 0;
}

}  // namespace

int run_logs(const LogsOptions& options) {
  const std::vector<LocalNode> nodes = list_nodes();
  if (options.as_json || options.is_list) return list(nodes, options.as_json);
  const auto node = std::find_if(nodes.rbegin(), nodes.rend(), [&](const LocalNode& one) {
    return one.name.starts_with(options.node);
  });
  if (node == nodes.rend())
    return report(
        Error{Code::not_found,
              options.node.empty()
                  ? "no node was started here; conduit serve MODEL starts one"
                  : "no node is called " + options.node + "; conduit logs --list shows them"});
  std::ifstream file(node->log);
  std::ostringstream text;
  text << file.rdbuf();
  const Status written = write_stdout(text.str().substr(tail(text.str(), options.lines)));
  if (!written) return report(written.error());
  return options.follow && node->is_running ? follow(file, node->pid) : 0;
}

}  // namespace conduit::cluster
