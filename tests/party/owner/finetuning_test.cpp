// A whole run without a program: the owner's session and the server's in one process.
#include "party/owner/finetuning.h"

#include <gtest/gtest.h>

#include <random>

#include "base/error.h"
#include "base/path.h"
#include "features/data/test_files.h"
#include "io/file_stream.h"
#include "learn/reference/metrics.h"
#include "party/owner/finetuning_choice.h"
#include "party/server/training_session.h"
#include "records/dataset.h"
#include "transport/memory_channel.h"

namespace blindtuner::testing_support {
using namespace party;
namespace {

/// Three clouds that hardly overlap.
Dataset clouds(std::size_t samples, unsigned seed) {
  std::mt19937 random(seed);  // NOLINT: a test's
  std::normal_distribution<float> normal;
  Dataset set;
  set.classes = 3;
  set.features.resize(static_cast<Eigen::Index>(samples), 4);
  for (Eigen::Index i = 0; i < set.features.rows(); ++i) {
    const int label = static_cast<int>(i % 3);
    set.labels.push_back(label);
    for (Eigen::Index j = 0; j < 4; ++j)
      set.features(i, j) = normal(random) + (j == label ? 4.0f : 0.0f);
  }
  set.class_names = {"a", "b", "c"};
  return set;
}

FinetuningSettings settings() {
  FinetuningSettings out;
  out.parameters = named_parameters("InsecureTest10");
  out.config = default_training_config();
  out.config.classes = 3;
  set_steps(out.config, 3);
  out.config.validation_every = 1;
  out.config.batch_size = 64;
  out.validation_fraction = 0.25;
  out.seed = OrderSeed(7);
  return out;
}

class Host : public FinetuningHost {
 public:
  explicit Host(const TemporaryFolder& folder)
      : files{folder / "train.enc",
              folder / "validation.enc",
              folder / "model.enc",
              folder / "whitening.npz",
              {}},
        keys_(folder / "keys"),
        channel_(std::make_shared<MemoryChannel>()) {
    listener.note = [this](const std::string& text) { notes.push_back(text); };
  }

  void expect(const Forecast& forecast, bool new_keys) override {
    upload = forecast.bytes.upload;
    makes_keys = new_keys;
  }
  bool has_keys() const override { return path_exists(secret_key_path(keys_)); }
  OwnerFolder open_keys(const KeygenRequest&) override { return open_keys_to_encrypt(keys_, true); }
  OwnerFolder make_keys(const KeygenRequest& request) override {
    (void)party::make_keys(keys_, request, false);
    return open_keys_to_encrypt(keys_, true);
  }
  std::shared_ptr<Channel> exchange(const OwnerFolder&) override { return channel_; }
  void train(const OwnerFolder& keys, const TrainingWay& way,
             const std::function<void()>& answer) override {
    TrainingTask task;
    FileSource source(evaluation_keys_path(keys_));
    task.keys = load_keys(source, keys.set);
    task.data = std::make_shared<const DatasetFile>(read_dataset(files.data, keys.set));
    task.config = way.config;
    task.config.learning_rate *= rate_factor;
    task.circuit = &find_circuit({way.config.head, way.softmax, way.range}, way.config.classes);
    if (answer) {
      task.validation = Validation{
          channel_, std::make_shared<const DatasetFile>(read_dataset(files.validation, keys.set)),
          10};
      channel_->sent = [&](const std::string& name) {
        if (name.starts_with("round")) answer();
      };
    }
    TrainingSession session(std::move(task));
    (void)session.run();
    channel_->sent = {};
    if (!answer) (void)write_model(files.model, keys.set, session.model());
  }

  FinetuningFiles files;
  std::vector<std::string> notes;
  std::uint64_t upload = 0;
  bool makes_keys = false;
  double rate_factor = 1;  ///< of the rate that the server was told, what it takes

 private:
  const std::filesystem::path keys_;
  std::shared_ptr<MemoryChannel> channel_;
};

FinetuningSets sets() { return {clouds(120, 1), clouds(60, 2), std::nullopt}; }

double accuracy_of(const FinetuningResult& run, const LinearClassifier& model) {
  return accuracy(predict(scores(model, run.sets.test->features)), run.sets.test->labels);
}

TEST(Finetuning, TrainsAsInTheClearWithRoundsOfValidation) {
  const TemporaryFolder folder;
  Host host(folder);
  const FinetuningResult run = finetune(host, settings(), sets(), host.files, true);
  EXPECT_TRUE(run.judgement.at("trusted").get<bool>()) << run.judgement;
  EXPECT_EQ(accuracy_of(run, run.model), accuracy_of(run, run.approximate.model));
  EXPECT_GT(accuracy_of(run, run.model), 0.9);
  EXPECT_FALSE(run.validation.at("rounds").empty());
  EXPECT_EQ(run.sets.train.size() + run.sets.validation->size(), 120u);
  EXPECT_TRUE(host.makes_keys);
  EXPECT_GT(host.upload, 0u);
  EXPECT_TRUE(run.choice.is_null());
  for (const char* phase : {"whitening", "key_generation", "encryption", "training_on_ciphertexts",
                            "decryption", "total"})
    EXPECT_TRUE(run.seconds.contains(phase)) << phase;
  EXPECT_GT(host.notes.size(), 7u) << "phases and rounds";
  // The model on features before whitening says the same of them.
  const DecryptedModel raw = run.on_features(run.model);
  EXPECT_EQ(raw.class_names, run.sets.train.class_names);
  EXPECT_EQ(predict(scores(raw.classifier, clouds(60, 2).features)),
            predict(scores(run.balanced(run.model), run.sets.test->features)));
}

// Where classes are uneven, rounds are judged as the model will be balanced.
TEST(Finetuning, StopsByTheBalancedLoss) {
  const TemporaryFolder folder;
  Host host(folder);
  FinetuningSets uneven = sets();
  std::vector<std::uint32_t> kept;
  for (std::uint32_t i = 0; i < uneven.train.size(); ++i)
    if (uneven.train.labels[i] == 0 || i % 4 == 0) kept.push_back(i);
  uneven.train = select(uneven.train, kept);
  FinetuningSettings even = settings();
  even.balance = 1;
  const FinetuningResult run = finetune(host, even, std::move(uneven), host.files, true);
  EXPECT_TRUE(run.judgement.at("trusted").get<bool>()) << run.judgement;
  EXPECT_EQ(run.validation.at("balance"), 1);
  const Dataset &train = run.sets.train, &held = *run.sets.validation;
  const Eigen::MatrixXd logits = scores(run.model, held.features);
  const Head& head = head_named("softmax");
  const double loss = run.validation.at("rounds")
                          .at(run.validation.at("best_round").get<std::size_t>() - 1)
                          .at("loss");
  EXPECT_NEAR(
      loss,
      validation_score(head, logits, held.labels, {1, class_counts(train.labels, train.classes)})
          .loss,
      1e-3);
  EXPECT_GT(std::abs(loss - validation_score(head, logits, held.labels).loss), 0.01);
}

// What is tried takes a minute at most, counted in what is computed: samples of a step times features times
// classes, and steps.
TEST(FinetuningChoice, ItsWorkIsBounded) {
  for (const std::size_t width : {2u, 192u, 960u, 2048u})
    for (const int classes : {2, 10, 100}) {
      const std::size_t samples = trial_samples(10'000'000, width, classes);
      EXPECT_LE(static_cast<double>(samples * width) * classes, 4e8);
      EXPECT_GE(samples, 1000u);
    }
  EXPECT_EQ(trial_samples(500, 2048, 1000), 500u);

  // As wide as leaves 1000 samples.
  Dataset wide;
  wide.classes = 100;
  wide.features = FeatureMatrix::Zero(1500, 4000);
  for (Eigen::Index i = 0; i < wide.features.rows(); ++i) {
    wide.labels.push_back(static_cast<int>(i % 100));
    wide.features(i, i % 100) = 1;
  }
  TrainingWay one;
  one.name = "one";
  one.config = default_training_config("sigmoid");
  one.config.classes = 100;
  one.config.validation_every = 1;
  one.epsilon = 0;
  set_steps(one.config, 1);
  const auto free = [](const TrainingWay&) { return 0.0; };
  const nlohmann::json report = choose_way(wide, {one}, {3}, OrderSeed(1), free).report;
  EXPECT_EQ(report.at("samples"), 1000);
  EXPECT_EQ(report.at("trials").at(0).at("steps"), 5) << "one a fold";

  // All that `auto` tries: every way no more than its steps on every part.
  const Dataset train = clouds(120, 1);
  const std::vector<TrainingWay> ways = preset_settings("auto", train).choices;
  const nlohmann::json all = choose_way(train, ways, {3}, OrderSeed(1), free).report;
  int steps = 0;
  for (std::size_t i = 0; i < ways.size(); ++i) {
    const int done = all.at("trials").at(i).at("steps");
    EXPECT_LE(done, 5 * ways[i].config.steps) << ways[i].name;
    steps += done;
  }
  EXPECT_GT(steps, 0);
  EXPECT_LE(steps, 5 * 180);
}

TEST(Finetuning, UsesKeysAgainAndTrainsWithoutValidation) {
  const TemporaryFolder folder;
  Host host(folder);
  FinetuningSettings plain = settings();
  plain.validation_fraction = 0;
  (void)finetune(host, plain, sets(), host.files, true);
  const FinetuningResult again = finetune(host, plain, sets(), host.files, true);
  EXPECT_FALSE(host.makes_keys);
  EXPECT_TRUE(again.validation.is_null());
  EXPECT_EQ(again.sets.train.size(), 120u);
  EXPECT_TRUE(again.judgement.at("trusted").get<bool>()) << again.judgement;
}

TEST(Finetuning, RefusesAServerThatTrainsOtherwise) {
  const TemporaryFolder folder;
  Host host(folder);
  host.rate_factor = 2;
  FinetuningSettings plain = settings();
  plain.validation_fraction = 0;
  try {
    (void)finetune(host, plain, sets(), host.files, true);
    ADD_FAILURE();
  } catch (const DataError& error) {
    EXPECT_NE(std::string(error.what()).find("another configuration"), std::string::npos)
        << error.what();
  }
}

TEST(Finetuning, EndsWhereItsListenerSaysSo) {
  const TemporaryFolder folder;
  Host host(folder);
  struct Enough {};
  host.listener.progress = [](const std::string& task, double) {
    if (task == "encrypting") throw Enough();
  };
  EXPECT_THROW((void)finetune(host, settings(), sets(), host.files, true), Enough);
  EXPECT_FALSE(path_exists(host.files.data));
  EXPECT_TRUE(host.has_keys());
}

TEST(Finetuning, RefusesParametersBelow128BitsUnlessAllowed) {
  const TemporaryFolder folder;
  Host host(folder);
  EXPECT_THROW((void)finetune(host, settings(), sets(), host.files, false), SecurityError);
}

}  // namespace
}  // namespace blindtuner::testing_support
