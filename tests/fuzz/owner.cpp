#include "owner.h"

#include "learn/result_shape.h"
#include "records/answer.h"
#include "records/dataset.h"
#include "records/model.h"
#include "records/round.h"
#include "records/scores.h"
#include "secret/dataset_encryption.h"
#include "secret/encryption.h"
#include "transport/folder/folder_channel.h"

namespace blindtuner::fuzz {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kSamples = 20, kFeatures = 2, kClasses = 2;

OwnerKeys fixed_keys() {
  ParametersPtr p = Parameters::create(find_parameters("InsecureTest10"));
  Prng prng(Seed{1});
  SecretKey big = SecretKey::generate(p->ring(), p->hardness(), prng);
  SecretKey small = SecretKey::generate(p->small_ring(), p->small_hardness(), prng);
  SecretKey sparse = SecretKey::generate(p->ring(), p->sparse_hardness(), prng);
  const ProductLayout layout = ProductLayout::create(*p, kSamples, kFeatures + 1, kClasses, 4);
  return {{std::move(p), std::move(big), std::move(small), std::move(sparse)}, kKeyId, layout};
}

}  // namespace

Owner::Owner() : folder_{fixed_keys(), {}, scratch()} {
  const ParametersPtr& p = keys().secrets.parameters;
  folder_.set = {p, make_header(FileKind::kSecretKey, *p, kKeyId), "'secret.key'"};
  training_.steps = 1;
  training_.config.classes = kClasses;
  training_.config.steps = 2;
  training_.config.validation_every = 1;
  training_.circuit = find_circuit({}, kClasses).name;
}

const Owner& Owner::instance() {
  static const Owner made;
  return made;
}

DatasetFile Owner::dataset(bool labelled) const {
  const std::vector<float> x(kSamples * kFeatures);
  Labels labels;
  for (std::size_t i = 0; labelled && i < kSamples; ++i) labels.push_back(i % 2);
  DatasetFile file;
  file.info = {layout(), {}, labelled, ""};
  file.data = encrypt_dataset(keys().secrets, layout(), x, labels);
  return file;
}

ModelFile Owner::model() const {
  ModelFile file;
  file.model.layout = layout();
  file.training = training_;
  file.model.weights = zeros(model_shape(parameters(), layout(), circuit_named(training_.circuit)));
  return file;
}

ScoresFile Owner::scores() const {
  ScoresFile file;
  file.scores.layout = layout();
  file.circuit = training_.circuit;
  file.trained_on = DataId{};
  file.training = training_;
  file.scores.scores = zeros(score_shape(parameters(), layout(), circuit_named(training_.circuit)));
  return file;
}

std::vector<std::vector<Ciphertext>> Owner::gradients() const {
  std::vector<std::vector<Ciphertext>> out;
  out.push_back(zeros(gradient_shape(layout())));
  return out;
}

std::vector<Ciphertext> Owner::zeros(const CiphertextShape& shape) const {
  std::vector<Ciphertext> out(shape.count);
  for (Ciphertext& c : out) {
    c.c0 = Poly::zero(parameters().small_ring(), shape.q_count, 0, Domain::kNtt);
    c.c1 = Poly::zero(parameters().small_ring(), shape.q_count, 0, Domain::kNtt);
    c.scale = shape.scale;
  }
  return out;
}

Disclosure fresh_door() {
  Disclosure door(owner().keys(), owner().folder().folder);
  fs::remove(door.ledger().path());
  return door;
}

ValidatorOptions Validation::options() const {
  return {std::make_shared<FolderChannel>(exchange, "owner"),
          data,
          out,
          3,
          0,
          {},
          {.unrecorded_data = true}};
}

const Validation& validation() {
  static const Validation made = [] {
    const Validation v = {scratch() / "exchange", scratch() / "validation.enc",
                          scratch() / "best.enc"};
    fs::create_directory(v.exchange);
    write_dataset(v.data, owner().set(), owner().dataset(true));
    return v;
  }();
  return made;
}

void Validation::clear() const {
  for (const fs::path& path : {out, Validator::record_path(out), exchange / round_name(1),
                               exchange / answer_name(1), fresh_door().ledger().path()})
    fs::remove(path);
}

fs::path sealed_file(FileKind kind, Bytes bytes) {
  return scratch_file("file.enc", seal(make_header(kind, owner().parameters(), kKeyId), bytes));
}

void seed(const fs::path& folder, const std::string& name,
          const std::function<void(const fs::path&)>& write) {
  const fs::path path = scratch() / "seed";
  write(path);
  write_whole(folder / name, unseal(read_whole(path)));
}

}  // namespace blindtuner::fuzz
