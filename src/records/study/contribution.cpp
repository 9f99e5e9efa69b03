#include "records/study/contribution.h"

#include "base/parallel.h"
#include "io/file_size.h"
#include "linalg/encrypted_dataset.h"
#include "records/sections.h"

namespace blindtuner::records {
namespace {

// In memory at a time.
constexpr std::size_t kChunk = 64;
constexpr std::uint64_t kCellBytes = 2 + 8 + 4 + 4 + 4 + 8 + 1 + 1;

}  // namespace

Sha256Digest write_contribution(ByteSink& sink, const KeySet& keys, const ContributionInfo& info,
                                const MakeCiphertext& feature, const MakeCiphertext& label,
                                const FractionCallback& progress,
                                const std::function<bool(const Sha256Digest&)>& keep) {
  const OwnerCells& cells = info.cells();
  const ProductLayout& l = info.arrangement.layout;
  ContainerWriter out(sink, header_for(FileKind::kContribution, keys));
  write_layout(out, l, info.data);
  out.begin_section(kCellsSection);
  out.number(static_cast<std::uint16_t>(info.owner));
  out.number(static_cast<std::uint64_t>(cells.rows));
  out.number(static_cast<std::uint32_t>(cells.columns));
  out.number(static_cast<std::uint32_t>(cells.first_group));
  out.number(static_cast<std::uint32_t>(cells.groups));
  out.number(static_cast<std::uint64_t>(cells.blocks.size()));
  out.number(static_cast<std::uint8_t>(cells.constant));
  out.number(static_cast<std::uint8_t>(cells.labels));
  const std::size_t features = cells.feature_count(), labels = cells.label_count(l);
  const double total = static_cast<double>(features + labels);
  std::size_t done = 0;
  const auto write_all_of = [&](SectionTag section, std::size_t count, const MakeCiphertext& make) {
    out.begin_section(section);
    for (std::size_t first = 0; first < count; first += kChunk) {
      std::vector<SeededCiphertext> chunk(std::min(kChunk, count - first));
      parallel_for(chunk.size(), [&](std::size_t i) { chunk[i] = make(first + i); });
      for (const SeededCiphertext& c : chunk) write(out, *keys.parameters, c);
      done += chunk.size();
      if (progress) progress(static_cast<double>(done) / total);
    }
  };
  write_all_of(kFeaturesSection, features, feature);
  if (cells.labels) write_all_of(kLabelsSection, labels, label);
  if (keep) out.complete();
  if (!keep || keep(out.contents())) out.commit();
  return out.contents();
}

Sha256Digest read_contribution(ByteSource& source, const KeySet& keys, const ContributionInfo& info,
                               const TakeCiphertext& feature, const TakeCiphertext& label,
                               const FractionCallback& progress) {
  const Parameters& p = *keys.parameters;
  const OwnerCells& cells = info.cells();
  const ProductLayout& l = info.arrangement.layout;
  ContainerReader in(source, FileKind::kContribution);
  show_progress(in, progress);
  require_key_set(in, keys);
  DataId data{};
  if (!(read_layout_and_id(in, p, data) == l)) in.fail("data of another layout than the study's");
  if (data != info.data) in.fail("data of another study or session");
  in.enter_section(kCellsSection);
  const auto hold = [&](std::uint64_t is, std::uint64_t expected, const char* what) {
    if (is != expected)
      in.fail(std::string(what) + ": " + std::to_string(is) + ", expected " +
              std::to_string(expected));
  };
  hold(in.number<std::uint16_t>(), info.owner, "the owner's number");
  hold(in.number<std::uint64_t>(), cells.rows, "rows");
  hold(in.number<std::uint32_t>(), cells.columns, "columns");
  hold(in.number<std::uint32_t>(), cells.first_group, "the first group of columns");
  hold(in.number<std::uint32_t>(), cells.groups, "groups of columns");
  hold(in.number<std::uint64_t>(), cells.blocks.size(), "blocks of rows");
  hold(in.number<std::uint8_t>(), cells.constant ? 1 : 0, "the flag for the constant column");
  hold(in.number<std::uint8_t>(), cells.labels ? 1 : 0, "the flag for labels");
  const auto take_all_of = [&](SectionTag section, std::size_t count, double scale,
                               const char* what, const TakeCiphertext& take) {
    in.enter_section(section);
    in.require_available(count, seeded_ciphertext_bytes(p.small_ring(), 2), what);
    for (std::size_t i = 0; i < count; ++i)
      take(i, read_seeded_ciphertext(in, p, [&](const CiphertextHead& head) {
             require_fit(in, head, p, {count, 2, scale}, what);
           }));
  };
  take_all_of(kFeaturesSection, cells.feature_count(), kFeatureScale, "features", feature);
  if (cells.labels) take_all_of(kLabelsSection, cells.label_count(l), kErrorScale, "labels", label);
  in.finish();
  return in.contents();
}

std::uint64_t contribution_bytes(const Parameters& parameters, const ContributionInfo& info) {
  const OwnerCells& cells = info.cells();
  const std::uint64_t each = seeded_ciphertext_bytes(parameters.small_ring(), 2);
  std::vector<std::uint64_t> sections = {kLayoutBytes + sizeof(DataId), kCellBytes,
                                         cells.feature_count() * each};
  if (cells.labels) sections.push_back(cells.label_count(info.arrangement.layout) * each);
  return file_size(parameters, sections);
}

}  // namespace blindtuner::records
