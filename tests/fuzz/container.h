// Containers (io/format.h) whose checksums are right whatever they hold, so that the readers behind
// the checksums are reached.
#pragma once

#include "fuzz.h"
#include "io/format.h"

namespace blindtuner::fuzz {
using namespace io;

/// Sections of a container as a target's bytes:
///   section  4   name; a frame ends where a name stands, the same name goes on in another frame
///            2   length of what follows, little-endian; cut to what is there
///            ..  the frame's payload
/// Back to back. A last byte of 'E' ends the container properly.
std::vector<std::uint8_t> unseal(Bytes container);
/// The container of this header and these sections: every digest is right.
std::vector<std::uint8_t> seal(const FileHeader& header, Bytes sections);

/// The container after changes to the bytes of its sections, resealed. For containers that are too
/// large to be a target's input:
///   change   1   which section
///            3   where, modulo the section's length
///            1   number of bytes that are replaced (low half) and inserted (high half)
///            ..  the bytes
std::vector<std::uint8_t> patched(Bytes container, Bytes changes);

/// Changes one number, one byte or one section of what seal() takes.
std::size_t mutate_sections(std::uint8_t* data, std::size_t size, std::size_t most, unsigned seed);

}  // namespace blindtuner::fuzz
