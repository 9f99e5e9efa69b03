// A stack of transformer blocks, as vision transformers (normalised before each half) and BERT
// (after it) have it.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/parallel.h"
#include "features/transformer/layers.h"

namespace blindtuner::features::layers {

struct EncoderShape {
  std::size_t rows = 0;    ///< of a pass: tokens of all its sequences
  std::size_t width = 0;   ///< of a token
  std::size_t heads = 0;   ///< divides width
  std::size_t hidden = 0;  ///< width inside the multilayer perceptron
  double epsilon = 1e-6;   ///< of the norms
  bool norm_first = true;  ///< x + f(norm(x)), otherwise norm(x + f(x))
  Activation activation = Activation::kGelu;
  bool biased = false;  ///< attention scores have a bias
  /// Tokens of every sequence whose results are read; 0: all. The last block computes no others.
  std::size_t reads = 0;
};

/// One block's weights. qkv is 3 width x width: queries, keys, values. A bias may be several
/// blocks' own.
struct BlockWeights {
  Affine norm1, qkv, projection, norm2, fc1, fc2;
  std::shared_ptr<const ScoreBias> bias;
};

class Encoder {
 public:
  /// Of `depth` blocks.
  Encoder(const EncoderShape& shape, std::size_t depth);
  /// Throws ContractError when sizes do not fit the shape, or beyond the depth.
  void add_block(BlockWeights weights);
  const EncoderShape& shape() const { return shape_; }
  std::size_t depth() const { return depth_; }

  /// One thread's memory.
  struct Buffers {
    Workspace workspace;
    std::span<float> x;  ///< rows x width: the tokens, in; and out, when all are read
    /// Otherwise those that are: sequence by sequence, reads x width each.
    std::span<float> read;
    std::span<float> normed, qkv, scores, mixed, hidden, queries;
  };
  /// For sequences of up to `longest` tokens.
  std::unique_ptr<Buffers> make_buffers(std::size_t longest) const;

  /// Called between blocks, with the number of those that have run; x holds their results.
  using Between = std::function<void(std::size_t blocks)>;
  /// Runs every block over buffers.x, which holds sequences of these lengths one behind the other;
  /// the rows behind them are computed too and mean nothing. `places`: the reads of every sequence,
  /// one sequence behind the other, each below its length; none when all tokens are read.
  void run(Buffers& buffers, std::span<const std::size_t> lengths,
           std::span<const std::size_t> places = {}, const Between& between = {}) const;

 private:
  struct Block {
    LayerNorm norm1;
    Linear qkv, projection;
    LayerNorm norm2;
    Linear fc1, fc2;
    std::shared_ptr<const ScoreBias> bias;
  };
  /// The last block, where not all tokens are read: norm1 (of all rows when it comes first),
  /// keys_values on all rows, the rest of `block` on read_rows_.
  struct LastBlock {
    LayerNorm norm_all;
    Linear keys_values;
    Block block;
  };
  void run_block(const Block& block, Buffers& buffers, std::span<const std::size_t> lengths) const;
  void run_last(Buffers& buffers, std::span<const std::size_t> lengths,
                std::span<const std::size_t> places) const;
  void add_last(BlockWeights weights);

  EncoderShape shape_;
  std::size_t depth_, read_rows_;
  Attention attention_;
  std::vector<Block> blocks_;
  std::optional<LastBlock> last_;
};

/// Calls work(buffers, pass) for every pass in [0, passes) on all threads, each of which has one
/// set of buffers, made by make(), for all the passes it runs.
template <typename Make, typename Work>
void for_each_pass(std::size_t passes, const Make& make, const Work& work) {
  std::atomic<std::size_t> next = 0;
  const auto threads = std::min(passes, static_cast<std::size_t>(max_threads()));
  parallel_for(threads, [&](std::size_t) {
    with_memory([&] {
      auto buffers = make();
      for (std::size_t pass = next++; pass < passes; pass = next++) work(buffers, pass);
    });
  });
}

}  // namespace blindtuner::features::layers
