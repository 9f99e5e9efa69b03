// Layouts and keys of the encrypted matrix products inside a section.
//
//   layout               samples (8), features (4), classes (4), width (4)
//   component map's key  width (4), g (8), reversed (1), q_count (2), p_count (2), seed (32),
//                        residues of b_0 .. b_(width-1)
//   product keys         key: relinearisation; galois keys; number (2) and component maps' keys: pack;
//                        number (2) and component maps' keys: unpack
//
// See io/poly_io.h for the rest and for what readers check.
#pragma once

#include "io/poly_io.h"
#include "linalg/products.h"

namespace blindtuner::io {
using namespace linalg;

void write(ContainerWriter& out, const ProductLayout& layout);
ProductLayout read_layout(ContainerReader& in, const Parameters& parameters);

void write(ContainerWriter& out, const ComponentMapKey& key);

void write(ContainerWriter& out, const Parameters& parameters, const ProductKeys& keys);
/// Exactly the keys that the layout needs, expanded.
ProductKeys read_product_keys(ContainerReader& in, const Parameters& parameters,
                              const ProductLayout& layout);

}  // namespace blindtuner::io
