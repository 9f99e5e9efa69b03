#include "plan/circuit_work.h"

#include <algorithm>
#include <bit>
#include <mutex>
#include <set>

namespace blindtuner::plan {
namespace {

// Large enough for every circuit's rotations, small enough to be no wait.
constexpr int kCountingLogN = 10;

ParametersPtr counting_parameters(const Parameters& p) {
  ParametersLiteral literal = p.literal();
  literal.log_small_n = kCountingLogN - (literal.log_n - literal.log_small_n);
  literal.log_n = kCountingLogN;
  literal.name = "InsecureCounting";
  return Parameters::create(literal);
}

// Keys and ciphertexts of zeros: circuits do the same work on them.
KeySwitchKey zero_key(const Ring& ring, const KeyShape& shape) {
  KeySwitchKey key;
  key.shape = shape;
  for (std::size_t d = 0; d < shape.digits(); ++d)
    for (std::vector<Poly>* halves : {&key.b, &key.a})
      halves->push_back(Poly::zero(ring, shape.q_count, shape.p_count, Domain::kNtt));
  return key;
}

BootstrapKeys zero_keys(const Ring& ring, const BootstrapKeyShapes& shapes) {
  BootstrapKeys keys;
  keys.evaluation.relinearisation = zero_key(ring, shapes.relinearisation);
  for (const auto& [g, shape] : shapes.galois)
    keys.evaluation.galois.emplace(g, zero_key(ring, shape));
  keys.small_to_sparse = zero_key(ring, shapes.small_to_sparse);
  keys.dense_to_sparse = zero_key(ring, shapes.dense_to_sparse);
  keys.sparse_to_dense = zero_key(ring, shapes.sparse_to_dense);
  keys.dense_to_small = zero_key(ring, shapes.dense_to_small);
  return keys;
}

void add(WorkCounts& to, const WorkCounts& more, double times = 1) {
  for (const auto& [item, amount] : more) to[item] += times * amount;
}

// Nodes that a tree of automorphisms visits to pack, or to reach, these residues modulo width.
double tree_nodes(const std::set<std::size_t>& residues, std::size_t width) {
  std::size_t nodes = 0;
  for (std::size_t half = 1; half < width; half *= 2) {
    std::set<std::size_t> at_level;
    for (const std::size_t r : residues) at_level.insert(r % half);
    nodes += at_level.size();
  }
  return static_cast<double>(nodes);
}

double all_tree_nodes(const ProductLayout& l, std::size_t first, std::size_t count) {
  std::vector<std::set<std::size_t>> residues(l.ratio);
  for (std::size_t block = 0; block < count; ++block)
    for (std::size_t cls = 0; cls < l.classes; ++cls) {
      const auto place = l.place((first + block) % l.blocks_per_super(), cls);
      residues[place.small].insert(place.residue);
    }
  double nodes = 0;
  for (const auto& of_small : residues) nodes += tree_nodes(of_small, l.width);
  return nodes;
}

}  // namespace

WorkCounts linear_map_work(const Parameters& p, const TransformShape& shape) {
  const int log_n = p.literal().log_n;
  const std::size_t q = shape.q_count;
  const double limbs = static_cast<double>(q + p.ring().p_size());
  const std::set<std::size_t> babies = shape.babies();
  const double rotated = static_cast<double>(babies.size() - babies.count(0));
  const double giants = static_cast<double>(shape.giants.size() - 1);
  double diagonals = 0;
  for (const auto& giant : shape.giants) diagonals += static_cast<double>(giant.size());

  WorkCounts work;
  if (rotated > 0) work[{Work::kDecompose, log_n, q}] += 1;
  if (rotated > 0) work[{Work::kKeyProduct, log_n, q}] += rotated;
  work[{Work::kDiagonal, log_n, 0}] += diagonals * limbs;
  if (giants > 0) {
    work[{Work::kScaleDown, log_n, q}] += giants;
    work[{Work::kGiantStep, log_n, q}] += giants;
  }
  work[{Work::kScaleDown, log_n, q - 1}] += 2;
  return work;
}

namespace {

// All that the counts depend on.
struct Question {
  ParametersLiteral parameters;
  std::string circuit;  ///< its name
  std::size_t classes = 0, class_stride = 0;
  std::optional<int> fold_bit;
  bool operator==(const Question&) const = default;
};

CircuitWork run_circuits(const Parameters& p, const HeadCircuit& circuit, std::size_t classes,
                         std::size_t class_stride, std::optional<int> fold_bit) {
  const ParametersPtr small = counting_parameters(p);
  BootstrapShape small_shape = BootstrapShape::standard(*small);
  if (fold_bit) small_shape.fold_bit = 0;  // any bit costs the same
  const Bootstrapper bootstrapper(small, small_shape);
  const std::unique_ptr<HeadEvaluator> head =
      circuit.evaluator(bootstrapper, classes, class_stride);
  const SlotToCoeff down(*small, bootstrapper.shape(), bootstrapper.encoder(), head->output_scale(),
                         0x1p24);
  const BootstrapKeys keys =
      zero_keys(small->ring(), {*small, bootstrapper.rotations(),
                                class_sum_rotations(*small, class_stride), small->circuit_start()});
  std::vector<Ciphertext> scores;
  std::vector<const Ciphertext*> pointers;
  for (std::size_t r = 0; r < small->ratio(); ++r)
    scores.push_back(Ciphertext::zero(small->small_ring(), 1, 0x1p40));
  for (const Ciphertext& c : scores) pointers.push_back(&c);

  BootstrapShape shape = BootstrapShape::standard(p);
  shape.fold_bit = fold_bit;
  const Encoder encoder(p.literal().log_n);
  std::map<std::size_t, WorkCounts> maps;
  for (const TransformShape& stage : coeff_to_slot_shapes(p, shape, encoder))
    maps[stage.q_count] = linear_map_work(p, stage);
  for (const TransformShape& stage : slot_to_coeff_shapes(p, shape, encoder))
    maps[stage.q_count] = linear_map_work(p, stage);
  auto in_the_real_ring = [&](const WorkRecorder& recorder) {
    WorkCounts out;
    for (const auto& [item, amount] : recorder.counts()) {
      if (item.work == Work::kLinearMap) {
        add(out, maps.at(item.limbs), amount);
        continue;
      }
      const bool big = item.log_n == small->literal().log_n;
      out[{item.work, big ? p.literal().log_n : p.literal().log_small_n, item.limbs}] += amount;
    }
    return out;
  };

  CircuitWork work;
  work.bootstraps = head->bootstraps();
  Halves halves;
  {
    const WorkRecorder recorder;
    halves = bootstrapper.half_bootstrap(pointers, head->input_scale(), keys);
    work.half_bootstrap = in_the_real_ring(recorder);
  }
  {
    const WorkRecorder recorder;
    halves = head->evaluate(std::move(halves), keys);
    work.head = in_the_real_ring(recorder);
  }
  {
    const WorkRecorder recorder;
    bootstrapper.split(down.apply(halves, keys.evaluation.galois), keys);
    work.slot_to_coeff = in_the_real_ring(recorder);
  }
  return work;
}

}  // namespace

CircuitWork count_circuits(const Parameters& p, const HeadCircuit& circuit, std::size_t classes,
                           std::size_t class_stride, std::optional<int> fold_bit) {
  static std::mutex mutex;
  static std::vector<std::pair<Question, CircuitWork>> answers;
  const std::lock_guard lock(mutex);
  const Question question{p.literal(), circuit.name, classes, class_stride, fold_bit};
  const auto found = std::find_if(answers.begin(), answers.end(),
                                  [&](const auto& answer) { return answer.first == question; });
  if (found != answers.end()) return found->second;
  CircuitWork work = run_circuits(p, circuit, classes, class_stride, fold_bit);
  answers.emplace_back(question, work);
  return work;
}

ProductWork expand_weights_work(const ProductLayout& l) {
  const int log = l.pack_log(), log_rows = std::countr_zero(l.rows());
  const std::size_t per_pack = std::size_t{1} << log;
  ProductWork work;
  for (std::size_t pack = 0; pack < l.packs(); ++pack) {
    const std::size_t count = std::min(per_pack, l.pieces() - pack * per_pack);
    work.error_automorphisms += 1;
    for (int level = log_rows; level > log; --level) work.map_inputs.push_back(1);
    for (int i = 0; i < log; ++i) work.map_inputs.push_back(std::min(std::size_t{1} << i, count));
  }
  return work;
}

ProductWork scores_work(const ProductLayout& l, std::size_t first, std::size_t count) {
  ProductWork work;
  const double blocks = static_cast<double>(count), classes = static_cast<double>(l.classes);
  const double groups = static_cast<double>(l.feature_groups());
  work.expansions = blocks * groups;
  work.tensor_terms = blocks * classes * groups;
  work.score_relinearisations = blocks * classes;
  work.score_automorphisms = all_tree_nodes(l, first, count);
  return work;
}

ProductWork expand_errors_work(const ProductLayout& l, std::size_t first, std::size_t count) {
  ProductWork work;
  work.expansions = static_cast<double>(l.ratio);  // the labels
  work.error_automorphisms = static_cast<double>(l.ratio) + all_tree_nodes(l, first, count);
  return work;
}

ProductWork gradient_work(const ProductLayout& l, std::size_t blocks) {
  ProductWork work;
  work.expansions = static_cast<double>(blocks * l.feature_groups());
  work.tensor_terms = static_cast<double>(blocks * l.pieces());
  return work;
}

ProductWork finish_gradient_work(const ProductLayout& l) {
  const int log = l.pack_log(), log_rows = std::countr_zero(l.rows());
  const std::size_t per_pack = std::size_t{1} << log;
  ProductWork work;
  work.relinearisations = static_cast<double>(l.pieces());
  for (std::size_t pack = 0; pack < l.packs(); ++pack) {
    const std::size_t count = std::min(per_pack, l.pieces() - pack * per_pack);
    for (int level = 1; level <= log_rows; ++level)
      work.map_inputs.push_back(level > log ? 1 : std::min(per_pack >> level, count));
  }
  return work;
}

}  // namespace blindtuner::plan
