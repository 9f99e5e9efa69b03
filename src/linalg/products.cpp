#include "linalg/products.h"

#include <algorithm>
#include <bit>

#include "base/parallel.h"
#include "ckks/evaluator.h"

namespace blindtuner::linalg {
using namespace ckks;
namespace {

int log2_exact(std::size_t x) { return std::countr_zero(x); }

// c * 2^-bits modulo every limb: what a tree of `bits` doublings will undo.
void halve_inplace(Ciphertext& c, int bits) {
  for (Poly* part : {&c.c0, &c.c1})
    mul_scalars_inplace(*part, each_modulus(*part, [&](const Modulus& q) {
      return q.pow(q.inv(2), static_cast<u64>(bits));
    }));
}

void to_coefficients(Ciphertext& c) {
  to_coefficients_inplace(c.c0);
  to_coefficients_inplace(c.c1);
}

void to_ntt(Ciphertext& c) {
  to_ntt_inplace(c.c0);
  to_ntt_inplace(c.c1);
}

void mul_monomial(Ciphertext& c, std::size_t exponent) {
  mul_monomial_inplace(c.c0, exponent);
  mul_monomial_inplace(c.c1, exponent);
}

// Calls f(begin, end) for blocks [0, count) in chunks of at most 512 ciphertexts (128 MiB at
// n = 8192), so that a super-block of few classes is never expanded as a whole.
template <typename F>
void for_block_chunks(std::size_t count, std::size_t groups, F&& f) {
  const std::size_t step = std::max<std::size_t>(1, 512 / groups);
  for (std::size_t begin = 0; begin < count; begin += step) f(begin, std::min(count, begin + step));
}

std::vector<Ciphertext> expand_blocks(const FeatureSource& x, std::size_t first, std::size_t count,
                                      std::size_t groups) {
  std::vector<Ciphertext> out(count * groups);
  parallel_for(out.size(), [&](std::size_t i) { out[i] = x(first + i / groups, i % groups); });
  return out;
}

Tensor zero_tensor(const Ring& ring, double scale) {
  return {Poly::zero(ring, 2, 0, Domain::kNtt), Poly::zero(ring, 2, 0, Domain::kNtt),
          Poly::zero(ring, 2, 0, Domain::kNtt), scale};
}

}  // namespace

std::vector<u64> ProductKeys::galois_elements(const ProductLayout& layout) {
  std::vector<u64> elements = {2 * layout.n - 1};
  for (std::size_t step = 2; step <= layout.width; step *= 2)
    elements.push_back(1 + layout.rows() * step);
  return elements;
}

std::vector<ComponentMap> ProductKeys::pack_maps(const ProductLayout& layout) {
  std::vector<ComponentMap> maps;
  for (std::size_t step = 2; step <= layout.rows(); step *= 2)
    maps.push_back({layout.width, 1 + step, false});
  return maps;
}

std::vector<ComponentMap> ProductKeys::unpack_maps(const ProductLayout& layout) {
  std::vector<ComponentMap> maps = pack_maps(layout);
  for (ComponentMap& map : maps) map.reversed = true;
  return maps;
}

MatrixProducts::MatrixProducts(ParametersPtr parameters, const ProductLayout& layout,
                               const ProductKeys& keys)
    : parameters_(std::move(parameters)), layout_(layout), keys_(keys) {
  const auto same_maps = [](const std::vector<ComponentMapKey>& have,
                            const std::vector<ComponentMap>& want) {
    return std::equal(have.begin(), have.end(), want.begin(), want.end(),
                      [](const ComponentMapKey& key, const ComponentMap& map) {
                        return key.map == map && key.q_count == 2;
                      });
  };
  require(same_maps(keys.pack, ProductKeys::pack_maps(layout)) &&
              same_maps(keys.unpack, ProductKeys::unpack_maps(layout)),
          "the keys belong to another layout");
  for (u64 g : ProductKeys::galois_elements(layout))
    require(keys.galois.contains(g), "a Galois key of this layout is missing");
  for (std::size_t e = 1; e < layout.width; e *= 2)
    monomials_.push_back(monomial(parameters_->small_ring(), e, 2, 0));
}

std::vector<Ciphertext> MatrixProducts::expand_weights(std::span<const Ciphertext> packed) const {
  const int log = layout_.pack_log(), log_rows = log2_exact(layout_.rows());
  const std::size_t per_pack = std::size_t{1} << log, unit = layout_.n >> log;
  require(packed.size() == layout_.packs(), "weights of another layout");
  std::vector<Ciphertext> out(layout_.pieces());
  for (std::size_t pack = 0; pack < packed.size(); ++pack) {
    const std::size_t count = std::min(per_pack, layout_.pieces() - pack * per_pack);
    // Exponents are negated first: piece p then lies at X^-(unit p + j).
    Ciphertext root = apply_automorphism(packed[pack], 2 * layout_.n - 1, keys_.galois);
    halve_inplace(root, log_rows);
    to_coefficients(root);
    // No message lies between the pieces, but noise does.
    for (int level = log_rows; level > log; --level)
      add_inplace(root,
                  apply_component_map(root, keys_.unpack[static_cast<std::size_t>(level - 1)]));
    std::vector<Ciphertext> nodes(per_pack);
    nodes[0] = std::move(root);
    for (int i = 0; i < log; ++i) {
      const std::size_t half = std::size_t{1} << i;
      const ComponentMapKey& key = keys_.unpack[static_cast<std::size_t>(log - i - 1)];
      std::vector<const Ciphertext*> inputs;
      for (std::size_t p = 0; p < std::min(half, count); ++p) inputs.push_back(&nodes[p]);
      const std::vector<Ciphertext> mapped = apply_component_map(inputs, key);
      parallel_for(mapped.size(), [&](std::size_t p) {
        if (p + half < count) {
          nodes[p + half] = nodes[p].copy();
          sub_inplace(nodes[p + half], mapped[p]);
          mul_monomial(nodes[p + half], unit * half);
        }
        add_inplace(nodes[p], mapped[p]);
      });
    }
    parallel_for(count, [&](std::size_t p) {
      to_ntt(nodes[p]);
      out[pack * per_pack + p] = std::move(nodes[p]);
    });
  }
  return out;
}

Ciphertext MatrixProducts::pack_samples(std::vector<Ciphertext> nodes) const {
  const std::size_t width = layout_.width;
  for (std::size_t level = 1, half = width / 2; half >= 1; ++level, half /= 2) {
    const u64 g = 1 + layout_.rows() * (std::size_t{1} << level);
    const Poly& shift = monomials_[static_cast<std::size_t>(log2_exact(width / (1u << level)))];
    parallel_for(half, [&](std::size_t p) {
      Ciphertext &even = nodes[p], &odd = nodes[p + half];
      if (even.c0.empty() && odd.c0.empty()) return;
      Ciphertext sum, difference;
      if (!odd.c0.empty()) {
        mul_monomial_inplace(odd, shift);
        if (even.c0.empty()) {
          sum = odd.copy();
          neg_inplace(odd);
          difference = std::move(odd);
        } else {
          difference = even.copy();
          sub_inplace(difference, odd);
          sum = std::move(even);
          add_inplace(sum, odd);
        }
      } else {
        difference = even.copy();
        sum = std::move(even);
      }
      add_inplace(sum, apply_automorphism(difference, g, keys_.galois));
      even = std::move(sum);
      odd = {};
    });
  }
  return std::move(nodes[0]);
}

void MatrixProducts::require_one_super(std::size_t first, std::size_t count) const {
  const std::size_t per_super = layout_.blocks_per_super();
  require(count >= 1 && first < layout_.blocks() && count <= layout_.blocks() - first &&
              first / per_super == (first + count - 1) / per_super,
          "a product takes blocks of one super-block");
}

std::vector<Ciphertext> MatrixProducts::scores(const FeatureSource& x, std::size_t first,
                                               std::size_t count,
                                               std::span<const Ciphertext> weights) const {
  require_one_super(first, count);
  require(weights.size() == layout_.pieces(), "scores take all pieces of the weights");
  const std::size_t groups = layout_.feature_groups(), classes = layout_.classes;
  const Ring& ring = parameters_->small_ring();
  double scale = 0;
  std::vector<Tensor> sums;
  for_block_chunks(count, groups, [&](std::size_t begin, std::size_t end) {
    const std::vector<Ciphertext> features = expand_blocks(x, first + begin, end - begin, groups);
    scale = features[0].scale * weights[0].scale;
    for (std::size_t i = begin * classes; i < end * classes; ++i)
      sums.push_back(zero_tensor(ring, scale));
    std::vector<TensorSum> jobs;
    for (std::size_t i = 0; i < (end - begin) * classes; ++i) {
      TensorSum job{&sums[begin * classes + i], {}, {}};
      for (std::size_t g = 0; g < groups; ++g) {
        job.left.push_back(&features[i / classes * groups + g]);
        job.right.push_back(&weights[i % classes * groups + g]);
      }
      jobs.push_back(std::move(job));
    }
    add_tensor_sums_inplace(jobs);
  });

  std::vector<std::vector<Ciphertext>> pieces(layout_.ratio);
  for (auto& row : pieces) row.resize(layout_.width);
  const int log_width = log2_exact(layout_.width);
  parallel_for(sums.size(), [&](std::size_t i) {
    const auto place =
        layout_.place((first + i / classes) % layout_.blocks_per_super(), i % classes);
    Ciphertext c = relinearise_rescale(sums[i], keys_.relinearisation);
    halve_inplace(c, log_width);
    pieces[place.small][place.residue] = std::move(c);
  });
  std::vector<Ciphertext> out(layout_.ratio);
  const double out_scale = scale / static_cast<double>(ring.q(1).q);
  parallel_for(layout_.ratio, [&](std::size_t r) {
    out[r] = pack_samples(std::move(pieces[r]));
    if (out[r].c0.empty()) out[r] = Ciphertext::zero(ring, 1, out_scale);
  });
  return out;
}

std::vector<std::vector<Ciphertext>> MatrixProducts::expand_errors(
    std::span<const Ciphertext> errors, std::size_t first, std::size_t count) const {
  const std::size_t width = layout_.width, offset = first % layout_.blocks_per_super();
  const int log_width = log2_exact(width);
  require_one_super(first, count);
  require(errors.size() == layout_.ratio, "errors come as `ratio` ciphertexts of one super-block");
  std::vector<std::vector<bool>> wanted(layout_.ratio, std::vector<bool>(width, false));
  for (std::size_t block = 0; block < count; ++block)
    for (std::size_t cls = 0; cls < layout_.classes; ++cls) {
      const auto place = layout_.place(offset + block, cls);
      wanted[place.small][place.residue] = true;
    }
  std::vector<std::vector<Ciphertext>> nodes(layout_.ratio);
  parallel_for(layout_.ratio, [&](std::size_t r) {
    nodes[r].resize(width);
    Ciphertext root = apply_automorphism(errors[r], 2 * layout_.n - 1, keys_.galois);
    halve_inplace(root, log_width);
    nodes[r][0] = std::move(root);
  });
  for (int i = 0; i < log_width; ++i) {
    const std::size_t half = std::size_t{1} << i;
    const u64 g = 1 + layout_.n / half;
    // Whether any wanted residue lies below a node after this level.
    auto needed = [&](std::size_t r, std::size_t p) {
      for (std::size_t q = p; q < width; q += 2 * half)
        if (wanted[r][q]) return true;
      return false;
    };
    parallel_for(layout_.ratio * half, [&](std::size_t task) {
      const std::size_t r = task / half, p = task % half;
      Ciphertext& node = nodes[r][p];
      const bool even = needed(r, p), odd = needed(r, p + half);
      if (node.c0.empty() || (!even && !odd)) {
        node = {};
        return;
      }
      const Ciphertext mapped = apply_automorphism(node, g, keys_.galois);
      if (odd) {
        nodes[r][p + half] = node.copy();
        sub_inplace(nodes[r][p + half], mapped);
        mul_monomial_inplace(nodes[r][p + half], monomials_[static_cast<std::size_t>(i)]);
      }
      if (even)
        add_inplace(node, mapped);
      else
        node = {};
    });
  }
  std::vector<std::vector<Ciphertext>> out(count);
  for (std::size_t block = 0; block < count; ++block)
    for (std::size_t cls = 0; cls < layout_.classes; ++cls) {
      const auto place = layout_.place(offset + block, cls);
      out[block].push_back(std::move(nodes[place.small][place.residue]));
    }
  return out;
}

MatrixProducts::GradientSum::GradientSum(const MatrixProducts& products) : products_(products) {}

void MatrixProducts::GradientSum::add(const FeatureSource& x, std::size_t first,
                                      const std::vector<std::vector<Ciphertext>>& errors) {
  const ProductLayout& layout = products_.layout_;
  const std::size_t groups = layout.feature_groups(), count = errors.size();
  require(count >= 1 && first < layout.blocks() && count <= layout.blocks() - first,
          "a gradient takes errors of blocks that are there");
  for (const auto& of_block : errors)
    require(of_block.size() == layout.classes, "a gradient takes errors of every class");
  for_block_chunks(count, groups, [&](std::size_t begin, std::size_t end) {
    const std::vector<Ciphertext> features = expand_blocks(x, first + begin, end - begin, groups);
    const double scale = features[0].scale * errors[begin][0].scale;
    if (sums_.empty())
      for (std::size_t i = 0; i < layout.pieces(); ++i)
        sums_.push_back(zero_tensor(products_.parameters_->small_ring(), scale));
    require(same_scale(scale, sums_.front().scale), "errors of different scales in one gradient");
    std::vector<TensorSum> jobs;
    for (std::size_t cls = 0; cls < layout.classes; ++cls)
      for (std::size_t g = 0; g < groups; ++g) {
        TensorSum job{&sums_[cls * groups + g], {}, {}};
        for (std::size_t block = begin; block < end; ++block) {
          job.left.push_back(&features[(block - begin) * groups + g]);
          job.right.push_back(&errors[block][cls]);
        }
        jobs.push_back(std::move(job));
      }
    add_tensor_sums_inplace(jobs);
  });
}

std::vector<Ciphertext> MatrixProducts::GradientSum::finish() {
  require(!sums_.empty(), "a gradient of nothing");
  const int log_rows = log2_exact(products_.layout_.rows());
  std::vector<Ciphertext> pieces(sums_.size());
  parallel_for(sums_.size(), [&](std::size_t i) {
    pieces[i] = relinearise(sums_[i], products_.keys_.relinearisation);
    halve_inplace(pieces[i], log_rows);
    to_coefficients(pieces[i]);
  });
  sums_.clear();
  return products_.pack_features(std::move(pieces));
}

std::vector<Ciphertext> MatrixProducts::pack_features(std::vector<Ciphertext> pieces) const {
  const int log = layout_.pack_log(), log_rows = log2_exact(layout_.rows());
  const std::size_t per_pack = std::size_t{1} << log;
  std::vector<Ciphertext> out(layout_.packs());
  for (std::size_t pack = 0; pack < out.size(); ++pack) {
    std::vector<Ciphertext> nodes(per_pack);
    for (std::size_t p = 0; p < per_pack && pack * per_pack + p < pieces.size(); ++p)
      nodes[p] = std::move(pieces[pack * per_pack + p]);
    for (int level = 1; level <= log_rows; ++level) {
      const ComponentMapKey& key = keys_.pack[static_cast<std::size_t>(level - 1)];
      if (level > log) {  // no partner left: only the junk is cleared
        add_inplace(nodes[0], apply_component_map(nodes[0], key));
        continue;
      }
      const std::size_t half = per_pack >> level, shift = layout_.n >> level;
      // Pieces fill the nodes from below: where even is empty, so is odd.
      std::size_t filled = 0;
      while (filled < half && !nodes[filled].c0.empty()) ++filled;
      std::vector<Ciphertext> differences(filled);
      parallel_for(filled, [&](std::size_t p) {
        Ciphertext &even = nodes[p], &odd = nodes[p + half];
        differences[p] = even.copy();
        if (odd.c0.empty()) return;
        mul_monomial(odd, shift);
        sub_inplace(differences[p], odd);
        add_inplace(even, odd);
        odd = {};
      });
      std::vector<const Ciphertext*> inputs;
      for (const Ciphertext& c : differences) inputs.push_back(&c);
      const std::vector<Ciphertext> mapped = apply_component_map(inputs, key);
      parallel_for(filled, [&](std::size_t p) { add_inplace(nodes[p], mapped[p]); });
    }
    to_ntt(nodes[0]);
    out[pack] = std::move(nodes[0]);
  }
  return out;
}

}  // namespace blindtuner::linalg
