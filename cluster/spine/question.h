// Question: an answer that this node owes one of its own actors while it waits for it from another
// node, whatever the type of the reply.
#pragma once

#include <utility>
#include <variant>

#include "actors/messages.h"
#include "mdl/base/result.h"

namespace conduit::cluster {

class Question {
 public:
  template <class Reply>
  explicit Question(actors::Promise<Reply> owed) : owed_(std::move(owed)) {}

  // One of the two, once. With the body of an answer: the reply that was asked for, or a Failure;
  // anything else is the other node's bug, and an error here. Returns whether it was the reply.
  bool settle(wire::EnvelopeT& answer);
  void fail(const Error& error);

 private:
  std::variant<actors::Promise<actors::Admitted>, actors::Promise<actors::TokenizeReply>,
               actors::Promise<actors::DetokenizeReply>, actors::Promise<actors::PoolReply>,
               actors::Promise<actors::ReplicaStatus>>
      owed_;
};

}  // namespace conduit::cluster
