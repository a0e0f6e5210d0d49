// READ FIRST: the names of all messages, and the typed interface of every actor.
// The idea: what may cross a process is defined in cluster/wire/*.fbs, and the struct FlatBuffers
// generates is the message, passed by value inside a node and packed only at the border
// (cluster/spine/frame). What never leaves a process (a loaded model, an actor's handle) is a plain
// struct below. An interface of an actor is the same whether it runs here or is a peer's stand-in
// (cluster/spine/peer), so a sender cannot tell.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "actors/caf.h"
#include "cluster/wire/envelope_generated.h"
#include "kernels/engine/engine.h"
#include "mdl/base/result.h"

namespace conduit::actors {

// --- messages of the wire
using GenerateRequest = wire::GenerateRequestT;
using Admitted = wire::AdmittedT;
using TokenChunk = wire::TokenChunkT;
using Finished = wire::FinishedT;
using Cancel = wire::CancelT;
using Credit = wire::CreditT;
using TokenizeRequest = wire::TokenizeRequestT;
using TokenizeReply = wire::TokenizeReplyT;
using DetokenizeRequest = wire::DetokenizeRequestT;
using DetokenizeReply = wire::DetokenizeReplyT;
using PoolRequest = wire::PoolRequestT;
using PoolReply = wire::PoolReplyT;
using StatusQuery = wire::StatusQueryT;
using ReplicaStatus = wire::ReplicaStatusT;

// --- who receives an answer: any number of chunks as credit allows, then one Finished. They come
// straight from the replica, so they may overtake the answer to the GenerateRequest, which passes
// the router.
using TokenSink = caf::typed_actor<caf::reacts_to<TokenChunk>, caf::reacts_to<Finished>>;

// --- a model replica, local or remote. An error instead of Admitted means that nothing was kept.
using ReplicaActor = caf::typed_actor<                            //
    caf::replies_to<GenerateRequest, TokenSink>::with<Admitted>,  //
    caf::reacts_to<Cancel>,                                       //
    caf::reacts_to<Credit>,                                       //
    caf::replies_to<TokenizeRequest>::with<TokenizeReply>,        //
    caf::replies_to<DetokenizeRequest>::with<DetokenizeReply>,    //
    caf::replies_to<PoolRequest>::with<PoolReply>,                //
    caf::replies_to<StatusQuery>::with<ReplicaStatus>>;

// --- the device actor: owns a device's memory and steps its engines
struct Residency {         // when a model is in its device's memory
  bool is_eager = true;    // from the start; otherwise from its first request on
  bool is_pinned = false;  // once there it stays, whoever else needs room
  std::optional<std::chrono::milliseconds> keep_alive{};  // idle for so long, it goes; none: never
};
struct ModelSpec {  // what the supervisor wants to run
  std::string name;
  std::string path;
  kernels::EngineOptions engine;
  Residency residency{};
  std::string draft{};  // the path of its draft model; empty: none
};
struct LoadModel {
  ModelSpec spec;
  bool is_asked_for = false;  // by a request, for which others may go; otherwise eager ones stay
};
struct ModelLoaded {
  std::uint64_t engine = 0;  // the device actor's name for it
  std::shared_ptr<const kernels::Model> model;
  kernels::EngineOptions options;                   // defaults filled in
  std::int64_t bytes = 0;                           // on the device
  std::int64_t device_budget = 0;                   // bytes that models may take together
  std::shared_ptr<const kernels::Device> device{};  // to look at, not to use
};
struct ModelTaken {  // who asked for the engine has added what waited for it: idle, it may go
  std::uint64_t engine = 0;
};
struct SetResidency {
  std::uint64_t engine = 0;
  Residency residency;
};
struct UnloadModel {  // as soon as it is idle; it takes no more sequences
  std::uint64_t engine = 0;
};
struct EngineUnloaded {  // it was idle; to be loaded again by who needs it
  std::uint64_t engine = 0;
};
struct AddSequence {
  std::uint64_t engine = 0;
  kernels::SequenceSpec spec;
};
// A reply of its own: 0.17 turns caf::unit_t into an empty message, which no handler of the asker
// takes.
struct SequenceAdded {};
enum class SequenceAction : std::uint8_t { cancel, pause, resume };
struct ControlSequence {
  std::uint64_t engine = 0;
  kernels::SequenceId id = 0;
  SequenceAction action = SequenceAction::cancel;
};
struct StepDue {  // the device actor to itself; one with another number than the last is stale
  std::uint64_t number = 0;
};
struct IdleDue {};  // to itself: a model may have been idle for as long as it is kept
struct LoadDue {    // to itself: that load has waited for memory as long as it may
  std::uint64_t load = 0;
};
struct StepOutputs {  // what one step made for one engine's sequences
  std::vector<kernels::SequenceOutput> outputs;
};
struct EngineStatsQuery {
  std::uint64_t engine = 0;
};

// Where a device sends what its engine makes: the replica that loaded it. When that actor ends, the
// engine is unloaded.
using StepSink = caf::typed_actor<  //
    caf::reacts_to<StepOutputs>,    //
    caf::reacts_to<EngineUnloaded>>;

// AddSequence to an engine that is gone or going: not_found.
using DeviceActor = caf::typed_actor<                               //
    caf::replies_to<LoadModel, StepSink>::with<ModelLoaded>,        //
    caf::reacts_to<ModelTaken>,                                     //
    caf::reacts_to<SetResidency>,                                   //
    caf::reacts_to<UnloadModel>,                                    //
    caf::replies_to<AddSequence>::with<SequenceAdded>,              //
    caf::reacts_to<ControlSequence>,                                //
    caf::replies_to<EngineStatsQuery>::with<kernels::EngineStats>,  //
    caf::reacts_to<StepDue>,                                        //
    caf::reacts_to<IdleDue>,                                        //
    caf::reacts_to<LoadDue>>;

// --- a replica as the actor that it is here; the two interfaces above are parts of it
struct RequestTimer {  // to itself
  enum class Kind : std::uint8_t { deadline, stall };
  kernels::SequenceId sequence = 0;
  Kind kind = Kind::deadline;
  std::uint64_t grants = 0;  // stall: what the reader had granted when it was set
};
using LocalReplica = ReplicaActor::extend<  //
    caf::reacts_to<Residency>,              // of its model, from now on
    caf::reacts_to<StepOutputs>,            //
    caf::reacts_to<EngineUnloaded>,         //
    caf::reacts_to<RequestTimer>>;

struct ReplicaReady {  // it has generated a token, or loads its model when a request comes
  std::string model;
  ReplicaActor replica;
  bool is_local = true;
  std::string node{};  // endpoint of a remote one's
};
// Whom a replica tells that it is ready: the router, or the supervisor, which passes it on.
using ReadySink = caf::typed_actor<caf::reacts_to<ReplicaReady>>;

// --- the router: model name → a ready replica
struct RouteTo {  // the answer to a GenerateRequest: who runs it, to cancel, to grant credit, to
                  // watch
  ReplicaActor replica;
  Admitted admitted;
};
struct ModelsQuery {};
struct ModelEntry {
  std::string name;
  int ready = 0;          // replicas
  bool expected = false;  // configured on this node, though perhaps not ready yet
  std::string error{};    // why it will not be; empty: it is, or may become so
  std::vector<ReplicaReady> replicas{};
};
struct ModelsReply {
  std::vector<ModelEntry> models;
};
struct ExpectModel {  // a model that should be served: until ready its requests get `unavailable`,
                      // not `not_found`
  std::string model;
};
struct ForgetModel {  // it should no longer be served here: its local replicas get no new requests
  std::string model;
};
struct ModelFailed {  // … and will not be
  std::string model;
  std::string reason;
};
struct LocalReplicasQuery {};
struct LocalReplicas {  // what membership tells the peers
  std::vector<ReplicaReady> replicas;
};

using RouterActor = caf::typed_actor<                            //
    caf::replies_to<GenerateRequest, TokenSink>::with<RouteTo>,  //
    caf::replies_to<TokenizeRequest>::with<TokenizeReply>,       //
    caf::replies_to<DetokenizeRequest>::with<DetokenizeReply>,   //
    caf::replies_to<PoolRequest>::with<PoolReply>,               //
    caf::replies_to<ModelsQuery>::with<ModelsReply>,             //
    caf::replies_to<LocalReplicasQuery>::with<LocalReplicas>,    //
    caf::reacts_to<ExpectModel>,                                 //
    caf::reacts_to<ForgetModel>,                                 //
    caf::reacts_to<ModelFailed>,                                 //
    caf::reacts_to<ReplicaReady>>;  // it monitors each and forgets those that end

// --- a stream (stream.h) to itself
struct StreamDeadline {};

// --- the supervisor: what should run against what runs
struct WaitReady {};  // answered when every model has a ready replica, or with the error of one
                      // that cannot be loaded
struct AllReady {};
struct RestartReplica {  // to itself, when the back-off of that model is over
  std::size_t model = 0;
};
struct WantModel {  // one more, or in place of the one of that name
  ModelSpec spec;
};
struct DropModel {  // no longer wanted: it finishes what it answers, then goes
  std::string model;
};
struct RetireDue {  // to itself: a look whether that model has finished
  std::size_t model = 0;
};
using SupervisorActor = caf::typed_actor<        //
    caf::replies_to<WaitReady>::with<AllReady>,  //
    caf::reacts_to<WantModel>,                   //
    caf::reacts_to<DropModel>,                   //
    caf::reacts_to<RetireDue>,                   //
    caf::reacts_to<ReplicaReady>,                //
    caf::reacts_to<RestartReplica>>;

}  // namespace conduit::actors

// None of these is ever serialised by CAF: the border is cluster/spine/frame.
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(conduit::wire::GenerateRequestT)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(conduit::wire::AdmittedT)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(conduit::wire::TokenChunkT)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(conduit::wire::FinishedT)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(conduit::wire::CancelT)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(conduit::wire::CreditT)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(conduit::wire::TokenizeRequestT)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(conduit::wire::TokenizeReplyT)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(conduit::wire::DetokenizeRequestT)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(conduit::wire::DetokenizeReplyT)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(conduit::wire::PoolRequestT)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(conduit::wire::PoolReplyT)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(conduit::wire::StatusQueryT)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(conduit::wire::ReplicaStatusT)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(conduit::kernels::EngineStats)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(conduit::actors::ModelSpec)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(conduit::actors::LoadModel)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(conduit::actors::ModelLoaded)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(conduit::actors::ModelTaken)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(conduit::actors::Residency)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(conduit::actors::SetResidency)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(conduit::actors::UnloadModel)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(conduit::actors::EngineUnloaded)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(conduit::actors::AddSequence)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(conduit::actors::SequenceAdded)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(conduit::actors::ControlSequence)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(conduit::actors::StepDue)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(conduit::actors::IdleDue)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(conduit::actors::LoadDue)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(conduit::actors::StepOutputs)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(conduit::actors::EngineStatsQuery)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(conduit::actors::RequestTimer)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(conduit::actors::ReplicaReady)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(conduit::actors::RouteTo)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(conduit::actors::ModelsQuery)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(conduit::actors::ModelsReply)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(conduit::actors::ExpectModel)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(conduit::actors::ForgetModel)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(conduit::actors::ModelFailed)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(conduit::actors::LocalReplicasQuery)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(conduit::actors::LocalReplicas)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(conduit::actors::StreamDeadline)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(conduit::actors::WaitReady)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(conduit::actors::AllReady)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(conduit::actors::WantModel)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(conduit::actors::DropModel)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(conduit::actors::RetireDue)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(conduit::actors::RestartReplica)
