// Rows of text as columns that line up.
#pragma once

#include <string>
#include <vector>

namespace conduit::cluster {

using Table = std::vector<std::vector<std::string>>;

// Two spaces between columns, none at a line's end; the first row, the headings, in bold on a
// terminal.
std::string table_text(const Table& rows);

}  // namespace conduit::cluster
