#include "party/owner/validator.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "base/error.h"
#include "base/file_lock.h"
#include "base/json.h"
#include "base/path.h"
#include "io/file_stream.h"
#include "party/owner/data_sets.h"
#include "party/owner/decrypted.h"
#include "party/owner/sealed_record.h"
#include "party/owner/trust.h"
#include "records/answer.h"
#include "records/dataset.h"
#include "records/round.h"
#include "records/sections.h"

namespace blindtuner::party {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr char kRoundsPurpose[] = "rounds of validation";

json round_json(const ValidationRound& r) {
  return {{"round", r.round},
          {"steps", r.steps},
          {"loss", r.score.loss},
          {"accuracy", r.score.accuracy},
          {"max_logit", r.score.max_logit}};
}

// JSON has no numbers that are not finite; a loss may be none.
double number(const JsonIn& in) { return in.is_null() ? std::nan("") : in.as<double>(); }

ValidationRound round_from_json(const JsonIn& in) {
  return {in.at("round").as<int>(),
          in.at("steps").as<int>(),
          {number(in.at("loss")), number(in.at("accuracy")), number(in.at("max_logit"))}};
}

template <typename Bytes>
Bytes bytes_from(const JsonIn& in) {
  Bytes out{};
  if (!from_hex(in.as<std::string>(), out)) in.refuse("bytes in hexadecimal");
  return out;
}

}  // namespace

fs::path Validator::record_path(const fs::path& out) { return out.string() + ".rounds.json"; }

Validator::Validator(const OwnerFolder& keys, ValidatorOptions options)
    : keys_(keys),
      door_(keys.keys, keys.folder),
      options_(std::move(options)),
      stopping_({options_.patience, 0}) {
  out_ = lock_file(options_.out);
  const std::string name = quoted_path(options_.data);
  const DatasetFile file = read_dataset(options_.data, keys.set, {}, [&](const DatasetFile& said) {
    require_shape_of_keys(said.info.layout, keys, name);
  });
  data_ = file.info;
  require_own_copy(data_.id, file.contents, "validation", keys, options_.run.unrecorded_data, name);
  labels_ = door_.open_labels(file.data, {.name = name, .data = to_string(data_.id)});
  contents_ = file.contents;
  if (path_exists(record_path(options_.out))) load_record();
}

std::optional<Validator::KeptModel> Validator::kept(const fs::path& model, const OwnerKeys& keys) {
  const fs::path path = record_path(model);
  if (!path_exists(path)) return {};
  const json record = read_sealed(path, keys, kRoundsPurpose);
  const JsonIn in(record, quoted_path(path)), rounds = in.at("rounds");
  KeptModel out;
  out.contents = bytes_from<Sha256Digest>(in.at("model"));
  const std::int64_t best = in.at("best_round").whole(1, kMaxRounds);
  out.steps = round_from_json(rounds.at(static_cast<std::size_t>(best) - 1)).steps;
  out.ended = in.at("finished").as<bool>() || in.at("stopped_early").as<bool>();
  out.choices = choices(rounds.size(), static_cast<int>(in.at("patience").whole(1, kMaxPatience)));
  in.take("balance", out.balance);
  return out;
}

std::size_t Validator::choices(std::size_t rounds, int patience) {
  return std::min(rounds, static_cast<std::size_t>(patience) + 1);
}

std::size_t Validator::choices(const json& report) {
  return choices(report.at("rounds").size(), report.at("patience").get<int>());
}

int Validator::best_steps() const {
  const int best = stopping_.best_round();
  return best == 0 ? 0 : rounds_.at(static_cast<std::size_t>(best) - 1).steps;
}

json Validator::judgement() const {
  json out = json::object();
  const ValidationScore& score = best().score;
  judge_logits(out, LogitLimit::of(circuit_named(training_.circuit)),
               std::isfinite(score.loss) ? score.max_logit : std::nan(""),
               "on the validation set in the best round");
  out.erase("logit_limit");  // of a report it is the one that stops
  return out;
}

bool Validator::poll() {
  while (!finished_ && !stopped_) {
    const auto next = channel().find(round_name(static_cast<int>(rounds_.size()) + 1));
    if (!next) return false;
    take(*next);
  }
  require_best();
  return true;
}

std::string Validator::kept_words() const {
  if (best_round() == 0) return {};
  return "; the best round before it, round " + std::to_string(best().round) + " after " +
         std::to_string(best().steps) + " steps, is kept: its encrypted model is in " +
         quoted_path(options_.out);
}

// The record is written before the model that it tells of appears.
void Validator::require_best() const {
  if (path_exists(options_.out)) {
    FileSource source(options_.out);
    ContainerReader there(source, FileKind::kModel);
    scan_sections(there);
    if (there.contents() == kept_) return;
  }
  const std::string best = round_name(stopping_.best_round());
  if (const auto source = channel().find(best)) {
    const RoundFile file = read_round(*source, keys_.set, [&](const ModelFile& model) {
      require_shape_of_keys(model.model.layout, keys_, source->name());
    });
    const auto is_kept = [&](const Sha256Digest& written) { return written == kept_; };
    if (is_kept(write_model(options_.out, keys_.set, file.model, is_kept))) return;
  }
  refuse_record(quoted_path(options_.out) + " is not the model that it tells of, and " +
                channel().place(best) + " does not hold that either");
}

void Validator::check(const std::string& name, const RoundFile& file) const {
  const int expected = static_cast<int>(rounds_.size()) + 1;
  const TrainingState& training = file.model.training;
  if (started_ && file.run != run_)
    throw DataError(name + ": is of another run of the training than the rounds before");
  if (file.round != expected)
    throw DataError(name + ": holds round " + std::to_string(file.round) + ", expected " +
                    std::to_string(expected));
  if (file.scores.data != data_.id || !(file.scores.scores.layout == data_.layout))
    throw DataError(name + ": holds scores of another data set than " + quoted_path(options_.data));
  if (started_ && !(file.model.data == trained_on_.id &&
                    file.model.model.layout.samples == trained_on_.samples &&
                    training.config == training_.config && training.circuit == training_.circuit))
    throw DataError(name + ": holds a model of another training than the rounds before");
  require_held_out_of(keys_, data_.id, file.model.data, quoted_path(options_.data));
  // Which rounds there are follows from the configuration.
  const std::vector<int> due = validation_steps(training.config, file.model.model.layout.samples);
  const auto index = static_cast<std::size_t>(expected) - 1;
  if (index >= due.size() || training.steps != due[index])
    throw DataError(name + ": holds the model after " + std::to_string(training.steps) +
                    " steps, expected " +
                    (index < due.size() ? std::to_string(due[index]) : "no further round"));
  if (file.last != (index + 1 == due.size()))
    throw DataError(name + ": says " + (file.last ? "" : "not ") +
                    "to be the last round, the configuration has " + std::to_string(due.size()));
}

void Validator::take(ByteSource& source) {
  const std::string& name = source.name();
  const RoundFile file = read_round(
      source, keys_.set,
      [&](const ModelFile& model) { require_run(model, keys_, options_.run, name); },
      [&](const RoundFile& said) { check(name, said); });
  if (!started_) {
    run_ = file.run;
    training_ = file.model.training;
    trained_on_ = {file.model.data, file.model.model.layout.samples};
    balance_ = balance_of_training();
    started_ = true;
    logit_limit_ = options_.logit_limit > 0
                       ? options_.logit_limit
                       : logit_limit(circuit_named(file.model.training.circuit));
    stopping_ = EarlyStopping({options_.patience, logit_limit_});
  }
  // Nothing is asked that could not be kept: the model is written, and its record has a file, before
  // the scores are opened. Every round is written, and answered before it appears or does not, so that the
  // time of an answer does not tell which one is the best. The one before stays until the record tells of this.
  write_model(options_.out, keys_.set, file.model, [&](const Sha256Digest& written) {
    SealedFile sealed(record_path(options_.out), keys_.keys, kRoundsPurpose);
    const std::vector<double> values = open(name, file);
    const ValidationScore score =
        validation_score(circuit_named(training_.circuit).head(), scores_of(values, data_.layout),
                         labels_, balance_);
    const bool stop = !stopping_.go_on(score);
    const bool best = stopping_.best_round() == file.round;
    rounds_.push_back({file.round, file.model.training.steps, score});
    finished_ = file.last;
    stopped_ = stop && !file.last;
    last_ = file.contents;
    if (best) kept_ = written;
    sealed.commit(record());
    if (!file.last) answer(file.round, stop);
    return best;
  });
  if (options_.announce) {
    const auto& [round, steps, score] = rounds_.back();
    char line[256];
    std::snprintf(line, sizeof line,
                  "round %d, %d steps: %svalidation loss %.4f, accuracy %.2f %%, largest |logit| "
                  "%.2f%s%s",
                  round, steps, balance_.strength > 0 ? "balanced " : "", score.loss,
                  100 * score.accuracy, score.max_logit,
                  stopping_.best_round() == round ? ", best so far" : "",
                  finished_  ? ""
                  : stopped_ ? "; stop"
                             : "; go on");
    options_.announce(line);
  }
}

std::vector<double> Validator::open(const std::string& name, const RoundFile& file) {
  try {
    return open_logits(door_, file.scores, origin(name, file.round));
  } catch (const DataError&) {
    // The server need not wait for a run that has ended. It hears no more than that.
    if (!file.last && door_.refusal_of(to_string(file.run)) &&
        !channel().begun(answer_name(file.round)))
      send_answer(file.run, file.round, true);
    throw;
  }
}

Origin Validator::origin(const std::string& name, int round) const {
  json rule = {
      {"patience", options_.patience}, {"logit_limit", logit_limit_}, {"data", to_hex(contents_)}};
  // The loss is the head's. Rules of earlier versions, which had one head, stay as they were.
  if (training_.config.head != "softmax") rule["head"] = training_.config.head;
  if (options_.balance > 0) rule["balance"] = options_.balance;
  Sha256 hash;
  hash.add(json_text(rule));
  const auto rounds = validation_steps(training_.config, trained_on_.samples).size();
  return {.name = name,
          .data = to_string(data_.id),
          .run = to_string(run_),
          .round = round,
          .rounds = static_cast<int>(rounds),
          .rule = to_hex(hash.finish())};
}

LossBalance Validator::balance_of_training() const {
  if (options_.balance == 0) return {};
  require_log_odds(circuit_named(training_.circuit).head());
  return {options_.balance, trained_class_samples(keys_, trained_on_.id, data_.layout.classes,
                                                  quoted_path(options_.data))};
}

void Validator::answer(int round, bool stop) {
  door_.answer(origin(channel().place(answer_name(round)), round), stop);
  send_answer(run_, round, stop);
}

void Validator::send_answer(const RunId& run, int round, bool stop) {
  channel().send(answer_name(round),
                 [&](ByteSink& sink) { write_answer(sink, keys_.set, run, round, stop); });
}

json Validator::report() const {
  json rounds = json::array();
  for (const ValidationRound& round : rounds_) rounds.push_back(round_json(round));
  json out = {{"best_round", stopping_.best_round()},
              {"stopped_early", stopped_},
              {"patience", options_.patience},
              {"logit_limit", logit_limit_},
              {"rounds", rounds}};
  if (options_.balance > 0) out["balance"] = options_.balance;
  return out;
}

json Validator::record() const {
  json record = report();
  record["run"] = to_string(run_);
  record["data"] = to_hex(contents_);
  record["training"] = {{"config", to_json(training_.config)},
                        {"circuit", training_.circuit},
                        {"data", to_string(trained_on_.id)},
                        {"samples", trained_on_.samples}};
  record["finished"] = finished_;
  record["last"] = to_hex(last_);
  record["model"] = to_hex(kept_);
  return record;
}

void Validator::refuse_record(const std::string& why) const {
  throw DataError(quoted_path(record_path(options_.out)) + ": " + why +
                  "; have the best model elsewhere, or remove it and " + quoted_path(options_.out) +
                  " to start anew");
}

void Validator::load_record() {
  json record;
  try {
    record = read_sealed(record_path(options_.out), keys_.keys, kRoundsPurpose);
  } catch (const DataError& error) {
    throw DataError(std::string(error.what()) +
                    "; have the best model elsewhere, or remove it to start anew");
  }
  Sha256Digest data;
  int patience = 0;
  double balance = 0;
  bool earlier = false;
  try {
    const JsonIn in(record, "not a record of validation rounds, or of another version");
    run_ = bytes_from<RunId>(in.at("run"));
    data = bytes_from<Sha256Digest>(in.at("data"));
    last_ = bytes_from<Sha256Digest>(in.at("last"));
    kept_ = bytes_from<Sha256Digest>(in.at("model"));
    const JsonIn training = in.at("training");
    training_.config = training_config_from_json(training.at("config").value());
    training_.circuit = training.at("circuit").as<std::string>();
    earlier = name_head(training_);
    trained_on_.id = bytes_from<DataId>(training.at("data"));
    trained_on_.samples = training.at("samples").as<std::size_t>();
    patience = in.at("patience").as<int>();
    logit_limit_ = in.at("logit_limit").as<double>();
    in.take("balance", balance);
    finished_ = in.at("finished").as<bool>();
    const JsonIn rounds = in.at("rounds");
    for (std::size_t i = 0; i < rounds.size(); ++i)
      rounds_.push_back(round_from_json(rounds.at(i)));
  } catch (const DataError& error) {
    refuse_record(error.what());
  }
  if (rounds_.empty()) refuse_record("not a record of validation rounds");
  if (data != contents_ || patience != options_.patience || balance != options_.balance ||
      (options_.logit_limit > 0 && options_.logit_limit != logit_limit_))
    refuse_record(
        "is the record of another validation: of another data set, patience, limit of |logit| or "
        "balance of the classes");
  require_record_of_this_run();
  started_ = true;
  balance_ = balance_of_training();
  stopping_ = EarlyStopping({options_.patience, logit_limit_});
  bool stop = false;
  for (const ValidationRound& round : rounds_) stop = !stopping_.go_on(round.score);
  stopped_ = stop && !finished_;
  if (earlier && !stopped_ && !finished_)
    refuse_record("was begun by version 0.1, which took a sigmoid's rounds by the loss of softmax");
  require_best();
  // The interruption may have come between the record and its answer.
  const int last = rounds_.back().round;
  if (!finished_ && !channel().begun(answer_name(last))) answer(last, stop);
}

// What this record tells is of the run at the channel's other end.
void Validator::require_record_of_this_run() const {
  const std::string last = round_name(rounds_.back().round), name = channel().place(last);
  const auto source = channel().find(last);
  if (!source)
    refuse_record("is the record of an earlier run of the training, whose last round, " + name +
                  ", is not there");
  const RoundFile file = read_round(
      *source, keys_.set,
      [&](const ModelFile& model) { require_shape_of_keys(model.model.layout, keys_, name); },
      [&](const RoundFile& said) {
        if (said.run != run_)
          refuse_record("is the record of an earlier run of the training, and " + name +
                        " is of another");
        if (!(said.scores.scores.layout == data_.layout))
          refuse_record(name + " is not the round that it tells of");
      });
  if (file.contents != last_) refuse_record(name + " is not the round that it tells of");
}

}  // namespace blindtuner::party
