// Position embeddings of vision transformers for other numbers of patches.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace blindtuner::features {

/// `table`: from x from x width numbers, row by row of a square of patches. Returns to x to x width,
/// interpolated by cubic convolution as PyTorch's `interpolate` (bicubic, corners not aligned) has
/// it: without antialiasing by Keys's kernel with a = -0.75 and the border repeated; with it by the
/// one with a = -0.5, widened where there are fewer patches and cut off at the border.
std::vector<float> interpolate_positions(std::span<const float> table, std::size_t from,
                                         std::size_t to, std::size_t width, bool antialias);

}  // namespace blindtuner::features
