#include "app/common/files.h"

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/json.h"
#include "base/path.h"
#include "data/file_bytes.h"
#include "io/file_size.h"
#include "io/file_stream.h"
#include "train/result_shape.h"

namespace blindtuner {
namespace {

constexpr SectionTag kLayout = section_tag("LAYT"), kBootstrap = section_tag("BOOT"),
                     kProducts = section_tag("PROD"), kFeatures = section_tag("FEAT"),
                     kLabels = section_tag("LABL"), kTraining = section_tag("TRAI"),
                     kTrainedOn = section_tag("TRDA"), kWeights = section_tag("WGHT"),
                     kGradients = section_tag("GRAD"), kScores = section_tag("SCOR"),
                     kRun = section_tag("RUN."), kValidationLayout = section_tag("LAYV"),
                     kStop = section_tag("STOP");
constexpr std::size_t kMaxText = std::size_t{1} << 20;

FileHeader header_for(FileKind kind, const KeySet& keys) {
  return make_header(kind, *keys.parameters, keys.header.key_id);
}

void show(ContainerReader& in, const FractionCallback& progress) {
  if (!progress || !in.file_bytes()) return;
  in.on_progress([&progress, total = static_cast<double>(*in.file_bytes())](std::uint64_t bytes) {
    progress(static_cast<double>(bytes) / total);
  });
}

void write_layout(ContainerWriter& out, const ProductLayout& layout, const DataId& data,
                  SectionTag section = kLayout) {
  out.begin_section(section);
  write(out, layout);
  out.bytes(data);
}

ProductLayout read_layout_and_id(ContainerReader& in, const Parameters& parameters, DataId& data) {
  const ProductLayout layout = read_layout_section(in, parameters);
  in.bytes(data);
  return layout;
}

void write_run(ContainerWriter& out, const RunId& run, int round) {
  out.begin_section(kRun);
  out.bytes(run);
  out.number(static_cast<std::uint32_t>(round));
}

struct RunRound {
  RunId run{};
  int round = 0;
};

RunRound read_run(ContainerReader& in) {
  RunRound out;
  in.enter_section(kRun);
  in.bytes(out.run);
  out.round = static_cast<int>(
      in.number_in(in.number<std::uint32_t>(), 0, kMaxRounds, "the number of the round"));
  return out;
}

void write_training(ContainerWriter& out, const TrainingState& training) {
  out.begin_section(kTraining);
  out.number(static_cast<std::uint32_t>(training.steps));
  out.text(json_text(to_json(training.config)));
  out.text(training.circuit);
}

// `accept` sees every one's head before it is read, and the file has room for all of them before memory
// is asked for.
std::vector<Ciphertext> read_ciphertexts(ContainerReader& in, const Parameters& parameters,
                                         const CiphertextShape& shape, const char* what,
                                         const AcceptCiphertext& accept) {
  std::vector<Ciphertext> out;
  const auto accept_all = [&](const CiphertextHead& head) {
    accept(head);
    if (!out.empty()) return;
    // The first one's head has been taken.
    in.require_available(shape.count - 1, ciphertext_bytes(parameters.small_ring(), shape.q_count),
                         what);
  };
  for (std::size_t i = 0; i < shape.count; ++i)
    out.push_back(read_ciphertext(in, parameters, accept_all));
  return out;
}

void require_fit(const ContainerReader& in, const CiphertextHead& head,
                 const Parameters& parameters, const CiphertextShape& shape, const char* what) {
  const std::string wrong = mismatch(*head.ring, head.q_count, head.scale, parameters, shape);
  if (!wrong.empty()) in.fail(std::string(what) + ": " + wrong);
}

std::vector<Ciphertext> read_ciphertexts(ContainerReader& in, const Parameters& parameters,
                                         const CiphertextShape& shape, const char* what) {
  return read_ciphertexts(in, parameters, shape, what, [&](const CiphertextHead& head) {
    require_fit(in, head, parameters, shape, what);
  });
}

std::vector<SeededCiphertext> read_seeded(ContainerReader& in, const Parameters& parameters,
                                          std::size_t count, double scale, const char* what) {
  const Ring& ring = parameters.small_ring();
  in.require_available(count, seeded_ciphertext_bytes(ring, 2), what);
  std::vector<SeededCiphertext> out;
  for (std::size_t i = 0; i < count; ++i)
    out.push_back(read_seeded_ciphertext(in, parameters, [&](const CiphertextHead& head) {
      if (head.ring != &ring || head.q_count != 2)
        in.fail(std::string(what) + ": a ciphertext of another ring or level");
      if (head.scale != scale)
        in.fail(std::string(what) + ": a scale of " + std::to_string(head.scale) + ", expected " +
                std::to_string(scale));
    }));
  return out;
}

void write_all(ContainerWriter& out, const Parameters& parameters,
               const std::vector<Ciphertext>& all) {
  for (const Ciphertext& c : all) write(out, parameters, c);
}

std::string numbered(const char* pattern, int round) {
  char name[32];
  std::snprintf(name, sizeof name, pattern, round);
  return name;
}

}  // namespace

void require_key_set(const ContainerReader& reader, const KeySet& keys) {
  require_same_keys(reader, keys.header, keys.name);
}

TrainingConfig read_training_config(const std::filesystem::path& path, int classes) {
  if (path.empty()) {
    TrainingConfig config = default_training_config();
    config.classes = classes;
    return config;
  }
  nlohmann::json json = read_json(path, kMaxConfigBytes);
  try {
    if (json.is_object() && !json.contains("classes")) json["classes"] = classes;
    return training_config_from_json(json);
  } catch (const DataError& error) {
    throw DataError(quoted_path(path) + ": " + error.what());
  }
}

const SoftmaxCircuit& softmax_circuit_named(const std::string& name) {
  for (const SoftmaxCircuit& circuit : softmax_circuits())
    if (circuit.name == name) return circuit;
  throw DataError("no softmax circuit '" + name.substr(0, 64) + "' in this program");
}

ProductLayout read_layout_section(ContainerReader& in, const Parameters& parameters) {
  in.enter_section(kLayout);
  return read_layout(in, parameters);
}

DatasetInfo read_dataset_info(ContainerReader& in, const Parameters& parameters) {
  DatasetInfo info;
  info.layout = read_layout_and_id(in, parameters, info.id);
  info.labelled = in.number_in(in.number<std::uint8_t>(), 0, 1, "the flag for labels") != 0;
  info.source = in.text(4096, "the data set's source");
  return info;
}

TrainingState read_training_state(ContainerReader& in) {
  TrainingState training;
  in.enter_section(kTraining);
  training.steps = static_cast<int>(
      in.number_in(in.number<std::uint32_t>(), 1, 100000, "the number of steps done"));
  const std::string config = in.text(kMaxText, "the training configuration");
  try {
    training.config = parse_training_config(config);
  } catch (const DataError& error) {
    in.fail(error.what());
  }
  training.circuit = in.text(256, "the softmax circuit's name");
  return training;
}

void write_training_keys(const std::filesystem::path& path, const Parameters& parameters,
                         const KeyId& id, const TrainingKeys& keys) {
  FileSink sink(path);
  ContainerWriter out(sink, make_header(FileKind::kEvaluationKeys, parameters, id));
  out.begin_section(kLayout);
  write(out, keys.layout);
  out.begin_section(kBootstrap);
  write(out, parameters, keys.bootstrap);
  out.begin_section(kProducts);
  write(out, parameters, keys.products);
  out.commit();
}

TrainingKeysInfo read_training_keys_info(const std::filesystem::path& path, bool allow_insecure) {
  FileSource source(path);
  ContainerReader in(source, FileKind::kEvaluationKeys);
  TrainingKeysInfo info;
  info.set = {load_parameters(in, allow_insecure), in.header(), in.name()};
  info.layout = read_layout_section(in, *info.set.parameters);
  return info;
}

ProductLayout read_training_keys_layout(const std::filesystem::path& path, const KeySet& set) {
  FileSource source(path);
  ContainerReader in(source, FileKind::kEvaluationKeys);
  require_key_set(in, set);
  return read_layout_section(in, *set.parameters);
}

TrainingKeys read_training_keys(const std::filesystem::path& path, const KeySet& set,
                                const FractionCallback& progress) {
  FileSource source(path);
  ContainerReader in(source, FileKind::kEvaluationKeys);
  show(in, progress);
  require_key_set(in, set);
  const Parameters& p = *set.parameters;
  TrainingKeys keys;
  keys.layout = read_layout_section(in, p);
  in.enter_section(kBootstrap);
  keys.bootstrap = read_bootstrap_keys(in, p);
  in.enter_section(kProducts);
  keys.products = read_product_keys(in, p, keys.layout);
  in.finish();
  return keys;
}

Sha256Digest write_dataset(const std::filesystem::path& path, const KeySet& keys,
                           const DatasetFile& file, const FractionCallback& progress) {
  const ProductLayout& l = file.data.layout;
  const bool labelled = !file.data.labels.empty();
  FileSink sink(path);
  ContainerWriter out(sink, header_for(FileKind::kDataset, keys));
  write_layout(out, l, file.info.id);
  out.number(static_cast<std::uint8_t>(labelled));
  out.text({});
  const double total = static_cast<double>(file.data.features.size() + file.data.labels.size());
  double done = 0;
  auto write_all_of = [&](const std::vector<SeededCiphertext>& all) {
    for (const SeededCiphertext& c : all) {
      write(out, *keys.parameters, c);
      if (progress) progress(++done / total);
    }
  };
  out.begin_section(kFeatures);
  write_all_of(file.data.features);
  if (labelled) {
    out.begin_section(kLabels);
    write_all_of(file.data.labels);
  }
  out.commit();
  return out.contents();
}

DatasetFile read_dataset(const std::filesystem::path& path, const KeySet& keys,
                         const FractionCallback& progress, const AcceptFile<DatasetFile>& accept) {
  FileSource source(path);
  ContainerReader in(source, FileKind::kDataset);
  show(in, progress);
  require_key_set(in, keys);
  const Parameters& p = *keys.parameters;
  DatasetFile file;
  file.info = read_dataset_info(in, p);
  const ProductLayout& l = file.data.layout = file.info.layout;
  if (accept) accept(file);
  in.enter_section(kFeatures);
  file.data.features =
      read_seeded(in, p, l.blocks() * l.feature_groups(), kFeatureScale, "features");
  if (file.info.labelled) {
    in.enter_section(kLabels);
    file.data.labels = read_seeded(in, p, l.supers() * l.ratio, kErrorScale, "labels");
  }
  in.finish();
  file.contents = in.contents();
  return file;
}

DatasetFile scan_dataset(const std::filesystem::path& path, const KeySet& keys) {
  FileSource source(path);
  ContainerReader in(source, FileKind::kDataset);
  require_key_set(in, keys);
  DatasetFile file;
  file.info = read_dataset_info(in, *keys.parameters);
  scan_sections(in);
  file.contents = in.contents();
  return file;
}

namespace {

void write_model_sections(ContainerWriter& out, const Parameters& parameters,
                          const ModelFile& file) {
  write_layout(out, file.model.layout, file.data);
  write_training(out, file.training);
  require_shape(
      file.model.weights, parameters,
      model_shape(parameters, file.model.layout, softmax_circuit_named(file.training.circuit)));
  out.begin_section(kWeights);
  write_all(out, parameters, file.model.weights);
}

// The training that this layout's data can have had.
TrainingState read_training_of(ContainerReader& in, const ProductLayout& layout) {
  TrainingState training = read_training_state(in);
  try {
    check_training(layout, training.config, softmax_circuit_named(training.circuit));
    const int total = training.config.total_steps(layout.samples);
    if (training.steps > total)
      throw DataError("says it is after " + std::to_string(training.steps) +
                      " steps, its configuration has " + std::to_string(total));
  } catch (const DataError& error) {
    in.fail(error.what());
  }
  return training;
}

ModelFile read_model_sections(ContainerReader& in, const Parameters& p,
                              const AcceptFile<ModelFile>& accept) {
  ModelFile file;
  const ProductLayout& l = file.model.layout = read_layout_and_id(in, p, file.data);
  file.training = read_training_of(in, l);
  if (accept) accept(file);
  in.enter_section(kWeights);
  file.model.weights = read_ciphertexts(
      in, p, model_shape(p, l, softmax_circuit_named(file.training.circuit)), "weights");
  return file;
}

void write_scores_sections(ContainerWriter& out, const Parameters& p, const ScoresFile& file) {
  require_shape(file.scores.scores, p,
                score_shape(p, file.scores.layout, softmax_circuit_named(file.circuit)));
  out.begin_section(kScores);
  write_all(out, p, file.scores.scores);
}

// The layout has been read. Files of earlier programs do not say whose scores they hold: the circuit is
// the first that has their scale.
void read_scores_section(ContainerReader& in, const Parameters& p, ScoresFile& file) {
  const ProductLayout& l = file.scores.layout;
  const auto shape = [&](const SoftmaxCircuit& circuit) { return score_shape(p, l, circuit); };
  in.enter_section(kScores);
  file.scores.scores = read_ciphertexts(
      in, p, shape(softmax_circuits().front()), "scores", [&](const CiphertextHead& head) {
        for (const SoftmaxCircuit& circuit : softmax_circuits()) {
          if (!file.circuit.empty()) break;
          if ((circuit.classes == 0 || static_cast<std::size_t>(circuit.classes) >= l.classes) &&
              mismatch(*head.ring, head.q_count, head.scale, p, shape(circuit)).empty())
            file.circuit = circuit.name;
        }
        if (file.circuit.empty())
          in.fail("scores: a ciphertext of a level or scale that no softmax circuit gives scores");
        require_fit(in, head, p, shape(softmax_circuit_named(file.circuit)), "scores");
      });
}

}  // namespace

Sha256Digest write_model(const std::filesystem::path& path, const KeySet& keys,
                         const ModelFile& file,
                         const std::function<bool(const Sha256Digest&)>& keep) {
  FileSink sink(path);
  ContainerWriter out(sink, header_for(FileKind::kModel, keys));
  write_model_sections(out, *keys.parameters, file);
  if (keep) out.complete();
  if (!keep || keep(out.contents())) out.commit();
  return out.contents();
}

ModelFile read_model(const std::filesystem::path& path, const KeySet& keys,
                     const AcceptFile<ModelFile>& accept) {
  FileSource source(path);
  ContainerReader in(source, FileKind::kModel);
  require_key_set(in, keys);
  ModelFile file = read_model_sections(in, *keys.parameters, accept);
  in.finish();
  file.contents = in.contents();
  return file;
}

void write_checkpoint(const std::filesystem::path& path, const KeySet& keys,
                      const ProductLayout& layout, const DataId& data, const RunId& run,
                      const TrainingState& training,
                      const std::vector<std::vector<Ciphertext>>& gradients) {
  require(gradients.size() == static_cast<std::size_t>(training.steps),
          "a checkpoint keeps one gradient a step");
  FileSink sink(path);
  ContainerWriter out(sink, header_for(FileKind::kCheckpoint, keys));
  write_layout(out, layout, data);
  write_training(out, training);
  out.begin_section(kGradients);
  for (const auto& gradient : gradients) {
    require_shape(gradient, *keys.parameters, gradient_shape(layout));
    write_all(out, *keys.parameters, gradient);
  }
  write_run(out, run, 0);
  out.commit();
}

CheckpointFile read_checkpoint(const std::filesystem::path& path, const KeySet& keys) {
  FileSource source(path);
  ContainerReader in(source, FileKind::kCheckpoint);
  require_key_set(in, keys);
  const Parameters& p = *keys.parameters;
  CheckpointFile file;
  file.layout = read_layout_and_id(in, p, file.data);
  file.training = read_training_of(in, file.layout);
  in.enter_section(kGradients);
  for (int s = 0; s < file.training.steps; ++s)
    file.gradients.push_back(read_ciphertexts(in, p, gradient_shape(file.layout), "gradients"));
  file.run = read_run(in).run;
  in.finish();
  return file;
}

void write_scores(const std::filesystem::path& path, const KeySet& keys, const ScoresFile& file) {
  require(file.training && file.training->circuit == file.circuit && file.trained_on,
          "scores are of some model");
  FileSink sink(path);
  ContainerWriter out(sink, header_for(FileKind::kScores, keys));
  write_layout(out, file.scores.layout, file.data);
  write_training(out, *file.training);
  out.begin_section(kTrainedOn);
  out.bytes(*file.trained_on);
  write_scores_sections(out, *keys.parameters, file);
  out.commit();
}

std::uint64_t training_keys_file_bytes(const Parameters& parameters,
                                       const BootstrapKeyShapes& shapes,
                                       const ProductLayout& layout) {
  const std::uint64_t sections[] = {kLayoutBytes, bootstrap_keys_bytes(parameters, shapes),
                                    product_keys_bytes(parameters, layout)};
  return file_size(sections);
}

std::uint64_t dataset_file_bytes(const Parameters& parameters, const ProductLayout& l,
                                 bool labelled) {
  const std::uint64_t each = seeded_ciphertext_bytes(parameters.small_ring(), 2);
  std::vector<std::uint64_t> sections = {kLayoutBytes + sizeof(DataId) + 1 + 4,
                                         l.blocks() * l.feature_groups() * each};
  if (labelled) sections.push_back(l.supers() * l.ratio * each);
  return file_size(sections);
}

std::uint64_t model_file_bytes(const Parameters& parameters, const ProductLayout& l,
                               const TrainingState& training) {
  const std::uint64_t sections[] = {
      kLayoutBytes + sizeof(DataId),
      4 + 4 + json_text(to_json(training.config)).size() + 4 + training.circuit.size(),
      l.packs() * ciphertext_bytes(parameters.small_ring(), 2)};
  return file_size(sections);
}

ScoresFile read_scores(const std::filesystem::path& path, const KeySet& keys,
                       const AcceptFile<ScoresFile>& accept) {
  FileSource source(path);
  ContainerReader in(source, FileKind::kScores);
  require_key_set(in, keys);
  ScoresFile file;
  file.scores.layout = read_layout_and_id(in, *keys.parameters, file.data);
  if (in.next_section() == kTraining) {
    // Of the training set's samples the file knows nothing; the rest must fit.
    file.training = read_training_state(in);
    file.circuit = file.training->circuit;
    try {
      check_circuit(file.scores.layout, file.training->config, softmax_circuit_named(file.circuit));
    } catch (const DataError& error) {
      in.fail(error.what());
    }
  }
  if (in.next_section() == kTrainedOn) {
    in.enter_section(kTrainedOn);
    in.bytes(file.trained_on.emplace());
  }
  if (accept) accept(file);
  read_scores_section(in, *keys.parameters, file);
  in.finish();
  return file;
}

std::filesystem::path round_path(const std::filesystem::path& folder, int round) {
  return folder / numbered("round-%04d.enc", round);
}
std::filesystem::path answer_path(const std::filesystem::path& folder, int round) {
  return folder / numbered("answer-%04d.bit", round);
}

bool arrived(const std::filesystem::path& path) { return path_exists(path) && is_whole(path); }

std::string partly_there(const std::filesystem::path& path) {
  return path_exists(path) ? ", of which only a part is there" : "";
}

void write_round(const std::filesystem::path& path, const KeySet& keys, const RoundFile& file) {
  FileSink sink(path, kForAnybody, Links::kReplace);
  ContainerWriter out(sink, header_for(FileKind::kRound, keys));
  write_model_sections(out, *keys.parameters, file.model);
  write_run(out, file.run, file.round);
  out.number(static_cast<std::uint8_t>(file.last));
  require(file.scores.circuit == file.model.training.circuit, "a round's scores are its model's");
  write_layout(out, file.scores.scores.layout, file.scores.data, kValidationLayout);
  write_scores_sections(out, *keys.parameters, file.scores);
  out.commit();
}

RoundFile read_round(const std::filesystem::path& path, const KeySet& keys,
                     const AcceptFile<ModelFile>& accept_model,
                     const AcceptFile<RoundFile>& accept) {
  FileSource source(path);
  ContainerReader in(source, FileKind::kRound);
  require_key_set(in, keys);
  RoundFile file;
  file.model = read_model_sections(in, *keys.parameters, accept_model);
  const RunRound run = read_run(in);
  file.run = run.run;
  file.round = run.round;
  file.last = in.number_in(in.number<std::uint8_t>(), 0, 1, "the flag for the last round") != 0;
  in.enter_section(kValidationLayout);
  file.scores.scores.layout = read_layout(in, *keys.parameters);
  in.bytes(file.scores.data);
  file.scores.circuit = file.model.training.circuit;
  if (accept) accept(file);
  read_scores_section(in, *keys.parameters, file.scores);
  in.finish();
  file.contents = in.contents();
  return file;
}

void write_answer(const std::filesystem::path& path, const KeySet& keys, const RunId& run,
                  int round, bool stop) {
  FileSink sink(path, kForAnybody, Links::kReplace);
  ContainerWriter out(sink, header_for(FileKind::kAnswer, keys));
  write_run(out, run, round);
  out.begin_section(kStop);
  out.number(static_cast<std::uint8_t>(stop));
  out.commit();
}

bool read_answer(const std::filesystem::path& path, const KeySet& keys, const RunId& run,
                 int round) {
  FileSource source(path);
  ContainerReader in(source, FileKind::kAnswer);
  require_key_set(in, keys);
  const RunRound answered = read_run(in);
  if (answered.run != run) in.fail("answers another run of the training");
  if (answered.round != round)
    in.fail("answers round " + std::to_string(answered.round) + ", expected round " +
            std::to_string(round));
  in.enter_section(kStop);
  const bool stop = in.number_in(in.number<std::uint8_t>(), 0, 1, "the answer") != 0;
  in.finish();
  return stop;
}

}  // namespace blindtuner
