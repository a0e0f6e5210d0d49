// The median of some runs, and how far they lie apart.
#pragma once

#include <vector>

namespace conduit::bench {

struct Spread {
  double median = 0, least = 0, most = 0;
};

// `values` is not empty.
Spread spread_of(std::vector<double> values);

}  // namespace conduit::bench
