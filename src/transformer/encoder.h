// A stack of transformer blocks, as vision transformers (normalised before each half) and BERT
// (after it) have it.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "base/parallel.h"
#include "transformer/layers.h"

namespace blindtuner::layers {

struct EncoderShape {
  std::size_t rows = 0;    ///< of a pass: tokens of all its sequences
  std::size_t width = 0;   ///< of a token
  std::size_t heads = 0;   ///< divides width
  std::size_t hidden = 0;  ///< width inside the multilayer perceptron
  double epsilon = 1e-6;   ///< of the norms
  bool norm_first = true;  ///< x + f(norm(x)), otherwise norm(x + f(x))
  Activation activation = Activation::kGelu;
};

/// One block's weights. qkv is 3 width x width: queries, keys, values.
struct BlockWeights {
  Affine norm1, qkv, projection, norm2, fc1, fc2;
};

class Encoder {
 public:
  explicit Encoder(const EncoderShape& shape, RelativeBias bias = {});
  /// Throws ContractError when sizes do not fit the shape.
  void add_block(BlockWeights weights);
  const EncoderShape& shape() const { return shape_; }

  /// One thread's memory.
  struct Buffers {
    Workspace workspace;
    std::span<float> x;  ///< rows x width: the tokens, in and out
    std::span<float> normed, qkv, scores, mixed, hidden;
  };
  /// For sequences of up to `longest` tokens.
  std::unique_ptr<Buffers> make_buffers(std::size_t longest) const;

  /// Runs every block over buffers.x, which holds sequences of these lengths one behind the other;
  /// the rows behind them are computed too and mean nothing.
  void run(Buffers& buffers, std::span<const std::size_t> lengths) const;

 private:
  struct Block {
    LayerNorm norm1;
    Linear qkv, projection;
    LayerNorm norm2;
    Linear fc1, fc2;
  };
  EncoderShape shape_;
  Attention attention_;
  std::vector<Block> blocks_;
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

}  // namespace blindtuner::layers
