// Frame: an envelope as bytes, and the border where foreign bytes become one. The idea: a frame is
// packed once, into the buffer that the transport sends, and opened once: size, alignment,
// identifier, structure, version, body and the ranges of what it says are checked before anybody
// reads it, and what comes out is an object that no longer refers to the bytes. After this file
// nobody verifies again. Not here: who sent it and who it is for (registry.h).
#pragma once

#include <flatbuffers/flatbuffers.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "cluster/wire/envelope_generated.h"
#include "mdl/base/result.h"

namespace conduit::cluster {

// Packed bytes that own themselves: moved to the socket, never copied.
using Frame = flatbuffers::DetachedBuffer;

// A prompt of a million tokens with its text has 8 MiB; more in one message is a mistake or an
// attack.
inline constexpr std::size_t kMaxFrameBytes = std::size_t{16} << 20;
// A replica needs a model in memory, so a node has a handful; more in its Hello is an attack.
inline constexpr std::size_t kMaxReplicasPerNode = 1024;
// Frames of another version are refused, not guessed at.
inline constexpr std::uint16_t kWireVersion = 1;

// An envelope around a body. By value on purpose: BodyUnion::Set takes a reference to const for
// another type, and silently stays empty.
template <class Body>
wire::EnvelopeT envelope_around(Body body) {
  wire::EnvelopeT envelope;
  envelope.version = kWireVersion;
  envelope.body.Set(std::move(body));
  return envelope;
}

// The body, if it is of this type.
template <class Body>
Body* body_of(wire::EnvelopeT& envelope) {
  return envelope.body.type == wire::BodyUnionTraits<Body>::enum_value
             ? static_cast<Body*>(envelope.body.value)
             : nullptr;
}

// Error: exhausted, above kMaxFrameBytes.
Result<Frame> pack(const wire::EnvelopeT& envelope);

// Error: corrupt, and counted as rejected().
Result<wire::EnvelopeT> open(std::span<const std::uint8_t> bytes);

// The error of a frame that is dropped, `detail` saying why in one line; counts it in
// conduit_frames_rejected_total under `reason`, a word of a fixed set.
Error rejected(std::string_view reason, std::string detail);

// A code that came in a frame; one that this version does not know is internal.
Code code_of(std::uint8_t number);

}  // namespace conduit::cluster
