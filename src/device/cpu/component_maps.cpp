#include <algorithm>
#include <bit>

#include "base/parallel.h"
#include "device/cpu/cpu_device.h"

namespace blindtuner::device {
namespace {

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

// The residues of `count` polynomials, to be forgotten.
class Polynomials {
 public:
  Polynomials(std::size_t count, std::size_t n, std::size_t q_count, std::size_t p_count)
      : n_(n), q_count_(q_count), p_count_(p_count) {
    for (std::size_t i = 0; i < count; ++i) buffers_.emplace_back((q_count + p_count) * n);
  }
  View operator[](std::size_t i) { return {buffers_[i].data(), n_, q_count_, p_count_}; }

 private:
  std::size_t n_, q_count_, p_count_;
  std::vector<Buffer> buffers_;
};

}  // namespace

void CpuArithmetic::component_maps(const ComponentMaps& x) const {
  const std::size_t count = x.in.size();
  parallel_for((count + kComponentMapBatch - 1) / kComponentMapBatch, [&](std::size_t i) {
    const std::size_t begin = i * kComponentMapBatch;
    component_map_batch(x, begin, std::min(kComponentMapBatch, count - begin));
  });
}

void CpuArithmetic::component_map_batch(const ComponentMaps& x, std::size_t begin,
                                        std::size_t batch) const {
  const std::span<const ConstPair> inputs = x.in.subspan(begin, batch);
  const std::span<const Pair> outputs = x.out.subspan(begin, batch);
  const std::size_t n = tables_.n(), width = x.map.width, row = n / width;
  const std::size_t q_count = inputs.front().c1.q_count, p_count = x.key->p_count;
  const std::size_t limbs = q_count + p_count;

  // The components of each c1, every one in a row, as centred integers modulo all limbs.
  Polynomials rows(batch, n, q_count, p_count);
  std::vector<const u64*> from;
  std::vector<u64*> to;
  for (std::size_t s = 0; s < batch; ++s) {
    for (std::size_t i = 0; i < q_count; ++i)
      permute_transposed(limb(rows[s], i), limb(inputs[s].c1, i, q_count), x.map, n, tables_.q(i));
    from.clear();
    to.clear();
    for (std::size_t i = 0; i < limbs; ++i)
      i < q_count ? from.push_back(limb(rows[s], i)) : to.push_back(limb(rows[s], i));
    k_.base_convert(to.data(), from.data(), n, tables_.mod_up(0, q_count, q_count, p_count), false);
  }

  Polynomials sums[2] = {{batch, n, q_count, p_count}, {batch, n, q_count, p_count}};
  std::vector<const u64*> key(width), in(batch);
  std::vector<u64*> out(batch);
  for (std::size_t i = 0; i < limbs; ++i) {
    const kernels::NttTable& table = tables_.subring_transform(width, i, q_count);
    for (std::size_t s = 0; s < batch; ++s) {
      for (std::size_t j = 0; j < width; ++j) k_.ntt_forward(limb(rows[s], i) + j * row, table);
      in[s] = limb(rows[s], i);
    }
    for (int part = 0; part < 2; ++part) {
      const std::vector<ConstView>& half = part == 0 ? x.key->b : x.key->a;
      for (std::size_t j = 0; j < width; ++j) key[j] = limb(half[j], i, q_count);
      for (std::size_t s = 0; s < batch; ++s) out[s] = limb(sums[part][s], i);
      k_.block_products(out.data(), in.data(), batch, key.data(), width, width, n, table.modulus);
    }
  }

  // Division by P in the coefficient domain, where the tree of maps stays.
  const Division& division = tables_.division(q_count, q_count, p_count);
  Buffer moved(n);
  for (std::size_t s = 0; s < batch; ++s) {
    for (int part = 0; part < 2; ++part) {
      const View sum = sums[part][s], quotient = part == 0 ? outputs[s].c0 : outputs[s].c1;
      inverse_ntt(sum);
      from.clear();
      to.clear();
      for (std::size_t i = 0; i < p_count; ++i) from.push_back(limb(sum, q_count + i));
      for (std::size_t i = 0; i < q_count; ++i) to.push_back(limb(quotient, i));
      k_.base_convert(to.data(), from.data(), n, division.conversion, false);
      for (std::size_t i = 0; i < q_count; ++i)
        k_.sub_mul_scalar(limb(quotient, i), limb(sum, i), limb(quotient, i), division.inverse[i],
                          n, tables_.q(i));
    }
    for (std::size_t i = 0; i < q_count; ++i) {
      permute(moved.data(), limb(inputs[s].c0, i, q_count), x.map, n, tables_.q(i));
      k_.add(limb(outputs[s].c0, i), limb(outputs[s].c0, i), moved.data(), n, tables_.q(i));
    }
  }
}

}  // namespace blindtuner::device
