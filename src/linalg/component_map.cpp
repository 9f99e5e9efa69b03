#include "linalg/component_map.h"

#include <bit>

#include "ring/work.h"
#include "rlwe/key_share.h"

namespace blindtuner::linalg {

std::vector<std::int64_t> apply_component_map(const ComponentMap& map,
                                              std::span<const std::int64_t> x) {
  std::vector<std::int64_t> out(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    const auto [index, negative] = map.place(i, x.size());
    out[index] = negative ? -x[i] : x[i];
  }
  return out;
}

void ComponentMapKey::expand() { a = uniform_halves(ring(), q_count, p_count, map.width, seed); }

std::vector<Ciphertext> apply_component_map(std::span<const Ciphertext* const> inputs,
                                            const ComponentMapKey& key) {
  const std::size_t width = key.map.width;
  require(key.b.size() == width && key.a.size() == width && width >= 4,
          "a component map's key of another width, or its uniform halves have not been expanded");
  const Ring& ring = key.ring();
  require(std::has_single_bit(width) && ring.n() / width >= 16, "a map's width");
  for (const Ciphertext* c : inputs)
    require(&c->ring() == &ring && c->q_count() == key.q_count &&
                c->c0.domain() == Domain::kCoefficient && c->c1.domain() == Domain::kCoefficient,
            "a component map takes coefficients at the key's level");
  const WorkScope work(Work::kComponentMap, ring.log_n(), key.q_count,
                       static_cast<double>(inputs.size()));
  device::Key view;
  view.p_count = key.p_count;
  for (const Poly& poly : key.b) view.b.push_back(poly.view());
  for (const Poly& poly : key.a) view.a.push_back(poly.view());
  std::vector<Ciphertext> outputs;
  std::vector<device::ConstPair> in;
  std::vector<device::Pair> out;
  for (const Ciphertext* c : inputs) {
    outputs.push_back({Poly(ring, key.q_count, 0, Domain::kCoefficient),
                       Poly(ring, key.q_count, 0, Domain::kCoefficient), c->scale});
    in.push_back(c->view());
    out.push_back(outputs.back().view());
  }
  ring.arithmetic().component_maps({key.map, &view, in, out});
  return outputs;
}

Ciphertext apply_component_map(const Ciphertext& c, const ComponentMapKey& key) {
  const Ciphertext* input = &c;
  return std::move(apply_component_map(std::span(&input, 1), key).front());
}

}  // namespace blindtuner::linalg
