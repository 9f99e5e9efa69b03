#include "plan/forecast.h"

#include <algorithm>
#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <tuple>

#include "base/quantity.h"
#include "plan/forecast_text.h"
#include "records/dataset.h"
#include "records/model.h"
#include "records/training_keys.h"

namespace blindtuner::plan {
using namespace records;
namespace {

constexpr double kWord = 8;
// The program itself, files' frames, and what lies between the pool's blocks.
constexpr double kOtherMemory = 2e8;

// Limbs of the polynomials that a key has two of a digit.
double key_limbs(const KeyShape& shape) {
  return static_cast<double>(shape.digits() * (shape.q_count + shape.p_count));
}

struct KeyTotals {
  double digits = 0, limbs = 0, keys = 0;
  void add(const KeyShape& shape) {
    digits += static_cast<double>(shape.digits());
    limbs += key_limbs(shape);
    keys += 1;
  }
};

KeyTotals big_keys(const BootstrapKeyShapes& shapes) {
  KeyTotals totals;
  totals.add(shapes.relinearisation);
  for (const auto& [g, shape] : shapes.galois) totals.add(shape);
  for (const KeyShape* shape : {&shapes.small_to_sparse, &shapes.dense_to_sparse,
                                &shapes.sparse_to_dense, &shapes.dense_to_small})
    totals.add(*shape);
  return totals;
}

KeyTotals small_keys(const Parameters& p, const ProductLayout& l) {
  KeyTotals totals;
  const KeyShape shape{2, p.small_special(), {2}};
  const std::size_t keys =
      1 + ProductKeys::galois_elements(l).size() +
      l.width * (ProductKeys::pack_maps(l).size() + ProductKeys::unpack_maps(l).size());
  for (std::size_t i = 0; i < keys; ++i) totals.add(shape);
  return totals;
}

// What every program does before its work, and what it holds from then on.
struct Preparation {
  double seconds = 0, bytes = 0;
};

Preparation encode_stages(const Parameters& p, const std::vector<TransformShape>& stages,
                          const UnitCosts& costs) {
  Preparation out;
  for (const TransformShape& s : stages) {
    double diagonals = 0;
    for (const auto& giant : s.giants) diagonals += static_cast<double>(giant.size());
    const double length = static_cast<double>(s.period);
    const double limbs = static_cast<double>(s.q_count + p.ring().p_size());
    const double share = length / static_cast<double>(s.slots);
    out.bytes += diagonals * limbs * 2 * length * kWord;
    out.seconds += diagonals * costs.encoding * share * limbs / static_cast<double>(p.top());
  }
  return out;
}

// The most that one linear map holds besides its keys: a sum for every giant step, the digits of one
// ciphertext, and what they are made from.
double map_bytes(const Parameters& p, const TransformShape& s) {
  const double limb = kWord * static_cast<double>(p.ring().n());
  const double limbs = static_cast<double>(s.q_count + p.ring().p_size());
  const double giants = static_cast<double>(s.giants.size());
  return limb * limbs * (2 * giants + static_cast<double>(p.digit_ends(s.q_count).size()) + 4);
}

// The linear maps and keys of a run.
struct Shapes {
  std::optional<int> fold_bit;
  std::vector<TransformShape> coeff_to_slot, slot_to_coeff;
  BootstrapKeyShapes keys;
};

Shapes shapes_of(const ForecastRequest& request) {
  const Parameters& p = *request.parameters;
  const BootstrapShape shape = EncryptedTrainer::bootstrap_shape(p, request.layout, request.config);
  const Encoder encoder(p.literal().log_n);
  std::vector<TransformShape> down = coeff_to_slot_shapes(p, shape, encoder);
  std::set<std::size_t> rotations;
  for (const TransformShape& stage : down)
    for (const std::size_t step : stage.rotations()) rotations.insert(step);
  const std::vector<std::size_t> list(rotations.begin(), rotations.end());
  const BootstrapKeyShapes keys(p, list, class_sum_rotations(p, request.layout.class_stride),
                                p.circuit_start());
  return {shape.fold_bit, std::move(down), slot_to_coeff_shapes(p, shape, encoder), keys};
}

void forecast_steps(Forecast& out, const CircuitWork& circuit) {
  const ProductLayout& l = out.request.layout;
  const UnitCosts& costs = out.costs;
  const std::vector<BatchRange> batches = batch_ranges(out.request.config, l.samples);
  out.steps = static_cast<int>(batches.size());
  const double big_n = static_cast<double>(out.request.parameters->ring().n());
  const double small_pass = costs.pass * static_cast<double>(l.n) / big_n;
  const auto matrix = [&](const ProductWork& work) { return costs.seconds(work, l.width); };
  const double weights = matrix(expand_weights_work(l)), finish = matrix(finish_gradient_work(l));
  const double bootstrap = costs.seconds(circuit.half_bootstrap);
  const double head = costs.seconds(circuit.head);
  const double slot_to_coeff = costs.seconds(circuit.slot_to_coeff);
  const std::size_t per = l.blocks_per_super();
  // What blocks cost depends on their place within a super-block and on their number, and there are
  // few kinds of either, of super-blocks and of batches, even in the longest run.
  struct Super {
    double scores = 0, gradient = 0;
  };
  std::map<std::pair<std::size_t, std::size_t>, Super> super_kinds;
  const auto super = [&](std::size_t begin, std::size_t count) -> const Super& {
    const auto [found, fresh] = super_kinds.try_emplace({begin % per, count});
    if (fresh)
      found->second = {
          matrix(scores_work(l, begin, count)),
          matrix(expand_errors_work(l, begin, count)) + matrix(gradient_work(l, count))};
    return found->second;
  };
  struct Batch {
    StepTimes times;
    std::size_t supers = 0;
  };
  std::map<std::tuple<std::size_t, std::size_t, bool>, Batch> kinds;
  const auto batch = [&](std::size_t begin, std::size_t end, bool first) -> const Batch& {
    const auto [found, fresh] = kinds.try_emplace({begin % per, end - begin, first});
    auto& [times, supers] = found->second;
    while (fresh && begin < end) {
      const std::size_t stop = std::min(end, (begin / per + 1) * per), count = stop - begin;
      if (!first) {
        times.scores += super(begin, count).scores;
        times.bootstrap += bootstrap;
        times.head += head;
        times.slot_to_coeff += slot_to_coeff;
        ++supers;
      }
      times.gradient += super(begin, count).gradient;
      begin = stop;
    }
    return found->second;
  };
  for (std::size_t t = 0; t < batches.size(); ++t) {
    const bool first = t == 0;  // predictions are public there
    auto [times, supers] =
        batch(batches[t].begin / l.rows(),
              (batches[t].begin + batches[t].count + l.rows() - 1) / l.rows(), first);
    if (!first) times.weights = weights + small_pass * static_cast<double>(4 * t * l.packs());
    times.gradient += finish;
    out.seconds.training += times.total();
    out.refreshes += supers;
    if (first) out.seconds.first_step = times.total();
    if (!first && times.total() > out.seconds.step.total()) {
      out.seconds.step = times;
      out.refreshes_a_step = supers;
    }
  }
}

void forecast_sizes(Forecast& out, const Shapes& shapes) {
  const Parameters& p = *out.request.parameters;
  const ProductLayout& l = out.request.layout;
  out.ciphertexts = l.blocks() * l.feature_groups() + l.supers() * l.ratio;
  out.bytes.evaluation_keys = training_keys_file_bytes(p, shapes.keys, l);
  out.bytes.upload = dataset_file_bytes(p, l, true);
  out.bytes.model =
      model_file_bytes(p, l, {out.steps, out.request.config, out.request.circuit->name});
}

// Everything around the steps, and memory.
void forecast_rest(Forecast& out, const Shapes& shapes) {
  const Parameters& p = *out.request.parameters;
  const ProductLayout& l = out.request.layout;
  const UnitCosts& costs = out.costs;
  const KeyTotals big = big_keys(shapes.keys), small = small_keys(p, l);
  const double n = static_cast<double>(p.ring().n()), small_n = static_cast<double>(l.n);
  const double small_limbs = small.limbs * small_n / n;  // in limbs of the big ring
  const double chain = static_cast<double>(p.top() + p.ring().p_size());
  const Preparation cts = encode_stages(p, shapes.coeff_to_slot, costs);
  const Preparation stc = encode_stages(p, shapes.slot_to_coeff, costs);
  const double key_bytes = static_cast<double>(out.bytes.evaluation_keys);
  const double upload = static_cast<double>(out.bytes.upload);
  const double threads = static_cast<double>(costs.threads);
  const double limb = kWord * n, small_poly = 2 * kWord * small_n;
  const double keys = 2 * limb * (big.limbs + small_limbs);
  const double rings = ring_bytes(p.ring()) + ring_bytes(p.small_ring());
  double maps = 0;
  for (const auto* list : {&shapes.coeff_to_slot, &shapes.slot_to_coeff})
    for (const TransformShape& stage : *list) maps = std::max(maps, map_bytes(p, stage));
  // Accumulated tensors, expanded features of one chunk, errors of one super-block.
  const double products = small_poly * static_cast<double>(3 * l.pieces() + 2 * 512 +
                                                           2 * l.blocks_per_super() * l.classes);
  const double gradients = 2 * small_poly * static_cast<double>(l.packs()) * out.steps;
  const double data = static_cast<double>(out.ciphertexts) * small_poly;
  out.seconds.key_generation =
      cts.seconds + costs.gaussian * (big.digits * n + small.digits * small_n / threads) +
      (big.limbs + small_limbs) * (costs.uniform_limb + costs.transform + 4 * costs.pass) +
      big.keys * chain * costs.transform + key_bytes * costs.byte_written +
      (keys + cts.bytes) * costs.byte_fresh;
  out.seconds.encryption = static_cast<double>(out.ciphertexts) * costs.encryption +
                           upload * costs.byte_written + data * costs.byte_fresh;
  out.seconds.reading = (key_bytes + upload) * costs.byte_read +
                        (big.limbs + small_limbs) * costs.uniform_limb +
                        (keys + data) * costs.byte_fresh;
  out.seconds.training += std::max(maps, products) * costs.byte_fresh;
  out.seconds.preparing = cts.seconds + stc.seconds + (cts.bytes + stc.bytes) * costs.byte_fresh;

  out.bytes.server_memory =
      static_cast<std::uint64_t>(keys + rings + cts.bytes + stc.bytes + data + gradients +
                                 std::max(maps, products) + kOtherMemory);
  out.bytes.owner_memory = static_cast<std::uint64_t>(keys + rings + cts.bytes + kOtherMemory);
}

}  // namespace

double ring_bytes(const Ring& ring) {
  // Roots and their quotients, forward and inverse.
  return 4.5 * kWord * static_cast<double>(ring.n() * (ring.q_size() + ring.p_size()));
}

Forecast make_forecast(const ForecastRequest& request, const UnitCosts& costs) {
  const Parameters& p = *request.parameters;
  const ProductLayout& l = request.layout;
  EncryptedTrainer::check(p, l, request.config, *request.circuit);
  const Shapes shapes = shapes_of(request);
  const CircuitWork circuit =
      count_circuits(p, *request.circuit, l.classes, l.class_stride, shapes.fold_bit);
  Forecast out;
  out.request = request;
  out.costs = costs;
  out.folded = shapes.fold_bit.has_value();
  out.bootstraps_within_head = circuit.bootstraps;
  out.head_levels = request.circuit->levels;
  forecast_steps(out, circuit);
  forecast_sizes(out, shapes);
  forecast_rest(out, shapes);
  return out;
}

nlohmann::json to_json(const Forecast& f) {
  const ProductLayout& l = f.request.layout;
  const StepTimes& step = f.seconds.step;
  return {
      {"samples", l.samples},
      {"features", l.features - 1},
      {"classes", l.classes},
      {"batch", f.request.config.batch_size},
      {"steps", f.steps},
      {"softmax", f.request.circuit->name},
      {"parameters", f.request.parameters->literal().name},
      {"layout",
       {{"features_a_ciphertext", l.width},
        {"samples_a_ciphertext", l.rows()},
        {"samples_a_bootstrap", l.samples_per_super()},
        {"folded", f.folded}}},
      {"ciphertexts", f.ciphertexts},
      {"softmax_levels", f.head_levels},
      {"half_bootstraps", f.refreshes},
      {"half_bootstraps_a_step", f.refreshes_a_step},
      {"bootstraps_within_softmax", f.bootstraps_within_head},
      {"seconds",
       {{"key_generation", f.seconds.key_generation},
        {"encryption", f.seconds.encryption},
        {"reading", f.seconds.reading},
        {"preparing", f.seconds.preparing},
        {"first_step", f.seconds.first_step},
        {"step", step.total()},
        {"training", f.seconds.training},
        {"parts_of_a_step", to_json(step)}}},
      {"bytes",
       {{"evaluation_keys", f.bytes.evaluation_keys},
        {"upload", f.bytes.upload},
        {"upload_a_sample", static_cast<double>(f.bytes.upload) / static_cast<double>(l.samples)},
        {"model", f.bytes.model},
        {"server_memory", f.bytes.server_memory},
        {"owner_memory", f.bytes.owner_memory}}},
      {"costs", to_json(f.costs)}};
}

std::string to_text(const Forecast& f) {
  const ProductLayout& l = f.request.layout;
  std::string text;
  const auto row = [&](const char* what, const std::string& value, const std::string& note) {
    text += row_text(what, value, note);
  };
  const auto number = [](std::size_t value) { return std::to_string(value); };
  const auto bytes = [](std::uint64_t value) { return bytes_text(static_cast<double>(value)); };
  const auto seconds = seconds_text;
  text += number(l.samples) + " samples, " + number(l.features - 1) + " features, " +
          number(l.classes) + " classes; batches of " + number(f.request.config.batch_size) +
          "; circuit " + f.request.circuit->name + "; parameters " +
          f.request.parameters->literal().name + "\n\nowner\n";
  row("key generation", seconds(f.seconds.key_generation), "without the disk");
  row("encryption", seconds(f.seconds.encryption), number(f.ciphertexts) + " ciphertexts");
  row("evaluation keys", bytes(f.bytes.evaluation_keys), "uploaded once");
  row("data", bytes(f.bytes.upload),
      bytes_text(static_cast<double>(f.bytes.upload) / static_cast<double>(l.samples)) +
          " a sample");
  row("memory", bytes(f.bytes.owner_memory), "peak, in key generation");
  return text + "server\n" + training_rows(f) + costs_line(f.costs);
}

std::string row_text(const std::string& what, const std::string& value, const std::string& note) {
  char line[256];
  std::snprintf(line, sizeof line, "  %-26s %-14s %s\n", what.c_str(), value.c_str(), note.c_str());
  return line;
}

std::string seconds_text(double seconds) {
  char out[32];
  if (seconds >= 60) return duration_text(seconds);
  std::snprintf(out, sizeof out, seconds < 10 ? "%.1f s" : "%.0f s", seconds);
  return out;
}

std::string training_rows(const Forecast& f) {
  const auto number = [](auto value) { return std::to_string(value); };
  const auto bytes = [](std::uint64_t value) { return bytes_text(static_cast<double>(value)); };
  std::string text =
      row_text("reading and preparing", seconds_text(f.seconds.reading + f.seconds.preparing), "") +
      row_text("training", seconds_text(f.seconds.training), number(f.steps) + " steps");
  if (f.steps > 1)
    text += row_text("  first step", seconds_text(f.seconds.first_step),
                     "on public predictions, no circuit") +
            row_text("  a step", seconds_text(f.seconds.step.total()),
                     number(f.refreshes_a_step) +
                         (f.folded ? " half bootstraps, folded" : " half bootstraps"));
  return text +
         row_text("levels of the circuit", number(f.head_levels),
                  f.bootstraps_within_head == 0
                      ? "within one bootstrapping"
                      : "with " + number(f.bootstraps_within_head) + " full bootstraps within") +
         row_text("memory", bytes(f.bytes.server_memory), "peak") +
         row_text("encrypted model", bytes(f.bytes.model), "");
}

std::string costs_line(const UnitCosts& costs) {
  return "\nTimes on " + std::to_string(costs.threads) + " thread" +
         (costs.threads == 1 ? "" : "s") + " of " + costs.machine +
         " are estimates, memory too; sizes of what is sent are exact.\n";
}

std::string to_line(const Forecast& f) {
  char line[256];
  std::snprintf(line, sizeof line,
                "%d steps: about %s of training, %s of memory (%d thread%s of %s)", f.steps,
                duration_text(f.seconds.training).c_str(),
                bytes_text(static_cast<double>(f.bytes.server_memory)).c_str(), f.costs.threads,
                f.costs.threads == 1 ? "" : "s", f.costs.machine.c_str());
  return line;
}

}  // namespace blindtuner::plan
