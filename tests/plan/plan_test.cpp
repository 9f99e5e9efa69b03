// The cost model: sizes to the byte, counts against the operations that were done.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <numeric>

#include "base/error.h"
#include "base/parallel.h"
#include "io/file_size.h"
#include "io/memory_stream.h"
#include "learn/result_shape.h"
#include "plan/study_forecast.h"
#include "records/dataset.h"
#include "records/model.h"
#include "records/study/contribution.h"
#include "records/study/key_shares.h"
#include "records/study/sealed_share.h"
#include "records/study/sums.h"
#include "records/training_keys.h"
#include "secret/dataset_encryption.h"

namespace blindtuner {
using namespace plan;
using namespace records;
using namespace secret;
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kSamples = 700, kFeatures = 20, kClasses = 3;

struct Scene {
  ParametersPtr parameters = Parameters::create(find_parameters("InsecureTest12"));
  SecretKeys secrets = SecretKeys::generate(parameters);
  Bootstrapper bootstrapper{parameters};
  ProductLayout layout =
      ProductLayout::plan(*parameters, kSamples, kFeatures + 1, kClasses, kSamples);
  TrainingKeys keys = make_training_keys(secrets, bootstrapper, layout);
  EncryptedDataset data = [this] {
    std::vector<float> features(kSamples * kFeatures, 0.25F);
    std::vector<int> labels(kSamples);
    for (std::size_t i = 0; i < kSamples; ++i) labels[i] = static_cast<int>(i % kClasses);
    return encrypt_dataset(secrets, layout, features, labels);
  }();
  const HeadCircuit& circuit = find_circuit({.range = 12}, kClasses);

  TrainingConfig config() const {
    TrainingConfig c;
    c.classes = kClasses;
    c.batch_size = kSamples;
    c.steps = 3;
    c.learning_rate = 1;
    return c;
  }
  ForecastRequest request() const { return {parameters, layout, config(), &circuit}; }
};

const Scene& scene() {
  static const Scene instance;
  return instance;
}

// One thread, so that a recorder sees everything.
class PlanTest : public ::testing::Test {
 protected:
  PlanTest() : threads_(max_threads()) { set_max_threads(1); }
  ~PlanTest() override { set_max_threads(threads_); }

  static UnitCosts costs() {
    UnitCosts c = reference_unit_costs(1);
    c.parameters = scene().parameters->literal().name;
    return c;
  }

 private:
  int threads_;
};

double total(const WorkCounts& counts, Work work, int log_n) {
  double sum = 0;
  for (const auto& [item, amount] : counts)
    if (item.work == work && item.log_n == log_n) sum += amount;
  return sum;
}

double key_switches(const ProductWork& w) {
  return w.relinearisations + w.score_relinearisations + w.score_automorphisms +
         w.error_automorphisms;
}

double maps(const ProductWork& w) {
  return static_cast<double>(
      std::accumulate(w.map_inputs.begin(), w.map_inputs.end(), std::size_t{0}));
}

TEST_F(PlanTest, FilesHaveTheSizesForecast) {
  const Scene& s = scene();
  std::string name = ::testing::TempDir() + "blindtuner-plan-XXXXXX";
  const fs::path folder = ::mkdtemp(name.data());
  const Forecast f = make_forecast(s.request(), costs());
  const KeySet set{s.parameters, make_header(FileKind::kSecretKey, *s.parameters, KeyId{7}),
                   "keys"};

  write_training_keys(folder / "keys", *s.parameters, KeyId{7}, s.keys);
  EXPECT_EQ(f.bytes.evaluation_keys, fs::file_size(folder / "keys"));

  DatasetFile data;
  data.info.layout = s.layout;
  data.info.labelled = true;
  data.data.layout = s.layout;
  for (const SeededCiphertext& c : s.data.features)
    data.data.features.push_back({c.c0.copy(), c.seed, c.stream, c.scale});
  for (const SeededCiphertext& c : s.data.labels)
    data.data.labels.push_back({c.c0.copy(), c.seed, c.stream, c.scale});
  write_dataset(folder / "data", set, data);
  EXPECT_EQ(f.bytes.upload, fs::file_size(folder / "data"));
  EXPECT_EQ(f.ciphertexts, data.data.features.size() + data.data.labels.size());

  ModelFile model;
  model.model.layout = s.layout;
  const CiphertextShape shape = model_shape(*s.parameters, s.layout, s.circuit);
  for (std::size_t i = 0; i < shape.count; ++i)
    model.model.weights.push_back(
        Ciphertext::zero(s.parameters->small_ring(), shape.q_count, shape.scale));
  model.training = {f.steps, s.config(), s.circuit.name};
  write_model(folder / "model", set, model);
  EXPECT_EQ(f.bytes.model, fs::file_size(folder / "model"));
  fs::remove_all(folder);
}

TEST_F(PlanTest, FileSizeCountsFrames) {
  constexpr std::uint64_t kFrame = 8 + kDigestBytes, kEmpty = kHeaderBytes + kFrame;
  const Parameters& p = *scene().parameters;
  const std::uint64_t none[] = {0}, whole[] = {kFrameBytes}, more[] = {kFrameBytes + 1, 5};
  EXPECT_EQ(file_size(p, {}), kEmpty);
  EXPECT_EQ(file_size(p, none), kEmpty + kFrame);
  EXPECT_EQ(file_size(p, whole), kEmpty + kFrame + kFrameBytes);
  EXPECT_EQ(file_size(p, more), kEmpty + 3 * kFrame + kFrameBytes + 6);
}

// What the counting ring says is what the real one does, linear maps included.
TEST_F(PlanTest, CircuitsAreCountedAsTheyRun) {
  const Scene& s = scene();
  for (const bool folded : {false, true}) {
    BootstrapShape shape = BootstrapShape::standard(*s.parameters);
    if (folded) shape.fold_bit = s.layout.fold_bit();
    const Bootstrapper bootstrapper(s.parameters, shape);
    const auto head = s.circuit.evaluator(bootstrapper, kClasses, s.layout.class_stride);
    const SlotToCoeff down(*s.parameters, shape, bootstrapper.encoder(), head->output_scale(),
                           kErrorScale);
    const CircuitWork counted =
        count_circuits(*s.parameters, s.circuit, kClasses, s.layout.class_stride, shape.fold_bit);
    std::vector<Ciphertext> scores;
    std::vector<const Ciphertext*> pointers;
    for (std::size_t r = 0; r < s.layout.ratio; ++r)
      scores.push_back(Ciphertext::zero(s.parameters->small_ring(), 1, 0x1p40));
    for (const Ciphertext& c : scores) pointers.push_back(&c);

    Halves halves;
    {
      const WorkRecorder recorder(/*inside_maps=*/true);
      halves = bootstrapper.half_bootstrap(pointers, head->input_scale(), s.keys.bootstrap);
      EXPECT_EQ(recorder.counts(), counted.half_bootstrap) << folded;
    }
    {
      const WorkRecorder recorder(/*inside_maps=*/true);
      halves = head->evaluate(std::move(halves), s.keys.bootstrap);
      EXPECT_EQ(recorder.counts(), counted.head) << folded;
    }
    {
      const WorkRecorder recorder(/*inside_maps=*/true);
      bootstrapper.split(down.apply(halves, s.keys.bootstrap.evaluation.galois), s.keys.bootstrap);
      EXPECT_EQ(recorder.counts(), counted.slot_to_coeff) << folded;
    }
    EXPECT_GT(total(counted.head, Work::kKeySwitch, 12), 10);
  }
}

TEST_F(PlanTest, CircuitsWithBootstrapsWithinAreCountedToo) {
  const Scene& s = scene();
  const HeadCircuit& wide = find_circuit({.family = "wide", .range = 100}, kClasses);
  const CircuitWork one = count_circuits(*s.parameters, s.circuit, kClasses, 4, {});
  const CircuitWork more = count_circuits(*s.parameters, wide, kClasses, 4, {});
  EXPECT_EQ(one.bootstraps, 0);
  EXPECT_GE(more.bootstraps, 1);
  EXPECT_GT(total(more.head, Work::kDiagonal, 12), total(one.head, Work::kDiagonal, 12));
}

// What is remembered is of the very circuit and of the very fold.
TEST_F(PlanTest, CountsAreRememberedByAllTheyDependOn) {
  const Scene& s = scene();
  const HeadCircuit& shorter = find_circuit({.family = "guaranteed", .range = 8}, kClasses);
  const auto counted = [&](const HeadCircuit& circuit, std::optional<int> fold) {
    return count_circuits(*s.parameters, circuit, kClasses, 4, fold);
  };
  const CircuitWork whole = counted(s.circuit, {});
  EXPECT_NE(counted(shorter, {}).head, whole.head);
  EXPECT_NE(counted(s.circuit, s.layout.fold_bit()).head, whole.head);
  EXPECT_EQ(counted(s.circuit, {}).head, whole.head);
}

TEST_F(PlanTest, MatrixProductsAreCountedAsTheyRun) {
  const Scene& s = scene();
  const int small = s.parameters->literal().log_small_n;
  const MatrixProducts products(s.parameters, s.layout, s.keys.products);
  const FeatureSource x = [&](std::size_t block, std::size_t group) {
    return s.data.features[block * s.layout.feature_groups() + group].expand();
  };
  const auto expect_same = [&](const WorkRecorder& recorder, const ProductWork& work,
                               const char* what) {
    EXPECT_EQ(total(recorder.counts(), Work::kKeySwitch, small), key_switches(work)) << what;
    EXPECT_EQ(total(recorder.counts(), Work::kComponentMap, small), maps(work)) << what;
    EXPECT_EQ(total(recorder.counts(), Work::kTensorTerm, small), work.tensor_terms) << what;
    EXPECT_EQ(total(recorder.counts(), Work::kExpand, small), work.expansions) << what;
  };
  std::vector<Ciphertext> packed, errors;
  for (std::size_t i = 0; i < s.layout.packs(); ++i)
    packed.push_back(Ciphertext::zero(s.parameters->small_ring(), 2, 1.0));
  for (std::size_t r = 0; r < s.layout.ratio; ++r)
    errors.push_back(Ciphertext::zero(s.parameters->small_ring(), 2, kErrorScale));

  std::vector<Ciphertext> weights;
  {
    const WorkRecorder recorder;
    weights = products.expand_weights(packed);
    expect_same(recorder, expand_weights_work(s.layout), "expand_weights");
  }
  MatrixProducts::GradientSum sum(products);
  ASSERT_GE(s.layout.blocks(), 2u);
  // All blocks, and a part that begins elsewhere than the super-block.
  for (const std::size_t first : {std::size_t{0}, std::size_t{1}}) {
    const std::size_t count = std::min(s.layout.blocks(), s.layout.blocks_per_super()) - first;
    {
      const WorkRecorder recorder;
      products.scores(x, first, count, weights);
      expect_same(recorder, scores_work(s.layout, first, count), "scores");
    }
    std::vector<std::vector<Ciphertext>> pieces;
    {
      const WorkRecorder recorder;
      pieces = products.expand_errors(errors, first, count);
      ProductWork work = expand_errors_work(s.layout, first, count);
      work.expansions = 0;  // the labels', which the trainer does
      expect_same(recorder, work, "expand_errors");
    }
    const WorkRecorder recorder;
    sum.add(x, first, pieces);
    expect_same(recorder, gradient_work(s.layout, count), "gradient");
  }
  const WorkRecorder recorder;
  sum.finish();
  expect_same(recorder, finish_gradient_work(s.layout), "finish");
}

TEST_F(PlanTest, ForecastAddsUp) {
  const Scene& s = scene();
  const Forecast f = make_forecast(s.request(), costs());
  EXPECT_EQ(f.steps, 3);
  EXPECT_EQ(f.refreshes, 2 * s.layout.supers());
  EXPECT_NEAR(f.seconds.training, f.seconds.first_step + 2 * f.seconds.step.total(),
              0.01 * f.seconds.training);
  EXPECT_LT(f.seconds.first_step, f.seconds.step.total());
  EXPECT_GT(f.bytes.server_memory, f.bytes.evaluation_keys);
  const nlohmann::json json = to_json(f);
  EXPECT_EQ(json["bytes"]["upload"], f.bytes.upload);
  EXPECT_NE(to_text(f).find("700 samples, 20 features, 3 classes"), std::string::npos);
  EXPECT_NE(to_line(f).find("3 steps"), std::string::npos);
}

TEST_F(PlanTest, ForecastRefusesWhatTheTrainerWould) {
  ForecastRequest request = scene().request();
  request.config.batch_size = 100;  // not whole blocks
  request.config.first_batch_full = false;
  EXPECT_THROW(make_forecast(request, costs()), DataError);
}

// Every record of a study, of zeros.
TEST_F(PlanTest, StudyRecordsHaveTheSizesForecast) {
  constexpr std::size_t kOwners = 3;
  StudyRequest request;
  request.parameters = Parameters::create(find_parameters("InsecureJoint4"));
  request.owners = kOwners;
  request.samples = kSamples;
  request.features = kFeatures;
  request.classes = kClasses;
  request.config = scene().config();
  request.circuit = &scene().circuit;
  const StudyForecast f = make_study_forecast(request, costs());
  const ParametersPtr& parameters = request.parameters;
  const Parameters& p = *parameters;
  const ProductLayout& l = f.run.request.layout;
  const KeySet set{parameters, make_header(FileKind::kSecretKey, p, KeyId{7}), "keys"};
  const auto size_of = [](const auto& write) {
    MemorySink sink;
    write(sink);
    return sink.bytes().size();
  };
  const auto zeros = [](const Ring& ring, std::size_t q_count, std::size_t p_count,
                        std::size_t count) {
    KeyShare out;
    for (std::size_t i = 0; i < count; ++i)
      out.push_back(Poly::zero(ring, q_count, p_count, Domain::kNtt));
    return out;
  };

  const StudyKeyList list(parameters, l, kOwners, Seed{1}, KeyId{7});
  const auto halves = [&](const KeyPlan& plan) {
    return zeros(list.ring(plan), plan.shape.q_count, plan.shape.p_count, plan.shape.digits());
  };
  const auto map_halves = [&](const ComponentMap& map) {
    return zeros(p.small_ring(), 2, p.small_special(), map.width);
  };
  const auto shares = [&](ShareKind kind) {
    return size_of([&](MemorySink& sink) {
      ShareWriter out(sink, list, kind, 1);
      for (const KeyPlan& plan : kind == ShareKind::kWayIn    ? list.way_in
                                 : kind == ShareKind::kLinear ? list.linear()
                                                              : list.relinearisation()) {
        out.put(plan.name(), halves(plan));
        if (kind == ShareKind::kFirstRound) out.put(plan.name(), halves(plan));
      }
      if (kind == ShareKind::kLinear)
        for (const ComponentMap& map : list.maps()) out.put(key_name(map), map_halves(map));
      out.commit();
    });
  };
  EXPECT_EQ(f.sends.shares, shares(ShareKind::kWayIn) + shares(ShareKind::kLinear));
  EXPECT_EQ(f.sends.first_round, shares(ShareKind::kFirstRound));
  EXPECT_EQ(f.sends.second_round, shares(ShareKind::kSecondRound));

  const auto key = [&](const KeyPlan& plan) {
    KeySwitchKey out{plan.shape, Seed{}, halves(plan), halves(plan)};
    out.seeded = plan.kind != KeyPlan::Kind::kRelinearisation;
    return out;
  };
  EXPECT_EQ(f.bytes.way_in_keys,
            size_of([&](MemorySink& sink) { write_way_in_keys(sink, list, key); }));
  EXPECT_EQ(f.bytes.evaluation_keys, size_of([&](MemorySink& sink) {
              write_training_keys(sink, p, list.id, l, list.shapes, false,
                                  {key, [&](const ComponentMap& map) {
                                     return ComponentMapKey{
                                         map, 2, p.small_special(), Seed{}, map_halves(map), {}};
                                   }});
            }));

  const auto encrypted = [&](double scale) {
    return SeededCiphertext{Poly::zero(p.small_ring(), 2, 0, Domain::kNtt), Seed{}, 0, scale};
  };
  const SumsShape moments =
      sums_shape(p, kSamples, 1 + kFeatures + kFeatures * (kFeatures + 1) / 2);
  EXPECT_EQ(f.sends.statistics, size_of([&](MemorySink& sink) {
              std::vector<SeededCiphertext> packs;
              while (packs.size() < moments.packs(p)) packs.push_back(encrypted(moments.scale(p)));
              write_owner_sums(sink, set, DataId{}, 1, moments, packs);
            }));
  const auto sealed = [&](const CiphertextShape& shape) {
    return size_of([&](MemorySink& sink) {
      SealedShare share;
      share.receivers.resize(kOwners);
      share.bytes.resize(
          share_content(zeros(p.small_ring(), shape.q_count, 0, shape.count), 1).size() + 16);
      write_sealed_share(sink, set, share);
    });
  };
  EXPECT_EQ(f.sends.statistics_share, sealed({moments.packs(p), 2, moments.scale(p)}));
  EXPECT_EQ(f.sends.opening, sealed(model_shape(p, l, *request.circuit)));

  // Parts of 234, 233 and 233 samples.
  const std::vector<std::size_t> rows{234, 233, 233};
  const Arrangement arrangement =
      arrange_rows(p, rows, kFeatures, kClasses, l.width, (kSamples + l.rows() - 1) / l.rows());
  EXPECT_EQ(arrangement.layout, l);
  std::uint64_t most = 0, all = 0;
  for (std::size_t i = 0; i < kOwners; ++i) {
    const auto feature = [&](std::size_t) { return encrypted(kFeatureScale); };
    const auto label = [&](std::size_t) { return encrypted(kErrorScale); };
    const std::uint64_t bytes = size_of([&](MemorySink& sink) {
      write_contribution(sink, set, {arrangement, i, {}}, feature, label);
    });
    most = std::max(most, bytes);
    all += bytes;
  }
  EXPECT_EQ(f.sends.data, most);
  EXPECT_EQ(f.bytes.exchange, kOwners * (f.sends.total() - f.sends.data) + all + f.run.bytes.model);
}

TEST_F(PlanTest, StudyForecastAddsUp) {
  StudyRequest request{Parameters::create(find_parameters("InsecureJoint4")),
                       2,
                       kSamples,
                       kFeatures,
                       kClasses,
                       scene().config(),
                       &scene().circuit};
  const StudyForecast two = make_study_forecast(request, costs());
  request.owners = 4;
  const StudyForecast four = make_study_forecast(request, costs());
  EXPECT_LT(four.seconds.addition, 2 * two.seconds.addition);
  EXPECT_GT(four.seconds.addition, two.seconds.addition);
  EXPECT_GT(four.seconds.answer, two.seconds.answer);
  // Half as many rows are at hand.
  EXPECT_EQ(two.bytes.owner_memory - four.bytes.owner_memory, 4 * kFeatures * (kSamples / 4));
  EXPECT_LT(four.sends.data, two.sends.data);
  const nlohmann::json json = to_json(four);
  EXPECT_EQ(json["owners"], 4);
  EXPECT_EQ(json["bytes"]["sent_by_an_owner"], four.sends.total());
  EXPECT_NE(to_text(four).find("4 owners, 700 samples together, 20 features"), std::string::npos);
  request.owners = 5;
  EXPECT_THROW(make_study_forecast(request, costs()), DataError);
  request.owners = 4;
  request.samples = 3;
  EXPECT_THROW(make_study_forecast(request, costs()), DataError);
}

TEST_F(PlanTest, AStudysOwnerHasTheMemoryThatWasMeasured) {
  TrainingConfig config = default_training_config();
  config.classes = 10;
  StudyRequest request{Parameters::create(find_parameters("Joint4")), 3, 3000, 256, 10, config,
                       &find_circuit({.head = config.head}, 10)};
  // Peaks of commands of their own, docs/BENCHMARKS.md: of an owner who answers the first rounds, of the server that adds up.
  const auto at = [&] { return make_study_forecast(request, reference_unit_costs(2)).bytes; };
  const auto few = at();
  EXPECT_GE(few.owner_memory, 484'000'000U);
  EXPECT_LE(few.owner_memory, 510'000'000U);
  EXPECT_GE(few.server_memory, 364'000'000U);
  EXPECT_LE(few.server_memory, 400'000'000U);
  // And every owner's own rows.
  request.samples = 60000;
  request.features = 784;
  const auto many = at();
  EXPECT_EQ(many.owner_memory - few.owner_memory, 4U * (20000 * 784 - 1000 * 256));
  EXPECT_GE(many.owner_memory, 534'000'000U);
}

TEST_F(PlanTest, UnitCostsSurviveJsonAndMoreThreadsAreNotSlower) {
  const UnitCosts one = reference_unit_costs(1), two = reference_unit_costs(2),
                  eight = reference_unit_costs(8);
  EXPECT_EQ(to_json(unit_costs_from_json(to_json(two))), to_json(two));
  EXPECT_THROW(unit_costs_from_json({{"machine", 3}}), DataError);
  EXPECT_EQ(eight.threads, 8);
  for (const std::size_t limbs : {3u, 11u, 20u, 30u}) {
    const WorkItem item{Work::kKeySwitch, 16, limbs};
    EXPECT_LE(two.seconds(item), one.seconds(item));
    EXPECT_LE(eight.seconds(item), two.seconds(item));
    EXPECT_GT(eight.seconds(item), 0);
  }
}

TEST_F(PlanTest, ReferenceCostsAreOfTheSetsThatTheyWereMeasuredFor) {
  for (const char* name : {"Standard", "Joint4", "Joint16"})
    EXPECT_TRUE(has_reference_costs(name)) << name;
  EXPECT_FALSE(has_reference_costs(scene().parameters->literal().name));
}

TEST_F(PlanTest, CostsBetweenMeasuredLimbsLieBetween) {
  UnitCosts c;
  c.by_limbs[Work::kTensor] = {{2, 1.0}, {10, 5.0}};
  EXPECT_DOUBLE_EQ(c.seconds({Work::kTensor, 16, 1}), 1.0);
  EXPECT_DOUBLE_EQ(c.seconds({Work::kTensor, 16, 4}), 2.0);
  EXPECT_DOUBLE_EQ(c.seconds({Work::kTensor, 16, 10}), 5.0);
  EXPECT_DOUBLE_EQ(c.seconds({Work::kTensor, 16, 20}), 10.0);
}

TEST_F(PlanTest, MeasuringGivesCosts) {
  const UnitCosts c = measure_unit_costs(scene().parameters);
  EXPECT_GT(c.seconds({Work::kKeySwitch, 12, 20}), 0);
  EXPECT_GT(c.seconds({Work::kDiagonal, 12, 0}), 0);
  EXPECT_GT(c.map_batch.at(16), 0);
  EXPECT_GT(c.encryption, 0);
  EXPECT_GT(c.byte_read, 0);
}

}  // namespace
}  // namespace blindtuner
