#include "plan/study_forecast.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/quantity.h"
#include "learn/result_shape.h"
#include "plan/forecast_text.h"
#include "records/study/contribution.h"
#include "records/study/key_shares.h"
#include "records/study/sealed_share.h"
#include "records/study/sums.h"

namespace blindtuner::plan {
using namespace records;
namespace {

// The program itself, the frames of records, and what lies between the pool's blocks: with it forecasts are a little above the peaks
// that docs/BENCHMARKS.md has of owners and servers.
constexpr double kProgramMemory = 1.8e8;

/// Polynomials to be made or added, and their limbs of the big ring (of which a small ring's limb is a part).
struct Halves {
  double polynomials = 0;  ///< those of the small ring by their part of a big one
  double limbs = 0;
};

Halves halves_of(const StudyKeyList& list, const std::vector<KeyPlan>& plans,
                 const std::vector<ComponentMap>& maps = {}) {
  const Parameters& p = *list.parameters;
  const double part = 1 / static_cast<double>(p.ratio());
  Halves out;
  for (const KeyPlan& plan : plans) {
    const double digits = static_cast<double>(plan.shape.digits()) * (plan.small ? part : 1);
    out.polynomials += digits;
    out.limbs += digits * static_cast<double>(plan.shape.q_count + plan.shape.p_count);
  }
  for (const ComponentMap& map : maps) {
    const double width = static_cast<double>(map.width) * part;
    out.polynomials += width;
    out.limbs += width * static_cast<double>(2 + p.small_special());
  }
  return out;
}

std::vector<std::size_t> equal_parts(std::size_t samples, std::size_t owners) {
  std::vector<std::size_t> out(owners, samples / owners);
  for (std::size_t i = 0; i < samples % owners; ++i) ++out[i];
  return out;
}

Arrangement arrangement_of(const StudyRequest& r) {
  const std::size_t batch = r.config.batch_size;
  const ProductLayout one =
      ProductLayout::plan(*r.parameters, batch, r.features + 1, r.classes, batch);
  if (r.owners > r.parameters->owners())
    throw DataError("parameters '" + r.parameters->literal().name + "' are for " +
                    (r.parameters->owners() == 1
                         ? "one owner"
                         : "at most " + std::to_string(r.parameters->owners()) + " owners") +
                    ", not " + std::to_string(r.owners));
  const std::size_t most = most_arranged_rows(one) - r.owners * one.rows();
  if (r.samples < r.owners || r.samples > most)
    throw DataError(
        "samples of " + std::to_string(r.owners) + " owners: " + std::to_string(r.samples) +
        ", expected one of each at least and " + std::to_string(most) + " together at most");
  return arrange_rows(*r.parameters, equal_parts(r.samples, r.owners), r.features, r.classes,
                      one.width, (batch + one.rows() - 1) / one.rows());
}

void forecast_sizes(StudyForecast& out, const StudyRequest& r, const Arrangement& arrangement,
                    const StudyKeyList& list) {
  const Parameters& p = *r.parameters;
  const CiphertextShape model = model_shape(p, arrangement.layout, *r.circuit);
  const std::size_t d = r.features;
  const SumsShape moments = sums_shape(p, r.samples, 1 + d + d * (d + 1) / 2);
  out.sends.shares =
      key_shares_bytes(list, ShareKind::kWayIn) + key_shares_bytes(list, ShareKind::kLinear);
  out.sends.first_round = key_shares_bytes(list, ShareKind::kFirstRound);
  out.sends.second_round = key_shares_bytes(list, ShareKind::kSecondRound);
  out.sends.statistics = owner_sums_bytes(p, moments);
  out.sends.statistics_share =
      sealed_share_bytes(p, {moments.packs(p), 2, moments.scale(p)}, r.owners);
  out.sends.opening = sealed_share_bytes(p, model, r.owners);
  std::uint64_t data = 0;
  for (std::size_t i = 0; i < r.owners; ++i) {
    const ContributionInfo info{arrangement, i, {}};
    const std::uint64_t own = contribution_bytes(p, info);
    data += own;
    if (own <= out.sends.data) continue;
    out.sends.data = own;
    out.ciphertexts = info.cells().feature_count() + info.cells().label_count(arrangement.layout);
  }
  out.bytes.evaluation_keys =
      training_keys_file_bytes(p, list.shapes, list.layout, /*seeded=*/false);
  out.bytes.way_in_keys = way_in_keys_bytes(list);
  out.bytes.exchange = r.owners * (out.sends.total() - out.sends.data) + data + out.run.bytes.model;
}

void forecast_set_up(StudyForecast& out, const StudyRequest& r, const UnitCosts& costs,
                     const StudyKeyList& list) {
  const Parameters& p = *r.parameters;
  const double n = static_cast<double>(p.ring().n()), k = static_cast<double>(r.owners);
  std::vector<KeyPlan> linear_plans = list.way_in;
  std::ranges::copy(list.linear(), std::back_inserter(linear_plans));
  const Halves linear = halves_of(list, linear_plans, list.maps()),
               rounds = halves_of(list, list.relinearisation());
  const auto bytes = [](std::uint64_t value) { return static_cast<double>(value); };
  // A half: its error drawn and transformed, three products and sums.
  const auto make = [&](const Halves& halves, double times) {
    return times * (halves.polynomials * n * costs.gaussian +
                    halves.limbs * (costs.transform + 4 * costs.pass));
  };
  // Rotations' target secrets.
  const double secrets = static_cast<double>(list.training.bootstrap.size()) *
                         static_cast<double>(p.top() + p.ring().p_size()) * costs.transform;
  out.seconds.shares = make(linear, 1) + make(rounds, 2) + secrets +
                       (linear.limbs + rounds.limbs) * costs.uniform_limb +
                       bytes(out.sends.shares + out.sends.first_round) * costs.byte_written;
  out.seconds.answer =
      k * (bytes(out.sends.first_round) * costs.byte_read + 2 * rounds.limbs * costs.pass) +
      make(rounds, 1) + bytes(out.sends.second_round) * costs.byte_written;
  const double all = bytes(out.sends.shares + out.sends.first_round + out.sends.second_round);
  out.seconds.addition =
      k * (all * costs.byte_read + (linear.limbs + 2 * rounds.limbs) * costs.pass) +
      linear.limbs * costs.uniform_limb +
      bytes(out.bytes.evaluation_keys + out.bytes.way_in_keys) * costs.byte_written;

  // A key of the most digits: sums of both halves, what is read or made, and the secrets that it is made with.
  const KeyShape& most = list.shapes.relinearisation;
  const double limb = 8 * n, limbs = static_cast<double>(most.q_count + most.p_count);
  const double half = limb * limbs * static_cast<double>(most.digits());
  const double rings = ring_bytes(p.ring()) + ring_bytes(p.small_ring());
  // An owner has its rows at hand meanwhile.
  const double rows = sizeof(float) * static_cast<double>(r.features) *
                      std::ceil(static_cast<double>(r.samples) / static_cast<double>(r.owners));
  out.bytes.owner_memory =
      static_cast<std::uint64_t>(3 * half + 2 * limb * limbs + rings + rows + kProgramMemory);
  out.bytes.server_memory = static_cast<std::uint64_t>(2 * half + rings + kProgramMemory);
}

}  // namespace

StudyForecast make_study_forecast(const StudyRequest& r, const UnitCosts& costs) {
  const Arrangement arrangement = arrangement_of(r);
  const ProductLayout& l = arrangement.layout;
  StudyForecast out;
  out.owners = r.owners;
  out.samples = r.samples;
  out.run = make_forecast(
      {r.parameters, l, for_places(r.config, l.rows(), arrangement.filled()), r.circuit}, costs);
  // A key has the layout of a batch in its record, which is as long as any.
  const StudyKeyList list(r.parameters, l, r.owners, Seed{}, KeyId{});
  forecast_sizes(out, r, arrangement, list);
  forecast_set_up(out, r, costs, list);
  // Data come in by a key switch, after which no seed gives their second halves.
  const double halves = 8 * 2 * static_cast<double>(l.n * out.run.ciphertexts);
  out.run.bytes.server_memory += static_cast<std::uint64_t>(halves);
  out.run.seconds.reading +=
      static_cast<double>(r.owners * out.ciphertexts) * costs.relinearisation;
  out.seconds.encryption = static_cast<double>(out.ciphertexts) * costs.encryption +
                           static_cast<double>(out.sends.data) * costs.byte_written;
  return out;
}

nlohmann::json to_json(const StudyForecast& f) {
  nlohmann::json out = to_json(f.run);
  out["owners"] = f.owners;
  out["samples"] = f.samples;
  out["places"] = f.run.request.layout.samples;
  nlohmann::json& seconds = out["seconds"];
  seconds.erase("key_generation");
  seconds["shares"] = f.seconds.shares;
  seconds["answer"] = f.seconds.answer;
  seconds["addition"] = f.seconds.addition;
  seconds["encryption"] = f.seconds.encryption;
  out["ciphertexts"] = f.ciphertexts;
  out["bytes"] = {{"shares", f.sends.shares},
                  {"first_round", f.sends.first_round},
                  {"second_round", f.sends.second_round},
                  {"statistics", f.sends.statistics},
                  {"statistics_share", f.sends.statistics_share},
                  {"data", f.sends.data},
                  {"opening", f.sends.opening},
                  {"sent_by_an_owner", f.sends.total()},
                  {"evaluation_keys", f.bytes.evaluation_keys},
                  {"way_in_keys", f.bytes.way_in_keys},
                  {"exchange", f.bytes.exchange},
                  {"model", f.run.bytes.model},
                  {"owner_memory", f.bytes.owner_memory},
                  {"server_set_up_memory", f.bytes.server_memory},
                  {"server_memory", f.run.bytes.server_memory}};
  return out;
}

std::string to_text(const StudyForecast& f) {
  const auto bytes = [](std::uint64_t value) { return bytes_text(static_cast<double>(value)); };
  const Forecast& run = f.run;
  const ProductLayout& l = run.request.layout;
  std::string text = std::to_string(f.owners) + " owners, " + std::to_string(f.samples) +
                     " samples together, " + std::to_string(l.features - 1) + " features, " +
                     std::to_string(l.classes) + " classes; batches of " +
                     std::to_string(run.request.config.batch_size) + "; circuit " +
                     run.request.circuit->name + "; parameters " +
                     run.request.parameters->literal().name + "\n\neach owner\n";
  const auto row = [&](const std::string& what, const std::string& value, const std::string& note) {
    text += row_text(what, value, note);
  };
  row("shares of keys", seconds_text(f.seconds.shares), "without the disk");
  row("answer", seconds_text(f.seconds.answer), "to the first rounds of all");
  row("encryption", seconds_text(f.seconds.encryption),
      std::to_string(f.ciphertexts) + " ciphertexts");
  row("sends", bytes(f.sends.total()), "of which");
  row("  shares", bytes(f.sends.shares), "with those of way-in keys");
  row("  relinearisation", bytes(f.sends.first_round), "first round");
  row("", bytes(f.sends.second_round), "second round");
  row("  data", bytes(f.sends.data), "who has most");
  row("  statistics", bytes(f.sends.statistics), "where whitening is pooled");
  row("", bytes(f.sends.statistics_share), "its share of their opening");
  row("  opening", bytes(f.sends.opening), "its share of the model's");
  row("memory", bytes(f.bytes.owner_memory), "peak, while keys are made");
  text += "server\n";
  row("adding up shares", seconds_text(f.seconds.addition), "without the disk");
  row("evaluation keys", bytes(f.bytes.evaluation_keys), "kept");
  row("way-in keys", bytes(f.bytes.way_in_keys), "kept");
  row("memory", bytes(f.bytes.server_memory), "peak, while keys are made");
  text += training_rows(run) + "exchange\n";
  row("large records", bytes(f.bytes.exchange), "of all owners and the server");
  return text + costs_line(run.costs);
}

}  // namespace blindtuner::plan
