#include "learn/encrypted_trainer.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/stopwatch.h"
#include "learn/result_shape.h"

namespace blindtuner::learn {
namespace {

// The largest of a plan's coefficients, as an integer: rounding it loses an eighth at most, and
// mul_integer_add_inplace takes it.
constexpr double kLeastCoefficient = 4, kLargestCoefficient = 4e18;

FeatureSource feature_source(const EncryptedDataset& data) {
  return [&data](std::size_t block, std::size_t group) {
    return data.features[block * data.layout.feature_groups() + group].expand();
  };
}

void check_ciphertexts(const std::vector<SeededCiphertext>& list, const Parameters& parameters,
                       double scale) {
  for (const SeededCiphertext& c : list)
    if (&c.c0.ring() != &parameters.small_ring() || c.c0.q_count() != 2 || c.c0.p_count() != 0 ||
        c.c0.domain() != Domain::kNtt || !same_scale(c.scale, scale) ||
        (!c.c1.empty() && (&c.c1.ring() != &c.c0.ring() || c.c1.q_count() != 2)))
      throw DataError("the data set's ciphertexts are of another level or scale");
}

void check_dataset(const EncryptedDataset& data, const TrainingKeys& keys,
                   const Parameters& parameters) {
  const ProductLayout& l = data.layout;
  if (!same_shape(l, keys.layout))
    throw DataError("the data set has " + std::to_string(l.features) + " features and " +
                    std::to_string(l.classes) + " classes (width " + std::to_string(l.width) +
                    "), the keys were made for " + std::to_string(keys.layout.features) + " and " +
                    std::to_string(keys.layout.classes) + " (width " +
                    std::to_string(keys.layout.width) + ")");
  if (l.n != parameters.small_ring().n() || l.ratio != parameters.ratio())
    throw DataError("the data set was encrypted under other parameters");
  if (data.features.size() != l.blocks() * l.feature_groups())
    throw DataError("the data set does not hold the ciphertexts that its layout needs");
  check_ciphertexts(data.features, parameters, kFeatureScale);
  check_ciphertexts(data.labels, parameters, kErrorScale);
}

// Everything that comes from outside fits together. Returns data, so that it runs before any member
// is made of it.
const EncryptedDataset& checked(const EncryptedDataset& data, const TrainingKeys& keys,
                                const Parameters& parameters, const TrainingConfig& config,
                                const HeadCircuit& circuit) {
  check_dataset(data, keys, parameters);
  EncryptedTrainer::check(parameters, data.layout, config, circuit);
  if (data.labels.size() != data.layout.supers() * data.layout.ratio)
    throw DataError("the data set holds no labels: it was encrypted for prediction only");
  return data;
}

// How many coefficients of every small ciphertext `count` blocks from `begin` must move down so
// that they lie in the lower half of their super-block; empty where they do not fit. Moves are
// whole coefficients of the small ring, so that they are monomials.
std::optional<std::size_t> shift_to_lower_half(const ProductLayout& l, std::size_t begin,
                                               std::size_t count) {
  const std::size_t unit = std::max<std::size_t>(1, l.ratio / l.class_stride);
  const std::size_t place = begin % l.blocks_per_super(), shift = place / unit * unit;
  if (2 * (place - shift + count) > l.blocks_per_super()) return {};
  return shift * l.class_stride / l.ratio;
}

// Blocks [first, last) of a batch, cut at super-blocks.
template <typename F>
void for_each_super(const ProductLayout& layout, const BatchRange& batch, F&& f) {
  std::size_t first = batch.begin / layout.rows();
  const std::size_t last = (batch.begin + batch.count + layout.rows() - 1) / layout.rows();
  while (first < last) {
    const std::size_t per = layout.blocks_per_super();
    const std::size_t end = std::min(last, (first / per + 1) * per);
    f(first, end - first);
    first = end;
  }
}

}  // namespace

nlohmann::json to_json(const StepTimes& times) {
  return {{"weights", times.weights},
          {"scores", times.scores},
          {"bootstrap", times.bootstrap},
          {"softmax", times.head},
          {"slot_to_coeff", times.slot_to_coeff},
          {"gradient", times.gradient}};
}

void EncryptedTrainer::check(const Parameters& parameters, const ProductLayout& l,
                             const TrainingConfig& config, const HeadCircuit& circuit) {
  check_training(l, config, circuit);
  // Coefficients become integers: what they lose by it must be little, and they must fit.
  const double largest =
      UpdatePlan(config, l.samples).largest_coefficient() * coefficient_scale(parameters, circuit);
  if (largest < kLeastCoefficient)
    throw DataError("learning rate " + std::to_string(config.learning_rate) +
                    " is too small for these batches: its quotient by the batch size would be "
                    "rounded away");
  if (!(largest < kLargestCoefficient))
    throw DataError("learning rate " + std::to_string(config.learning_rate) +
                    " is too large for these batches: no integer holds its quotient by the batch "
                    "size");
}

std::optional<int> EncryptedTrainer::fold_bit(const ProductLayout& layout,
                                              const TrainingConfig& config) {
  const std::vector<BatchRange> batches = batch_ranges(config, layout.samples);
  bool fits = layout.blocks_per_super() >= 2;
  // The first step's predictions are public (see step).
  for (std::size_t i = 1; fits && i < batches.size(); ++i)
    for_each_super(layout, batches[i], [&](std::size_t begin, std::size_t count) {
      fits = fits && shift_to_lower_half(layout, begin, count);
    });
  return fits ? std::optional(layout.fold_bit()) : std::nullopt;
}

BootstrapShape EncryptedTrainer::bootstrap_shape(const Parameters& parameters,
                                                 const ProductLayout& layout,
                                                 const TrainingConfig& config) {
  BootstrapShape shape = BootstrapShape::standard(parameters);
  shape.fold_bit = fold_bit(layout, config);
  return shape;
}

double EncryptedTrainer::weight_scale(const Parameters& p, const HeadCircuit& circuit) {
  const double score_scale = circuit.rho * static_cast<double>(p.ring().q(0).q) / circuit.bound;
  return score_scale * static_cast<double>(p.ring().q(1).q) / kFeatureScale;
}

double EncryptedTrainer::coefficient_scale(const Parameters& p, const HeadCircuit& circuit) {
  return weight_scale(p, circuit) / (kFeatureScale * kErrorScale);
}

std::vector<double> EncryptedTrainer::round_coefficients(std::span<const double> coefficients,
                                                         double scale) {
  std::vector<double> out;
  for (double c : coefficients) out.push_back(std::nearbyint(c * scale) / scale);
  return out;
}

EncryptedTrainer::EncryptedTrainer(ParametersPtr parameters, const Bootstrapper& bootstrapper,
                                   const EncryptedDataset& data, const TrainingKeys& keys,
                                   const TrainingConfig& config, const HeadCircuit& circuit)
    : parameters_(std::move(parameters)),
      bootstrapper_(bootstrapper),
      data_(checked(data, keys, *parameters_, config, circuit)),
      keys_(keys),
      products_(parameters_, data.layout, keys.products),
      circuit_(circuit),
      head_(circuit.evaluator(bootstrapper, data.layout.classes, data.layout.class_stride)),
      slot_to_coeff_(*parameters_, bootstrapper.shape(), bootstrapper.encoder(),
                     head_->output_scale(), kErrorScale),
      batches_(batch_ranges(config, data.layout.samples)),
      plan_(config, data.layout.samples) {
  const std::optional<int> fold = bootstrapper.shape().fold_bit;
  require(!fold || fold == fold_bit(data.layout, config),
          "the bootstrapper folds what these batches fill");
}

std::vector<Ciphertext> EncryptedTrainer::combine(std::span<const double> coefficients) const {
  const double scale = coefficient_scale(*parameters_, circuit_);
  const CiphertextShape shape = model_shape(*parameters_, data_.layout, circuit_);
  std::vector<Ciphertext> out;
  for (std::size_t pack = 0; pack < shape.count; ++pack) {
    Ciphertext sum = Ciphertext::zero(parameters_->small_ring(), shape.q_count, shape.scale);
    for (std::size_t s = 0; s < coefficients.size(); ++s) {
      const double c = std::nearbyint(coefficients[s] * scale);
      require(std::abs(c) < kLargestCoefficient, "an update's coefficient exceeds integers");
      if (c != 0) mul_integer_add_inplace(sum, gradients_[s][pack], static_cast<std::int64_t>(c));
    }
    out.push_back(std::move(sum));
  }
  return out;
}

std::vector<Ciphertext> EncryptedTrainer::labels(std::size_t super) const {
  std::vector<Ciphertext> out;
  for (std::size_t r = 0; r < data_.layout.ratio; ++r)
    out.push_back(data_.labels[super * data_.layout.ratio + r].expand());
  return out;
}

std::vector<Ciphertext> EncryptedTrainer::predictions(std::span<const Ciphertext> weights,
                                                      std::size_t begin, std::size_t count,
                                                      StepTimes& times) const {
  const std::size_t shift =
      bootstrapper_.shape().fold_bit ? shift_to_lower_half(data_.layout, begin, count).value() : 0;
  const auto move = [&](std::vector<Ciphertext>& list, std::size_t exponent) {
    if (shift == 0) return;
    const Poly power = monomial(parameters_->small_ring(), exponent, list.front().q_count(), 0);
    for (Ciphertext& c : list) mul_monomial_inplace(c, power);
  };
  Stopwatch watch;
  std::vector<Ciphertext> scores = products_.scores(feature_source(data_), begin, count, weights);
  move(scores, 2 * data_.layout.n - shift);
  std::vector<const Ciphertext*> pointers;
  for (const Ciphertext& c : scores) pointers.push_back(&c);
  times.scores += watch.lap();
  Halves sines = bootstrapper_.half_bootstrap(pointers, head_->input_scale(), keys_.bootstrap);
  times.bootstrap += watch.lap();
  const Halves slots = head_->evaluate(std::move(sines), keys_.bootstrap);
  times.head += watch.lap();
  std::vector<Ciphertext> out = bootstrapper_.split(
      slot_to_coeff_.apply(slots, keys_.bootstrap.evaluation.galois), keys_.bootstrap);
  move(out, shift);
  times.slot_to_coeff += watch.lap();
  return out;
}

StepTimes EncryptedTrainer::step(const std::function<void(double)>& progress) {
  require(done() < steps(), "all steps are done");
  const ProductLayout& l = data_.layout;
  const BatchRange& batch = batches_[static_cast<std::size_t>(done())];
  const std::vector<double> coefficients = plan_.evaluation(done());
  const FeatureSource x = feature_source(data_);
  // With W = 0 every prediction is public.
  const bool first = coefficients.empty();
  StepTimes times;
  Stopwatch watch;

  std::vector<Ciphertext> weights;
  if (!first) weights = products_.expand_weights(combine(coefficients));
  times.weights = watch.lap();

  std::size_t total = 0, finished = 0;
  for_each_super(l, batch, [&](std::size_t, std::size_t count) { total += count; });
  MatrixProducts::GradientSum sum(products_);
  for_each_super(l, batch, [&](std::size_t begin, std::size_t count) {
    std::vector<Ciphertext> errors;
    if (first) {
      const std::vector<double> known(l.n, circuit_.head().prediction_at_zero(l.classes));
      const Poly prediction = encode_coefficients(parameters_->small_ring(), known, kErrorScale, 2);
      for (std::size_t r = 0; r < l.ratio; ++r) {
        Ciphertext c = Ciphertext::zero(parameters_->small_ring(), 2, kErrorScale);
        add_plain_inplace(c, prediction);
        errors.push_back(std::move(c));
      }
    } else {
      errors = predictions(weights, begin, count, times);
      watch.lap();
    }
    const std::vector<Ciphertext> wanted = labels(begin / l.blocks_per_super());
    for (std::size_t r = 0; r < l.ratio; ++r) sub_inplace(errors[r], wanted[r]);
    sum.add(x, begin, products_.expand_errors(errors, begin, count));
    finished += count;
    times.gradient += watch.lap();
    if (progress) progress(static_cast<double>(finished) / static_cast<double>(total));
  });
  gradients_.push_back(sum.finish());
  require_shape(gradients_.back(), *parameters_, gradient_shape(l));
  times.gradient += watch.lap();
  return times;
}

EncryptedModel EncryptedTrainer::model() const {
  require(done() >= 1, "no step has been done");
  return {data_.layout, combine(plan_.model(done()))};
}

void EncryptedTrainer::restore(std::vector<std::vector<Ciphertext>> gradients) {
  if (gradients.size() > static_cast<std::size_t>(steps()))
    throw DataError("the checkpoint has more steps than the configuration");
  const CiphertextShape shape = gradient_shape(data_.layout);
  for (const auto& gradient : gradients) {
    if (gradient.size() != shape.count) throw DataError("the checkpoint belongs to another layout");
    for (const Ciphertext& c : gradient)
      if (const std::string wrong = mismatch(c, *parameters_, shape); !wrong.empty())
        throw DataError("the checkpoint's gradients: " + wrong);
  }
  gradients_ = std::move(gradients);
}

void EncryptedTrainer::rewind(int steps) {
  require(0 <= steps && steps <= done(), "back to a step that was done");
  gradients_.erase(gradients_.begin() + steps, gradients_.end());
}

EncryptedScores predict(ParametersPtr parameters, const EncryptedModel& model,
                        const EncryptedDataset& data, const TrainingKeys& keys,
                        const std::function<void(double)>& progress) {
  check_dataset(data, keys, *parameters);
  if (!same_shape(model.layout, data.layout))
    throw DataError("the model was trained on data of another shape");
  const ProductLayout& l = data.layout;
  if (model.weights.size() != l.packs())
    throw DataError("the model does not hold the ciphertexts that its layout needs");
  for (const Ciphertext& c : model.weights)
    if (&c.ring() != &parameters->small_ring() || c.q_count() != 2)
      throw DataError("the model's ciphertexts are of another level");
  const MatrixProducts products(std::move(parameters), l, keys.products);
  const std::vector<Ciphertext> weights = products.expand_weights(model.weights);
  EncryptedScores out{l, {}};
  for_each_super(l, {0, l.samples}, [&](std::size_t begin, std::size_t count) {
    for (Ciphertext& c : products.scores(feature_source(data), begin, count, weights))
      out.scores.push_back(std::move(c));
    if (progress) progress(static_cast<double>(begin + count) / static_cast<double>(l.blocks()));
  });
  return out;
}

}  // namespace blindtuner::learn
