#include "records/study/joint_run.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "records/study/message.h"

namespace blindtuner::records {
namespace {

constexpr int kMostExponent = 200, kMostQuarters = 400;

int quarters(double size) {
  return std::clamp(static_cast<int>(std::ceil(4 * std::log2(size))), -kMostQuarters,
                    kMostQuarters);
}

}  // namespace

nlohmann::json to_json(const OwnerRows& rows) {
  nlohmann::json out = {{"rows", rows.rows}};
  if (rows.names) out["names"] = to_hex(*rows.names);
  if (rows.held_out) out["held_out"] = *rows.held_out;
  if (rows.sizes) {
    out["sizes"] = *rows.sizes;
    return out;
  }
  nlohmann::json& exponents = out["exponents"] = nlohmann::json::array();
  for (const std::optional<int>& e : rows.exponents)
    exponents.push_back(e ? nlohmann::json(*e) : nlohmann::json());
  return out;
}

OwnerRows owner_rows_from_json(const JsonIn& in, std::size_t pooled, bool validated) {
  OwnerRows out;
  std::vector<std::string> members{"rows", pooled > 0 ? "exponents" : "sizes"};
  if (validated) members.emplace_back("held_out");
  require_members(in, members, {"names"});
  if (in.has("names")) out.names = hex_member<32>(in, "names");
  const auto count = [&](const char* name, std::int64_t least) {
    return static_cast<std::uint64_t>(
        in.at(name).whole(least, static_cast<std::int64_t>(kMaxSamples)));
  };
  out.rows = count("rows", 1);
  // A tenth, or somewhat more where groups of rows stay together.
  if (validated)
    out.held_out =
        static_cast<std::uint64_t>(in.at("held_out").whole(0, static_cast<std::int64_t>(out.rows)));
  if (pooled > 0) {
    const JsonIn list = in.at("exponents");
    if (list.size() != pooled) list.refuse(std::to_string(pooled) + " of them");
    for (std::size_t j = 0; j < pooled; ++j) {
      const JsonIn e = list.at(j);
      out.exponents.push_back(
          e.is_null() ? std::nullopt
                      : std::optional(static_cast<int>(e.whole(-kMostExponent, kMostExponent))));
    }
    return out;
  }
  const JsonIn list = in.at("sizes");
  if (list.size() != 3) list.refuse("three numbers");
  out.sizes.emplace();
  for (std::size_t i = 0; i < 3; ++i)
    (*out.sizes)[i] = static_cast<int>(list.at(i).whole(-kMostQuarters, kMostQuarters));
  return out;
}

Sha256Digest digest_of_names(std::span<const std::string> names) {
  Sha256 hash;
  hash.add("blindtuner study columns 1");
  for (const std::string& name : names) hash.add_number(name.size()).add(name);
  return hash.finish();
}

Sha256Digest digest_of_encoder(const std::string& encoder, const std::string& pooling) {
  Sha256 hash;
  hash.add("blindtuner study encoder 1");
  for (const std::string& part : {encoder, pooling}) hash.add_number(part.size()).add(part);
  return hash.finish();
}

OwnerRows no_rows(std::size_t pooled) {
  OwnerRows out;
  if (pooled > 0)
    out.exponents.resize(pooled);
  else
    out.sizes = {-kMostQuarters, -kMostQuarters, -kMostQuarters};
  return out;
}

std::array<int, 3> said_sizes(const FeatureSizes& sizes) {
  return {quarters(sizes.largest), quarters(sizes.local), quarters(sizes.norm)};
}

FeatureSizes pooled_sizes(std::span<const OwnerRows> rows) {
  std::array<int, 3> most{-kMostQuarters, -kMostQuarters, -kMostQuarters};
  for (const OwnerRows& own : rows) {
    require(own.sizes.has_value(), "owners who say their features' sizes");
    for (std::size_t i = 0; i < most.size(); ++i) most[i] = std::max(most[i], (*own.sizes)[i]);
  }
  return {std::exp2(most[0] / 4.0), std::exp2(most[1] / 4.0), std::exp2(most[2] / 4.0)};
}

std::vector<std::optional<int>> pooled_exponents(std::span<const OwnerRows> rows) {
  require(!rows.empty(), "owners with rows");
  std::vector<std::optional<int>> out(rows.front().exponents.size());
  for (const OwnerRows& own : rows) {
    require(own.exponents.size() == out.size(), "owners with the same columns");
    // An empty one is below every other.
    for (std::size_t j = 0; j < out.size(); ++j) out[j] = std::max(out[j], own.exponents[j]);
  }
  return out;
}

std::size_t JointRun::samples() const {
  std::size_t out = arrangement.samples;
  for (std::size_t i = 0; i < owners(); ++i)
    if (left_out(i)) out -= arrangement.owners[i].rows;
  return out;
}

SumsShape JointRun::statistics() const {
  const std::size_t d = arrangement.owners.front().columns;
  return sums_shape(*parameters, arrangement.samples, 1 + d + d * (d + 1) / 2);
}

JointRun held_out_run(const JointRun& run, std::size_t owner) {
  const ProductLayout& l = run.arrangement.layout;
  const std::size_t rows[] = {run.held_out.at(owner)};
  JointRun out = run;
  out.arrangement = arrange_rows(*run.parameters, rows, run.arrangement.owners[owner].columns,
                                 l.classes, l.width, 1);
  // They are compared where they are known.
  out.arrangement.owners.front().labels = false;
  Sha256 hash;
  const Sha256Digest id = hash.add("blindtuner study validation 1")
                              .add(std::span<const std::uint8_t>(run.data))
                              .add_number(owner)
                              .finish();
  std::copy_n(id.begin(), out.data.size(), out.data.begin());
  out.own = {run.own[owner]};
  return out;
}

void require_scores_of(const JointRun& run, const ScoresFile& scores, std::size_t owner, int steps,
                       const std::string& name) {
  const auto refuse = [&](const std::string& what) { throw DataError(name + ": " + what); };
  const JointRun rows = held_out_run(run, owner);
  if (scores.data != rows.data || !(scores.scores.layout == rows.arrangement.layout))
    refuse("scores of other rows than those that this owner has held out");
  if (scores.trained_on != run.data || !scores.training ||
      !(scores.training->config == run.config) || scores.circuit != run.circuit->name)
    refuse("scores of a model that was trained otherwise than the study says");
  if (scores.training->steps != steps)
    refuse("scores after " + std::to_string(scores.training->steps) + " steps, expected " +
           std::to_string(steps));
}

void require_model_of(const JointRun& run, const ModelFile& model, int steps,
                      const std::string& name) {
  const auto refuse = [&](const std::string& what) { throw DataError(name + ": " + what); };
  if (model.data != run.data) refuse("a model of other data than this session's");
  if (!(model.model.layout == run.arrangement.layout))
    refuse("a model of another layout than the study's");
  if (!(model.training.config == run.config) || model.training.circuit != run.circuit->name)
    refuse("a model that was trained otherwise than the study says");
  if (model.training.steps != steps)
    refuse("a model after " + std::to_string(model.training.steps) + " steps, expected " +
           std::to_string(steps));
}

}  // namespace blindtuner::records
