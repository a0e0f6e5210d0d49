// Everything that reference data is of, Conduit supports: what it refuses is a failure. A skip is
// for data or a machine that is not there.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "mdl/base/result.h"

namespace conduit::testing {

// ASSERT_TRUE(is_supported(open_model(path), path));
template <class T>
::testing::AssertionResult is_supported(const Result<T>& opened, const std::string& name) {
  if (opened) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << name << " is refused: " << opened.error().message;
}

}  // namespace conduit::testing
