#include "records/model.h"

#include "io/file_size.h"
#include "io/file_stream.h"
#include "learn/head.h"
#include "records/sections.h"

namespace blindtuner::records {

void write_model_sections(ContainerWriter& out, const Parameters& parameters,
                          const ModelFile& file) {
  write_layout(out, file.model.layout, file.data);
  write_training(out, file.training);
  require_shape(file.model.weights, parameters,
                model_shape(parameters, file.model.layout, circuit_named(file.training.circuit)));
  out.begin_section(kWeightsSection);
  write_ciphertexts(out, parameters, file.model.weights);
}

ModelFile read_model_sections(ContainerReader& in, const Parameters& p,
                              const AcceptFile<ModelFile>& accept) {
  ModelFile file;
  const ProductLayout& l = file.model.layout = read_layout_and_id(in, p, file.data);
  file.training = read_training_of(in, l);
  if (accept) accept(file);
  in.enter_section(kWeightsSection);
  file.model.weights =
      read_ciphertexts(in, p, model_shape(p, l, circuit_named(file.training.circuit)), "weights");
  return file;
}

Sha256Digest write_model(ByteSink& sink, const KeySet& keys, const ModelFile& file,
                         const std::function<bool(const Sha256Digest&)>& keep) {
  ContainerWriter out(sink, header_for(FileKind::kModel, keys));
  write_model_sections(out, *keys.parameters, file);
  if (keep) out.complete();
  if (!keep || keep(out.contents())) out.commit();
  return out.contents();
}

Sha256Digest write_model(const std::filesystem::path& path, const KeySet& keys,
                         const ModelFile& file,
                         const std::function<bool(const Sha256Digest&)>& keep) {
  FileSink sink(path);
  return write_model(sink, keys, file, keep);
}

ModelFile read_model(ByteSource& source, const KeySet& keys, const AcceptFile<ModelFile>& accept) {
  ContainerReader in(source, FileKind::kModel);
  require_key_set(in, keys);
  ModelFile file = read_model_sections(in, *keys.parameters, accept);
  in.finish();
  file.contents = in.contents();
  return file;
}

ModelFile read_model(const std::filesystem::path& path, const KeySet& keys,
                     const AcceptFile<ModelFile>& accept) {
  FileSource source(path);
  return read_model(source, keys, accept);
}

std::uint64_t model_file_bytes(const Parameters& parameters, const ProductLayout& l,
                               const TrainingState& training) {
  const std::uint64_t sections[] = {kLayoutBytes + sizeof(DataId), training_bytes(training),
                                    l.packs() * ciphertext_bytes(parameters.small_ring(), 2)};
  return file_size(parameters, sections);
}

}  // namespace blindtuner::records
