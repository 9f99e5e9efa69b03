#include "app/owner/validator.h"

#include <cstdio>

#include "base/atomic_file.h"
#include "base/error.h"
#include "data/file_bytes.h"
#include "secret/dataset_encryption.h"

namespace blindtuner {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

json round_json(const ValidationRound& r) {
  return {{"round", r.round},
          {"steps", r.steps},
          {"loss", r.score.loss},
          {"accuracy", r.score.accuracy},
          {"max_logit", r.score.max_logit}};
}

ValidationRound round_from_json(const json& j) {
  return {j.at("round").get<int>(),
          j.at("steps").get<int>(),
          {j.at("loss").get<double>(), j.at("accuracy").get<double>(),
           j.at("max_logit").get<double>()}};
}

}  // namespace

fs::path Validator::record_path(const fs::path& out) { return out.string() + ".rounds.json"; }

Validator::Validator(const OwnerFolder& keys, ValidatorOptions options)
    : keys_(keys), options_(std::move(options)), stopping_({options_.patience, 0}) {
  const DatasetFile file = read_dataset(options_.data, keys.set);
  data_ = file.info;
  if (!same_shape(data_.layout, keys.layout))
    throw DataError(quoted_path(options_.data) +
                    ": was encrypted for other numbers of features or classes than the keys");
  try {
    labels_ = decrypt_labels(keys.keys.secrets, file.data);
  } catch (const DataError& error) {
    throw DataError(quoted_path(options_.data) + ": " + error.what());
  }
  if (fs::exists(record_path(options_.out))) load_record();
}

bool Validator::poll() {
  while (!finished_ && !stopped_) {
    const fs::path path = round_path(options_.exchange, static_cast<int>(rounds_.size()) + 1);
    if (!fs::exists(path)) return false;
    take(path);
  }
  return true;
}

void Validator::check(const fs::path& path, const RoundFile& file) const {
  const std::string name = quoted_path(path);
  const int expected = static_cast<int>(rounds_.size()) + 1;
  if (started_ && file.run != run_)
    throw DataError(name + ": is of another run of the training than the rounds before");
  if (file.round != expected)
    throw DataError(name + ": holds round " + std::to_string(file.round) + ", expected " +
                    std::to_string(expected));
  if (!rounds_.empty() && file.model.training.steps <= rounds_.back().steps)
    throw DataError(name + ": holds the model after " + std::to_string(file.model.training.steps) +
                    " steps, the round before had " + std::to_string(rounds_.back().steps));
  if (file.scores.data != data_.id || !(file.scores.scores.layout == data_.layout))
    throw DataError(name + ": holds scores of another data set than " + quoted_path(options_.data));
  if (!same_shape(file.model.model.layout, keys_.layout))
    throw DataError(name + ": holds a model of another shape than the keys");
}

void Validator::take(const fs::path& path) {
  const RoundFile file = read_round(path, keys_.set);
  check(path, file);
  if (!started_) {
    run_ = file.run;
    started_ = true;
    logit_limit_ = options_.logit_limit > 0
                       ? options_.logit_limit
                       : logit_limit(softmax_circuit_named(file.model.training.circuit));
    stopping_ = EarlyStopping({options_.patience, logit_limit_});
  }
  std::vector<double> values = decrypt_scores(keys_.keys.secrets, file.scores.scores);
  const ValidationScore score = validation_score(
      Eigen::Map<const Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>>(
          values.data(), static_cast<Eigen::Index>(data_.layout.samples),
          static_cast<Eigen::Index>(data_.layout.classes)),
      labels_);
  const bool stop = !stopping_.go_on(score);
  rounds_.push_back({file.round, file.model.training.steps, score});
  finished_ = file.last;
  stopped_ = stop && !file.last;
  // Every round is written, so that the time of an answer does not tell which one is the best.
  const fs::path candidate = options_.out.string() + ".round";
  write_model(candidate, keys_.set, file.model);
  std::error_code error;
  if (stopping_.best_round() == file.round)
    fs::rename(candidate, options_.out, error);
  else
    fs::remove(candidate, error);
  if (error) throw DataError("cannot write " + quoted_path(options_.out) + ": " + error.message());
  if (options_.announce) {
    char line[256];
    std::snprintf(line, sizeof line,
                  "round %d, %d steps: validation loss %.4f, accuracy %.2f %%, largest |logit| "
                  "%.2f%s%s",
                  file.round, file.model.training.steps, score.loss, 100 * score.accuracy,
                  score.max_logit, stopping_.best_round() == file.round ? ", best so far" : "",
                  file.last ? ""
                  : stop    ? "; stop"
                            : "; go on");
    options_.announce(line);
  }
  save_record();
  if (!file.last) answer(file.round, stop);
}

void Validator::answer(int round, bool stop) const {
  write_answer(answer_path(options_.exchange, round), keys_.set, run_, round, stop);
}

json Validator::report() const {
  json rounds = json::array();
  for (const ValidationRound& round : rounds_) rounds.push_back(round_json(round));
  return {{"best_round", stopping_.best_round()},
          {"stopped_early", stopped_},
          {"patience", options_.patience},
          {"logit_limit", logit_limit_},
          {"rounds", rounds}};
}

void Validator::save_record() const {
  json record = report();
  record["run"] = to_string(run_);
  record["data"] = to_string(data_.id);
  record["finished"] = finished_;
  write_file_atomically(record_path(options_.out), record.dump(2) + "\n");
}

void Validator::load_record() {
  const fs::path path = record_path(options_.out);
  const std::string name = quoted_path(path);
  const std::vector<std::uint8_t> bytes = read_file(path, 1 << 24);
  const json record = json::parse(bytes.begin(), bytes.end(), nullptr, false);
  std::string run, data;
  int patience = 0;
  try {
    run = record.at("run").get<std::string>();
    data = record.at("data").get<std::string>();
    patience = record.at("patience").get<int>();
    logit_limit_ = record.at("logit_limit").get<double>();
    finished_ = record.at("finished").get<bool>();
    for (const json& round : record.at("rounds")) rounds_.push_back(round_from_json(round));
  } catch (const json::exception&) {
    throw DataError(name + ": not a record of validation rounds");
  }
  if (data != to_string(data_.id) || patience != options_.patience)
    throw DataError(name +
                    ": is the record of another validation; remove it, or give another --out");
  if (rounds_.empty() || run.size() != 2 * run_.size())
    throw DataError(name + ": not a record of validation rounds");
  for (std::size_t i = 0; i < run_.size(); ++i) {
    unsigned byte = 0;
    if (std::sscanf(run.c_str() + 2 * i, "%2x", &byte) != 1)
      throw DataError(name + ": not a record of validation rounds");
    run_[i] = static_cast<std::uint8_t>(byte);
  }
  started_ = true;
  stopping_ = EarlyStopping({options_.patience, logit_limit_});
  for (std::size_t i = 0; i < rounds_.size(); ++i) {
    const bool last = i + 1 == rounds_.size(), stop = !stopping_.go_on(rounds_[i].score);
    if (!last || finished_) continue;
    stopped_ = stop;
    // The interruption may have come between the record and its answer.
    if (!fs::exists(answer_path(options_.exchange, rounds_[i].round)))
      answer(rounds_[i].round, stop);
  }
}

}  // namespace blindtuner
