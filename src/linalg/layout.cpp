#include "linalg/layout.h"

#include <bit>

namespace blindtuner::linalg {

ProductLayout ProductLayout::create(const Parameters& parameters, std::size_t samples,
                                    std::size_t features, std::size_t classes, std::size_t width) {
  ProductLayout l;
  l.n = parameters.small_ring().n();
  l.ratio = parameters.ratio();
  l.samples = samples;
  l.features = features;
  l.classes = classes;
  l.width = width;
  l.class_stride = std::bit_ceil(classes);
  require(samples >= 1 && samples <= kMaxSamples, "a layout has 1 to 2^32 - 1 samples");
  require(features >= 1 && features <= kMaxColumns, "a layout has 1 to 2^20 columns");
  require(classes >= 2 && classes <= kMaxClasses, "a layout has 2 to 128 classes");
  require(std::has_single_bit(width) && width >= 4 && l.n / width >= 16,
          "a layout's width is a power of two in [4, n/16]");
  require(l.class_stride <= l.ratio * width, "too many classes for this width");
  return l;
}

ProductLayout ProductLayout::plan(const Parameters& parameters, std::size_t samples,
                                  std::size_t features, std::size_t classes,
                                  std::size_t batch_samples) {
  ProductLayout best;
  double best_cost = 0;
  for (std::size_t width = 4; width <= 64 && parameters.small_ring().n() / width >= 16;
       width *= 2) {
    if (std::bit_ceil(classes) > parameters.ratio() * width) continue;
    const ProductLayout l = create(parameters, samples, features, classes, width);
    // Key switches: weights are expanded, gradients relinearised and packed (with `width` products
    // each); scores relinearised and packed, errors expanded.
    const std::size_t whole_blocks = (batch_samples + l.rows() - 1) / l.rows();
    const double blocks = static_cast<double>(whole_blocks);
    const double pieces = static_cast<double>(l.pieces());
    const double cost = pieces * (3.0 + 0.04 * static_cast<double>(width)) +
                        3.0 * static_cast<double>(classes) * blocks;
    if (best.n == 0 || cost < best_cost) {
      best = l;
      best_cost = cost;
    }
  }
  if (best.n == 0)
    throw DataError("parameters '" + parameters.literal().name + "': a ring of dimension " +
                    std::to_string(parameters.small_ring().n()) + " has no room for " +
                    std::to_string(classes) + " classes");
  return best;
}

int ProductLayout::fold_bit() const {
  // Coefficient block * class_stride + cls + ratio * width * row; slots are bit-reversed.
  return std::countr_zero(ratio * n / 2) - std::countr_zero(ratio * width / 2) - 1;
}

int ProductLayout::pack_log() const {
  return std::min(std::countr_zero(rows()), static_cast<int>(std::bit_width(pieces() - 1)));
}

bool same_shape(const ProductLayout& a, const ProductLayout& b) {
  return a.n == b.n && a.ratio == b.ratio && a.features == b.features && a.classes == b.classes &&
         a.width == b.width && a.class_stride == b.class_stride;
}

std::vector<std::size_t> class_sum_rotations(const Parameters& parameters,
                                             std::size_t class_stride) {
  std::vector<std::size_t> steps;
  const std::size_t slots = parameters.ring().n() / 2;
  for (std::size_t parts = 2; parts <= class_stride; parts *= 2) steps.push_back(slots / parts);
  return steps;
}

ProductLayout::WeightPlace ProductLayout::weight_place(std::size_t cls, std::size_t feature) const {
  const std::size_t piece = cls * feature_groups() + feature / width;
  const std::size_t in_pack = piece & ((std::size_t{1} << pack_log()) - 1);
  return {piece >> pack_log(), width * in_pack * (rows() >> pack_log()) + feature % width};
}

}  // namespace blindtuner::linalg
