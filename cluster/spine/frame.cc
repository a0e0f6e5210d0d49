// Packing, and the checks of the border in the order in which each becomes safe.
#include "cluster/spine/frame.h"

#include <type_traits>
#include <vector>

#include "mdl/base/metrics.h"

namespace conduit::cluster {

namespace {

// What FlatBuffers' widest scalars need; a multiple of every offset's alignment.
constexpr std::size_t kAlignment = 8;
// The root's offset and the identifier: without them there is nothing to verify.
constexpr std::size_t kMinFrameBytes = 2 * sizeof(flatbuffers::uoffset_t);
// A token's chunk: the buffer grows for more, and what waits to be sent is not mostly air.
constexpr std::size_t kTypicalFrameBytes = 256;
// An envelope holds a body, and no body holds a table: two levels, two tables, with room to grow.
constexpr flatbuffers::uoffset_t kMaxDepth = 8;
constexpr flatbuffers::uoffset_t kMaxTables = 16;

bool is_aligned(const std::uint8_t* bytes) {
  return reinterpret_cast<std::uintptr_t>(bytes) % kAlignment == 0;
}

// Offsets of a frame may point at one string a million times, which structure alone allows: then a
// few bytes unfold to more than memory. Sums what the parts of a body take when nothing is shared,
// as in a frame that pack() made: more than the frame has shows that something is.
class Extent {
 public:
  Extent& operator+=(const flatbuffers::String* text) {
    if (text != nullptr) bytes_ += text->size();
    return *this;
  }
  Extent& operator+=(const flatbuffers::Vector<flatbuffers::Offset<flatbuffers::String>>* list) {
    if (list == nullptr) return *this;
    bytes_ += std::size_t{list->size()} * kListedString;
    for (const flatbuffers::String* text : *list) *this += text;
    return *this;
  }
  template <class Item>
  Extent& operator+=(const flatbuffers::Vector<Item>* items) {
    if (items != nullptr)
      bytes_ += std::size_t{items->size()} * sizeof(std::remove_pointer_t<Item>);
    return *this;
  }

  std::size_t bytes() const { return bytes_; }

 private:
  // Beside its letters: offset, length and end.
  static constexpr std::size_t kListedString = 9;

  std::size_t bytes_ = 0;
};

// One measure() per body with anything of variable size, the rest by the template.
template <class Body>
void measure(const Body&, Extent&) {}
void measure(const wire::GenerateRequest& body, Extent& extent) {
  extent += body.model();
  extent += body.messages_json();
  extent += body.template_args_json();
  extent += body.prompt();
  extent += body.prompt_tokens();
  extent += body.stop();
  extent += body.stop_token_ids();
  extent += body.constraint();
}
void measure(const wire::TokenChunk& body, Extent& extent) {
  extent += body.tokens();
  extent += body.text();
  extent += body.logprobs();
  extent += body.logprob_bytes();
  extent += body.prompt_logprobs();
  extent += body.prompt_logprob_bytes();
  extent += body.prompt_ranks();
  extent += body.reasoning();
  extent += body.tool_call_indexes();
  extent += body.tool_call_names();
  extent += body.tool_call_arguments();
}
void measure(const wire::Finished& body, Extent& extent) {
  extent += body.stop_text();
  extent += body.error_message();
}
void measure(const wire::TokenizeRequest& body, Extent& extent) {
  extent += body.model();
  extent += body.messages_json();
  extent += body.template_args_json();
  extent += body.prompt();
}
void measure(const wire::TokenizeReply& body, Extent& extent) { extent += body.tokens(); }
void measure(const wire::DetokenizeRequest& body, Extent& extent) {
  extent += body.model();
  extent += body.tokens();
}
void measure(const wire::DetokenizeReply& body, Extent& extent) { extent += body.text(); }
void measure(const wire::PoolRequest& body, Extent& extent) {
  extent += body.model();
  extent += body.prompt();
  extent += body.prompt_tokens();
  extent += body.document();
  extent += body.instruction();
}
void measure(const wire::PoolReply& body, Extent& extent) { extent += body.embedding(); }
void measure(const wire::ReplicaStatus& body, Extent& extent) {
  extent += body.model();
  extent += body.device();
}
void measure(const wire::Failure& body, Extent& extent) { extent += body.message(); }
void measure(const wire::Hello& body, Extent& extent) {
  extent += body.endpoint();
  extent += body.version();
  extent += body.replica_ids();
  extent += body.replica_models();
  extent += body.peers();
}

// FlatBuffers does not check that an enum has one of its values. Nullptr: all in range.
template <class Body>
const char* out_of_range(const Body&) {
  return nullptr;
}
const char* out_of_range(const wire::GenerateRequest& body) {
  if (body.prompt_kind() > wire::PromptKind::MAX) return "prompt_kind";
  return body.constraint_kind() > wire::ConstraintKind::MAX ? "constraint_kind" : nullptr;
}
const char* out_of_range(const wire::TokenizeRequest& body) {
  return body.prompt_kind() > wire::PromptKind::MAX ? "prompt_kind" : nullptr;
}
const char* out_of_range(const wire::PoolRequest& body) {
  if (body.prompt_kind() > wire::PromptKind::MAX) return "prompt_kind";
  return body.task() > wire::PoolTask::MAX ? "task" : nullptr;
}
const char* out_of_range(const wire::Finished& body) {
  return body.reason() > wire::FinishReason::MAX ? "reason" : nullptr;
}
const char* out_of_range(const wire::ReplicaStatus& body) {
  if (body.task() > wire::ModelTask::MAX) return "task";
  return body.state() > wire::ReplicaState::MAX ? "state" : nullptr;
}
const char* out_of_range(const wire::Hello& body) {
  const auto ids = body.replica_ids() != nullptr ? body.replica_ids()->size() : 0;
  const auto models = body.replica_models() != nullptr ? body.replica_models()->size() : 0;
  if (body.node() == 0) return "node";
  if (ids > kMaxReplicasPerNode) return "replica_ids (too many)";
  // The verifier aligns a vector's length, not 8-byte elements behind it.
  if (ids > 0 && !is_aligned(body.replica_ids()->Data())) return "replica_ids (misaligned)";
  return ids != models ? "replica_ids" : nullptr;
}

template <class Body>
Status check_body(const Body* body, Extent extent, std::size_t frame_bytes) {
  measure(*body, extent);
  if (extent.bytes() > frame_bytes)
    return rejected("extent", "its parts come to " + std::to_string(extent.bytes()) +
                                  " bytes, more than the frame has: they overlap");
  if (const char* field = out_of_range(*body))
    return rejected("range", std::string(field) + " has a value that does not exist");
  return ok();
}

Status check_contents(const wire::Envelope& envelope, std::size_t frame_bytes) {
  if (envelope.version() != kWireVersion)
    return rejected("version", "wire version " + std::to_string(envelope.version()) +
                                   ", this node speaks " + std::to_string(kWireVersion));
  if (envelope.source_node() == 0) return rejected("range", "no source node");
  if (envelope.body() == nullptr) return rejected("body", "no body");
  Extent extent;
  extent += envelope.tenant();
  switch (envelope.body_type()) {
#define CONDUIT_CHECK_BODY(name) \
  case wire::Body::name: return check_body(envelope.body_as_##name(), extent, frame_bytes)
    CONDUIT_CHECK_BODY(GenerateRequest);
    CONDUIT_CHECK_BODY(Admitted);
    CONDUIT_CHECK_BODY(TokenChunk);
    CONDUIT_CHECK_BODY(Finished);
    CONDUIT_CHECK_BODY(Cancel);
    CONDUIT_CHECK_BODY(Credit);
    CONDUIT_CHECK_BODY(TokenizeRequest);
    CONDUIT_CHECK_BODY(TokenizeReply);
    CONDUIT_CHECK_BODY(DetokenizeRequest);
    CONDUIT_CHECK_BODY(DetokenizeReply);
    CONDUIT_CHECK_BODY(StatusQuery);
    CONDUIT_CHECK_BODY(ReplicaStatus);
    CONDUIT_CHECK_BODY(PoolRequest);
    CONDUIT_CHECK_BODY(PoolReply);
    CONDUIT_CHECK_BODY(Failure);
    CONDUIT_CHECK_BODY(Hello);
    CONDUIT_CHECK_BODY(Heartbeat);
    CONDUIT_CHECK_BODY(Goodbye);
#undef CONDUIT_CHECK_BODY
    case wire::Body::NONE: break;
  }
  // Also what the verifier lets pass: the body of a type that this version does not know.
  return rejected("body", "body type " + std::to_string(static_cast<int>(envelope.body_type())));
}

}  // namespace

Result<Frame> pack(const wire::EnvelopeT& envelope) {
  flatbuffers::FlatBufferBuilder builder(kTypicalFrameBytes);
  wire::FinishEnvelopeBuffer(builder, wire::Envelope::Pack(builder, &envelope));
  if (builder.GetSize() > kMaxFrameBytes)
    return Error{Code::exhausted, "a message of " + std::to_string(builder.GetSize()) +
                                      " bytes; another node takes at most " +
                                      std::to_string(kMaxFrameBytes)};
  return builder.Release();
}

Result<wire::EnvelopeT> open(std::span<const std::uint8_t> bytes) {
  if (bytes.size() < kMinFrameBytes || bytes.size() > kMaxFrameBytes)
    return rejected("size", std::to_string(bytes.size()) + " bytes; a frame has " +
                                std::to_string(kMinFrameBytes) + " to " +
                                std::to_string(kMaxFrameBytes));
  // FlatBuffers reads its scalars in place, and its verifier does not look where the buffer starts.
  std::vector<std::uint8_t> aligned;
  if (!is_aligned(bytes.data())) {
    aligned.assign(bytes.begin(), bytes.end());
    bytes = aligned;
  }
  if (!wire::EnvelopeBufferHasIdentifier(bytes.data()))
    return rejected("identifier", "not a frame of Conduit");
  flatbuffers::Verifier verifier(bytes.data(), bytes.size(), kMaxDepth, kMaxTables);
  if (!wire::VerifyEnvelopeBuffer(verifier)) return rejected("structure", "offsets out of bounds");
  const wire::Envelope& envelope = *wire::GetEnvelope(bytes.data());
  CONDUIT_TRY_STATUS(check_contents(envelope, bytes.size()));
  wire::EnvelopeT opened;
  envelope.UnPackTo(&opened);
  return opened;
}

Error rejected(std::string_view reason, std::string detail) {
  metrics::counter("conduit_frames_rejected_total", "Frames from other nodes that were dropped",
                   {{"reason", std::string(reason)}})
      .increment();
  return Error{Code::corrupt, std::string(reason) + ": " + std::move(detail)};
}

Code code_of(std::uint8_t number) {
  const bool is_known = number >= static_cast<std::uint8_t>(Code::invalid_argument) &&
                        number <= static_cast<std::uint8_t>(Code::internal);
  return is_known ? static_cast<Code>(number) : Code::internal;
}

}  // namespace conduit::cluster
