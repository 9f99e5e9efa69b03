// The files that pass between owner and server, over io/product_io.h. Sections:
//
//   evaluation keys  "LAYT" layout; "BOOT" bootstrapping keys; "PROD" product keys
//   data set         "LAYT" layout, data id (16), 1 if labelled (1), text: empty (the name of the
//                    features' file in those of earlier programs)
//                    "FEAT" blocks * groups seeded ciphertexts; "LABL" supers * ratio of them, if
//                    labelled
//   model            "LAYT" layout, data id; "TRAI" training; "WGHT" packs ciphertexts
//   checkpoint       "LAYT" layout, data id; "TRAI" training; "GRAD" steps * packs ciphertexts;
//                    "RUN." run (16), 0 (4)
//   scores           "LAYT" layout, data id; "TRAI" as in their model (not in files of
//                    earlier programs); "TRDA" data id of the model's training set (nor in those of
//                    version 0.1); "SCOR" supers * ratio ciphertexts
//   round            as a model; "RUN." run (16), round (4), 1 if it is the last (1);
//                    "LAYV" layout, data id of the validation set; "SCOR" as scores
//   answer           "RUN." run (16), round (4); "STOP" 0 to go on, 1 to stop (1)
//   training         steps done (4), texts: configuration (JSON), name of the softmax circuit
//
// Every reader checks kind, parameters, key identity, that configuration, circuit, steps and layout
// fit each other, and that every ciphertext has the ring, level and scale that the trainer gives
// that kind of result (train/result_shape.h), and throws DataError. Writers hold their ciphertexts
// to the same shape. Sizes are held against the file's before memory is asked for, and ring, level and
// scale of a ciphertext before it is read. `progress` is told the fraction of the file.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "io/product_io.h"
#include "linalg/encrypted_dataset.h"
#include "train/softmax_circuit.h"
#include "train/training_config.h"

namespace blindtuner {

using FractionCallback = std::function<void(double)>;
/// Sees all that a file says before its ciphertexts, and throws DataError for what is not wanted: they
/// are not read then.
template <typename File>
using AcceptFile = std::function<void(const File&)>;
using DataId = std::array<std::uint8_t, 16>;

/// Which parameters and keys files must share, taken from the first one that is read.
struct KeySet {
  ParametersPtr parameters;
  FileHeader header;  ///< of the file that defined it
  std::string name;   ///< that file's name, in quotes
};

/// Refuses any file made under other parameters or keys.
void require_key_set(const ContainerReader& reader, const KeySet& keys);

void write_training_keys(const std::filesystem::path& path, const Parameters& parameters,
                         const KeyId& id, const TrainingKeys& keys);
/// The layout that keys were made for, without the keys: the first file that a server opens.
struct TrainingKeysInfo {
  KeySet set;
  ProductLayout layout;
};
TrainingKeysInfo read_training_keys_info(const std::filesystem::path& path, bool allow_insecure);
/// The same within a set that is known already.
ProductLayout read_training_keys_layout(const std::filesystem::path& path, const KeySet& set);
TrainingKeys read_training_keys(const std::filesystem::path& path, const KeySet& set,
                                const FractionCallback& progress = {});

struct DatasetInfo {
  ProductLayout layout;
  DataId id{};
  bool labelled = false;
  std::string source;  ///< read, never written: it is the owner's affair
};
struct DatasetFile {
  DatasetInfo info;
  EncryptedDataset data;
  Sha256Digest contents{};  ///< ContainerReader::contents(), once it was read
};
/// `info` but for the id follows from the data. Returns ContainerWriter::contents().
Sha256Digest write_dataset(const std::filesystem::path& path, const KeySet& keys,
                           const DatasetFile& file, const FractionCallback& progress = {});
DatasetFile read_dataset(const std::filesystem::path& path, const KeySet& keys,
                         const FractionCallback& progress = {},
                         const AcceptFile<DatasetFile>& accept = {});
/// The same without the data: what it is, and its contents' digest.
DatasetFile scan_dataset(const std::filesystem::path& path, const KeySet& keys);

struct TrainingState {
  int steps = 0;
  TrainingConfig config;
  std::string circuit;
  bool operator==(const TrainingState&) const = default;
};
struct ModelFile {
  EncryptedModel model;
  DataId data{};
  TrainingState training;
  Sha256Digest contents{};  ///< ContainerReader::contents(), once it was read
};
/// Returns ContainerWriter::contents(). Once all of it is on the disk, `keep` is told that digest; it appears
/// under its name if `keep` then returns true.
Sha256Digest write_model(const std::filesystem::path& path, const KeySet& keys,
                         const ModelFile& model,
                         const std::function<bool(const Sha256Digest&)>& keep = {});
ModelFile read_model(const std::filesystem::path& path, const KeySet& keys,
                     const AcceptFile<ModelFile>& accept = {});

/// What tells one run of the training program, with its resumptions, from every other. Random.
using RunId = std::array<std::uint8_t, 16>;

struct CheckpointFile {
  ProductLayout layout;
  DataId data{};
  RunId run{};
  TrainingState training;
  std::vector<std::vector<Ciphertext>> gradients;
};
void write_checkpoint(const std::filesystem::path& path, const KeySet& keys,
                      const ProductLayout& layout, const DataId& data, const RunId& run,
                      const TrainingState& training,
                      const std::vector<std::vector<Ciphertext>>& gradients);
CheckpointFile read_checkpoint(const std::filesystem::path& path, const KeySet& keys);

struct ScoresFile {
  EncryptedScores scores;
  DataId data{};
  std::string circuit;                    ///< which gives the scale
  std::optional<TrainingState> training;  ///< the model's; not in files of earlier programs
  std::optional<DataId> trained_on = {};  ///< the model's training set; nor in those
};
/// `training` and `trained_on` must be there.
void write_scores(const std::filesystem::path& path, const KeySet& keys, const ScoresFile& scores);
ScoresFile read_scores(const std::filesystem::path& path, const KeySet& keys,
                       const AcceptFile<ScoresFile>& accept = {});

/// A round of validation: what the server sends while it trains.
struct RoundFile {
  RunId run{};
  int round = 0;      ///< from 1
  bool last = false;  ///< nothing follows, and no answer is awaited
  ModelFile model;
  ScoresFile scores;
  Sha256Digest contents{};  ///< ContainerReader::contents(), once it was read
};
void write_round(const std::filesystem::path& path, const KeySet& keys, const RoundFile& file);
/// `accept_model` comes before the weights, `accept` before the scores.
RoundFile read_round(const std::filesystem::path& path, const KeySet& keys,
                     const AcceptFile<ModelFile>& accept_model = {},
                     const AcceptFile<RoundFile>& accept = {});

/// The owner's answer: one bit. Everything else in the file is known to the server beforehand, so
/// that there are exactly two files an owner can answer a round with.
void write_answer(const std::filesystem::path& path, const KeySet& keys, const RunId& run,
                  int round, bool stop);
/// Whether to stop. Throws DataError for an answer to another run or round.
bool read_answer(const std::filesystem::path& path, const KeySet& keys, const RunId& run,
                 int round);

/// Their names in the folder that both programs see. Rounds count to kMaxRounds.
std::filesystem::path round_path(const std::filesystem::path& folder, int round);
std::filesystem::path answer_path(const std::filesystem::path& folder, int round);
inline constexpr int kMaxRounds = 9999;
/// Whether all of such a file is there: something may copy the folder both ways. Throws DataError.
bool arrived(const std::filesystem::path& path);
/// What the message of a wait that ended without it ends with.
std::string partly_there(const std::filesystem::path& path);

/// A training configuration in JSON; `classes` where the file does not say. The default one where
/// the path is empty. Throws DataError.
TrainingConfig read_training_config(const std::filesystem::path& path, int classes);

// How large these files come out, to the byte.
std::uint64_t training_keys_file_bytes(const Parameters& parameters,
                                       const BootstrapKeyShapes& shapes,
                                       const ProductLayout& layout);
std::uint64_t dataset_file_bytes(const Parameters& parameters, const ProductLayout& layout,
                                 bool labelled);
std::uint64_t model_file_bytes(const Parameters& parameters, const ProductLayout& layout,
                               const TrainingState& training);

/// The shipped circuit of this name. Throws DataError.
const SoftmaxCircuit& softmax_circuit_named(const std::string& name);

// For `inspect`: what opens each kind of file.
ProductLayout read_layout_section(ContainerReader& in, const Parameters& parameters);
DatasetInfo read_dataset_info(ContainerReader& in, const Parameters& parameters);
TrainingState read_training_state(ContainerReader& in);

}  // namespace blindtuner
