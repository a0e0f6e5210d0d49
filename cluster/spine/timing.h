// How patient a node is with its peers. Counted in heartbeats rather than read from a clock, so a
// process that was stopped for a while does not wake up and find everybody else dead, and a test
// advances time by hand.
#pragma once

#include <chrono>

namespace conduit::cluster {

struct Timing {
  std::chrono::milliseconds heartbeat{1000};
  int suspect_after = 3;  // heartbeats without a word: said in the log, nothing else happens
  int leave_after = 5;    // … its replicas and streams end here, and it must say Hello again
  // How long a peer may take to admit a request or to answer a query. Not the time in which a dead
  // node or a lost frame is noticed: heartbeats do that. A model may have to be loaded first.
  std::chrono::milliseconds answer{60'000};
  // How long stop() waits for its last words to leave.
  std::chrono::milliseconds farewell{1000};
};

}  // namespace conduit::cluster
