// The layers of transformer encoders on single precision, made of oneDNN's primitives.
//
// Work is spread over threads by sequences, above this file: every call here stays on its thread,
// and all that it writes is its arguments and its workspace. Matrices are row-major. Layers are
// immutable once made; calls are safe from several threads, each with its own workspace.
#pragma once

#include <compare>
#include <cstddef>
#include <dnnl.hpp>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

namespace blindtuner::features::layers {

/// Runs `work`, which makes or runs layers. Throws std::bad_alloc where oneDNN gets no memory; and
/// beforehand where there is little left: short of it for code that it generates at a primitive's
/// first run, oneDNN ends the process.
void with_memory(const std::function<void()>& work);

/// Weight and bias as checkpoints have them: out x in and out for a product, width for a norm.
struct Affine {
  std::vector<float> weight, bias;
};

/// Keeps oneDNN (OpenMP) on the calling thread for as long as it lives.
class OneThread {
 public:
  OneThread();
  ~OneThread();
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

 private:
  int before_;
};

/// What one thread needs beside inputs and outputs.
class Workspace {
 public:
  Workspace();
  dnnl::stream& stream() { return stream_; }
  /// Memory for a primitive's own use, shared by all that run in turn.
  dnnl::memory scratch(const dnnl::memory::desc& desc);
  /// `count` floats that stay until the workspace goes, zero at first.
  std::span<float> floats(std::size_t count);

 private:
  dnnl::stream stream_;
  dnnl::memory scratch_;
  std::vector<dnnl::memory> blocks_;
  OneThread one_thread_;
};

enum class Activation {
  kGelu,
  kGeluTanh,
  kRelu,
  kQuickGelu,  ///< x / (1 + exp(-1.702 x))
};

enum class After {
  kNothing,
  kActivation,
  kAdd,  ///< the result is added to what the output holds
};

/// y = x W^T + b on a fixed number of rows, and what comes after it.
class Linear {
 public:
  Linear() = default;
  /// `weights`: out x in; `stride`: from a row of y to the next, `out` when 0. Throws ContractError
  /// when sizes differ.
  Linear(const Affine& weights, std::size_t rows, std::size_t in, std::size_t out,
         After after = After::kNothing, Activation activation = Activation::kGelu,
         std::size_t stride = 0);
  /// x: rows x in, y: rows x out.
  void operator()(Workspace& workspace, std::span<const float> x, std::span<float> y) const;

 private:
  dnnl::matmul product_;
  dnnl::matmul::primitive_desc desc_;
  dnnl::memory weight_, bias_;
};

/// y = (x - mean) / sqrt(variance + epsilon) * w + b, for each of a fixed number of rows. y may be
/// x.
class LayerNorm {
 public:
  LayerNorm() = default;
  LayerNorm(const Affine& weights, std::size_t rows, double epsilon);
  void operator()(Workspace& workspace, std::span<const float> x, std::span<float> y) const;

 private:
  dnnl::layer_normalization_forward norm_;
  dnnl::layer_normalization_forward::primitive_desc desc_;
  dnnl::memory scale_shift_;
};

/// What is added to attention scores, for every head: by the distance of two tokens, or by the two.
struct ScoreBias {
  std::vector<float> table;  ///< heads x row
  std::size_t longest = 0;   ///< tokens of a sequence at most
  /// A row holds 2 longest - 1 numbers, distance 0 (key minus query) in the middle; otherwise
  /// longest x longest, query by query.
  bool by_distance = true;

  std::size_t row() const { return by_distance ? 2 * longest - 1 : longest * longest; }
};

/// softmax(Q K^T + bias) V for every head of one sequence. Queries come scaled.
class Attention {
 public:
  /// `biased`: every call has a bias.
  Attention(std::size_t heads, std::size_t head_width, bool biased);
  ~Attention();

  /// Tokens of the sequence that ask.
  struct Queries {
    std::span<const float> rows;  ///< heads x head_width numbers each, `stride` apart
    std::size_t stride = 0;
    /// Their places in the sequence; empty: every token, in order.
    std::span<const std::size_t> places;
  };
  /// keys_values: length x 3 (anything, keys, values) x heads x head_width; out: queries x heads x
  /// head_width. `scores`: score_count(length) floats of scratch.
  void operator()(Workspace& workspace, const Queries& queries, std::span<const float> keys_values,
                  const ScoreBias* bias, std::span<float> scores, std::span<float> out,
                  std::size_t length) const;
  /// The scratch that lengths up to this one need.
  std::size_t score_count(std::size_t length) const;

 private:
  struct Plan;
  struct PlanShape {
    std::size_t length, queries, stride;
    auto operator<=>(const PlanShape&) const = default;
    std::size_t table() const { return length * queries; }
  };
  const Plan& plan(const PlanShape& shape) const;
  std::size_t heads_at_once(const PlanShape& shape) const;

  std::size_t heads_, head_width_;
  bool biased_;
  mutable std::mutex mutex_;
  mutable std::map<PlanShape, std::unique_ptr<const Plan>> plans_;
};

}  // namespace blindtuner::features::layers
