// Errors across the border of CAF.
#include "actors/errors.h"

#include <gtest/gtest.h>

#include <caf/exit_reason.hpp>
#include <caf/sec.hpp>

namespace conduit::actors {
namespace {

TEST(ErrorsTest, EveryCodeAndMessageSurvivesTheWayThereAndBack) {
  for (int code = 1; code <= 7; ++code) {
    const Error error{static_cast<Code>(code), "max_tokens is 9; the limit is 8"};
    EXPECT_EQ(from_caf(to_caf(error)), error);
  }
}

TEST(ErrorsTest, ReceiverThatIsGoneOrSilentIsUnavailable) {
  EXPECT_EQ(from_caf(caf::make_error(caf::sec::request_receiver_down)).code, Code::unavailable);
  EXPECT_EQ(from_caf(caf::make_error(caf::sec::request_timeout)).code, Code::unavailable);
  EXPECT_EQ(from_caf(caf::make_error(caf::exit_reason::kill)).code, Code::unavailable);
  EXPECT_EQ(from_caf(caf::error{}).code, Code::unavailable);
}

TEST(ErrorsTest, WhatCafReportsOtherwiseIsInternalAndNamed) {
  const Error error = from_caf(caf::make_error(caf::sec::unexpected_message));
  EXPECT_EQ(error.code, Code::internal);
  EXPECT_NE(error.message.find("unexpected_message"), std::string::npos) << error.message;
}

TEST(ErrorsTest, ForeignErrorThatOnlyLooksLikeOursIsInternal) {
  EXPECT_EQ(from_caf(caf::error(99, caf::atom("conduit"))).code, Code::internal);
  EXPECT_EQ(from_caf(caf::error(1, caf::atom("conduit"), caf::make_message(5))).code,
            Code::internal);
}

}  // namespace
}  // namespace conduit::actors
