#include "records/checkpoint.h"

#include "base/error.h"
#include "io/file_stream.h"
#include "records/sections.h"

namespace blindtuner::records {

void write_checkpoint(ByteSink& sink, const KeySet& keys, const ProductLayout& layout,
                      const DataId& data, const RunId& run, const TrainingState& training,
                      const std::vector<std::vector<Ciphertext>>& gradients) {
  require(gradients.size() == static_cast<std::size_t>(training.steps),
          "a checkpoint keeps one gradient a step");
  ContainerWriter out(sink, header_for(FileKind::kCheckpoint, keys));
  write_layout(out, layout, data);
  write_training(out, training);
  out.begin_section(kGradientsSection);
  for (const auto& gradient : gradients) {
    require_shape(gradient, *keys.parameters, gradient_shape(layout));
    write_ciphertexts(out, *keys.parameters, gradient);
  }
  write_run(out, {run, 0});
  out.commit();
}

void write_checkpoint(const std::filesystem::path& path, const KeySet& keys,
                      const ProductLayout& layout, const DataId& data, const RunId& run,
                      const TrainingState& training,
                      const std::vector<std::vector<Ciphertext>>& gradients) {
  FileSink sink(path);
  write_checkpoint(sink, keys, layout, data, run, training, gradients);
}

CheckpointFile read_checkpoint(ByteSource& source, const KeySet& keys) {
  ContainerReader in(source, FileKind::kCheckpoint);
  require_key_set(in, keys);
  const Parameters& p = *keys.parameters;
  CheckpointFile file;
  file.layout = read_layout_and_id(in, p, file.data);
  file.training = read_training_of(in, file.layout);
  in.enter_section(kGradientsSection);
  for (int s = 0; s < file.training.steps; ++s)
    file.gradients.push_back(read_ciphertexts(in, p, gradient_shape(file.layout), "gradients"));
  file.run = read_run(in).run;
  in.finish();
  return file;
}

CheckpointFile read_checkpoint(const std::filesystem::path& path, const KeySet& keys) {
  FileSource source(path);
  return read_checkpoint(source, keys);
}

}  // namespace blindtuner::records
