// What a study of several owners will take, before it is begun: each one has samples of its own, and as many as the others.
#pragma once

#include "plan/forecast.h"

namespace blindtuner::plan {

struct StudyRequest {
  ParametersPtr parameters;
  std::size_t owners = 0, samples = 0;  ///< of all owners together
  std::size_t features = 0;             ///< the bias not counted
  std::size_t classes = 0;
  TrainingConfig config;
  const HeadCircuit* circuit = nullptr;
};

struct StudyForecast {
  std::size_t owners = 0, samples = 0;
  /// Of the training, on the places that all samples take; times and sizes of one owner's keys and data are not the study's.
  Forecast run;

  /// What an owner sends; of those that differ, who sends most.
  struct {
    std::uint64_t shares = 0, first_round = 0, second_round = 0;
    std::uint64_t statistics = 0, statistics_share = 0;  ///< where whitening is pooled
    std::uint64_t data = 0, opening = 0;
    std::uint64_t total() const {
      return shares + first_round + second_round + statistics + statistics_share + data + opening;
    }
  } sends;

  struct {
    std::uint64_t evaluation_keys = 0, way_in_keys = 0;  ///< which the server keeps
    std::uint64_t exchange = 0;                          ///< all large records of owners and server
    std::uint64_t owner_memory = 0, server_memory = 0;   ///< peaks while keys are made
  } bytes;

  struct {
    double shares = 0;    ///< an owner's, of all its records, with writing
    double answer = 0;    ///< an owner's: all first rounds read, the second made
    double addition = 0;  ///< the server's: all shares read, the finished keys written
    double encryption = 0;
  } seconds;

  std::size_t ciphertexts = 0;  ///< of an owner's data
};

/// Throws DataError for fewer samples than owners and more than can be laid out, for parameters of fewer owners, and
/// what make_forecast() throws.
StudyForecast make_study_forecast(const StudyRequest& request, const UnitCosts& costs);

nlohmann::json to_json(const StudyForecast& forecast);
/// A table of lines.
std::string to_text(const StudyForecast& forecast);

}  // namespace blindtuner::plan
