#include "linalg/component_map.h"

#include "base/parallel.h"
#include "ring/sampling.h"
#include "ring/work.h"

namespace blindtuner {
namespace {

const kernels::LimbKernels& k() { return kernels::active_kernels(); }

void permute(u64* out, const u64* x, const ComponentMap& map, std::size_t n, const Modulus& q) {
  for (std::size_t i = 0; i < n; ++i) {
    const auto [index, negative] = map.place(i, n);
    out[index] = negative ? q.neg(x[i]) : x[i];
  }
}

// The same of y_j(Y) -> y_j(Y^g) alone, the twist being in the keys; component j in a row of its
// own.
void permute_transposed(u64* out, const u64* x, ComponentMap map, std::size_t n, const Modulus& q) {
  map.reversed = false;
  const int log_width = std::countr_zero(map.width);
  const std::size_t rows = n >> log_width;
  for (std::size_t i = 0; i < n; ++i) {
    const auto [index, negative] = map.place(i, n);
    out[(index & (map.width - 1)) * rows + (index >> log_width)] = negative ? q.neg(x[i]) : x[i];
  }
}

}  // namespace

std::vector<std::int64_t> ComponentMap::apply(std::span<const std::int64_t> x) const {
  std::vector<std::int64_t> out(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    const auto [index, negative] = place(i, x.size());
    out[index] = negative ? -x[i] : x[i];
  }
  return out;
}

void ComponentMapKey::expand() {
  a.clear();
  for (std::size_t j = 0; j < map.width; ++j)
    a.push_back(sample_uniform(b.front().ring(), q_count, p_count, seed, j));
}

ComponentMapEvaluator::ComponentMapEvaluator(const Ring& ring, std::size_t width)
    : ring_(ring), width_(width), rows_(ring.n() / width) {
  require(std::has_single_bit(width) && width >= 4 && rows_ >= 16, "a map's width");
  const int log_rows = std::countr_zero(rows_);
  for (std::size_t i = 0; i < ring.q_size() + ring.p_size(); ++i) {
    const auto& table = i < ring.q_size() ? ring.q_table(i) : ring.p_table(i - ring.q_size());
    // roots[n/2] = psi^brv(n/2) = psi
    const u64 psi = table.roots.data()[ring.n() / 2];
    tables_.push_back(std::make_unique<kernels::NttTable>(log_rows, table.modulus.q,
                                                          table.modulus.pow(psi, width)));
  }
}

std::vector<Ciphertext> ComponentMapEvaluator::apply(std::span<const Ciphertext* const> inputs,
                                                     const ComponentMapKey& key) const {
  require(key.map.width == width_ && key.a.size() == width_ && key.b.size() == width_,
          "a key of another width, or its uniform halves have not been expanded");
  for (const Ciphertext* c : inputs)
    require(&c->ring() == &ring_ && c->q_count() == key.q_count &&
                c->c0.domain() == Domain::kCoefficient && c->c1.domain() == Domain::kCoefficient,
            "a component map takes coefficients at the key's level");
  const WorkScope work(Work::kComponentMap, ring_.log_n(), key.q_count,
                       static_cast<double>(inputs.size()));
  std::vector<Ciphertext> outputs(inputs.size());
  parallel_for((inputs.size() + kComponentMapBatch - 1) / kComponentMapBatch, [&](std::size_t i) {
    const std::size_t begin = i * kComponentMapBatch,
                      count = std::min(kComponentMapBatch, inputs.size() - begin);
    apply_batch(inputs.subspan(begin, count), std::span(outputs).subspan(begin, count), key);
  });
  return outputs;
}

Ciphertext ComponentMapEvaluator::apply(const Ciphertext& c, const ComponentMapKey& key) const {
  const Ciphertext* input = &c;
  return std::move(apply(std::span(&input, 1), key).front());
}

void ComponentMapEvaluator::apply_batch(std::span<const Ciphertext* const> inputs,
                                        std::span<Ciphertext> outputs,
                                        const ComponentMapKey& key) const {
  const std::size_t n = ring_.n(), q_count = key.q_count, p_count = key.p_count;
  const std::size_t limbs = q_count + p_count, batch = inputs.size();

  // The components of each c1, every one in a row, as centred integers modulo all limbs.
  std::vector<Poly> rows;
  std::vector<const u64*> from;
  std::vector<u64*> to;
  for (const Ciphertext* c : inputs) {
    Poly& x = rows.emplace_back(ring_, q_count, p_count, Domain::kCoefficient);
    for (std::size_t i = 0; i < q_count; ++i)
      permute_transposed(x.limb(i), c->c1.limb(i), key.map, n, ring_.q(i));
    from.clear();
    to.clear();
    for (std::size_t i = 0; i < limbs; ++i)
      i < q_count ? from.push_back(x.limb(i)) : to.push_back(x.limb(i));
    k().base_convert(to.data(), from.data(), n,
                     ring_.mod_up_conversion(0, q_count, q_count, p_count), false);
  }

  std::vector<Poly> sums[2];
  for (auto& part : sums)
    for (std::size_t s = 0; s < batch; ++s)
      part.emplace_back(ring_, q_count, p_count, Domain::kNtt);
  std::vector<const u64*> b(width_), a(width_), x(batch);
  std::vector<u64*> out(batch);
  for (std::size_t i = 0; i < limbs; ++i) {
    const kernels::NttTable& table = *tables_[i < q_count ? i : ring_.q_size() + i - q_count];
    for (std::size_t s = 0; s < batch; ++s) {
      for (std::size_t j = 0; j < width_; ++j) k().ntt_forward(rows[s].limb(i) + j * rows_, table);
      x[s] = rows[s].limb(i);
    }
    for (std::size_t j = 0; j < width_; ++j) {
      b[j] = key.b[j].limb(i);
      a[j] = key.a[j].limb(i);
    }
    for (int part = 0; part < 2; ++part) {
      for (std::size_t s = 0; s < batch; ++s) out[s] = sums[part][s].limb(i);
      k().block_products(out.data(), x.data(), batch, part == 0 ? b.data() : a.data(), width_,
                         width_, n, table.modulus);
    }
  }

  // Division by P in the coefficient domain, where the tree of maps stays.
  const kernels::BaseConversion& down = ring_.scale_down_conversion(q_count, q_count, p_count);
  Buffer moved(n);
  for (std::size_t s = 0; s < batch; ++s) {
    Ciphertext& result = outputs[s];
    result = {Poly(ring_, q_count, 0, Domain::kCoefficient),
              Poly(ring_, q_count, 0, Domain::kCoefficient), inputs[s]->scale};
    for (int part = 0; part < 2; ++part) {
      Poly& sum = sums[part][s];
      Poly& quotient = part == 0 ? result.c0 : result.c1;
      to_coefficients_inplace(sum);
      from.clear();
      to.clear();
      for (std::size_t i = 0; i < p_count; ++i) from.push_back(sum.p_limb(i));
      for (std::size_t i = 0; i < q_count; ++i) to.push_back(quotient.limb(i));
      k().base_convert(to.data(), from.data(), n, down, false);
      for (std::size_t i = 0; i < q_count; ++i) {
        const Modulus& q = ring_.q(i);
        k().sub_mul_scalar(quotient.limb(i), sum.limb(i), quotient.limb(i),
                           q.inv(q.neg(down.minus_q[i])), n, q);
      }
    }
    for (std::size_t i = 0; i < q_count; ++i) {
      permute(moved.data(), inputs[s]->c0.limb(i), key.map, n, ring_.q(i));
      k().add(result.c0.limb(i), result.c0.limb(i), moved.data(), n, ring_.q(i));
    }
  }
}

void mul_monomial_coefficients_inplace(Poly& a, std::size_t exponent) {
  require(a.domain() == Domain::kCoefficient, "this product works on coefficients");
  const std::size_t n = a.n(), shift = exponent & (2 * n - 1);
  if (shift == 0) return;
  Buffer moved(n);
  for (std::size_t l = 0; l < a.limbs(); ++l) {
    const Modulus& q = a.modulus(l);
    u64* x = a.limb(l);
    for (std::size_t i = 0; i < n; ++i) {
      const std::size_t place = (i + shift) & (2 * n - 1);
      moved.data()[place & (n - 1)] = place < n ? x[i] : q.neg(x[i]);
    }
    std::memcpy(x, moved.data(), n * sizeof(u64));
  }
}

}  // namespace blindtuner
