// Features, labels, tables, settings: what the owner brings, in the clear.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "app/common/config_file.h"
#include "features/data/feature_cache.h"
#include "features/data/idx.h"
#include "features/data/load.h"
#include "features/data/npy.h"
#include "features/data/whitening.h"
#include "features/image/picture_set.h"
#include "features/samples/class_names.h"
#include "features/tables/table.h"
#include "features/text/text_set.h"
#include "fuzz.h"
#include "learn/optimiser.h"
#include "party/owner/decrypted.h"
#include "party/owner/study/partial_scores.h"

namespace blindtuner::fuzz {
using namespace party;
using namespace app;
namespace {

namespace fs = std::filesystem;

void read_pictures(const PictureSource& source) {
  const PictureSet set = PictureSet::open(source);
  if (set.size() > 0) (void)set.read(0).decode(set.where(0));
}

void csv(Bytes bytes) {
  const fs::path path = scratch_file("table.csv", bytes);
  each([&] { (void)load_features({.features = path}); },
       [&] { (void)load_dataset({.features = path}); },
       [&] { (void)load_dataset({.features = path, .columns = {.label = "1"}}); },
       [&] {
         (void)load_dataset({.features = path, .columns = {.label = "last", .skip_missing = true}});
       },
       [&] { (void)load_labels({.labels = path}); },
       [&] { (void)load_training_features({.features = path}); },
       [&] {
         // Rows of a table go to those of the same one.
         (void)load_dataset({.features = path, .labels = path});
       },
       [&] {
         Reading reading;
         const Dataset set = load_dataset({.features = path}, &reading);
         DataSource other{.features = path};
         read_as_in_training(other, taken_for_training(set, reading));
         (void)load_dataset(other);
       });
}

void npy(Bytes bytes) {
  const fs::path path = scratch_file("array.npy", bytes);
  each([&] { (void)load_features({.features = path}); },
       [&] { (void)load_labels({.labels = path}); }, [&] { (void)read_npy_matrix(path); },
       [&] {
         (void)npy_to_byte_array({bytes.begin(), bytes.end()}, "array");
       },
       [&] { (void)npy_to_strings(bytes, "array"); }, [&] { (void)npy_to_keys(bytes, "array"); });
}

void npz(Bytes bytes) {
  const fs::path path = scratch_file("archive.npz", bytes);
  const NpzArchive archive(path);
  for (const std::string& name : archive.names())
    each([&] { (void)archive.features(name); }, [&] { (void)archive.matrix(name); },
         [&] { (void)archive.label_words(name); }, [&] { (void)archive.byte_array(name); },
         [&] { (void)archive.strings(name); });
  each([&] { (void)load_dataset({.features = path}); }, [&] { (void)read_class_names(path); },
       [&] { read_pictures({.images = path}); },
       [&] { read_pictures({.images = path, .labels = path}); },
       [&] {
         DataSource other{.features = path};
         read_as_in_training(other, {.features_member = "x_train", .label = {.name = "y_train"}});
         (void)load_dataset(other);
       });
}

// By the name, packed or not.
void idx(Bytes bytes) {
  const fs::path path = scratch_file("images.idx", bytes);
  each([&] { (void)read_idx_array(path); }, [&] { (void)read_idx_labels(path); },
       [&] { (void)load_features({.features = path}); }, [&] { (void)read_idx(path, path); },
       [&] { read_pictures({.images = path}); });
}

void whitening(Bytes bytes) {
  const Whitening map = Whitening::load(scratch_file("whitening.npz", bytes));
  if (map.input_width() < 100)
    (void)map.apply(FeatureMatrix::Ones(2, static_cast<Eigen::Index>(map.input_width())));
}

void classifier_npz(Bytes bytes) { (void)load_classifier(scratch_file("model.npz", bytes)); }
void scores_npz(Bytes bytes) { (void)load_scores(scratch_file("scores.npz", bytes)); }
void partial_scores(Bytes bytes) { (void)load_partial_scores(scratch_file("part.npz", bytes)); }
void classifier_json(Bytes bytes) { (void)load_classifier(scratch_file("model.json", bytes)); }

void text_table(Bytes bytes) {
  const fs::path comma = scratch_file("texts.csv", bytes), tab = scratch_file("texts.tsv", bytes);
  for (const fs::path& path : {comma, tab})
    each(
        [&] {
          const Table table(path);
          TableRow row;
          for (std::size_t i = 0; i < table.rows(); ++i) table.read(i, row);
        },
        [&] { (void)read_text_set({.table = path}); },
        [&] { (void)read_text_set({.table = path, .columns = {.label = "last", .text = "1"}}); });
}

// Paths out of a table: none of them may lead anywhere that matters.
void picture_table(Bytes bytes) {
  const fs::path comma = scratch_file("pictures.csv", bytes),
                 tab = scratch_file("pictures.tsv", bytes);
  for (const fs::path& path : {comma, tab})
    each([&] { read_pictures({.images = path, .all_files = false}); });
}

void class_names(Bytes bytes) { (void)read_class_names(scratch_file("classes.txt", bytes)); }

void training_config(Bytes bytes) {
  const TrainingConfig config = read_training_config(scratch_file("train.json", bytes), 3);
  if (!(parse_training_config(to_json(config).dump()) == config)) std::abort();
  if (config.total_steps(1000) <= 200) {
    (void)batch_ranges(config, 1000);
    (void)validation_steps(config, 1000);
  }
}

// A cache's file: what a digest vouches for is found, nothing else, and the file can be used on.
void feature_cache(Bytes bytes) {
  constexpr std::size_t kWidth = 2;
  const Sha256Digest key = Sha256().add("key").finish(), sample = Sha256().add("x").finish();
  const fs::path folder = scratch() / "cache";
  fs::create_directory(folder);
  write_whole(folder / (to_hex(std::span(key).first(16)) + ".features"), bytes);
  FeatureCache cache(folder, key, kWidth);
  const std::vector<float> put = {1, 2};
  std::vector<float> got(kWidth);
  (void)cache.find(sample, got);
  const FeatureCache::Entry entry{sample, put};
  cache.add({&entry, 1});
  if (!cache.find(sample, got) || got != put) std::abort();
}
void seed_feature_cache(const fs::path& folder) {
  feature_cache({});
  for (const auto& file : fs::directory_iterator(scratch() / "cache"))
    write_whole(folder / "one", read_whole(file.path()));
}

constexpr Target kTableTargets[] = {
    {"csv", csv},
    {"npy", npy},
    {"npz", npz},
    {"idx", idx},
    {"whitening", whitening},
    {"classifier_npz", classifier_npz},
    {"scores_npz", scores_npz},
    {"partial_scores", partial_scores},
    {"classifier_json", classifier_json},
    {"text_table", text_table},
    {"picture_table", picture_table},
    {"class_names", class_names},
    {"training_config", training_config},
    {"feature_cache", feature_cache, nullptr, seed_feature_cache},
};

}  // namespace

std::span<const Target> table_targets() { return kTableTargets; }

}  // namespace blindtuner::fuzz
