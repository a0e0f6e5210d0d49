// Error ↔ caf::error, only here.
#pragma once

#include <caf/error.hpp>

#include "mdl/base/result.h"

namespace conduit::actors {

caf::error to_caf(const Error& error);
// CAF's own errors too: a receiver that is gone or a time-out is `unavailable`, anything else
// `internal`.
Error from_caf(const caf::error& error);

}  // namespace conduit::actors
