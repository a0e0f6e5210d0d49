// CONDUIT_CHECK: our own code is wrong; say where and why, and abort. Never for what a user, file
// or peer can cause.
#pragma once

#include <cstdio>
#include <cstdlib>

#define CONDUIT_CHECK(condition, reason)                                                     \
  do {                                                                                       \
    if (!(condition)) {                                                                      \
      std::fprintf(stderr, "%s:%d: bug: %s (%s)\n", __FILE__, __LINE__, reason, #condition); \
      std::abort();                                                                          \
    }                                                                                        \
  } while (false)
