// A polynomial's residues inside a section, without its shape: what io/poly_io.h builds on.
#pragma once

#include "io/container_reader.h"
#include "io/container_writer.h"
#include "ring/poly.h"

namespace blindtuner::io {
using namespace ring;

/// NTT domain.
void write_residues(ContainerWriter& out, const Poly& x);
/// The shape comes from the caller, who has checked it against the ring.
Poly read_residues(ContainerReader& in, const Ring& ring, std::size_t q_count, std::size_t p_count);

}  // namespace blindtuner::io
