#include "party/owner/results.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "base/error.h"
#include "base/path.h"
#include "learn/head.h"
#include "learn/model_noise.h"
#include "learn/reference/balance.h"
#include "learn/reference/metrics.h"
#include "party/owner/data_sets.h"
#include "party/owner/trust.h"
#include "party/owner/validator.h"

namespace blindtuner::party {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

/// What errors of results of this data set depend on.
FeatureSizes sizes_of(const Disclosure& door, const DataId& data, const std::string& name,
                      const std::function<FeatureSizes()>& unknown) {
  if (const auto known = door.sizes_of(to_string(data))) return *known;
  if (unknown) return unknown();
  throw DataError(name + ": the ledger " + quoted_path(door.ledger().path()) +
                  " does not know the data set that this comes from, so that nobody can say how "
                  "much noise it needs; give the features that were encrypted for training");
}

/// Of results out of range nobody knows the errors.
void require_trusted(const json& judgement, const LogitLimit& limit) {
  if (!judgement.value("trusted", true))
    throw DataError(
        "not published, as nobody knows its errors: its logits leave the range of the circuit " +
        limit.circuit);
}

RunEnd end_of(const ModelFile& file, const fs::path& path, const OwnerFolder& keys) {
  // Without a record it may be the model of any round of any run.
  const int rounds = Disclosure(keys.keys, keys.folder).most_rounds();
  RunEnd end{file.training.steps, planned_steps(file), false,
             static_cast<std::size_t>(std::max(rounds, 1))};
  end.known = end.steps == end.planned;
  if (const auto kept = Validator::kept(path, keys.keys)) {
    if (file.contents != kept->contents || kept->steps != end.steps)
      throw DataError(quoted_path(path) + ": is not the model that " +
                      quoted_path(Validator::record_path(path)) + " tells of");
    end.known = kept->ended;
    end.choices = kept->choices;
    end.balance = kept->balance;
  }
  return end;
}

/// What an owner is told of a result that is beyond them depends on these.
std::string rule_of(const LogitLimit& limit, const std::string& map) {
  char text[40];
  std::snprintf(text, sizeof text, "%.17g ", limit.limit);
  return text + map;
}

/// A model that is to leave, or whose scores are.
void require_whole_run(const RunEnd& end, const std::string& name) {
  if (!end.known) throw DataError(name + ": not published: " + end.text());
}

/// Names and class sizes that the owner's record knows of the training set.
void complete(DecryptedModel& model, const ModelFile& file, const OwnerFolder& keys, double balance,
              const std::string& name) {
  const auto trained_on = recorded_data_set(keys, file.data);
  if (balance > 0) {
    require_log_odds(circuit_named(file.training.circuit).head());
    model =
        balanced(std::move(model),
                 trained_class_samples(keys, file.data, file.model.layout.classes, name), balance);
  }
  if (!trained_on) return;
  model.class_names = trained_on->class_names;
  model.label_name = trained_on->label_name;
  model.pooling = trained_on->pooling;
  model.encoder = trained_on->encoder;
  model.features_member = trained_on->features_member;
  const auto width = static_cast<std::size_t>(model.classifier.weights.cols());
  if (trained_on->feature_names.size() == width) model.feature_names = trained_on->feature_names;
}

/// What balance adds to every row of scores.
Eigen::VectorXd shift_of(const ScoresFile& file, const OwnerFolder& keys, double balance,
                         const std::string& name) {
  if (balance == 0) return {};
  require_log_odds(circuit_named(file.circuit).head());
  if (!file.trained_on)
    throw DataError(
        name +
        ": does not say what its model was trained on, as those of earlier versions, so "
        "that nobody knows the sizes of its classes");
  return balance_shift(
      trained_class_samples(keys, *file.trained_on, file.scores.layout.classes, name), balance);
}

std::vector<NamedColumn> identifiers_of(const OwnerFolder& keys, const RecordedDataSet& scored) {
  try {
    return kept_identifiers(keys, scored);
  } catch (const DataError& problem) {
    throw DataError(
        problem.what() +
        std::string(": put it back where it was, or have the scores as .npy, which do not "
                    "say whose they are"));
  }
}

/// What scores are published with: their errors are those of the model that made them, and more.
Publication publication_of(Disclosure& door, const OwnerFolder& keys, const ScoresRequest& request,
                           const ScoresFile& file) {
  if (request.model.empty())
    throw DataError(
        "scores are published with the encrypted model that made them, and none is given: their "
        "errors are its errors");
  const std::string name = quoted_path(request.model);
  const ModelFile model = open_model(request.model, keys, request.expected);
  const RunEnd end = end_of(model, request.model, keys);
  require_whole_run(end, name);
  if (file.training != model.training || file.trained_on != model.data)
    throw DataError(quoted_path(request.scores) + ": is of another training than " + name);
  const FeatureSizes trained = sizes_of(door, model.data, name, request.publication->unknown_sizes),
                     scored = sizes_of(door, file.data, quoted_path(request.scores), {});
  // Nothing of what follows is decrypted: it would show in the noise's size.
  const double norm =
      weight_norm_limit(model.training.config, model.model.layout.samples, model.training.steps,
                        circuit_named(model.training.circuit), trained);
  const double error = score_noise(*keys.set.parameters, file.scores.layout,
                                   weight_noise(*keys.set.parameters, model, trained), norm,
                                   circuit_named(file.circuit), scored);
  (void)open_weights(door, model, origin_of(name, model.data), norm);
  return {error, request.publication->budget, {}, end.choices};
}

}  // namespace

std::string RunEnd::text() const {
  return "only " + std::to_string(steps) + " of the configuration's " + std::to_string(planned) +
         " steps, and no finished record of 'validate' beside the model says that its run was to "
         "end there";
}

OpenedModel decrypt_model(Disclosure& door, const OwnerFolder& keys, const ModelRequest& request) {
  const std::string name = quoted_path(request.model);
  OpenedModel out;
  out.judgement = json::object();
  out.file = open_model(request.model, keys, request.expected);
  const ModelFile& file = out.file;
  const ProductLayout& layout = file.model.layout;
  out.end = end_of(file, request.model, keys);
  if (request.publication) require_whole_run(out.end, name);
  const std::optional<Whitening>& whitening = request.whitening;
  if (whitening && whitening->output_width() != layout.features - 1)
    throw DataError("the map is to " + std::to_string(whitening->output_width()) +
                    " features, the model " + name + " has " + std::to_string(layout.features - 1));
  require_map_of_training(keys, file.data, map_name(whitening), name);
  const LogitLimit limit = LogitLimit::of(circuit_named(file.training.circuit));
  Origin origin = origin_of(name, file.data);
  // Of features as they are nothing is judged.
  if (whitening) origin.rule = rule_of(limit, map_name(whitening));
  const auto judge = [&](std::span<const double> values) {
    if (whitening) judge_weights(out.judgement, limit, classifier_of(values, layout));
    if (request.publication) require_trusted(out.judgement, limit);
  };
  if (request.publication) {
    const double error =
        weight_noise(*keys.set.parameters, file,
                     sizes_of(door, file.data, name, request.publication->unknown_sizes));
    out.published = publish_weights(door, file, origin,
                                    {error, request.publication->budget, judge, out.end.choices});
  } else {
    out.published.values = open_weights(door, file, origin);
    judge(out.published.values);
  }
  LinearClassifier model = classifier_of(out.published.values, layout);
  if (whitening) model = whitening->unfold(model);
  out.model = {std::move(model), limit, {}, {}, {}};
  complete(out.model, file, keys, request.balance, name);
  if (whitening && out.model.feature_names.empty())
    out.model.feature_names = whitening->feature_names();
  return out;
}

OpenedScores decrypt_scores(Disclosure& door, const OwnerFolder& keys,
                            const ScoresRequest& request) {
  const std::string name = quoted_path(request.scores);
  OpenedScores out;
  out.judgement = json::object();
  out.file = open_scores(request.scores, keys, request.expected, request.data);
  const ScoresFile& file = out.file;
  const ProductLayout& layout = file.scores.layout;
  const auto scored = recorded_data_set(keys, file.data);
  if (scored && scored->map) require_map_of_training(keys, file.trained_on, *scored->map, name);
  // Of what is not recorded nobody knows that it was mixed: it is taken for samples to be predicted.
  std::optional<std::vector<std::uint32_t>> rows = std::vector<std::uint32_t>{};
  if (scored) rows = scored->rows_of_samples();
  if (!rows && request.rows_needed)
    throw DataError(name + ": of '" + scored->file +
                    "', whose samples are in an order of their own, and nobody knows which row "
                    "each is: score the rows encrypted for prediction");
  if (file.trained_on)
    out.by_place = require_columns_of_training(keys, file.data, *file.trained_on, name);
  const Eigen::VectorXd shift = shift_of(file, keys, request.balance, name);
  if (request.identifiers && scored) out.identifiers = identifiers_of(keys, *scored);
  out.limit = LogitLimit::of(circuit_named(file.circuit));
  Origin origin = origin_of(name, file.data);
  origin.rule = rule_of(out.limit, {});
  const auto judge = [&](std::span<const double> values) {
    judge_logits(out.judgement, out.limit, largest_logit(scores_of(values, layout)),
                 "of these samples");
    if (request.publication) require_trusted(out.judgement, out.limit);
  };
  if (request.publication) {
    Publication publication = publication_of(door, keys, request, file);
    publication.check = judge;
    out.published = publish_logits(door, file, origin, publication);
  } else {
    out.published.values = open_logits(door, file, origin);
    judge(out.published.values);
  }
  out.scores = scores_of(out.published.values, layout);
  if (request.balance > 0) {
    out.scores.rowwise() += shift.transpose();
    out.limit.limit += shift.cwiseAbs().maxCoeff();
    out.judgement["logit_limit"] = out.limit.limit;
  }
  out.rows_known = rows.has_value();
  out.rows_put_back = rows && !rows->empty();
  if (out.rows_put_back) {
    const Eigen::MatrixXd mixed = out.scores;
    for (std::size_t i = 0; i < rows->size(); ++i)
      out.scores.row((*rows)[i]) = mixed.row(static_cast<Eigen::Index>(i));
  }
  out.class_names = trained_class_names(keys, file.trained_on);
  if (out.class_names.size() != layout.classes) out.class_names.clear();
  out.planned = planned_steps(file, keys);
  return out;
}

}  // namespace blindtuner::party
