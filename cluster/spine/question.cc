// A frame → the promise of its type.
#include "cluster/spine/question.h"

#include <caf/sec.hpp>
#include <utility>

#include "actors/errors.h"
#include "cluster/spine/frame.h"

namespace conduit::cluster {

namespace {

template <class Reply>
bool deliver(actors::Promise<Reply>& owed, wire::EnvelopeT& answer) {
  if (auto* reply = body_of<Reply>(answer)) {
    owed.deliver(std::move(*reply));
    return true;
  }
  if (auto* failure = body_of<wire::FailureT>(answer)) {
    owed.deliver(actors::to_caf(Error{code_of(failure->code), failure->message}));
  } else {
    owed.deliver(actors::to_caf(
        Error{Code::corrupt, "another node answered with a message of the wrong type"}));
  }
  return false;
}

}  // namespace

bool Question::settle(wire::EnvelopeT& answer) {
  return std::visit([&](auto& owed) { return deliver(owed, answer); }, owed_);
}

void Question::fail(const Error& error) {
  std::visit([&](auto& owed) { owed.deliver(actors::to_caf(error)); }, owed_);
}

}  // namespace conduit::cluster
