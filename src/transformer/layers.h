// The layers of transformer encoders on single precision, made of oneDNN's primitives.
//
// Work is spread over threads by sequences, above this file: every call here stays on its thread,
// and all that it writes is its arguments and its workspace. Matrices are row-major. Layers are
// immutable once made; calls are safe from several threads, each with its own workspace.
#pragma once

#include <cstddef>
#include <dnnl.hpp>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

namespace blindtuner::layers {

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

enum class Activation { kGelu, kGeluTanh, kRelu };

enum class After {
  kNothing,
  kActivation,
  kAdd,  ///< the result is added to what the output holds
};

/// y = x W^T + b on a fixed number of rows, and what comes after it.
class Linear {
 public:
  Linear() = default;
  /// `weights`: out x in. Throws ContractError when sizes differ.
  Linear(const Affine& weights, std::size_t rows, std::size_t in, std::size_t out,
         After after = After::kNothing, Activation activation = Activation::kGelu);
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

/// Numbers that are added to attention scores by the distance of two tokens, for every head.
struct RelativeBias {
  std::vector<float> table;  ///< heads x (2 longest - 1); the middle of a row is distance 0
  std::size_t longest = 0;
};

/// softmax(Q K^T + bias) V for every head of one sequence. Queries come scaled.
class Attention {
 public:
  /// No bias when the table is empty.
  Attention(std::size_t heads, std::size_t head_width, RelativeBias bias = {});
  ~Attention();
  /// qkv: length x 3 (queries, keys, values) x heads x head_width; out: length x heads x
  /// head_width. `scores`: score_count(length) floats of scratch.
  void operator()(Workspace& workspace, std::span<const float> qkv, std::span<float> scores,
                  std::span<float> out, std::size_t length) const;
  /// The scratch that lengths up to this one need.
  std::size_t score_count(std::size_t length) const;

 private:
  struct Plan;
  const Plan& plan(std::size_t length) const;
  void fill_bias(std::size_t head, std::size_t length, std::span<float> scores) const;
  std::size_t heads_at_once(std::size_t length) const;

  std::size_t heads_, head_width_;
  RelativeBias bias_;
  mutable std::mutex mutex_;
  mutable std::map<std::size_t, std::unique_ptr<const Plan>> plans_;  // by length
};

}  // namespace blindtuner::layers
