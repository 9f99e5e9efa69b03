// Files that pass between owner and server, each read as whoever gets it does.
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "app/common/inspect.h"
#include "io/file_stream.h"
#include "io/memory_stream.h"
#include "learn/encrypted_trainer.h"
#include "owner.h"
#include "party/owner/decrypted.h"
#include "records/answer.h"
#include "records/checkpoint.h"
#include "records/dataset.h"
#include "records/round.h"
#include "records/study/contribution.h"
#include "records/study/joint_run.h"
#include "records/study/key_shares.h"
#include "records/study/sealed_share.h"
#include "records/study/sums.h"
#include "records/training_keys.h"
#include "secret/dataset_encryption.h"
#include "secret/product_keygen.h"

namespace blindtuner::fuzz {
using namespace app;
namespace {

namespace fs = std::filesystem;

// Here digests are wrong, too.
// Its sections and their sizes, or what is wrong with it.
std::string said_of(ByteSource& source) {
  std::string said;
  try {
    ContainerReader in(source);
    for (const SectionSize& section : scan_sections(in))
      said += section.name + " " + std::to_string(section.bytes) + "\n";
  } catch (const DataError& error) {
    said = error.what();
  }
  return said;
}

// The same from memory as from the disk.
void container(Bytes bytes) {
  const fs::path path = scratch_file("file.enc", bytes);
  FileSource file(path);
  MemorySource memory(bytes, file.name());
  if (said_of(file) != said_of(memory)) std::abort();
  (void)read_header(path);
  (void)inspect_file(path, true, true);
}
void seed_container(const fs::path& folder) {
  FileSink sink(folder / "answer");
  write_answer(sink, owner().set(), kRun, 1, true);
  write_model(folder / "model", owner().set(), owner().model());
}

// The same with right digests: first a byte for the kind, then what seal() takes.
void inspect(Bytes bytes) {
  if (bytes.empty()) return;
  const auto kind = static_cast<FileKind>(bytes[0]);
  (void)inspect_file(sealed_file(kind, bytes.subspan(1)), false, true);
}
std::size_t mutate_inspect(std::uint8_t* data, std::size_t size, std::size_t most, unsigned seed) {
  if (size < 2) return mutate_sections(data, size, most, seed);
  return 1 + mutate_sections(data + 1, size - 1, most - 1, seed);
}
void seed_inspect(const fs::path& folder) {
  const auto one = [&](FileKind kind, const char* name, auto write) {
    seed(folder, name, write);
    std::vector<std::uint8_t> bytes = read_whole(folder / name);
    bytes.insert(bytes.begin(), static_cast<std::uint8_t>(kind));
    write_whole(folder / name, bytes);
  };
  const Owner& o = owner();
  one(FileKind::kDataset, "dataset",
      [&](const fs::path& path) { write_dataset(path, o.set(), o.dataset(true)); });
  one(FileKind::kModel, "model",
      [&](const fs::path& path) { write_model(path, o.set(), o.model()); });
  one(FileKind::kScores, "scores",
      [&](const fs::path& path) { write_scores(path, o.set(), o.scores()); });
}

void dataset(Bytes bytes) {
  const fs::path path = sealed_file(FileKind::kDataset, bytes);
  each([&] { (void)scan_dataset(path, owner().set()); });
  const DatasetFile file = read_dataset(path, owner().set());
  const TrainingState& training = owner().training();
  each(
      [&] {
        EncryptedTrainer::check(owner().parameters(), file.data.layout, training.config,
                                circuit_named(training.circuit));
      },
      [&] { (void)fresh_door().open_labels(file.data, {.name = "data set"}); });
}
void seed_dataset(const fs::path& folder) {
  for (const bool labelled : {true, false})
    seed(folder, labelled ? "labelled" : "unlabelled", [labelled](const fs::path& path) {
      write_dataset(path, owner().set(), owner().dataset(labelled));
    });
}

void model(Bytes bytes) {
  const ModelFile file = open_model(sealed_file(FileKind::kModel, bytes), owner().folder());
  const double error = weight_noise(owner().parameters(), file, {});
  each(
      [&] {
        Disclosure door = fresh_door();
        (void)classifier_of(open_weights(door, file, {.name = "model"}), file.model.layout);
      },
      [&] {
        Disclosure door = fresh_door();
        (void)publish_weights(door, file, {.name = "model"}, {error, kPublicationBudget, {}});
      });
}
void seed_model(const fs::path& folder) {
  seed(folder, "model",
       [](const fs::path& path) { write_model(path, owner().set(), owner().model()); });
}

void checkpoint(Bytes bytes) {
  (void)read_checkpoint(sealed_file(FileKind::kCheckpoint, bytes), owner().set());
}
void seed_checkpoint(const fs::path& folder) {
  seed(folder, "checkpoint", [](const fs::path& path) {
    write_checkpoint(path, owner().set(), owner().layout(), {}, kRun, owner().training(),
                     owner().gradients());
  });
}

void scores(Bytes bytes) {
  const ScoresFile file = open_scores(sealed_file(FileKind::kScores, bytes), owner().folder());
  Disclosure door = fresh_door();
  (void)scores_of(open_logits(door, file, {.name = "scores"}), file.scores.layout);
}
void seed_scores(const fs::path& folder) {
  seed(folder, "scores",
       [](const fs::path& path) { write_scores(path, owner().set(), owner().scores()); });
}

// A round in the folder of an owner who waits for it.
void round(Bytes bytes) {
  const Validation& here = validation();
  here.clear();
  fs::rename(sealed_file(FileKind::kRound, bytes), here.exchange / round_name(1));
  Validator validator(owner().folder(), here.options());
  (void)validator.poll();
}
void seed_round(const fs::path& folder) {
  for (const bool last : {false, true})
    seed(folder, last ? "last" : "first", [last](const fs::path& path) {
      RoundFile file = {kRun, 1, last, owner().model(), owner().scores()};
      if (last) file.model.training.config.steps = 1;
      FileSink sink(path);
      write_round(sink, owner().set(), file);
    });
}

void answer(Bytes bytes) {
  FileSource source(sealed_file(FileKind::kAnswer, bytes));
  (void)read_answer(source, owner().set(), kRun, 1);
}
void seed_answer(const fs::path& folder) {
  for (const bool stop : {false, true})
    seed(folder, stop ? "stop" : "go_on", [stop](const fs::path& path) {
      FileSink sink(path);
      write_answer(sink, owner().set(), kRun, 1, stop);
    });
}

// Of two owners with 3 and 17 rows.
void contribution(Bytes bytes) {
  static const std::vector<std::size_t> rows = {3, 17};
  static const Arrangement arrangement = arrange_rows(owner().parameters(), rows, 2, 2, 4, 1);
  FileSource source(sealed_file(FileKind::kContribution, bytes));
  const TakeCiphertext take = [](std::size_t, SeededCiphertext&&) {};
  (void)read_contribution(source, owner().set(), {arrangement, 0, {}}, take, take);
}

void sums(Bytes bytes) {
  const SumsShape shape = sums_shape(owner().parameters(), 20, 6);
  Sha256Digest contents{};
  FileSource own(sealed_file(FileKind::kSums, bytes));
  (void)read_owner_sums(own, owner().set(), {}, 0, shape, contents);
}

// What stands in the box, too, as if it had been opened.
void sealed_share(Bytes bytes) {
  const CiphertextShape shape{1, 2, 1};
  FileSource source(sealed_file(FileKind::kSealedShare, bytes));
  Sha256Digest contents{};
  const SealedShare share = read_sealed_share(
      source, owner().set(), share_content_bytes(owner().parameters(), shape), contents);
  double noise = 0;
  (void)share_of_content(owner().parameters(), shape,
                         Bytes(share.bytes).first(share.bytes.size() - 16), noise, "share");
}

// What is read is written so that it is read as the same again.
void owner_rows(Bytes bytes) {
  const nlohmann::json json = parse_json(std::string(bytes.begin(), bytes.end()), "rows");
  const std::size_t pooled = JsonIn(json, "rows").has("exponents") ? 3 : 0;
  const bool validated = JsonIn(json, "rows").has("held_out");
  const OwnerRows rows = owner_rows_from_json(JsonIn(json, "rows"), pooled, validated);
  const nlohmann::json again = to_json(rows);
  if (!(owner_rows_from_json(JsonIn(again, "its copy"), pooled, validated) == rows)) std::abort();
}

const std::vector<std::uint8_t>& whole_keys() {
  static const std::vector<std::uint8_t> bytes = [] {
    const Bootstrapper bootstrapper(owner().set().parameters);
    const fs::path path = scratch() / "evaluation.keys";
    write_training_keys(path, owner().parameters(), kKeyId,
                        make_training_keys(owner().keys().secrets, bootstrapper, owner().layout()));
    return read_whole(path);
  }();
  return bytes;
}

// Changes to a whole file of evaluation keys, which is too large to be the input.
void evaluation_keys(Bytes bytes) {
  const fs::path path = scratch_file("evaluation.keys", patched(whole_keys(), bytes));
  (void)read_training_keys_info(path, true);
  (void)read_training_keys_layout(path, owner().set());
  (void)read_training_keys(path, owner().set());
}

constexpr SectionTag kProducts = section_tag("PROD");

const std::vector<std::uint8_t>& product_keys_file() {
  static const std::vector<std::uint8_t> bytes = [] {
    const fs::path path = scratch() / "product.keys";
    FileSink sink(path);
    ContainerWriter out(sink, make_header(FileKind::kEvaluationKeys, owner().parameters(), kKeyId));
    out.begin_section(kProducts);
    write(out, owner().parameters(), make_product_keys(owner().keys().secrets, owner().layout()));
    out.commit();
    return read_whole(path);
  }();
  return bytes;
}

// The small ring's part of them: the same readers of keys, a thousand times as fast.
void product_keys(Bytes bytes) {
  FileSource source(scratch_file("product.keys", patched(product_keys_file(), bytes)));
  ContainerReader in(source);
  in.enter_section(kProducts);
  (void)read_product_keys(in, owner().parameters(), owner().layout());
  in.finish();
}

// A study of two owners, for these parameters, which are not for several: nothing here depends on it.
const StudyKeyList& study_keys() {
  static const StudyKeyList list(owner().set().parameters, owner().layout(), 2, Seed{1}, kKeyId);
  return list;
}

const std::vector<std::uint8_t>& second_round_file() {
  static const std::vector<std::uint8_t> bytes = [] {
    MemorySink sink;
    ShareWriter out(sink, study_keys(), ShareKind::kSecondRound, 1);
    for (const KeyPlan& plan : study_keys().relinearisation())
      out.put(plan.name(), study_keys().uniform(plan));
    out.commit();
    return sink.bytes();
  }();
  return bytes;
}

// The shortest of the three kinds, which differ in their numbers of polynomials.
void key_shares(Bytes bytes) {
  const std::vector<std::uint8_t> file = patched(second_round_file(), bytes);
  MemorySource source(file, "file"), again(file, "file");
  each([&] {
    ContainerReader in(again);
    (void)load_parameters(in, true);
    (void)read_key_shares_info(in, owner().parameters());
  });
  (void)share_contents(source, study_keys(), ShareKind::kSecondRound, 1);
}

const std::vector<std::uint8_t>& way_in_file() {
  static const std::vector<std::uint8_t> bytes = [] {
    MemorySink sink;
    write_way_in_keys(sink, study_keys(), [](const KeyPlan& plan) {
      return KeySwitchKey{plan.shape, Seed{2}, study_keys().uniform(plan), {}};
    });
    return sink.bytes();
  }();
  return bytes;
}

void way_in_keys(Bytes bytes) {
  const std::vector<std::uint8_t> file = patched(way_in_file(), bytes);
  MemorySource source(file, "file");
  (void)read_way_in_keys(source, owner().set(), 2);
}

constexpr Target kContainerTargets[] = {
    {"container", container, nullptr, seed_container},
    {"inspect", inspect, mutate_inspect, seed_inspect},
    {"dataset", dataset, mutate_sections, seed_dataset},
    {"model", model, mutate_sections, seed_model},
    {"checkpoint", checkpoint, mutate_sections, seed_checkpoint},
    {"scores", scores, mutate_sections, seed_scores},
    {"round", round, mutate_sections, seed_round},
    {"answer", answer, mutate_sections, seed_answer},
    {"contribution", contribution, mutate_sections},
    {"sums", sums, mutate_sections},
    {"sealed_share", sealed_share, mutate_sections},
    {"owner_rows", owner_rows},
    {"evaluation_keys", evaluation_keys},
    {"product_keys", product_keys},
    {"key_shares", key_shares},
    {"way_in_keys", way_in_keys},
};

}  // namespace

std::span<const Target> container_targets() { return kContainerTargets; }

}  // namespace blindtuner::fuzz
