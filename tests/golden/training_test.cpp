// The bits of whole encrypted trainings with known seeds: what a change of structure must leave as
// it is, on every instruction set, with every compiler and number of threads. The linker puts
// generators with known seeds in the place of the random ones (CMakeLists.txt).
#include <gtest/gtest.h>

#include <cstdlib>

#include "base/parallel.h"
#include "base/sha256.h"
#include "device/lookup.h"
#include "golden/known_seeds.h"
#include "learn/encrypted_trainer.h"
#include "secret/bootstrap_keygen.h"
#include "secret/dataset_encryption.h"
#include "secret/product_keygen.h"

namespace blindtuner {
using namespace learn;
using namespace secret;
namespace {

struct Training {
  std::string name, parameters;
  std::size_t samples, features, width;
  TrainingConfig config;
  std::string circuit;
  double range;
  /// SHA-256 of the model and of its scores of the training set. Made anew by running this test,
  /// which prints what it found, and only together with a change that is meant to change results (a
  /// circuit, a chain of primes, an order of sampling), never with one of structure or speed.
  std::string digest;
};

std::ostream& operator<<(std::ostream& out, const Training& run) { return out << run.name; }

std::vector<Training> runs() {
  TrainingConfig momentum;
  momentum.classes = 10;
  momentum.batch_size = 320;
  momentum.steps = 3;
  momentum.learning_rate = 2;
  momentum.method = Method::kMomentum;
  momentum.momentum = 0.5;
  momentum.l2 = 0.01;
  momentum.first_batch_full = false;
  TrainingConfig nesterov;
  nesterov.classes = 3;
  nesterov.batch_size = 128;
  nesterov.steps = 4;
  nesterov.learning_rate = 2;
  nesterov.method = Method::kNesterov;
  nesterov.momentum = 0.4;
  nesterov.averaging_start = 1;
  // Two super-blocks a batch; half a super-block, folded; limbs that are worked on in chunks, and a
  // full bootstrap a step.
  TrainingConfig wide = nesterov;
  wide.steps = 2;
  return {
      {"Momentum", "InsecureTest12", 600, 10, 8, momentum, "default", 12,
       "4b74fc26760646aca960d2dd43e5f0124412337a39cd51b7c21f37e3ebe2c71f"},
      {"NesterovFolded", "InsecureTest12", 300, 9, 8, nesterov, "default", 12,
       "04642960e81fa9baa0a22ffd5051964f86d2ac0c3bd6f471772205c4ea110bbf"},
      {"Wide", "InsecureTest13", 300, 9, 8, wide, "wide", 128,
       "f4f4977b4b2e7b3ca2d20eca677aa4212e6dd4ba1ebc219011e259903fe1b53d"},
  };
}

/// Features in [-1, 1) and labels that nothing but integers decide: no library's logarithm is in
/// them.
struct Data {
  std::vector<float> features;
  std::vector<int> labels;

  explicit Data(const Training& run) {
    Prng prng(known_seed("data", 0));
    for (std::size_t i = 0; i < run.samples; ++i)
      labels.push_back(static_cast<int>(prng.next() % static_cast<u64>(run.config.classes)));
    for (std::size_t i = 0; i < run.samples * run.features; ++i)
      features.push_back(static_cast<float>(prng.next() >> 40) / 8388608.0F - 1.0F);
  }
};

void add(Sha256& hash, const Ciphertext& c) {
  for (const Poly* part : {&c.c0, &c.c1}) {
    const Residues residues(*part);
    for (std::size_t i = 0; i < part->limbs(); ++i)
      hash.add(residues[i].data(), residues[i].size_bytes());
  }
}

class TrainingBits : public ::testing::TestWithParam<Training> {
  void SetUp() override {
    const char* name = std::getenv("BLINDTUNER_KERNELS");
    if (name != nullptr && *name != '\0' && !testing_support::has_kernels(name))
      GTEST_SKIP() << "this processor lacks " << name;
  }
};

TEST_P(TrainingBits, AreThoseOfTheRecordedRun) {
  const Training& run = GetParam();
  const ParametersPtr parameters = Parameters::create(find_parameters(run.parameters));
  const ProductLayout layout =
      ProductLayout::create(*parameters, run.samples, run.features + 1,
                            static_cast<std::size_t>(run.config.classes), run.width);
  const HeadCircuit& circuit =
      find_circuit({.family = run.circuit, .range = run.range}, run.config.classes);
  const Bootstrapper bootstrapper(
      parameters, EncryptedTrainer::bootstrap_shape(*parameters, layout, run.config));

  // Seeds are dealt in the order of the calls: one thread asks for them.
  const int threads = max_threads();
  set_max_threads(1);
  deal_known_seeds_anew();
  const SecretKeys secrets = SecretKeys::generate(parameters);
  const TrainingKeys keys = make_training_keys(secrets, bootstrapper, layout);
  const Data known(run);
  const EncryptedDataset data = encrypt_dataset(secrets, layout, known.features, known.labels);
  set_max_threads(threads);

  EncryptedTrainer trainer(parameters, bootstrapper, data, keys, run.config, circuit);
  while (trainer.done() < trainer.steps()) trainer.step();
  const EncryptedModel model = trainer.model();
  Sha256 hash;
  for (const Ciphertext& c : model.weights) add(hash, c);
  for (const Ciphertext& c : predict(parameters, model, data, keys).scores) add(hash, c);
  EXPECT_EQ(to_hex(hash.finish()), run.digest);
}

INSTANTIATE_TEST_SUITE_P(Runs, TrainingBits, ::testing::ValuesIn(runs()),
                         [](const auto& run) { return run.param.name; });

}  // namespace
}  // namespace blindtuner
