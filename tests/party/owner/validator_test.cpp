// Rounds of validation, over a channel in memory: what the record beside the best model tells of them.
#include "party/owner/validator.h"

#include "base/path.h"
#include "io/io_fixture.h"
#include "learn/result_shape.h"
#include "party/owner/data_sets.h"
#include "party/owner/sealed_record.h"
#include "secret/dataset_encryption.h"
#include "transport/memory_channel.h"

namespace blindtuner::testing_support::validator_test {
using namespace party;
using namespace learn;
namespace {

constexpr std::size_t kSamples = 70, kFeatures = 5, kClasses = 3;

/// Trained by the sigmoid for two steps, a round after each.
class Validation : public IoTest {
 protected:
  Validation() {
    const ParametersPtr parameters = owner_.keys.secrets.parameters;
    owner_.folder = path("keys");
    std::filesystem::create_directory(owner_.folder);
    owner_.set = {parameters, make_header(FileKind::kSecretKey, *parameters, owner_.keys.id),
                  "'secret.key'"};
    layout_ = ProductLayout::create(*parameters, kSamples, kFeatures + 1, kClasses, 4);
    owner_.keys.layout = layout_;
    std::vector<int> labels;
    for (std::size_t i = 0; i < kSamples; ++i) labels.push_back(static_cast<int>(i % kClasses));
    data_.info = {layout_, fresh_key_id(), true, ""};
    data_.data = encrypt_dataset(owner_.keys.secrets, layout_,
                                 std::vector<float>(kSamples * kFeatures, 0.5F), labels);
    write_dataset(path("validation.enc"), owner_.set, data_);
    training_.config.head = "sigmoid";
    training_.config.classes = kClasses;
    training_.config.batch_size = 64;
    training_.config.steps = 2;
    training_.config.learning_rate = 1;
    training_.config.validation_every = 1;
    training_.circuit = "sigmoid_r32";
  }

  std::vector<Ciphertext> zeros(const CiphertextShape& shape) const {
    std::vector<Ciphertext> out;
    for (std::size_t i = 0; i < shape.count; ++i)
      out.push_back(
          Ciphertext::zero(owner_.set.parameters->small_ring(), shape.q_count, shape.scale));
    return out;
  }
  void send_round(int number) {
    const HeadCircuit& circuit = circuit_named(training_.circuit);
    const Parameters& p = *owner_.set.parameters;
    RoundFile round;
    round.run = run_;
    round.round = number;
    round.last = number == training_.config.steps;
    training_.steps = number;
    round.model = {{layout_, zeros(model_shape(p, layout_, circuit))}, fresh_, training_};
    round.scores = {{layout_, zeros(score_shape(p, layout_, circuit))},
                    data_.info.id,
                    training_.circuit,
                    training_};
    channel_->send(round_name(number),
                   [&](ByteSink& sink) { write_round(sink, owner_.set, round); });
  }
  ValidatorOptions options() const {
    ExpectedRun run;
    run.unrecorded_data = true;
    return {channel_, path("validation.enc"), path("best.enc"), 3, 0, {}, run};
  }
  /// Its record as version 0.1 left it, which knew no heads.
  void forget_the_head() const {
    const std::filesystem::path record = Validator::record_path(path("best.enc"));
    nlohmann::json said = read_sealed(record, owner_.keys, "rounds of validation");
    ASSERT_EQ(said["training"]["config"].erase("head"), 1u);
    write_sealed(record, owner_.keys, "rounds of validation", said);
  }

  OwnerFolder owner_{
      {SecretKeys::generate(Parameters::create(find_parameters("InsecureTest10"))), fresh_key_id()},
      {},
      {}};
  ProductLayout layout_;
  DatasetFile data_;
  TrainingState training_;
  const RunId run_ = fresh_key_id();
  const DataId fresh_ = fresh_key_id();
  std::shared_ptr<MemoryChannel> channel_ = std::make_shared<MemoryChannel>();
};

TEST_F(Validation, RecordsOfRunsThatNamedNoHead) {
  nlohmann::json report;
  send_round(1);
  {
    Validator validator(owner_, options());
    EXPECT_FALSE(validator.poll());
    EXPECT_EQ(validator.rounds().size(), 1u);
    send_round(2);
    EXPECT_TRUE(validator.poll());
    report = validator.report();
  }
  forget_the_head();
  Validator again(owner_, options());
  EXPECT_TRUE(again.poll());
  EXPECT_EQ(again.report(), report);
  EXPECT_EQ(again.training().config.head, "sigmoid");
  EXPECT_TRUE(Validator::kept(path("best.enc"), owner_.keys)->ended);
}

// Rounds that were judged by another loss are not compared with what follows.
TEST_F(Validation, ARunThatWasBegunByAnotherLoss) {
  send_round(1);
  {
    Validator validator(owner_, options());
    EXPECT_FALSE(validator.poll());
  }
  { EXPECT_FALSE(Validator(owner_, options()).poll()); }  // its own record it takes up
  forget_the_head();
  const std::string said = message_of([&] { Validator(owner_, options()); });
  EXPECT_NE(said.find("was begun by version 0.1"), std::string::npos) << said;
}

// The loss is balanced by the class sizes of the set that the owner's record tells of, and the record of
// rounds is of that loss.
TEST_F(Validation, TheBalancedLoss) {
  send_round(1);
  ValidatorOptions even = options();
  even.balance = 1;
  const std::string unknown = message_of([&] { (void)Validator(owner_, even).poll(); });
  EXPECT_NE(unknown.find("class sizes"), std::string::npos) << unknown;
  RecordedDataSet trained_on;
  trained_on.id = fresh_;
  trained_on.use = "training";
  trained_on.samples = kSamples;
  trained_on.class_samples = {50, 15, 5};
  record_data_set(owner_, trained_on);
  {
    Validator validator(owner_, even);
    EXPECT_FALSE(validator.poll());
    EXPECT_EQ(validator.report().at("balance"), 1);
    Labels labels;
    for (std::size_t i = 0; i < kSamples; ++i) labels.push_back(static_cast<int>(i % kClasses));
    const Eigen::MatrixXd scores = Eigen::MatrixXd::Zero(kSamples, kClasses);
    const Head& head = head_named("sigmoid");
    const LossBalance balance{1, trained_on.class_samples};
    EXPECT_NEAR(validator.rounds().front().score.loss,
                validation_score(head, scores, labels, balance).loss, 1e-4);
    EXPECT_GT(std::abs(validator.rounds().front().score.loss -
                       validation_score(head, scores, labels).loss),
              0.01);
  }
  { EXPECT_EQ(Validator(owner_, even).rounds().size(), 1u); }
  const std::string other = message_of([&] { Validator(owner_, options()); });
  EXPECT_NE(other.find("balance"), std::string::npos) << other;
}

}  // namespace
}  // namespace blindtuner::testing_support::validator_test
