// The grammars actor of a replica: compiles what requests say about their answers.
// The idea: a schema may be a stranger's and take its time, so it is compiled beside the replica
// and the engine's steps, and given up when its request is cancelled. Requests with the same schema
// share what was compiled, and the masks that come of it; the engine's thread alone looks into
// those (mdl/matcher.h), here they are only kept.
#pragma once

#include <atomic>
#include <cstddef>
#include <list>
#include <memory>

#include "actors/messages.h"
#include "kernels/model/model.h"
#include "mdl/constraint.h"
#include "mdl/matcher.h"

namespace conduit::actors {

// Compiled grammars that are kept: the clients of a node seldom use more schemas at a time, and
// each may hold some megabytes of states and masks.
inline constexpr std::size_t kGrammarsKept = 64;

// The latest ones used, of one model.
class GrammarCache {
 public:
  // Errors: invalid_argument, cancelled.
  Result<std::shared_ptr<mdl::TokenGrammar>> get(const std::shared_ptr<const kernels::Model>& model,
                                                 const mdl::Constraint& constraint,
                                                 const std::atomic<bool>& stop);
  // It has reached a limit, so who asks next gets a new one.
  void forget(const mdl::TokenGrammar* grammar);
  std::size_t size() const { return kept_.size(); }

 private:
  struct Entry {
    mdl::Constraint constraint;
    std::shared_ptr<mdl::TokenGrammar> grammar;
  };
  std::weak_ptr<const kernels::Model> model_;
  std::shared_ptr<const mdl::TokenTable> table_;  // of the model
  std::list<Entry> kept_;                         // the latest first
};

struct CompileGrammar {
  std::shared_ptr<const kernels::Model> model;
  mdl::Constraint constraint;
  std::shared_ptr<const std::atomic<bool>> stop;  // true: nobody waits for it any more
};
struct CompiledGrammar {
  std::shared_ptr<mdl::TokenGrammar> grammar;
};
struct ForgetGrammar {
  std::shared_ptr<mdl::TokenGrammar> grammar;
};
using GrammarsActor = caf::typed_actor<                      //
    caf::replies_to<CompileGrammar>::with<CompiledGrammar>,  //
    caf::reacts_to<ForgetGrammar>>;

GrammarsActor spawn_grammars(caf::actor_system& system);

}  // namespace conduit::actors

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(conduit::actors::CompileGrammar)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(conduit::actors::CompiledGrammar)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(conduit::actors::ForgetGrammar)
