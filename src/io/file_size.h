// How large files come out, exactly, from the shapes of what they hold: the writers' formats
// (io/format.h, io/poly_io.h, io/product_io.h) in numbers.
#pragma once

#include "ckks/bootstrap/bootstrapper.h"
#include "io/format.h"
#include "linalg/products.h"
#include "rlwe/keys.h"
#include "rlwe/parameters.h"

namespace blindtuner::io {
using namespace linalg;
using namespace ckks;

// Payloads.
std::uint64_t residues_bytes(const Ring& ring, std::size_t q_count, std::size_t p_count);
std::uint64_t ciphertext_bytes(const Ring& ring, std::size_t q_count);
std::uint64_t seeded_ciphertext_bytes(const Ring& ring, std::size_t q_count);
/// seeded: with a seed in the place of the uniform halves, which of several owners' keys those of relinearisation
/// have not.
std::uint64_t key_bytes(const Ring& ring, const KeyShape& shape, bool seeded = true);
std::uint64_t bootstrap_keys_bytes(const Parameters& parameters, const BootstrapKeyShapes& shapes,
                                   bool seeded = true);
std::uint64_t product_keys_bytes(const Parameters& parameters, const ProductLayout& layout,
                                 bool seeded = true);
inline constexpr std::uint64_t kLayoutBytes = 20;

/// A file of sections with these payloads under these parameters, as ContainerWriter writes it.
std::uint64_t file_size(const Parameters& parameters, std::span<const std::uint64_t> sections);

}  // namespace blindtuner::io
