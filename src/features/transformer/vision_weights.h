// A vision transformer's tensors as its layers take them.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "features/transformer/encoder.h"
#include "features/transformer/vision_config.h"

namespace blindtuner::features {

/// More tokens are refused where attention scores have a bias by the offset of two patches: it takes
/// 4 heads tokens^2 bytes a block.
inline constexpr std::size_t kMaxOffsetTokens = 1100;

/// One block's, without such a bias; a factor behind a half (layer scale) is in the half's last product. Throws DataError.
layers::BlockWeights read_vision_block(Checkpoint& checkpoint, const VisionNames& names,
                                       const VisionConfig& config, std::size_t number);

/// Every block's bias; none where the kind has none, one for all where they share it. Throws
/// DataError.
std::vector<std::shared_ptr<const layers::ScoreBias>> read_all_offsets(Checkpoint& checkpoint,
                                                                       const VisionNames& names,
                                                                       const VisionConfig& config);

/// tokens x width: positions, interpolated to the pictures' size where the file's are for another,
/// with the class, distillation and register tokens added; zeros where patches go without a table.
std::vector<float> read_vision_tokens(Checkpoint& checkpoint, const VisionNames& names,
                                      const VisionConfig& config);

}  // namespace blindtuner::features
