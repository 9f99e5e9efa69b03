// An owner's keys and data, and a training on them, for tests of a server.
#pragma once

#include <random>

#include "party/server/training_session.h"
#include "secret/dataset_encryption.h"
#include "secret/product_keygen.h"

namespace blindtuner::testing_support {
using namespace secret;
using namespace party;

inline constexpr std::size_t kSamples = 70, kFeatures = 5, kClasses = 3;
inline constexpr int kSteps = 4;

/// An owner's keys and data sets.
struct Owner {
  ParametersPtr parameters = Parameters::create(find_parameters("InsecureTest10"));
  SecretKeys secrets = SecretKeys::generate(parameters);
  ProductLayout layout = ProductLayout::create(*parameters, kSamples, kFeatures + 1, kClasses, 4);
  ServerKeysPtr keys = std::make_shared<const ServerKeys>(ServerKeys{
      {parameters, make_header(FileKind::kEvaluationKeys, *parameters, fresh_key_id()), "'keys'"},
      make_training_keys(secrets, Bootstrapper(parameters), layout)});
  std::shared_ptr<const DatasetFile> data = dataset(layout, 5), validation = dataset(layout, 6);

  static const Owner& instance() {
    static const Owner owner;
    return owner;
  }

  std::shared_ptr<const DatasetFile> dataset(const ProductLayout& shape, unsigned seed) const {
    std::mt19937_64 random(seed);
    std::vector<float> features;
    std::vector<int> labels;
    for (std::size_t i = 0; i < shape.samples; ++i) {
      labels.push_back(static_cast<int>(i % shape.classes));
      for (std::size_t j = 0; j + 1 < shape.features; ++j)
        features.push_back(static_cast<float>(random() % 1000) / 500 - 1 +
                           static_cast<float>(j == i % shape.classes));
    }
    auto out = std::make_shared<DatasetFile>();
    out->info.layout = shape;
    out->info.id = fresh_key_id();
    out->info.labelled = true;
    out->data = encrypt_dataset(secrets, shape, features, labels);
    return out;
  }
};

inline TrainingConfig config() {
  TrainingConfig out;
  out.classes = kClasses;
  out.batch_size = 64;
  out.steps = kSteps;
  out.learning_rate = 1;
  out.validation_every = 1;
  return out;
}

inline TrainingTask training_task() {
  TrainingTask out;
  out.keys = Owner::instance().keys;
  out.data = Owner::instance().data;
  out.config = config();
  out.circuit = &find_circuit({.range = 12}, kClasses);
  return out;
}

}  // namespace blindtuner::testing_support
