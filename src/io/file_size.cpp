#include "io/file_size.h"

#include <algorithm>

#include "io/bit_packing.h"
#include "rlwe/written_parameters.h"

namespace blindtuner::io {
namespace {

constexpr std::uint64_t kSeedBytes = sizeof(Seed);
constexpr std::uint64_t kCount = 2, kRing = 1, kNumber = 8;

}  // namespace

std::uint64_t residues_bytes(const Ring& ring, std::size_t q_count, std::size_t p_count) {
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; i < q_count; ++i) bytes += packed_bytes(ring.n(), ring.q(i).bits);
  for (std::size_t i = 0; i < p_count; ++i) bytes += packed_bytes(ring.n(), ring.p(i).bits);
  return bytes;
}

std::uint64_t ciphertext_bytes(const Ring& ring, std::size_t q_count) {
  return kRing + kCount + kNumber + 2 * residues_bytes(ring, q_count, 0);
}

std::uint64_t seeded_ciphertext_bytes(const Ring& ring, std::size_t q_count) {
  return kRing + kCount + 2 * kNumber + kSeedBytes + residues_bytes(ring, q_count, 0);
}

std::uint64_t key_bytes(const Ring& ring, const KeyShape& shape, bool seeded) {
  const std::uint64_t halves = shape.digits() * residues_bytes(ring, shape.q_count, shape.p_count);
  return kRing + (3 + shape.digits()) * kCount + halves + (seeded ? kSeedBytes : halves);
}

std::uint64_t bootstrap_keys_bytes(const Parameters& p, const BootstrapKeyShapes& shapes,
                                   bool seeded) {
  std::uint64_t bytes = key_bytes(p.ring(), shapes.relinearisation, seeded) + 4;
  for (const auto& [g, shape] : shapes.galois) bytes += kNumber + key_bytes(p.ring(), shape);
  for (const KeyShape* shape : {&shapes.small_to_sparse, &shapes.dense_to_sparse,
                                &shapes.sparse_to_dense, &shapes.dense_to_small})
    bytes += key_bytes(p.ring(), *shape);
  return bytes;
}

std::uint64_t product_keys_bytes(const Parameters& p, const ProductLayout& layout, bool seeded) {
  const Ring& ring = p.small_ring();
  const KeyShape shape{2, p.small_special(), {2}};
  const std::uint64_t key = key_bytes(ring, shape);
  const std::uint64_t map = 4 + 8 + 1 + 2 * kCount + kSeedBytes +
                            layout.width * residues_bytes(ring, 2, p.small_special());
  const std::uint64_t maps =
      ProductKeys::pack_maps(layout).size() + ProductKeys::unpack_maps(layout).size();
  return key_bytes(ring, shape, seeded) + 4 +
         ProductKeys::galois_elements(layout).size() * (kNumber + key) + 2 * kCount + maps * map;
}

std::uint64_t file_size(const Parameters& parameters, std::span<const std::uint64_t> sections) {
  constexpr std::uint64_t kFrame = 8 + kDigestBytes;
  std::uint64_t bytes = kHeaderBytes + kFrame;
  if (!built_in(parameters.literal())) bytes += kFrame + 4 + to_text(parameters.literal()).size();
  for (const std::uint64_t payload : sections) {
    const std::uint64_t frames = (payload + kFrameBytes - 1) / kFrameBytes;
    bytes += payload + std::max<std::uint64_t>(frames, 1) * kFrame;
  }
  return bytes;
}

}  // namespace blindtuner::io
