// Widths in characters, not bytes.
#include "cluster/cli/table.h"

#include <unistd.h>

#include <algorithm>

#include "cluster/cli/terminal.h"

namespace conduit::cluster {

namespace {

std::size_t characters(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

}  // namespace

std::string table_text(const Table& rows) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i)
      widths[i] = std::max(widths[i], characters(row[i]));
  }
  std::string text;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i)
      line += row[i] + std::string(widths[i] - characters(row[i]) + 2, ' ');
    line.erase(line.find_last_not_of(' ') + 1);
    text += (&row == &rows.front() ? styled(line, Style::bold, STDOUT_FILENO) : line) + "\n";
  }
  return text;
}

}  // namespace conduit::cluster
