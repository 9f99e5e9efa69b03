#include "io/product_io.h"

#include "base/error.h"
#include "io/residues.h"

namespace blindtuner::io {
namespace {

ComponentMapKey read_map_key(ContainerReader& in, const Parameters& parameters,
                             const ComponentMap& expected) {
  const Ring& ring = parameters.small_ring();
  ComponentMapKey key;
  key.map.width = in.number<std::uint32_t>();
  key.map.g = in.number<u64>();
  key.map.reversed = in.number_in(in.number<std::uint8_t>(), 0, 1, "a component map's flag") != 0;
  if (key.map != expected) in.fail("a component map's key is not the one expected in its place");
  key.q_count = in.number_in(in.number<std::uint16_t>(), ring.q_size(), ring.q_size(),
                             "a component map's number of primes");
  key.p_count = in.number_in(in.number<std::uint16_t>(), ring.p_size(), ring.p_size(),
                             "a component map's number of special primes");
  in.bytes(key.seed);
  for (std::size_t j = 0; j < key.map.width; ++j)
    key.b.push_back(read_residues(in, ring, key.q_count, key.p_count));
  key.expand();
  return key;
}

void write_map_keys(ContainerWriter& out, const std::vector<ComponentMapKey>& keys) {
  out.number(static_cast<std::uint16_t>(keys.size()));
  for (const ComponentMapKey& key : keys) write(out, key);
}

std::vector<ComponentMapKey> read_map_keys(ContainerReader& in, const Parameters& parameters,
                                           const std::vector<ComponentMap>& expected) {
  in.number_in(in.number<std::uint16_t>(), expected.size(), expected.size(),
               "the number of component map keys");
  std::vector<ComponentMapKey> keys;
  for (const ComponentMap& map : expected) keys.push_back(read_map_key(in, parameters, map));
  return keys;
}

}  // namespace

void write(ContainerWriter& out, const ProductLayout& layout) {
  out.number(static_cast<std::uint64_t>(layout.samples));
  out.number(static_cast<std::uint32_t>(layout.features));
  out.number(static_cast<std::uint32_t>(layout.classes));
  out.number(static_cast<std::uint32_t>(layout.width));
}

ProductLayout read_layout(ContainerReader& in, const Parameters& parameters) {
  const auto samples =
      in.number_in(in.number<std::uint64_t>(), 1, kMaxSamples, "the number of samples");
  const auto features =
      in.number_in(in.number<std::uint32_t>(), 1, kMaxColumns, "the number of features");
  const auto classes =
      in.number_in(in.number<std::uint32_t>(), 2, kMaxClasses, "the number of classes");
  const auto width = in.number_in(in.number<std::uint32_t>(), 4, parameters.small_ring().n() / 16,
                                  "the width of a ciphertext");
  try {
    return ProductLayout::create(parameters, samples, features, classes, width);
  } catch (const ContractError& error) {
    in.fail(error.what());
  }
}

void write(ContainerWriter& out, const ComponentMapKey& key) {
  require(key.b.size() == key.map.width, "a component map's key has `width` polynomials");
  out.number(static_cast<std::uint32_t>(key.map.width));
  out.number(key.map.g);
  out.number(static_cast<std::uint8_t>(key.map.reversed));
  out.number(static_cast<std::uint16_t>(key.q_count));
  out.number(static_cast<std::uint16_t>(key.p_count));
  out.bytes(key.seed);
  for (const Poly& b : key.b) write_residues(out, b);
}

void write(ContainerWriter& out, const Parameters& parameters, const ProductKeys& keys) {
  write(out, parameters, keys.relinearisation);
  write(out, parameters, keys.galois);
  write_map_keys(out, keys.pack);
  write_map_keys(out, keys.unpack);
}

ProductKeys read_product_keys(ContainerReader& in, const Parameters& parameters,
                              const ProductLayout& layout) {
  ProductKeys keys;
  keys.relinearisation = read_key_switch_key(in, parameters);
  keys.galois = read_galois_keys(in, parameters);
  bool small = &keys.relinearisation.ring() == &parameters.small_ring();
  for (const auto& [g, key] : keys.galois) small &= &key.ring() == &parameters.small_ring();
  if (!small) in.fail("a key of the matrix products is not of the small ring");
  const KeyShape shape{2, parameters.small_special(), {2}};
  bool fits = keys.relinearisation.shape == shape;
  for (const auto& [g, key] : keys.galois) fits &= key.shape == shape;
  if (!fits)
    in.fail("a key of the matrix products is of another shape than these parameters have it");
  for (const u64 g : ProductKeys::galois_elements(layout))
    if (!keys.galois.contains(g))
      in.fail("the key for the automorphism X -> X^" + std::to_string(g) + " is missing");
  keys.pack = read_map_keys(in, parameters, ProductKeys::pack_maps(layout));
  keys.unpack = read_map_keys(in, parameters, ProductKeys::unpack_maps(layout));
  return keys;
}

}  // namespace blindtuner::io
