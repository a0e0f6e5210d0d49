// The cache, and the actor around it.
#include "actors/grammars.h"

#include <algorithm>
#include <utility>

#include "actors/constraints.h"
#include "actors/errors.h"

namespace conduit::actors {

Result<std::shared_ptr<mdl::TokenGrammar>> GrammarCache::get(
    const std::shared_ptr<const kernels::Model>& model, const mdl::Constraint& constraint,
    const std::atomic<bool>& stop) {
  if (stop) return Error{Code::cancelled, "the request was cancelled"};
  if (model_.lock() != model) {
    kept_.clear();
    table_ = token_table_of(*model);
    model_ = model;
  }
  const auto found = std::ranges::find_if(kept_, [&](const Entry& entry) {
    return entry.constraint.kind == constraint.kind && entry.constraint.text == constraint.text;
  });
  if (found != kept_.end()) {
    kept_.splice(kept_.begin(), kept_, found);
    return found->grammar;
  }
  auto grammar = mdl::compile(constraint, &stop);
  if (!grammar) {
    Error& error = grammar.error();  // too large is the request's fault, not the moment's
    if (error.code == Code::exhausted) error.code = Code::invalid_argument;
    return error;
  }
  kept_.push_front({constraint, std::make_shared<mdl::TokenGrammar>(*std::move(grammar), table_)});
  if (kept_.size() > kGrammarsKept) kept_.pop_back();
  return kept_.front().grammar;
}

void GrammarCache::forget(const mdl::TokenGrammar* grammar) {
  kept_.remove_if([grammar](const Entry& entry) { return entry.grammar.get() == grammar; });
}

namespace {

GrammarsActor::behavior_type grammars(GrammarsActor::stateful_pointer<GrammarCache> self) {
  GrammarCache& cache = self->state;
  return {
      [&cache](const CompileGrammar& wanted) -> caf::result<CompiledGrammar> {
        auto grammar = cache.get(wanted.model, wanted.constraint, *wanted.stop);
        if (!grammar) return to_caf(grammar.error());
        return CompiledGrammar{*std::move(grammar)};
      },
      [&cache](const ForgetGrammar& message) { cache.forget(message.grammar.get()); },
  };
}

}  // namespace

GrammarsActor spawn_grammars(caf::actor_system& system) { return system.spawn(grammars); }

}  // namespace conduit::actors
