// A whole study of three owners once its keys are there, record by record: statistics, the map of all rows, data,
// training, shares, the model.
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "io/memory_stream.h"
#include "learn/reference/metrics.h"
#include "learn/reference/plain_reference.h"
#include "learn/result_shape.h"
#include "party/owner/decrypted.h"
#include "party/owner/study/contributing.h"
#include "party/owner/study/joint_opening.h"
#include "party/server/study/joint_data.h"
#include "party/server/training_session.h"
#include "records/study/sums.h"
#include "secret/joint_fixture.h"

namespace blindtuner::joint_run_test {
using namespace party;
using namespace reference;
namespace {

using namespace testing_support;
namespace fs = std::filesystem;

constexpr std::size_t kOwners = 3, kColumns = 12, kClasses = 3, kWidth = 4;

// Three clouds; the owners' shares of them differ, and the second has no third class.
Dataset rows_of(std::size_t owner, std::size_t samples, std::uint8_t seed) {
  Prng centres_prng(Seed{1});
  Eigen::MatrixXd centres(kClasses, kColumns);
  for (Eigen::Index c = 0; c < centres.rows(); ++c)
    for (Eigen::Index j = 0; j < centres.cols(); ++j)
      centres(c, j) = normal_pair(centres_prng).first;
  Prng prng(Seed{seed, static_cast<std::uint8_t>(owner)});
  Dataset out;
  out.classes = kClasses;
  out.features.resize(static_cast<Eigen::Index>(samples), kColumns);
  for (std::size_t i = 0; i < samples; ++i) {
    const std::size_t label = owner == 1 ? i % 2 : (i + owner) % kClasses;
    out.labels.push_back(static_cast<int>(label));
    for (Eigen::Index j = 0; j < out.features.cols(); ++j)
      out.features(static_cast<Eigen::Index>(i), j) = static_cast<float>(
          100 * (centres(static_cast<Eigen::Index>(label), j) + normal_pair(prng).first) +
          static_cast<double>(j));
  }
  return out;
}

struct Study {
  ParametersPtr parameters = Parameters::create(find_parameters("InsecureJoint4"));
  JointRun run;
  std::vector<Dataset> train, test;
  std::vector<OwnerRows> said;
  std::vector<OwnerKeys> keys;
  std::vector<joint::BoxKey> boxes;
  std::vector<KeySwitchKey> way_in;
  ServerKeysPtr server;
  fs::path folder;

  Study() {
    std::string name = (fs::temp_directory_path() / "blindtuner-study-XXXXXX").string();
    if (!mkdtemp(name.data())) throw std::runtime_error("no folder");
    folder = name;
    const std::vector<std::size_t> counts = {300, 1, 149};
    for (std::size_t k = 0; k < kOwners; ++k) {
      train.push_back(rows_of(k, counts[k], 2));
      test.push_back(rows_of(k, 200, 3));
      // As it travels.
      const nlohmann::json body = to_json(rows_to_pool(train[k].features));
      said.push_back(owner_rows_from_json(JsonIn(body, "rows"), kColumns));
      fs::create_directory(folder / std::to_string(k));
    }
    TrainingConfig config;
    config.classes = kClasses;
    config.batch_size = 256;
    config.steps = 5;
    config.learning_rate = 4;
    run.parameters = parameters;
    run.arrangement = arrange_rows(*parameters, counts, kColumns, kClasses, kWidth,
                                   (config.batch_size * kWidth + parameters->small_ring().n() - 1) /
                                       parameters->small_ring().n());
    const ProductLayout& l = run.arrangement.layout;
    run.config = for_places(config, l.rows(), run.arrangement.filled());
    run.circuit = &find_circuit({.head = "softmax", .range = 12}, config.classes);
    run.data = {5};
    run.sizes = {1, 1, std::sqrt(1.0 + kColumns)};
    run.decryptors = "study 1, session 1: a, b, c";
    JointOwners o(parameters, kOwners);
    for (const KeyPlan& plan : way_in_plans(*parameters, kOwners)) way_in.push_back(o.key(plan));
    const Bootstrapper bootstrapper(parameters,
                                    EncryptedTrainer::bootstrap_shape(*parameters, l, run.config));
    auto made = std::make_shared<ServerKeys>();
    run.joint = key_set(KeyId{100});
    made->set = run.joint;
    made->keys = {l,
                  o.bootstrap_keys(bootstrapper, class_sum_rotations(*parameters, l.class_stride),
                                   parameters->circuit_start()),
                  o.product_keys(l)};
    server = made;
    for (std::size_t k = 0; k < kOwners; ++k) {
      run.own.push_back(key_set(KeyId{static_cast<std::uint8_t>(k + 1)}));
      keys.push_back({std::move(o.owners[k]), run.own[k].header.key_id, l});
      boxes.push_back(joint::BoxKey::generate());
    }
  }
  ~Study() { fs::remove_all(folder); }

  KeySet key_set(const KeyId& id) const {
    return {parameters, make_header(FileKind::kSecretKey, *parameters, id), "the study's keys"};
  }
  Disclosure door(std::size_t k) const { return {keys[k], folder / std::to_string(k)}; }
  std::vector<joint::PublicBoxKey> receivers() const {
    std::vector<joint::PublicBoxKey> out;
    for (const joint::BoxKey& box : boxes) out.push_back(box.public_key());
    return out;
  }

  /// Shares of all owners as each of them has them.
  template <typename Result>
  std::vector<std::vector<OpeningShare>> shares(const Result& result, const Opening& opening,
                                                const CiphertextShape& shape,
                                                const char* what) const {
    std::vector<std::vector<std::uint8_t>> sent;
    double noise = 0;
    for (std::size_t k = 0; k < kOwners; ++k) {
      MemorySink sink;
      const OpeningShare share = door(k).share(result, {what}, opening);
      noise = share.noise;
      send_share(sink, run, {what, k, {}}, share, receivers());
      sent.push_back(sink.bytes());
    }
    std::vector<std::vector<OpeningShare>> out(kOwners);
    Sha256Digest contents{};
    for (std::size_t k = 0; k < kOwners; ++k)
      for (std::size_t from = 0; from < kOwners; ++from) {
        MemorySource source(sent[from], "'share'");
        out[k].push_back(
            receive_share(source, run, {what, from, {}}, shape, noise, boxes[k], contents));
      }
    const auto refused = [&](const ShareName& name, double expected, const joint::BoxKey& key) {
      MemorySource source(sent[0], "'share'");
      EXPECT_THROW(receive_share(source, run, name, shape, expected, key, contents), DataError);
    };
    refused({what, 1, {}}, noise, boxes[0]);
    refused({"other", 0, {}}, noise, boxes[0]);
    refused({what, 0, {1}}, noise, boxes[0]);
    refused({what, 0, {}}, 2 * noise, boxes[0]);
    refused({what, 0, {}}, noise, joint::BoxKey::generate());
    // Of another session, whose decryptors are others.
    JointRun later = run;
    later.decryptors = "study 1, session 2: a, b, c";
    MemorySource source(sent[0], "'share'");
    EXPECT_THROW(receive_share(source, later, {what, 0, {}}, shape, noise, boxes[0], contents),
                 DataError);
    return out;
  }
};

TEST(JointRun, TrainsAsWellAsTheUnionInTheClear) {
  Study s;
  const Parameters& p = *s.parameters;
  const JointRun& run = s.run;
  const ProductLayout& l = run.arrangement.layout;
  const auto exponents = pooled_exponents(s.said);

  // The map of all rows.
  EncryptedSums sum{run.statistics(), {}};
  for (std::size_t k = 0; k < kOwners; ++k) {
    MemorySink sink;
    const Sha256Digest sent =
        send_statistics(sink, run, k, s.keys[k].secrets.small, s.train[k].features, exponents);
    MemorySource source(sink.bytes(), "'stats'");
    Sha256Digest read{};
    add_sums(sum, p, read_owner_sums(source, run.own[k], run.data, k, run.statistics(), read),
             s.way_in[k]);
    EXPECT_EQ(read, sent);
  }
  const CiphertextShape sums_shape{sum.packs.size(), 2, sum.shape.scale(p)};
  const auto sums_shares =
      s.shares(sum, opening_of_statistics(run, run.owners(), run.owners()), sums_shape, "sums");
  std::vector<Whitening> maps;
  for (std::size_t k = 0; k < kOwners; ++k)
    maps.push_back(pooled_map(run, s.door(k).open(sum, sums_shares[k], {"'sums'"}), exponents));
  EXPECT_EQ(maps[0].digest(), maps[2].digest());
  EXPECT_EQ(digest_of_map(maps[0]), digest_of_map(maps[2]));

  // The data, and the training.
  JointDataset data(run.arrangement);
  for (std::size_t k = 0; k < kOwners; ++k) {
    MemorySink sink;
    Disclosure door = s.door(k);
    const FeatureMatrix x = features_for(run, k, s.train[k].features, maps[k]);
    const Sha256Digest sent =
        send_data(sink, run, k, s.keys[k], door, x, s.train[k].labels, "'train'");
    MemorySource source(sink.bytes(), "'data'");
    EXPECT_EQ(take_contribution(data, source, run, k, s.way_in[k]), sent);
  }
  TrainingTask task;
  task.keys = s.server;
  task.data = joint_data(std::move(data), run);
  task.config = run.config;
  task.circuit = run.circuit;
  TrainingSession session(std::move(task));
  EXPECT_EQ(session.run().end, TrainingEnd::kAllSteps);
  MemorySink sent_model;
  write_model(sent_model, run.joint, session.model());
  MemorySource model_source(sent_model.bytes(), "'model'");
  const ModelFile model = read_model(model_source, run.joint);
  EXPECT_NO_THROW(require_model_of(run, model, model.training.steps, "'model'"));

  // What is not this run's model is not opened.
  const auto refused = [&](auto change) {
    ModelFile other{{model.model.layout, {}}, model.data, model.training, {}};
    change(other);
    EXPECT_THROW(require_model_of(run, other, model.training.steps, "'model'"), DataError);
  };
  refused([](ModelFile& m) { m.data[3] ^= 1; });
  refused([](ModelFile& m) { m.model.layout.samples += 1; });
  refused([](ModelFile& m) { m.training.steps -= 1; });
  refused([](ModelFile& m) { m.training.config.learning_rate *= 2; });
  refused([](ModelFile& m) { m.training.circuit = "default_c10_r12"; });

  // The model, at every owner.
  const Opening opening = opening_of_model(run, run.owners(), model.training.steps);
  const auto model_shares =
      s.shares(model.model, opening, model_shape(p, l, *run.circuit), "model");
  const PlausibleValues plausible =
      plausible_weights(p, l, run.config, *run.circuit, model.training.steps);
  ProductLayout columns = l;
  columns.features = kColumns + 1;

  // The union in the clear, through the map of all its rows.
  Dataset all;
  all.classes = kClasses;
  all.features.resize(static_cast<Eigen::Index>(run.arrangement.samples), kColumns);
  Eigen::Index row = 0;
  for (const Dataset& own : s.train) {
    all.features.middleRows(row, own.features.rows()) = own.features;
    row += own.features.rows();
    all.labels.insert(all.labels.end(), own.labels.begin(), own.labels.end());
  }
  const Whitening map = Whitening::fit(all.features);
  all.features = map.apply(all.features);
  TrainingConfig config = run.config;
  config.learning_rate = 4;
  const LinearClassifier clear = map.unfold(train_plain(all, nullptr, config).model);
  for (std::size_t k = 0; k < kOwners; ++k) {
    const std::vector<double> values =
        s.door(k).open(model.model, model_shares[k], plausible, {"'model'"});
    const LinearClassifier opened =
        maps[k].unfold(classifier_of(joint_weights(run.arrangement, values), columns));
    const auto accuracy_of = [&](const LinearClassifier& classifier) {
      return accuracy(predict(scores(classifier, s.test[k].features)), s.test[k].labels);
    };
    std::printf("owner %zu: accuracy %.3f, union in the clear %.3f\n", k, accuracy_of(opened),
                accuracy_of(clear));
    EXPECT_GT(accuracy_of(opened), accuracy_of(clear) - 0.03);
    EXPECT_GT(accuracy_of(opened), 0.8);
    const LedgerTotals ledger = totals(s.door(k).ledger().read().value());
    EXPECT_EQ(ledger.shared, 2u);
    EXPECT_LT(ledger.published_bits, 1);
  }
}

// Of two columns that have next to nothing to do with each other any directions are as good as any others: which come out
// hangs on the last digits.
TEST(DigestOfMap, TellsDirectionsApartAndNotLastDigits) {
  const auto map_of = [](double together, double first) {
    Moments m{1000, {0, 0, 0}, Eigen::VectorXd(3), Eigen::MatrixXd(3, 3)};
    m.products << first, together, 3 * together, together, 400, 0, 3 * together, 0, 300;
    m.sums << 100, -50, 20;
    m.products += m.sums * m.sums.transpose() / 1000;
    return Whitening::fit(m);
  };
  const Whitening one = map_of(1e-9, 500), other = map_of(-1e-9, 500), third = map_of(100, 500),
                  rounded = map_of(100, 500 * (1 + 1e-12));
  ASSERT_GT((one.map() - other.map()).norm(), 0.5 * one.map().norm());
  EXPECT_NE(digest_of_map(one), digest_of_map(other));
  ASSERT_NE(third.digest(), rounded.digest());
  EXPECT_EQ(digest_of_map(third), digest_of_map(rounded));
  EXPECT_NE(digest_of_map(third), digest_of_map(map_of(100, 505)));
  EXPECT_NE(digest_of_map(third), digest_of_map(map_of(101, 500)));
}

// What docs/STUDY.md says of three owners' 100 held-out rows each, 256 whitened columns, under Joint4.
TEST(RoundsNoise, IsWhatTheDocumentsSay) {
  const ParametersPtr p = Parameters::create(find_parameters("Joint4"));
  const auto noise_of = [&](std::size_t classes, int rounds, double rate, int round) {
    JointRun run;
    run.parameters = p;
    const std::vector<std::size_t> rows(3, 20000);
    const ProductLayout shape = ProductLayout::plan(*p, 4096, 257, classes, 4096);
    run.arrangement = arrange_rows(*p, rows, 256, shape.classes, shape.width,
                                   (4096 + shape.rows() - 1) / shape.rows());
    run.config.steps = 2 * rounds + 1;
    run.config.batch_size = 4096;
    run.config.learning_rate = rate;
    run.config = for_places(run.config, shape.rows(), run.arrangement.filled());
    run.circuit = &find_circuit({}, static_cast<int>(classes));
    run.sizes = {1, 1, std::sqrt(257.0)};
    run.own.resize(3);
    run.held_out = {100, 100, 100};
    for (int r = 1; r <= rounds; ++r) run.rounds.push_back(2 * r);
    return share_noise(*p, score_shape(*p, held_out_run(run, 0).arrangement.layout, *run.circuit),
                       opening_of_scores(run, 0, round), "scores");
  };
  EXPECT_NEAR(noise_of(3, 4, 1, 4), 0.04, 0.005);
  EXPECT_NEAR(noise_of(3, 4, 4, 4), 0.17, 0.005);
  EXPECT_NEAR(noise_of(10, 9, 4, 8), 0.35, 0.005);
  EXPECT_NEAR(noise_of(10, 9, 4, 9), 0.69, 0.005);
}

TEST(OwnerRows, AsTheyAreSaid) {
  OwnerRows rows{7, {1, std::nullopt, -3}, {}};
  nlohmann::json body = to_json(rows);
  EXPECT_EQ(owner_rows_from_json(JsonIn(body, "rows"), 3), rows);
  EXPECT_THROW(owner_rows_from_json(JsonIn(body, "rows"), 2), DataError);
  EXPECT_THROW(owner_rows_from_json(JsonIn(body, "rows"), 0), DataError);
  body["exponents"][0] = 1000;
  EXPECT_THROW(owner_rows_from_json(JsonIn(body, "rows"), 3), DataError);
  const OwnerRows sized{7, {}, said_sizes({3, 1, 9})};
  body = to_json(sized);
  EXPECT_EQ(owner_rows_from_json(JsonIn(body, "rows"), 0), sized);
  EXPECT_THROW(owner_rows_from_json(JsonIn(body, "rows"), 0, true), DataError);
  OwnerRows validated = sized;
  validated.held_out = 0;
  const nlohmann::json with_rounds = to_json(validated);
  EXPECT_EQ(owner_rows_from_json(JsonIn(with_rounds, "rows"), 0, true), validated);
  EXPECT_THROW(owner_rows_from_json(JsonIn(with_rounds, "rows"), 0), DataError);
  // What everybody's noise goes by is not more than there can be.
  validated.held_out = 7;
  const nlohmann::json most = to_json(validated);
  EXPECT_EQ(owner_rows_from_json(JsonIn(most, "rows"), 0, true), validated);
  validated.held_out = 8;
  const nlohmann::json beyond = to_json(validated);
  EXPECT_THROW(owner_rows_from_json(JsonIn(beyond, "rows"), 0, true), DataError);
  body["rows"] = 0;
  EXPECT_THROW(owner_rows_from_json(JsonIn(body, "rows"), 0), DataError);
  // Of all, the largest, and no more than a quarter of a power of two beyond.
  const OwnerRows others[] = {sized, {9, {}, said_sizes({1, 2, 3})}};
  const FeatureSizes all = pooled_sizes(others);
  EXPECT_GE(all.largest, 3);
  EXPECT_LE(all.largest, 3 * std::exp2(0.25));
  EXPECT_GE(all.local, 2);
  EXPECT_GE(all.norm, 9);
  const OwnerRows pooled[] = {{1, {1, std::nullopt, std::nullopt}, {}},
                              {1, {-4, 2, std::nullopt}, {}}};
  EXPECT_EQ(pooled_exponents(pooled), (std::vector<std::optional<int>>{1, 2, std::nullopt}));
}

}  // namespace
}  // namespace blindtuner::joint_run_test
