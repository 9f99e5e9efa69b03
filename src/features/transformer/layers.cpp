#include "features/transformer/layers.h"

#include <omp.h>
#include <sys/mman.h>

#include <algorithm>
#include <new>

#include "base/error.h"

namespace blindtuner::features::layers {
namespace {

using dnnl::algorithm;
using dnnl::memory;
using Dims = memory::dims;
using Desc = memory::desc;

constexpr auto kFloat = memory::data_type::f32;
using Tag = memory::format_tag;

const dnnl::engine& engine() {
  static const dnnl::engine instance(dnnl::engine::kind::cpu, 0);
  return instance;
}

memory::dim dim(std::size_t size) { return static_cast<memory::dim>(size); }

Desc matrix(std::size_t rows, std::size_t columns) {
  return Desc({dim(rows), dim(columns)}, kFloat, Tag::ab);
}

memory unchecked(const Desc& desc, std::span<const float> values) {
  return memory(desc, engine(), const_cast<float*>(values.data()));
}

memory wrap(const Desc& desc, std::span<const float> values) {
  require(desc.get_size() <= values.size_bytes(), "a layer's input or output is too short");
  return unchecked(desc, values);
}

/// Scratch memory is the caller's: layers may then be run by many threads at once.
dnnl::primitive_attr attributes() {
  dnnl::primitive_attr out;
  out.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return out;
}

algorithm eltwise(Activation activation) {
  switch (activation) {
    case Activation::kGeluTanh:
      return algorithm::eltwise_gelu_tanh;
    case Activation::kRelu:
      return algorithm::eltwise_relu;
    case Activation::kQuickGelu:
      return algorithm::eltwise_swish;
    case Activation::kGelu:
      break;
  }
  return algorithm::eltwise_gelu_erf;
}

// More than oneDNN takes for itself on all threads of a large machine.
constexpr std::size_t kLibraryRoom = std::size_t{64} << 20;

}  // namespace

void with_memory(const std::function<void()>& work) {
  // Writable, which limits on data count; never touched.
  void* room = ::mmap(nullptr, kLibraryRoom, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (room == MAP_FAILED) throw std::bad_alloc();
  ::munmap(room, kLibraryRoom);
  try {
    work();
  } catch (const dnnl::error& error) {
    if (error.status == dnnl_out_of_memory) throw std::bad_alloc();
    throw;
  }
}

OneThread::OneThread() : before_(omp_get_max_threads()) { omp_set_num_threads(1); }
OneThread::~OneThread() { omp_set_num_threads(before_); }

Workspace::Workspace() : stream_(engine()) {}

memory Workspace::scratch(const Desc& desc) {
  const std::size_t bytes = desc.get_size();
  if (bytes == 0) return memory(desc, engine(), nullptr);
  if (!scratch_ || scratch_.get_desc().get_size() < bytes)
    scratch_ = memory(Desc({dim(bytes)}, memory::data_type::u8, Tag::a), engine());
  return memory(desc, engine(), scratch_.get_data_handle());
}

std::span<float> Workspace::floats(std::size_t count) {
  const memory& block = blocks_.emplace_back(Desc({dim(count)}, kFloat, Tag::a), engine());
  auto* data = static_cast<float*>(block.get_data_handle());
  std::fill_n(data, count, 0.0f);
  return {data, count};
}

Linear::Linear(const Affine& weights, std::size_t rows, std::size_t in, std::size_t out,
               After after, Activation activation, std::size_t stride) {
  require(weights.weight.size() == in * out && weights.bias.size() == out && rows > 0,
          "Linear: sizes");
  const OneThread one_thread;
  dnnl::primitive_attr attr = attributes();
  dnnl::post_ops post;
  if (after == After::kActivation)
    post.append_eltwise(1.0f, eltwise(activation),
                        activation == Activation::kQuickGelu ? 1.702f : 0.0f, 0.0f);
  if (after == After::kAdd) post.append_sum(1.0f);
  attr.set_post_ops(post);
  // The weights' layout is the library's choice for this processor.
  const Desc any({dim(in), dim(out)}, kFloat, Tag::any);
  const Desc to({dim(rows), dim(out)}, kFloat, Dims{dim(stride == 0 ? out : stride), 1});
  desc_ = dnnl::matmul::primitive_desc({matrix(rows, in), any, matrix(1, out), to}, attr, engine());
  product_ = dnnl::matmul(desc_);
  weight_ = memory(desc_.weights_desc(), engine());
  bias_ = memory(matrix(1, out), engine());
  std::copy(weights.bias.begin(), weights.bias.end(), static_cast<float*>(bias_.get_data_handle()));
  memory given = wrap(Desc({dim(in), dim(out)}, kFloat, Tag::ba), weights.weight);
  dnnl::stream stream(engine());
  dnnl::reorder(given, weight_).execute(stream, given, weight_);
  stream.wait();
}

void Linear::operator()(Workspace& workspace, std::span<const float> x, std::span<float> y) const {
  product_.execute(workspace.stream(),
                   {{DNNL_ARG_SRC, wrap(desc_.src_desc(), x)},
                    {DNNL_ARG_WEIGHTS, weight_},
                    {DNNL_ARG_BIAS, bias_},
                    {DNNL_ARG_DST, wrap(desc_.dst_desc(), y)},
                    {DNNL_ARG_SCRATCHPAD, workspace.scratch(desc_.scratchpad_desc())}});
}

LayerNorm::LayerNorm(const Affine& weights, std::size_t rows, double epsilon) {
  const std::size_t width = weights.weight.size();
  require(weights.bias.size() == width && width > 0 && rows > 0, "LayerNorm: sizes");
  const OneThread one_thread;
  desc_ = dnnl::layer_normalization_forward::primitive_desc(
      {dnnl::prop_kind::forward_inference, matrix(rows, width), static_cast<float>(epsilon),
       dnnl::normalization_flags::use_scale_shift},
      attributes(), engine());
  norm_ = dnnl::layer_normalization_forward(desc_);
  scale_shift_ = memory(desc_.weights_desc(), engine());
  auto* data = static_cast<float*>(scale_shift_.get_data_handle());
  std::copy(weights.weight.begin(), weights.weight.end(), data);
  std::copy(weights.bias.begin(), weights.bias.end(), data + width);
}

void LayerNorm::operator()(Workspace& workspace, std::span<const float> x,
                           std::span<float> y) const {
  norm_.execute(workspace.stream(),
                {{DNNL_ARG_SRC, wrap(desc_.src_desc(), x)},
                 {DNNL_ARG_DST, wrap(desc_.dst_desc(), y)},
                 {DNNL_ARG_SCALE_SHIFT, scale_shift_},
                 {DNNL_ARG_SCRATCHPAD, workspace.scratch(desc_.scratchpad_desc())}});
}

/// The primitives for one shape, on some heads at once.
struct Attention::Plan {
  dnnl::matmul::primitive_desc scores_desc, mix_desc;
  dnnl::softmax_forward::primitive_desc softmax_desc;
  dnnl::matmul scores, mix;
  dnnl::softmax_forward softmax;

  Plan(const PlanShape& shape, std::size_t at_once, std::size_t heads, std::size_t width,
       bool biased) {
    const OneThread one_thread;
    const auto t = dim(shape.length), n = dim(shape.queries), h = dim(at_once), d = dim(width),
               row = dim(heads * width);
    const Desc queries({h, n, d}, kFloat, Dims{d, dim(shape.stride), 1});
    const Desc keys({h, d, t}, kFloat, Dims{d, 1, 3 * row});
    const Desc values({h, t, d}, kFloat, Dims{d, 3 * row, 1});
    const Desc table({h, n, t}, kFloat, Tag::abc);
    const Desc out({h, n, d}, kFloat, Dims{d, row, 1});
    dnnl::primitive_attr added = attributes();
    dnnl::post_ops post;
    if (biased) post.append_sum(1.0f);
    added.set_post_ops(post);
    scores_desc = dnnl::matmul::primitive_desc({queries, keys, table}, added, engine());
    softmax_desc = dnnl::softmax_forward::primitive_desc(
        {dnnl::prop_kind::forward_inference, table, 2}, attributes(), engine());
    mix_desc = dnnl::matmul::primitive_desc({table, values, out}, attributes(), engine());
    scores = dnnl::matmul(scores_desc);
    softmax = dnnl::softmax_forward(softmax_desc);
    mix = dnnl::matmul(mix_desc);
  }
};

Attention::Attention(std::size_t heads, std::size_t head_width, bool biased)
    : heads_(heads), head_width_(head_width), biased_(biased) {
  require(heads > 0 && head_width > 0, "Attention: sizes");
}
Attention::~Attention() = default;

// Scores of as many heads at once as the second-level cache holds.
constexpr std::size_t kScores = std::size_t{1} << 17;

std::size_t Attention::heads_at_once(const PlanShape& shape) const {
  std::size_t count = std::clamp<std::size_t>(kScores / shape.table(), 1, heads_);
  while (heads_ % count != 0) --count;
  return count;
}

std::size_t Attention::score_count(std::size_t length) const {
  const std::size_t table = length * length;
  return std::max(table, std::min(kScores, heads_ * table));
}

const Attention::Plan& Attention::plan(const PlanShape& shape) const {
  const std::lock_guard lock(mutex_);
  auto& slot = plans_[shape];
  if (slot == nullptr)
    slot = std::make_unique<Plan>(shape, heads_at_once(shape), heads_, head_width_, biased_);
  return *slot;
}

namespace {

/// Scores of these queries, from head number `head` on, before the products are added.
void fill_bias(const ScoreBias& bias, std::size_t head, std::span<const std::size_t> places,
               std::size_t queries, std::size_t length, std::span<float> scores) {
  for (std::size_t row = 0; row < scores.size() / length; ++row) {
    const std::size_t number = row % queries, at = head + row / queries;
    const std::size_t query = places.empty() ? number : places[number];
    const std::size_t first =
        at * bias.row() + (bias.by_distance ? bias.longest - 1 - query : query * bias.longest);
    std::copy_n(&bias.table[first], length, &scores[row * length]);
  }
}

}  // namespace

void Attention::operator()(Workspace& workspace, const Queries& queries,
                           std::span<const float> keys_values, const ScoreBias* bias,
                           std::span<float> scores, std::span<float> out,
                           std::size_t length) const {
  const std::size_t count = queries.places.empty() ? length : queries.places.size();
  require(length > 0 && count <= length && (bias != nullptr) == biased_ &&
              (bias == nullptr ||
               (length <= bias->longest && bias->table.size() == heads_ * bias->row())),
          "Attention: length or bias");
  const PlanShape shape{length, count, queries.stride};
  const Plan& p = plan(shape);
  const std::size_t width = heads_ * head_width_, at_once = heads_at_once(shape);
  require(queries.stride >= width && queries.rows.size() >= (count - 1) * queries.stride + width &&
              keys_values.size() >= 3 * width * length && out.size() >= width * count &&
              scores.size() >= at_once * shape.table(),
          "Attention: sizes");
  for (std::size_t head = 0; head < heads_; head += at_once) {
    const std::size_t column = head * head_width_;
    if (bias != nullptr)
      fill_bias(*bias, head, queries.places, count, length, scores.first(at_once * shape.table()));
    const memory score_memory = unchecked(p.scores_desc.dst_desc(), scores);
    p.scores.execute(
        workspace.stream(),
        {{DNNL_ARG_SRC, unchecked(p.scores_desc.src_desc(), queries.rows.subspan(column))},
         {DNNL_ARG_WEIGHTS,
          unchecked(p.scores_desc.weights_desc(), keys_values.subspan(width + column))},
         {DNNL_ARG_DST, score_memory},
         {DNNL_ARG_SCRATCHPAD, workspace.scratch(p.scores_desc.scratchpad_desc())}});
    p.softmax.execute(workspace.stream(),
                      {{DNNL_ARG_SRC, score_memory},
                       {DNNL_ARG_DST, score_memory},
                       {DNNL_ARG_SCRATCHPAD, workspace.scratch(p.softmax_desc.scratchpad_desc())}});
    p.mix.execute(workspace.stream(),
                  {{DNNL_ARG_SRC, score_memory},
                   {DNNL_ARG_WEIGHTS,
                    unchecked(p.mix_desc.weights_desc(), keys_values.subspan(2 * width + column))},
                   {DNNL_ARG_DST, unchecked(p.mix_desc.dst_desc(), out.subspan(column))},
                   {DNNL_ARG_SCRATCHPAD, workspace.scratch(p.mix_desc.scratchpad_desc())}});
  }
}

}  // namespace blindtuner::features::layers
