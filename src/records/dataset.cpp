#include "records/dataset.h"

#include "io/file_size.h"
#include "io/file_stream.h"
#include "records/sections.h"

namespace blindtuner::records {
namespace {

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

}  // namespace

DatasetInfo read_dataset_info(ContainerReader& in, const Parameters& parameters) {
  DatasetInfo info;
  info.layout = read_layout_and_id(in, parameters, info.id);
  info.labelled = in.number_in(in.number<std::uint8_t>(), 0, 1, "the flag for labels") != 0;
  info.source = in.text(4096, "the data set's source");
  return info;
}

Sha256Digest write_dataset(ByteSink& sink, const KeySet& keys, const DatasetFile& file,
                           const FractionCallback& progress,
                           const std::function<bool(const Sha256Digest&)>& keep) {
  const ProductLayout& l = file.data.layout;
  const bool labelled = !file.data.labels.empty();
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
  out.begin_section(kFeaturesSection);
  write_all_of(file.data.features);
  if (labelled) {
    out.begin_section(kLabelsSection);
    write_all_of(file.data.labels);
  }
  if (keep) out.complete();
  if (!keep || keep(out.contents())) out.commit();
  return out.contents();
}

Sha256Digest write_dataset(const std::filesystem::path& path, const KeySet& keys,
                           const DatasetFile& file, const FractionCallback& progress,
                           const std::function<bool(const Sha256Digest&)>& keep) {
  FileSink sink(path);
  return write_dataset(sink, keys, file, progress, keep);
}

DatasetFile read_dataset(ByteSource& source, const KeySet& keys, const FractionCallback& progress,
                         const AcceptFile<DatasetFile>& accept) {
  ContainerReader in(source, FileKind::kDataset);
  show_progress(in, progress);
  require_key_set(in, keys);
  const Parameters& p = *keys.parameters;
  DatasetFile file;
  file.info = read_dataset_info(in, p);
  const ProductLayout& l = file.data.layout = file.info.layout;
  if (accept) accept(file);
  in.enter_section(kFeaturesSection);
  file.data.features =
      read_seeded(in, p, l.blocks() * l.feature_groups(), kFeatureScale, "features");
  if (file.info.labelled) {
    in.enter_section(kLabelsSection);
    file.data.labels = read_seeded(in, p, l.supers() * l.ratio, kErrorScale, "labels");
  }
  in.finish();
  file.contents = in.contents();
  return file;
}

DatasetFile read_dataset(const std::filesystem::path& path, const KeySet& keys,
                         const FractionCallback& progress, const AcceptFile<DatasetFile>& accept) {
  FileSource source(path);
  return read_dataset(source, keys, progress, accept);
}

DatasetFile scan_dataset(ByteSource& source, const KeySet& keys) {
  ContainerReader in(source, FileKind::kDataset);
  require_key_set(in, keys);
  DatasetFile file;
  file.info = read_dataset_info(in, *keys.parameters);
  scan_sections(in);
  file.contents = in.contents();
  return file;
}

DatasetFile scan_dataset(const std::filesystem::path& path, const KeySet& keys) {
  FileSource source(path);
  return scan_dataset(source, keys);
}

std::uint64_t dataset_file_bytes(const Parameters& parameters, const ProductLayout& l,
                                 bool labelled) {
  const std::uint64_t each = seeded_ciphertext_bytes(parameters.small_ring(), 2);
  std::vector<std::uint64_t> sections = {kLayoutBytes + sizeof(DataId) + 1 + 4,
                                         l.blocks() * l.feature_groups() * each};
  if (labelled) sections.push_back(l.supers() * l.ratio * each);
  return file_size(parameters, sections);
}

}  // namespace blindtuner::records
