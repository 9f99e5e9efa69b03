// Every record: round trips on disk and in memory, and mutations behind correct checksums.
#include "io/medium_fixture.h"
#include "learn/result_shape.h"
#include "records/answer.h"
#include "records/checkpoint.h"
#include "records/dataset.h"
#include "records/round.h"
#include "records/sections.h"
#include "records/study/contribution.h"
#include "records/study/sealed_share.h"
#include "records/study/sums.h"
#include "records/training_keys.h"
#include "rlwe/written_parameters.h"
#include "secret/joint_fixture.h"

namespace blindtuner::testing_support {
using namespace records;
namespace {

class RecordsTest : public IoTest {
 protected:
  RecordsTest()
      : set_{tiny_parameters(), make_header(FileKind::kSecretKey, *tiny_parameters(), KeyId{9}),
             "'secret.key'"} {}

  const Parameters& p() const { return *set_.parameters; }
  ProductLayout layout(std::size_t samples = 50) const {
    return ProductLayout::create(p(), samples, 6, 3, 4);
  }

  SeededCiphertext seeded(double scale, u64 stream) const {
    SeededCiphertext c;
    c.c0 = random_poly(p().small_ring(), 2, 0, stream);
    c.stream = stream;
    c.scale = scale;
    return c;
  }
  /// Random ones, of the shape that a kind of result has.
  std::vector<Ciphertext> ciphertexts(const CiphertextShape& shape) const {
    std::vector<Ciphertext> out;
    for (std::size_t i = 0; i < shape.count; ++i)
      out.push_back({random_poly(p().small_ring(), shape.q_count, 0, 2 * i),
                     random_poly(p().small_ring(), shape.q_count, 0, 2 * i + 1), shape.scale});
    return out;
  }
  const HeadCircuit& circuit() const { return circuit_named("default_c3_r12"); }
  TrainingState training(int steps) const {
    TrainingState out{steps, default_training_config(), circuit().name};
    out.config.classes = 3;
    return out;
  }

  DatasetFile dataset() const {
    DatasetFile file;
    file.info = {layout(), DataId{1, 2}, true, "features.npy"};
    file.data.layout = layout();
    for (std::size_t i = 0; i < layout().blocks() * layout().feature_groups(); ++i)
      file.data.features.push_back(seeded(kFeatureScale, i));
    for (std::size_t i = 0; i < layout().supers() * layout().ratio; ++i)
      file.data.labels.push_back(seeded(kErrorScale, 1000 + i));
    return file;
  }
  ModelFile model() const {
    ModelFile file;
    file.model = {layout(), ciphertexts(model_shape(p(), layout(), circuit()))};
    file.data = DataId{1, 2};
    file.training = training(2);
    return file;
  }
  std::vector<std::vector<Ciphertext>> gradients(std::size_t steps) const {
    std::vector<std::vector<Ciphertext>> out(steps);
    for (auto& step : out) step = ciphertexts(gradient_shape(layout()));
    return out;
  }
  ScoresFile scores() const {
    ScoresFile file;
    file.scores = {layout(), ciphertexts(score_shape(p(), layout(), circuit()))};
    file.circuit = circuit().name;
    file.training = training(2);
    return file;
  }
  std::vector<ComponentMapKey> map_keys(const std::vector<ComponentMap>& maps) const {
    std::vector<ComponentMapKey> keys;
    for (const ComponentMap& map : maps) {
      ComponentMapKey key;
      key.map = map;
      key.q_count = 2;
      key.p_count = p().small_ring().p_size();
      for (std::size_t j = 0; j < map.width; ++j)
        key.b.push_back(random_poly(p().small_ring(), 2, key.p_count, j));
      key.expand();
      keys.push_back(std::move(key));
    }
    return keys;
  }
  TrainingKeys keys() const {
    TrainingKeys keys;
    keys.layout = layout();
    keys.bootstrap.evaluation.relinearisation = random_key(p().ring(), 5, 2, {3, 5}, 1);
    keys.bootstrap.evaluation.galois.emplace(5, random_key(p().ring(), 2, 1, {2}, 2));
    for (KeySwitchKey* key : {&keys.bootstrap.small_to_sparse, &keys.bootstrap.dense_to_sparse,
                              &keys.bootstrap.sparse_to_dense, &keys.bootstrap.dense_to_small})
      *key = random_key(p().ring(), 1, 1, {1}, 3);
    const std::size_t special = p().small_ring().p_size();
    keys.products.relinearisation = random_key(p().small_ring(), 2, special, {2}, 4);
    for (const u64 g : ProductKeys::galois_elements(layout()))
      keys.products.galois.emplace(g, random_key(p().small_ring(), 2, special, {2}, g % 50));
    keys.products.pack = map_keys(ProductKeys::pack_maps(layout()));
    keys.products.unpack = map_keys(ProductKeys::unpack_maps(layout()));
    return keys;
  }

  // What was written to disk is what goes to memory, and is read from there, and from a connection.
  void same_in_memory(const std::function<void(ByteSink&)>& write,
                      const std::function<void(ByteSource&)>& read) {
    const Bytes file = load(path());
    MemorySink sink;
    write(sink);
    EXPECT_EQ(sink.bytes(), file);
    MemorySource memory(file, "'memory'");
    EXPECT_NO_THROW(read(memory));
    PiecesSource connection(file, "'connection'", false);
    EXPECT_NO_THROW(read(connection));
    fuzz(file, read);
  }

  // 150 mutations of a few bytes each, half of them where the shapes are: good or DataError.
  static void fuzz(const Bytes& file, const std::function<void(ByteSource&)>& read) {
    std::mt19937_64 random(20240817);
    for (int i = 0; i < 150; ++i) {
      Bytes mutated = file;
      for (std::uint64_t j = random() % 3 + 1; j > 0; --j) {
        const std::size_t body = mutated.size() - kHeaderBytes;
        const std::size_t shapes = 400 + to_text(tiny_parameters()->literal()).size();
        const std::size_t reach = i % 2 == 0 ? std::min(shapes, body) : body;
        const std::size_t at = kHeaderBytes + random() % reach;
        mutated[at] = static_cast<std::uint8_t>(random() % 3 == 0 ? 0xff : random());
        if (random() % 8 == 0) mutated.resize(at + 1);
        if (mutated.size() <= kHeaderBytes) break;
      }
      reseal(mutated);
      for (const bool knows_size : {true, false}) {
        PiecesSource source(mutated, "'mutated'", knows_size);
        try {
          read(source);
        } catch (const DataError&) {
        }
      }
    }
  }

  KeySet set_;
};

TEST_F(RecordsTest, Dataset) {
  const DatasetFile file = dataset();
  write_dataset(path(), set_, file);
  const DatasetFile back = read_dataset(path(), set_);
  EXPECT_EQ(back.info.layout, file.info.layout);
  const Bytes bytes = load(path());
  PiecesSource connection(bytes, "'connection'", false);
  EXPECT_EQ(scan_dataset(connection, set_).contents, back.contents);
  EXPECT_EQ(back.info.id, file.info.id);
  EXPECT_EQ(back.info.source, "");
  EXPECT_TRUE(back.info.labelled);
  ASSERT_EQ(back.data.features.size(), file.data.features.size());
  for (std::size_t i = 0; i < file.data.features.size(); ++i)
    EXPECT_TRUE(equal(back.data.features[i].c0, file.data.features[i].c0));
  ASSERT_EQ(back.data.labels.size(), file.data.labels.size());
  same_in_memory([&](ByteSink& sink) { write_dataset(sink, set_, file); },
                 [&](ByteSource& source) { read_dataset(source, set_); });
}

TEST_F(RecordsTest, DatasetOfOtherScaleOrSize) {
  DatasetFile file = dataset();
  file.data.labels[1].scale *= 2;
  write_dataset(path(), set_, file);
  EXPECT_NE(message_of([&] { read_dataset(path(), set_); }).find("labels: a scale"),
            std::string::npos);
  file = dataset();
  file.data.features.pop_back();
  write_dataset(path(), set_, file);
  EXPECT_THROW(read_dataset(path(), set_), DataError);
  file = dataset();
  file.data.features.push_back(seeded(kFeatureScale, 3));
  write_dataset(path(), set_, file);
  EXPECT_NE(message_of([&] { read_dataset(path(), set_); }).find("longer than its contents"),
            std::string::npos);
}

TEST_F(RecordsTest, Model) {
  const ModelFile file = model();
  write_model(path(), set_, file);
  const ModelFile back = read_model(path(), set_);
  EXPECT_EQ(back.training, file.training);
  EXPECT_EQ(back.data, file.data);
  ASSERT_EQ(back.model.weights.size(), file.model.weights.size());
  EXPECT_TRUE(equal(back.model.weights[0].c1, file.model.weights[0].c1));
  same_in_memory([&](ByteSink& sink) { write_model(sink, set_, file); },
                 [&](ByteSource& source) { read_model(source, set_); });
}

TEST_F(RecordsTest, Checkpoint) {
  write_checkpoint(path(), set_, layout(), DataId{4}, RunId{5}, training(3), gradients(3));
  const CheckpointFile back = read_checkpoint(path(), set_);
  EXPECT_EQ(back.training, training(3));
  EXPECT_EQ(back.data, DataId{4});
  EXPECT_EQ(back.run, RunId{5});
  EXPECT_EQ(back.gradients.size(), 3u);
  same_in_memory(
      [&](ByteSink& sink) {
        write_checkpoint(sink, set_, layout(), DataId{4}, RunId{5}, training(3), gradients(3));
      },
      [&](ByteSource& source) { read_checkpoint(source, set_); });
}

TEST_F(RecordsTest, Scores) {
  ScoresFile written = scores();
  written.trained_on = DataId{9};
  write_scores(path(), set_, written);
  const ScoresFile back = read_scores(path(), set_);
  EXPECT_EQ(back.trained_on, DataId{9});
  EXPECT_EQ(back.scores.scores.size(), layout().supers() * layout().ratio);
  EXPECT_EQ(back.circuit, circuit().name);
  EXPECT_EQ(back.training, training(2));
  same_in_memory([&](ByteSink& sink) { write_scores(sink, set_, written); },
                 [&](ByteSource& source) { read_scores(source, set_); });
}

TEST_F(RecordsTest, Round) {
  RoundFile file{RunId{3}, 7, true, model(), scores()};
  FileSink written(path());
  write_round(written, set_, file);
  FileSource round(path());
  const RoundFile back = read_round(round, set_);
  EXPECT_EQ(back.run, RunId{3});
  EXPECT_EQ(back.round, 7);
  EXPECT_TRUE(back.last);
  EXPECT_EQ(back.model.training, file.model.training);
  EXPECT_EQ(back.scores.scores.layout, file.scores.scores.layout);
  EXPECT_TRUE(equal(back.model.model.weights.back().c0, file.model.model.weights.back().c0));
  EXPECT_TRUE(equal(back.scores.scores.scores.back().c0, file.scores.scores.scores.back().c0));
  same_in_memory([&](ByteSink& sink) { write_round(sink, set_, file); },
                 [&](ByteSource& source) { read_round(source, set_); });
}

TEST_F(RecordsTest, Answer) {
  const auto answered = [&](bool stop, const RunId& run, int round) {
    FileSink sink(path());
    write_answer(sink, set_, RunId{3}, 7, stop);
    FileSource source(path());
    return read_answer(source, set_, run, round);
  };
  for (const bool stop : {false, true}) EXPECT_EQ(answered(stop, RunId{3}, 7), stop);
  const auto refused = [&](const RunId& run, int round, const char* why) {
    const std::string said = message_of([&] { answered(true, run, round); });
    EXPECT_NE(said.find(why), std::string::npos) << said;
  };
  refused(RunId{4}, 7, "another run");
  refused(RunId{3}, 8, "answers round 7, expected round 8");
  same_in_memory([&](ByteSink& sink) { write_answer(sink, set_, RunId{3}, 7, true); },
                 [&](ByteSource& source) { read_answer(source, set_, RunId{3}, 7); });
}

TEST(RecordNames, OfRounds) {
  EXPECT_EQ(round_name(1), "round-0001.enc");
  EXPECT_EQ(answer_name(kMaxRounds), "answer-9999.bit");
  for (const int none : {0, -1, kMaxRounds + 1}) EXPECT_THROW(round_name(none), ContractError);
}

// Several owners' keys, added up one at a time as they are written: the record of the whole set.
TEST_F(RecordsTest, TrainingKeysAsTheyAreMade) {
  const testing_support::JointOwners o(Parameters::create(find_parameters("InsecureJoint4")), 2);
  const Parameters& q = *o.parameters;
  const ProductLayout l = ProductLayout::create(q, 50, 6, 3, 4);
  const std::size_t rotations[] = {1, 3}, extra[] = {5};
  const BootstrapKeyShapes shapes(q, rotations, extra, 4);
  TrainingKeys whole{l, {}, {}};
  std::size_t asked = 0;
  MemorySink stream, memory;
  write_training_keys(stream, q, KeyId{9}, l, shapes, false,
                      {[&](const KeyPlan& plan) {
                         ++asked;
                         KeySwitchKey key = o.key(plan);
                         KeySwitchKey& kept = plan.small ? key_in(whole.products, plan)
                                                         : key_in(whole.bootstrap, plan);
                         kept = {key.shape, key.seed, {}, {}};
                         kept.seeded = key.seeded;
                         for (const Poly& x : key.b) kept.b.push_back(x.copy());
                         for (const Poly& x : key.a) kept.a.push_back(x.copy());
                         return key;
                       },
                       [&](const ComponentMap& map) {
                         ++asked;
                         ComponentMapKey key = o.key(map);
                         auto& kept = map.reversed ? whole.products.unpack : whole.products.pack;
                         kept.push_back({map, key.q_count, key.p_count, key.seed, {}, {}});
                         for (const Poly& x : key.b) kept.back().b.push_back(x.copy());
                         return key;
                       }});
  write_training_keys(memory, q, KeyId{9}, whole);
  EXPECT_EQ(stream.bytes(), memory.bytes());
  EXPECT_EQ(asked, 1 + 4 + 4 + 1 + whole.products.galois.size() + whole.products.pack.size() +
                       whole.products.unpack.size());
  // Of the version that has keys without a seed, and read back with them.
  MemorySource source(stream.bytes(), "'keys'");
  const KeySet set{o.parameters, make_header(FileKind::kSecretKey, q, KeyId{9}), "'secret.key'"};
  const TrainingKeys back = read_training_keys(source, set);
  EXPECT_FALSE(back.products.relinearisation.seeded);
  EXPECT_TRUE(
      equal(back.bootstrap.evaluation.relinearisation, whole.bootstrap.evaluation.relinearisation));
  EXPECT_TRUE(equal(back.products.relinearisation, whole.products.relinearisation));
  EXPECT_TRUE(equal(back.bootstrap.dense_to_small, whole.bootstrap.dense_to_small));
}

TEST_F(RecordsTest, TrainingKeys) {
  const TrainingKeys file = keys();
  write_training_keys(path(), p(), set_.header.key_id, file);
  EXPECT_EQ(read_training_keys_layout(path(), set_), layout());
  const Bytes bytes = load(path());
  PiecesSource connection(bytes, "'connection'", false);
  EXPECT_EQ(read_training_keys_layout(connection, set_), layout());
  const TrainingKeys back = read_training_keys(path(), set_);
  EXPECT_TRUE(equal(back.bootstrap.dense_to_small, file.bootstrap.dense_to_small));
  ASSERT_EQ(back.products.unpack.size(), file.products.unpack.size());
  EXPECT_EQ(back.products.unpack.back().map, file.products.unpack.back().map);
  EXPECT_TRUE(equal(back.products.unpack.back().a[1], file.products.unpack.back().a[1]));
  same_in_memory([&](ByteSink& sink) { write_training_keys(sink, p(), set_.header.key_id, file); },
                 [&](ByteSource& source) { read_training_keys(source, set_); });

  // Without seeds, as several owners' relinearisation keys are.
  TrainingKeys unseeded = keys();
  unseeded.bootstrap.evaluation.relinearisation.seeded = false;
  unseeded.products.relinearisation.seeded = false;
  write_training_keys(path(), p(), set_.header.key_id, unseeded);
  EXPECT_FALSE(read_training_keys(path(), set_).products.relinearisation.seeded);
  same_in_memory(
      [&](ByteSink& sink) { write_training_keys(sink, p(), set_.header.key_id, unseeded); },
      [&](ByteSource& source) { read_training_keys(source, set_); });

  TrainingKeys missing = keys();
  missing.products.galois.erase(missing.products.galois.begin());
  write_training_keys(path(), p(), set_.header.key_id, missing);
  EXPECT_NE(message_of([&] { read_training_keys(path(), set_); }).find("is missing"),
            std::string::npos);
}

TEST_F(RecordsTest, Contribution) {
  // 16 rows in a block: the second owner has 3 blocks of 4.
  const Arrangement a =
      arrange_rows(p(), std::vector<std::size_t>{9, 40}, 5, 3, p().small_ring().n() / 16, 2);
  const ContributionInfo info{a, 1, DataId{6}};
  const auto feature = [&](std::size_t i) { return seeded(kFeatureScale, i); };
  const auto label = [&](std::size_t i) { return seeded(kErrorScale, 1000 + i); };
  const auto write = [&](ByteSink& sink) {
    return write_contribution(sink, set_, info, feature, label);
  };
  const auto read = [&](ByteSource& source, const ContributionInfo& expected,
                        std::vector<u64>* taken = nullptr) {
    const TakeCiphertext take = [&](std::size_t i, SeededCiphertext&& c) {
      EXPECT_EQ(i, c.stream % 1000);
      if (taken) taken->push_back(c.stream);
    };
    return read_contribution(source, set_, expected, take, take);
  };
  FileSink sink(path());
  const Sha256Digest contents = write(sink);
  EXPECT_EQ(load(path()).size(), contribution_bytes(p(), info));
  FileSource file(path());
  std::vector<u64> taken;
  EXPECT_EQ(read(file, info, &taken), contents);
  ASSERT_EQ(taken.size(), a.owners[1].feature_count() + a.owners[1].label_count(a.layout));
  EXPECT_EQ(taken.back(), 1000 + a.owners[1].label_count(a.layout) - 1);
  same_in_memory([&](ByteSink& to) { write(to); },
                 [&](ByteSource& from) {
                   read_contribution(
                       from, set_, info, [](auto, auto&&) {}, [](auto, auto&&) {});
                 });

  // Nothing but what the arrangement says.
  const Bytes bytes = load(path());
  const auto refused = [&](const ContributionInfo& expected, const std::string& why) {
    MemorySource source(bytes, "'data'");
    const std::string said = message_of([&] { read(source, expected); });
    EXPECT_NE(said.find(why), std::string::npos) << said;
  };
  refused({a, 0, DataId{6}}, "the owner's number: 1, expected 0");
  refused({a, 1, DataId{7}}, "another study or session");
  Arrangement other = a;
  other.layout.classes = 2;
  refused({other, 1, DataId{6}}, "another layout");
  other = a;
  other.owners[1].rows = 39;
  refused({other, 1, DataId{6}}, "rows: 40, expected 39");
  other = a;
  other.owners[1].labels = false;
  refused({other, 1, DataId{6}}, "the flag for labels");
}

TEST_F(RecordsTest, ContributionOfAnotherScale) {
  const Arrangement a = arrange_rows(p(), std::vector<std::size_t>{9, 9}, 5, 3, 4, 2);
  const ContributionInfo info{a, 0, DataId{6}};
  for (const bool labels : {false, true}) {
    MemorySink sink;
    write_contribution(
        sink, set_, info,
        [&](std::size_t i) { return seeded(labels ? kFeatureScale : kFeatureScale / 2, i); },
        [&](std::size_t i) { return seeded(labels ? 2 * kErrorScale : kErrorScale, i); });
    MemorySource source(sink.bytes(), "'data'");
    const auto take = [](std::size_t, SeededCiphertext&&) {};
    const std::string said = message_of([&] { read_contribution(source, set_, info, take, take); });
    EXPECT_NE(
        said.find(labels ? "labels: a ciphertext of scale" : "features: a ciphertext of scale"),
        std::string::npos)
        << said;
  }
}

TEST_F(RecordsTest, Sums) {
  const ParametersPtr q = Parameters::create(find_parameters("InsecureJoint4"));
  const KeySet set{q, make_header(FileKind::kSecretKey, *q, KeyId{9}), "'secret.key'"};
  const SumsShape shape = sums_shape(*q, 1000, q->small_ring().n() + 1);
  std::vector<SeededCiphertext> own(2);
  for (std::size_t i = 0; i < 2; ++i) {
    own[i].c0 = random_poly(q->small_ring(), 2, 0, i);
    own[i].scale = shape.scale(*q);
  }
  Sha256Digest contents{};
  FileSink one(path());
  const Sha256Digest written = write_owner_sums(one, set, DataId{1}, 2, shape, own);
  FileSource file(path());
  EXPECT_TRUE(equal(read_owner_sums(file, set, DataId{1}, 2, shape, contents)[1].c0, own[1].c0));
  EXPECT_EQ(contents, written);
  same_in_memory(
      [&](ByteSink& sink) { write_owner_sums(sink, set, DataId{1}, 2, shape, own); },
      [&](ByteSource& source) { read_owner_sums(source, set, DataId{1}, 2, shape, contents); });
  const Bytes bytes = load(path());
  const auto refused = [&](std::size_t owner, const DataId& data, const SumsShape& expected,
                           const std::string& why) {
    MemorySource source(bytes, "'sums'");
    const std::string said =
        message_of([&] { read_owner_sums(source, set, data, owner, expected, contents); });
    EXPECT_NE(said.find(why), std::string::npos) << said;
  };
  refused(1, DataId{1}, shape, "the owner's number: 2, expected 1");
  refused(2, DataId{2}, shape, "another study");
  refused(2, DataId{1}, sums_shape(*q, 999, shape.numbers), "rows: 1000, expected 999");
  refused(2, DataId{1}, sums_shape(*q, 1000, shape.numbers - 1), "numbers: ");
}

TEST_F(RecordsTest, SealedShare) {
  const CiphertextShape shape{2, 2, 1};
  std::vector<Poly> polynomials;
  for (std::size_t i = 0; i < 2; ++i) polynomials.push_back(random_poly(p().small_ring(), 2, 0, i));
  const std::vector<std::uint8_t> content = share_content(polynomials, 0.25);
  ASSERT_EQ(content.size(), share_content_bytes(p(), shape));
  double noise = 0;
  const std::vector<Poly> back = share_of_content(p(), shape, content, noise, "'share'");
  EXPECT_EQ(noise, 0.25);
  EXPECT_TRUE(equal(back[1], polynomials[1]));
  const auto refused = [&](auto change, const CiphertextShape& expected, const std::string& why) {
    std::vector<std::uint8_t> changed = content;
    change(changed);
    const std::string said =
        message_of([&] { share_of_content(p(), expected, changed, noise, "'share'"); });
    EXPECT_NE(said.find(why), std::string::npos) << said;
  };
  refused([](auto&) {}, {1, 2, 1}, "another size");
  refused([](auto& c) { c.pop_back(); }, shape, "another size");
  refused([](auto& c) { c[7] |= 0x80; }, shape, "without noise");
  refused(
      [](auto& c) {
        c.back() = 0xff, c[c.size() - 2] = 0xff, c[c.size() - 3] = 0xff, c[c.size() - 4] = 0xff,
        c[c.size() - 5] = 0xff, c[c.size() - 6] = 0xff;
      },
      shape, "not below its prime");

  SealedShare share;
  share.ephemeral = {1};
  share.receivers = {{{2}, {3}}, {{4}, {5}}};
  share.bytes.assign(content.size() + 16, 7);
  FileSink sink(path());
  write_sealed_share(sink, set_, share);
  FileSource file(path());
  Sha256Digest contents{};
  const SealedShare read = read_sealed_share(file, set_, content.size(), contents);
  EXPECT_EQ(read.ephemeral, share.ephemeral);
  ASSERT_EQ(read.receivers.size(), 2u);
  EXPECT_EQ(read.receivers[1].wrapped, share.receivers[1].wrapped);
  EXPECT_EQ(read.bytes, share.bytes);
  same_in_memory(
      [&](ByteSink& to) { write_sealed_share(to, set_, share); },
      [&](ByteSource& from) { read_sealed_share(from, set_, content.size(), contents); });
  FileSource longer(path());
  EXPECT_NE(message_of([&] {
              read_sealed_share(longer, set_, content.size() - 8, contents);
            }).find("a share of"),
            std::string::npos);
}

TEST_F(RecordsTest, SealedSharesForAsManyAsMayBe) {
  SealedShare share;
  share.receivers.resize(kMostReceivers);
  share.bytes.resize(16);
  MemorySink sink;
  write_sealed_share(sink, set_, share);
  const auto read = [&](ByteSource&& source) {
    Sha256Digest contents{};
    EXPECT_EQ(read_sealed_share(source, set_, 0, contents).receivers.size(), kMostReceivers);
  };
  read(MemorySource(sink.bytes(), "'share'"));
  share.receivers.emplace_back();
  MemorySink none;
  EXPECT_THROW(write_sealed_share(none, set_, share), ContractError);
  // Of another writer: the same with a receiver more.
  MemorySink more;
  ContainerWriter out(more, make_header(FileKind::kSealedShare, p(), set_.header.key_id));
  out.begin_section(section_tag("BOXK"));
  out.bytes(share.ephemeral);
  out.number(static_cast<std::uint16_t>(share.receivers.size()));
  out.bytes(Bytes(share.receivers.size() * sizeof(SealedShare::Receiver)));
  out.commit();
  EXPECT_EQ(message_of([&] { read(MemorySource(more.bytes(), "'share'")); }),
            "'share': the number of receivers is 18, expected 1 to 17");
}

TEST_F(RecordsTest, SumsOverAsManyRowsAsMayBe) {
  const ParametersPtr q = Parameters::create(find_parameters("InsecureJoint4"));
  const KeySet set{q, make_header(FileKind::kSecretKey, *q, KeyId{9}), "'secret.key'"};
  const SumsShape shape = sums_shape(*q, UINT32_MAX, 1);
  std::vector<SeededCiphertext> own(1);
  own[0].c0 = random_poly(q->small_ring(), 2, 0, 0);
  own[0].scale = shape.scale(*q);
  MemorySink sink;
  write_owner_sums(sink, set, DataId{1}, 0, shape, own);
  MemorySource source(sink.bytes(), "'sums'");
  Sha256Digest contents{};
  EXPECT_EQ(read_owner_sums(source, set, DataId{1}, 0, shape, contents).size(), 1u);
  EXPECT_THROW((void)sums_shape(*q, std::uint64_t{1} << 32, 1), ContractError);
}

TEST_F(RecordsTest, OtherKeys) {
  write_model(path(), set_, model());
  KeySet others = set_;
  others.header.key_id = KeyId{8};
  EXPECT_NE(message_of([&] { read_model(path(), others); }).find("but 'secret.key' to the keys"),
            std::string::npos);
}

}  // namespace
}  // namespace blindtuner::testing_support
