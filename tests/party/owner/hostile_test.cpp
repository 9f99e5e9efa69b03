// Hostile but well-formed: files with good checksums, of the owner's keys and of the right kind, that
// an honest server never writes. Each must be refused, before anything is computed from it.
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "ckks/encoder.h"
#include "io/file_stream.h"
#include "io/io_fixture.h"
#include "learn/encrypted_trainer.h"
#include "learn/result_shape.h"
#include "party/owner/opening.h"
#include "records/checkpoint.h"
#include "records/dataset.h"
#include "records/model.h"
#include "records/scores.h"
#include "secret/dataset_encryption.h"
#include "secret/encryption.h"

namespace blindtuner::testing_support::hostile_test {
using namespace party;
namespace {

constexpr std::size_t kSamples = 70, kFeatures = 5, kClasses = 3;
constexpr int kSteps = 2;

std::vector<Ciphertext> copies(const std::vector<Ciphertext>& all) {
  std::vector<Ciphertext> out;
  for (const Ciphertext& c : all) out.push_back(c.copy());
  return out;
}

/// One owner with its keys, its data and an honest run of four steps, of which two are done.
struct Honest {
  OwnerFolder owner;
  DatasetFile data;
  TrainingState training;
  ModelFile model;
  ScoresFile scores;
  std::vector<std::vector<Ciphertext>> gradients;

  static const Honest& instance() {
    static const Honest run;
    return run;
  }
  const Parameters& p() const { return *owner.set.parameters; }
  const ProductLayout& layout() const { return data.info.layout; }
  const HeadCircuit& circuit() const { return circuit_named(training.circuit); }

 private:
  Honest()
      : owner{{SecretKeys::generate(Parameters::create(find_parameters("InsecureTest10"))),
               fresh_key_id()},
              {},
              {}} {
    const ParametersPtr parameters = owner.keys.secrets.parameters;
    owner.set = {parameters, make_header(FileKind::kSecretKey, *parameters, owner.keys.id),
                 "'secret.key'"};
    owner.keys.layout = ProductLayout::create(*parameters, kSamples, kFeatures + 1, kClasses, 4);
    std::vector<float> features;
    std::vector<int> labels;
    std::mt19937_64 random(5);
    for (std::size_t i = 0; i < kSamples; ++i) {
      labels.push_back(static_cast<int>(i % kClasses));
      for (std::size_t j = 0; j < kFeatures; ++j)
        features.push_back(static_cast<float>(random() % 1000) / 500 - 1 +
                           static_cast<float>(j == i % kClasses));
    }
    data.info = {owner.keys.layout.value(), fresh_key_id(), true, ""};
    data.data = encrypt_dataset(owner.keys.secrets, owner.keys.layout.value(), features, labels);
    training.config.classes = kClasses;
    training.config.batch_size = 64;
    training.config.steps = 4;
    training.config.learning_rate = 1;
    training.circuit = find_circuit({.range = 12}, kClasses).name;
    const Bootstrapper bootstrapper(
        parameters,
        EncryptedTrainer::bootstrap_shape(*parameters, owner.keys.layout.value(), training.config));
    const TrainingKeys keys =
        make_training_keys(owner.keys.secrets, bootstrapper, owner.keys.layout.value());
    EncryptedTrainer trainer(parameters, bootstrapper, data.data, keys, training.config, circuit());
    while (trainer.done() < kSteps) trainer.step();
    training.steps = kSteps;
    model = {trainer.model(), data.info.id, training};
    scores = {predict(parameters, model.model, data.data, keys), data.info.id, training.circuit,
              training};
    for (const auto& gradient : trainer.gradients()) gradients.push_back(copies(gradient));
  }
};

/// What the hostile server may choose.
struct Forged {
  FileKind kind = FileKind::kModel;
  ProductLayout layout;
  DataId data{};
  std::string config;
  std::uint32_t steps = 0;
  std::string circuit;
  std::vector<Ciphertext> ciphertexts;
};

class Hostile : public IoTest {
 protected:
  static const Honest& run() { return Honest::instance(); }

  static Forged model() {
    const Honest& r = run();
    return {FileKind::kModel,
            r.layout(),
            r.data.info.id,
            to_json(r.training.config).dump(),
            kSteps,
            r.training.circuit,
            copies(r.model.model.weights)};
  }
  static Forged scores() {
    Forged out = model();
    out.kind = FileKind::kScores;
    out.ciphertexts = copies(run().scores.scores.scores);
    return out;
  }

  /// The sections of files.h, and no check of anything.
  void write_forged(const Forged& f) const {
    FileSink sink(path());
    ContainerWriter out(sink, make_header(f.kind, run().p(), run().owner.keys.id));
    out.begin_section(section_tag("LAYT"));
    write(out, f.layout);
    out.bytes(f.data);
    out.begin_section(section_tag("TRAI"));
    out.number(f.steps);
    out.text(f.config);
    out.text(f.circuit);
    out.begin_section(f.kind == FileKind::kModel ? section_tag("WGHT") : section_tag("SCOR"));
    for (const Ciphertext& c : f.ciphertexts) write(out, run().p(), c);
    out.commit();
  }
  std::string said(const Forged& f) const {
    write_forged(f);
    return message_of([&] {
      Disclosure door = this->door();
      if (f.kind == FileKind::kModel)
        open_weights(door, open_model(path(), run().owner), {"it", "", "", 0});
      else
        open_logits(door, open_scores(path(), run().owner), {"it", "", "", 0});
    });
  }
  bool untrusted(const Forged& f) const {
    write_forged(f);
    Disclosure door = this->door();
    try {
      open_weights(door, open_model(path(), run().owner), {"it", "", "", 0});
    } catch (const UntrustedResult&) {
      return true;
    } catch (const DataError&) {
    }
    return false;
  }
  Disclosure door() const { return {run().owner.keys, path().parent_path()}; }
  void refused(const Forged& f, const std::string& why, const std::string& what) const {
    const std::string message = said(f);
    EXPECT_NE(message.find(why), std::string::npos) << what << ": said '" << message << "'";
  }

  /// Features or labels, with other scales and levels than they have.
  static std::vector<Ciphertext> taken(const std::vector<SeededCiphertext>& from,
                                       const CiphertextShape& shape, bool honest_scale = false) {
    std::vector<Ciphertext> out;
    for (std::size_t i = 0; i < shape.count; ++i) {
      out.push_back(from[i % from.size()].expand());
      out.back().drop_to(shape.q_count);
      if (!honest_scale) out.back().scale = shape.scale;
    }
    return out;
  }
};

TEST_F(Hostile, HonestFilesAreOpened) {
  EXPECT_EQ(said(model()), "");
  EXPECT_EQ(said(scores()), "");
}

TEST_F(Hostile, Scale) {
  for (const bool of_model : {true, false})
    for (const double factor : {0.5, 2.0, 1 + 0x1p-52, 0x1p-60, 0x1p20, -1.0}) {
      Forged f = of_model ? model() : scores();
      for (Ciphertext& c : f.ciphertexts) c.scale *= factor;
      refused(f, "scale", "all scales times " + std::to_string(factor));
      f = of_model ? model() : scores();
      f.ciphertexts.back().scale *= factor;
      refused(f, "scale", "the last scale times " + std::to_string(factor));
    }
  // The case that gave the key away: a tiny scale, so that noise added to the weights is nothing.
  for (const double scale :
       {0x1p-20, 0.0, -0.0, -0x1p40, std::nan(""), HUGE_VAL, -HUGE_VAL, 5e-324})
    for (const bool of_model : {true, false}) {
      Forged f = of_model ? model() : scores();
      for (Ciphertext& c : f.ciphertexts) c.scale = scale;
      refused(f, "scale", "a scale of " + std::to_string(scale));
    }
}

TEST_F(Hostile, CircuitOfAnotherScale) {
  Forged f = model();
  f.circuit = find_circuit({.family = "wide"}, kClasses).name;
  refused(f, "scale", "another circuit");
  f.kind = FileKind::kScores;
  f.ciphertexts = scores().ciphertexts;
  refused(f, "scale", "another circuit");
  f.circuit = "default_c3_r13";
  refused(f, "no circuit", "a circuit that is not there");
}

TEST_F(Hostile, Level) {
  Forged f = model();
  f.ciphertexts[0].drop_to(1);
  refused(f, "level", "a model of one prime");
  f = scores();
  f.ciphertexts = taken(run().data.data.labels, score_shape(run().p(), f.layout, run().circuit()));
  for (std::size_t i = 0; i < f.ciphertexts.size(); ++i) {
    f.ciphertexts[i] = run().data.data.labels[i].expand();
    f.ciphertexts[i].scale = run().scores.scores.scores[0].scale;
  }
  refused(f, "level", "scores of two primes");
}

TEST_F(Hostile, Layout) {
  const Parameters& p = run().p();
  const ProductLayout& l = run().layout();
  const auto with = [&](std::size_t features, std::size_t classes, std::size_t width) {
    Forged f = model();
    f.layout = ProductLayout::create(p, l.samples, features, classes, width);
    f.ciphertexts.resize(1);
    while (f.ciphertexts.size() < f.layout.packs())
      f.ciphertexts.push_back(f.ciphertexts[0].copy());
    if (classes != l.classes) {
      TrainingConfig config = run().training.config;
      config.classes = static_cast<int>(classes);
      f.config = to_json(config).dump();
      f.circuit = find_circuit({.range = 12}, static_cast<int>(classes)).name;
      for (Ciphertext& c : f.ciphertexts)
        c.scale = model_shape(p, f.layout, circuit_named(f.circuit)).scale;
    }
    return f;
  };
  refused(with(l.features + 1, l.classes, l.width), "the keys were made for", "features");
  refused(with(l.features - 1, l.classes, l.width), "the keys were made for", "features");
  refused(with(l.features, l.classes + 1, l.width), "the keys were made for", "classes");
  refused(with(l.features, l.classes - 1, l.width), "the keys were made for", "classes");
  refused(with(l.features, l.classes, 2 * l.width), "the keys were made for", "width");
}

TEST_F(Hostile, KindRelabelled) {
  const Parameters& p = run().p();
  const CiphertextShape weights = model_shape(p, run().layout(), run().circuit());
  const CiphertextShape logits = score_shape(p, run().layout(), run().circuit());
  // Everything else of these keys that has a model's level: refused by its scale, and where the scale
  // lies, by what it decrypts to.
  Forged f = model();
  f.ciphertexts = taken(run().data.data.features, weights, true);
  refused(f, "scale", "features as a model");
  f.ciphertexts = taken(run().data.data.features, weights);
  refused(f, "not what this training", "features as a model, of its scale");
  f.ciphertexts = taken(run().data.data.labels, weights);
  refused(f, "not what this training", "labels as a model, of its scale");
  f.ciphertexts = copies(run().gradients[0]);
  refused(f, "scale", "a checkpoint's gradient as a model");
  f.ciphertexts = copies(run().scores.scores.scores);
  f.ciphertexts.resize(weights.count);
  refused(f, "level", "scores as a model");

  f = scores();
  f.ciphertexts = taken(run().data.data.features, logits, true);
  refused(f, "scale", "features as scores");
  f.ciphertexts = taken(run().data.data.features, logits);
  refused(f, "not what this training", "features as scores, of their scale and level");
  f.ciphertexts.clear();
  for (std::size_t i = 0; i < logits.count; ++i) {
    f.ciphertexts.push_back(run().model.model.weights[0].copy());
    f.ciphertexts.back().drop_to(1);
  }
  refused(f, "scale", "a model as scores");
  for (Ciphertext& c : f.ciphertexts) c.scale = logits.scale;
  refused(f, "not what this training", "a model as scores, of their scale");

  // A file of one kind as another, whole.
  write_model(path(), run().owner.set, run().model);
  EXPECT_NE(message_of([&] { open_scores(path(), run().owner); }).find("expected"),
            std::string::npos);
}

TEST_F(Hostile, SecondHalfReplaced) {
  const Ring& ring = run().p().small_ring();
  for (const bool of_model : {true, false}) {
    const auto forged = [&] { return of_model ? model() : scores(); };
    const std::size_t q_count = of_model ? 2 : 1;
    Forged f = forged();
    for (Ciphertext& c : f.ciphertexts) c.c1 = random_poly(ring, q_count, 0, 7);
    refused(f, "not what this training", "c1 random");
    f = forged();
    for (Ciphertext& c : f.ciphertexts) c.c1 = c.c0.copy();
    refused(f, "not what this training", "c1 = c0");
    f = forged();
    for (Ciphertext& c : f.ciphertexts) c.c1 = Poly::zero(ring, q_count, 0, Domain::kNtt);
    refused(f, "not what this training", "c1 = 0");
    // c0 + c1 s + K s: the secret's coefficients on top of the weights, one apiece. A hundredth of a
    // weight is no less of a key.
    for (const auto& [part, name] : {std::pair{1.0, "c1 + K"}, std::pair{128.0, "c1 + K / 128"}}) {
      f = forged();
      for (Ciphertext& c : f.ciphertexts) {
        Poly one = monomial(ring, 0, q_count, 0);
        mul_integer_inplace(one, static_cast<std::int64_t>(c.scale / 0x1p30 / part));
        mul_integer_inplace(one, std::int64_t{1} << 30);
        add_inplace(c.c1, one);
      }
      refused(f, "not what this training", name);
    }
  }
}

TEST_F(Hostile, WeightsBeyondWhatTrainingMakes) {
  // Only the owner could make these; a run that has left the softmax' range comes near them.
  const Ring& ring = run().p().small_ring();
  const auto with = [&](std::size_t feature, double value) {
    Forged f = model();
    std::vector<double> x(ring.n(), 0.0);
    const auto place = run().layout().weight_place(0, feature);
    x[place.coefficient] = value;
    Poly message = encode_coefficients(ring, x, 0x1p20, 2);
    const double scale = f.ciphertexts[0].scale;
    mul_integer_inplace(message, static_cast<std::int64_t>(scale * 0x1p-20));
    f.ciphertexts[place.pack] =
        encrypt(std::move(message), scale, run().owner.keys.secrets.small, fresh_seed(), 0)
            .expand();
    return f;
  };
  EXPECT_EQ(said(with(1, 3)), "");
  refused(with(1, 0x1p20), "larger than the rates allow", "a weight of 2^20");
  refused(with(kFeatures + 1, 3), "numbers in padding", "a weight of a feature that only fills up");
  // These a diverged training leaves, too; numbers where there are none, nothing but a forgery.
  EXPECT_TRUE(untrusted(with(1, 0x1p20)));
  EXPECT_TRUE(untrusted(with(kFeatures + 1, 3)));
  Forged f = model();
  f.ciphertexts[0].c1 = f.ciphertexts[0].c0.copy();
  refused(f, "numbers where there are none", "c1 = c0");
  EXPECT_FALSE(untrusted(f));
}

TEST_F(Hostile, Training) {
  const auto with = [&](auto change) {
    Forged f = model();
    TrainingConfig config = run().training.config;
    change(config);
    f.config = to_json(config).dump();
    return f;
  };
  for (const bool of_model : {true, false}) {
    const auto refused_as = [&](Forged f, const std::string& why) {
      if (!of_model) {
        f.kind = FileKind::kScores;
        f.ciphertexts = scores().ciphertexts;
      }
      refused(f, why, why);
    };
    refused_as(with([](TrainingConfig& c) { c.classes = 4; }), "4 classes");
    refused_as(with([](TrainingConfig& c) { c.learning_rate = -1; }), "learning_rate");
    refused_as(with([](TrainingConfig& c) { c.momentum = 2; }), "momentum");
    Forged f = model();
    f.steps = 0;
    refused_as(std::move(f), "steps");
    f = model();
    f.steps = 1u << 31;
    refused_as(std::move(f), "steps");
    f = model();
    f.config = "{}";
    refused_as(std::move(f), "classes");
  }
  refused(with([](TrainingConfig& c) { c.batch_size = 33; }), "not a multiple", "batches");
  Forged f = model();
  f.steps = 5;
  refused(f, "after 5 steps, its configuration has 4", "steps");
  // The rate says what weights can be.
  refused(with([](TrainingConfig& c) { c.learning_rate = 1e-9; }), "not what this training",
          "another rate");
}

TEST_F(Hostile, Labels) {
  const Honest& r = run();
  const auto said_of = [&](const std::function<void(EncryptedDataset&)>& change) {
    EncryptedDataset data;
    data.layout = r.layout();
    for (const SeededCiphertext& c : r.data.data.labels)
      data.labels.push_back({c.c0.copy(), c.seed, c.stream, c.scale});
    change(data);
    return message_of([&] { door().open_labels(data, {}); });
  };
  EXPECT_EQ(said_of([](EncryptedDataset&) {}), "");
  const std::string swapped = said_of([&](EncryptedDataset& d) {
    const SeededCiphertext& c = r.data.data.features[0];
    d.labels[0] = {c.c0.copy(), c.seed, c.stream, d.labels[0].scale};
  });
  EXPECT_NE(swapped, "");
  EXPECT_NE(said_of([](EncryptedDataset& d) { add_inplace(d.labels[0].c0, d.labels[0].c0); }), "");
}

TEST_F(Hostile, Checkpoint) {
  const Honest& r = run();
  const auto write_and_read = [&](double factor, std::uint32_t steps) {
    FileSink sink(path());
    ContainerWriter out(sink, make_header(FileKind::kCheckpoint, r.p(), r.owner.keys.id));
    out.begin_section(section_tag("LAYT"));
    write(out, r.layout());
    out.bytes(r.data.info.id);
    out.begin_section(section_tag("TRAI"));
    out.number(steps);
    out.text(to_json(r.training.config).dump());
    out.text(r.training.circuit);
    out.begin_section(section_tag("GRAD"));
    for (std::uint32_t s = 0; s < steps; ++s)
      for (const Ciphertext& c : r.gradients[s % r.gradients.size()]) {
        Ciphertext lied = c.copy();
        lied.scale *= factor;
        write(out, r.p(), lied);
      }
    out.begin_section(section_tag("RUN."));
    out.bytes(RunId{3});
    out.number(std::uint32_t{0});
    out.commit();
    return message_of([&] { read_checkpoint(path(), r.owner.set); });
  };
  EXPECT_EQ(write_and_read(1, 2), "");
  EXPECT_NE(write_and_read(2, 2).find("scale"), std::string::npos);
  EXPECT_NE(write_and_read(1, 5).find("after 5 steps"), std::string::npos);
}

// Scores of earlier programs do not say which circuit they are for.
TEST_F(Hostile, ScoresOfEarlierPrograms) {
  const Honest& r = run();
  const auto said_of = [&](double factor) {
    FileSink sink(path());
    ContainerWriter out(sink, make_header(FileKind::kScores, r.p(), r.owner.keys.id));
    out.begin_section(section_tag("LAYT"));
    write(out, r.layout());
    out.bytes(r.data.info.id);
    out.begin_section(section_tag("SCOR"));
    for (const Ciphertext& c : r.scores.scores.scores) {
      Ciphertext lied = c.copy();
      lied.scale *= factor;
      write(out, r.p(), lied);
    }
    out.commit();
    return message_of([&] {
      const ScoresFile file = open_scores(path(), r.owner);
      EXPECT_FALSE(file.training);
      Disclosure door = this->door();
      open_logits(door, file, {"it", "", "", 0});
    });
  };
  EXPECT_EQ(said_of(1), "");
  EXPECT_NE(said_of(0x1p-20).find("scale"), std::string::npos);
  EXPECT_NE(said_of(1.01).find("scale"), std::string::npos);
}

}  // namespace
}  // namespace blindtuner::testing_support::hostile_test
