// Files that pass between owner and server, and the owner's own.
#include <algorithm>
#include <functional>

#include "app/common/files.h"
#include "app/owner/opening.h"
#include "app/owner/steps.h"
#include "app/owner/validator.h"
#include "base/error.h"
#include "container.h"
#include "data/file_bytes.h"
#include "secret/dataset_encryption.h"
#include "secret/product_keygen.h"
#include "train/encrypted_trainer.h"
#include "train/result_shape.h"

namespace blindtuner::fuzz {
namespace {

namespace fs = std::filesystem;

constexpr KeyId kKeyId = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
constexpr RunId kRun = {7};
constexpr std::size_t kSamples = 20, kFeatures = 2, kClasses = 2;

/// One owner's keys, as small as they come, and files made under them.
struct Owner {
  Owner()
      : folder{
            {SecretKeys::generate(Parameters::create(find_parameters("InsecureTest10"))), kKeyId},
            {},
            {}} {
    const ParametersPtr& p = folder.keys.secrets.parameters;
    folder.set = {p, make_header(FileKind::kSecretKey, *p, kKeyId), "'secret.key'"};
    folder.layout = ProductLayout::create(*p, kSamples, kFeatures + 1, kClasses, 4);
    training.steps = 1;
    training.config.classes = kClasses;
    training.circuit = find_softmax_circuit("default", kClasses, 0).name;
  }

  DatasetFile dataset(bool labelled) const {
    const std::vector<float> x(kSamples * kFeatures);
    Labels labels;
    for (std::size_t i = 0; labelled && i < kSamples; ++i) labels.push_back(i % 2);
    DatasetFile file;
    file.info = {folder.layout, {}, labelled, "x"};
    file.data = encrypt_dataset(folder.keys.secrets, folder.layout, x, labels);
    return file;
  }
  const SoftmaxCircuit& circuit() const { return softmax_circuit_named(training.circuit); }
  ModelFile model() const {
    ModelFile file;
    file.model.layout = folder.layout;
    file.training = training;
    file.model.weights = zeros(model_shape(parameters(), folder.layout, circuit()));
    return file;
  }
  ScoresFile scores() const {
    ScoresFile file;
    file.scores.layout = folder.layout;
    file.circuit = training.circuit;
    file.training = training;
    file.trained_on = DataId{};
    file.scores.scores = zeros(score_shape(parameters(), folder.layout, circuit()));
    return file;
  }
  std::vector<std::vector<Ciphertext>> gradients() const {
    std::vector<std::vector<Ciphertext>> out;
    out.push_back(zeros(gradient_shape(folder.layout)));
    return out;
  }
  const Parameters& parameters() const { return *folder.keys.secrets.parameters; }
  std::vector<Ciphertext> zeros(const CiphertextShape& shape) const {
    std::vector<Ciphertext> out(shape.count);
    for (Ciphertext& c : out) {
      c.c0 = Poly::zero(parameters().small_ring(), shape.q_count, 0, Domain::kNtt);
      c.c1 = Poly::zero(parameters().small_ring(), shape.q_count, 0, Domain::kNtt);
      c.scale = shape.scale;
    }
    return out;
  }

  OwnerFolder folder;
  TrainingState training;
};

const Owner& owner() {
  static const Owner made;
  return made;
}
const KeySet& set() { return owner().folder.set; }
const Parameters& parameters() { return *set().parameters; }

/// The container of this kind that holds the target's bytes.
fs::path sealed_file(FileKind kind, Bytes bytes) {
  return scratch_file("file.enc", seal(make_header(kind, parameters(), kKeyId), bytes));
}

void seed(const fs::path& folder, const std::string& name,
          const std::function<void(const fs::path&)>& write) {
  const fs::path path = scratch() / "seed";
  write(path);
  write_whole(folder / name, unseal(read_whole(path)));
}

// What `inspect` and every reader do first; here digests are wrong, too.
void container(Bytes bytes) {
  FileReader in(scratch_file("file.enc", bytes));
  (void)scan_sections(in);
  (void)load_parameters(in, true);
}
void seed_container(const fs::path& folder) {
  write_answer(folder / "answer", set(), kRun, 1, true);
}

void secret_key(Bytes bytes) {
  (void)read_secret_key(sealed_file(FileKind::kSecretKey, bytes), true);
}
void seed_secret_key(const fs::path& folder) {
  seed(folder, "key", [](const fs::path& path) { write_secret_key(path, owner().folder.keys); });
}

void dataset(Bytes bytes) {
  const DatasetFile file = read_dataset(sealed_file(FileKind::kDataset, bytes), set());
  EncryptedTrainer::check(parameters(), file.data.layout, owner().training.config,
                          softmax_circuit_named(owner().training.circuit));
  (void)decrypt_labels(owner().folder.keys.secrets, file.data);
}
void seed_dataset(const fs::path& folder) {
  seed(folder, "labelled",
       [](const fs::path& path) { write_dataset(path, set(), owner().dataset(true)); });
  seed(folder, "unlabelled",
       [](const fs::path& path) { write_dataset(path, set(), owner().dataset(false)); });
}

void model(Bytes bytes) {
  const ModelFile file = read_model(sealed_file(FileKind::kModel, bytes), set());
  (void)decrypt_classifier(owner().folder.keys, file, "model");
}
void seed_model(const fs::path& folder) {
  seed(folder, "model", [](const fs::path& path) { write_model(path, set(), owner().model()); });
}

void checkpoint(Bytes bytes) {
  (void)read_checkpoint(sealed_file(FileKind::kCheckpoint, bytes), set());
}
void seed_checkpoint(const fs::path& folder) {
  seed(folder, "checkpoint", [](const fs::path& path) {
    write_checkpoint(path, set(), owner().folder.layout, {}, kRun, owner().training,
                     owner().gradients());
  });
}

void scores(Bytes bytes) {
  const ScoresFile file = read_scores(sealed_file(FileKind::kScores, bytes), set());
  (void)decrypt_logits(owner().folder.keys, file, "scores");
}
void seed_scores(const fs::path& folder) {
  seed(folder, "scores", [](const fs::path& path) { write_scores(path, set(), owner().scores()); });
}

// A round in the folder of an owner who waits for it.
void round(Bytes bytes) {
  static const fs::path exchange = [] {
    fs::create_directory(scratch() / "exchange");
    write_dataset(scratch() / "validation.enc", set(), owner().dataset(true));
    return scratch() / "exchange";
  }();
  const fs::path out = scratch() / "best.enc";
  std::error_code ignored;
  for (const fs::path& path : {out, Validator::record_path(out), answer_path(exchange, 1)})
    fs::remove(path, ignored);
  write_whole(round_path(exchange, 1),
              seal(make_header(FileKind::kRound, parameters(), kKeyId), bytes));
  Validator validator(owner().folder, {exchange, scratch() / "validation.enc", out, 3, 0, {}});
  (void)validator.poll();
}
void seed_round(const fs::path& folder) {
  for (const bool last : {false, true})
    seed(folder, last ? "last" : "first", [last](const fs::path& path) {
      write_round(path, set(), {kRun, 1, last, owner().model(), owner().scores()});
    });
}

void answer(Bytes bytes) {
  (void)read_answer(sealed_file(FileKind::kAnswer, bytes), set(), kRun, 1);
}
void seed_answer(const fs::path& folder) {
  for (const bool stop : {false, true})
    seed(folder, stop ? "stop" : "go_on",
         [stop](const fs::path& path) { write_answer(path, set(), kRun, 1, stop); });
}

// The record of rounds that a validator leaves and takes up again.
void rounds_record(Bytes bytes) {
  static const fs::path out = [] {
    fs::create_directory(scratch() / "exchange");
    write_dataset(scratch() / "validation.enc", set(), owner().dataset(true));
    return scratch() / "best.enc";
  }();
  write_whole(Validator::record_path(out), bytes);
  const Validator validator(owner().folder,
                            {scratch() / "exchange", scratch() / "validation.enc", out, 3, 0, {}});
  (void)validator.report().dump();
}

const std::vector<std::uint8_t>& whole_keys() {
  static const std::vector<std::uint8_t> bytes = [] {
    const Bootstrapper bootstrapper(set().parameters);
    const fs::path path = scratch() / "evaluation.keys";
    write_training_keys(
        path, parameters(), kKeyId,
        make_training_keys(owner().folder.keys.secrets, bootstrapper, owner().folder.layout));
    return read_whole(path);
  }();
  return bytes;
}

// Changes to a whole file of evaluation keys, which is too large to be the input.
void evaluation_keys(Bytes bytes) {
  const fs::path path = scratch_file("evaluation.keys", patched(whole_keys(), bytes));
  (void)read_training_keys_info(path, true);
  (void)read_training_keys(path, set());
}

constexpr SectionTag kProducts = section_tag("PROD");

const std::vector<std::uint8_t>& product_keys_file() {
  static const std::vector<std::uint8_t> bytes = [] {
    const fs::path path = scratch() / "product.keys";
    FileWriter out(path, make_header(FileKind::kEvaluationKeys, parameters(), kKeyId));
    out.begin_section(kProducts);
    write(out, parameters(), make_product_keys(owner().folder.keys.secrets, owner().folder.layout));
    out.commit();
    return read_whole(path);
  }();
  return bytes;
}

// The small ring's part of them: the same readers of keys, a thousand times as fast.
void product_keys(Bytes bytes) {
  FileReader in(scratch_file("product.keys", patched(product_keys_file(), bytes)));
  in.enter_section(kProducts);
  (void)read_product_keys(in, parameters(), owner().folder.layout);
  in.finish();
}

constexpr Target kTargets[] = {
    {"container", container, nullptr, seed_container},
    {"secret_key", secret_key, mutate_sections, seed_secret_key},
    {"dataset", dataset, mutate_sections, seed_dataset},
    {"model", model, mutate_sections, seed_model},
    {"checkpoint", checkpoint, mutate_sections, seed_checkpoint},
    {"scores", scores, mutate_sections, seed_scores},
    {"round", round, mutate_sections, seed_round},
    {"answer", answer, mutate_sections, seed_answer},
    {"rounds_record", rounds_record},
    {"evaluation_keys", evaluation_keys},
    {"product_keys", product_keys},
};

}  // namespace

std::span<const Target> container_targets() { return kTargets; }

}  // namespace blindtuner::fuzz
