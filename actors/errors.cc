// A caf::error of ours: category `conduit`, our code, and the message as its context.
#include "actors/errors.h"

#include <caf/atom.hpp>
#include <caf/exit_reason.hpp>
#include <caf/make_message.hpp>
#include <caf/sec.hpp>

namespace conduit::actors {

namespace {

constexpr caf::atom_value kCategory = caf::atom("conduit");
constexpr caf::atom_value kSystem = caf::atom("system");
constexpr caf::atom_value kExit = caf::atom("exit");

bool is_known(std::uint8_t code) {
  return code >= static_cast<std::uint8_t>(Code::invalid_argument) &&
         code <= static_cast<std::uint8_t>(Code::internal);
}

Error from_system(caf::sec code) {
  switch (code) {
    case caf::sec::request_receiver_down: return {Code::unavailable, "the receiver is gone"};
    case caf::sec::request_timeout:
      return {Code::unavailable, "the receiver did not answer in time"};
    default: return {Code::internal, "actor system: " + caf::to_string(code)};
  }
}

}  // namespace

caf::error to_caf(const Error& error) {
  return {static_cast<std::uint8_t>(error.code), kCategory, caf::make_message(error.message)};
}

Error from_caf(const caf::error& error) {
  if (!error) return {Code::unavailable, "the actor has ended"};
  if (error.category() == kCategory && is_known(error.code()) &&
      error.context().match_elements<std::string>())
    return {static_cast<Code>(error.code()), error.context().get_as<std::string>(0)};
  if (error.category() == kSystem) return from_system(static_cast<caf::sec>(error.code()));
  if (error == caf::exit_reason::user_shutdown) return {Code::unavailable, "it was shut down"};
  if (error.category() == kExit)
    return {Code::unavailable,
            "the actor has ended: " + caf::to_string(static_cast<caf::exit_reason>(error.code()))};
  return {Code::internal, "actor system: " + caf::to_string(error)};
}

}  // namespace conduit::actors
