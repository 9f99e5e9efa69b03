#include "records/training_keys.h"

#include <algorithm>

#include "ckks/bootstrap/key_plans.h"
#include "io/file_size.h"
#include "io/file_stream.h"
#include "records/sections.h"

namespace blindtuner::records {

void write_training_keys(ByteSink& sink, const Parameters& parameters, const KeyId& id,
                         const TrainingKeys& keys) {
  // Of several owners' keys relinearisation alone has no seed.
  const bool seeded =
      keys.bootstrap.evaluation.relinearisation.seeded && keys.products.relinearisation.seeded;
  ContainerWriter out(sink, make_header(FileKind::kEvaluationKeys, parameters, id, seeded));
  out.begin_section(kLayoutSection);
  write(out, keys.layout);
  out.begin_section(kBootstrapSection);
  write(out, parameters, keys.bootstrap);
  out.begin_section(kProductsSection);
  write(out, parameters, keys.products);
  out.commit();
}

void write_training_keys(const std::filesystem::path& path, const Parameters& parameters,
                         const KeyId& id, const TrainingKeys& keys) {
  FileSink sink(path);
  write_training_keys(sink, parameters, id, keys);
}

TrainingKeyList training_key_list(const Parameters& parameters, const ProductLayout& layout,
                                  const BootstrapKeyShapes& shapes) {
  using Kind = KeyPlan::Kind;
  const auto sorted = [](std::vector<KeyPlan> plans) {
    std::ranges::stable_sort(plans, {}, [](const KeyPlan& plan) {
      return plan.kind == Kind::kRelinearisation ? std::pair{0, u64{0}}
             : plan.kind == Kind::kGalois        ? std::pair{1, plan.g}
                                                 : std::pair{2, u64{0}};
    });
    return plans;
  };
  return {sorted(ckks::key_plans(shapes)), sorted(linalg::key_plans(parameters, layout)),
          ProductKeys::pack_maps(layout), ProductKeys::unpack_maps(layout)};
}

Sha256Digest write_training_keys(ByteSink& sink, const Parameters& parameters, const KeyId& id,
                                 const ProductLayout& layout, const BootstrapKeyShapes& shapes,
                                 bool seeded, const KeyStream& keys) {
  using Kind = KeyPlan::Kind;
  const TrainingKeyList list = training_key_list(parameters, layout, shapes);
  ContainerWriter out(sink, make_header(FileKind::kEvaluationKeys, parameters, id, seeded));
  out.begin_section(kLayoutSection);
  write(out, layout);
  // Rotations are counted before the first of them.
  const auto write_all = [&](const std::vector<KeyPlan>& plans) {
    const auto rotations = std::ranges::count(plans, Kind::kGalois, &KeyPlan::kind);
    for (const KeyPlan& plan : plans) {
      if (plan.kind == Kind::kGalois) out.number(plan.g);
      write(out, parameters, keys.key(plan));
      if (plan.kind == Kind::kRelinearisation) out.number(static_cast<std::uint32_t>(rotations));
    }
  };
  out.begin_section(kBootstrapSection);
  write_all(list.bootstrap);
  out.begin_section(kProductsSection);
  write_all(list.products);
  for (const auto* maps : {&list.pack, &list.unpack}) {
    out.number(static_cast<std::uint16_t>(maps->size()));
    for (const ComponentMap& map : *maps) write(out, keys.map_key(map));
  }
  out.commit();
  return out.contents();
}

TrainingKeysInfo read_training_keys_info(ByteSource& source, bool allow_insecure) {
  ContainerReader in(source, FileKind::kEvaluationKeys);
  TrainingKeysInfo info;
  info.set = {load_parameters(in, allow_insecure), in.header(), in.name()};
  info.layout = read_layout_section(in, *info.set.parameters);
  return info;
}

TrainingKeysInfo read_training_keys_info(const std::filesystem::path& path, bool allow_insecure) {
  FileSource source(path);
  return read_training_keys_info(source, allow_insecure);
}

ProductLayout read_training_keys_layout(ByteSource& source, const KeySet& set) {
  ContainerReader in(source, FileKind::kEvaluationKeys);
  require_key_set(in, set);
  return read_layout_section(in, *set.parameters);
}

ProductLayout read_training_keys_layout(const std::filesystem::path& path, const KeySet& set) {
  FileSource source(path);
  return read_training_keys_layout(source, set);
}

TrainingKeys read_training_keys(ByteSource& source, const KeySet& set,
                                const FractionCallback& progress, Sha256Digest* contents) {
  ContainerReader in(source, FileKind::kEvaluationKeys);
  show_progress(in, progress);
  require_key_set(in, set);
  const Parameters& p = *set.parameters;
  TrainingKeys keys;
  keys.layout = read_layout_section(in, p);
  in.enter_section(kBootstrapSection);
  keys.bootstrap = read_bootstrap_keys(in, p);
  in.enter_section(kProductsSection);
  keys.products = read_product_keys(in, p, keys.layout);
  in.finish();
  if (contents != nullptr) *contents = in.contents();
  return keys;
}

TrainingKeys read_training_keys(const std::filesystem::path& path, const KeySet& set,
                                const FractionCallback& progress) {
  FileSource source(path);
  return read_training_keys(source, set, progress, nullptr);
}

std::uint64_t training_keys_file_bytes(const Parameters& parameters,
                                       const BootstrapKeyShapes& shapes,
                                       const ProductLayout& layout, bool seeded) {
  const std::uint64_t sections[] = {kLayoutBytes, bootstrap_keys_bytes(parameters, shapes, seeded),
                                    product_keys_bytes(parameters, layout, seeded)};
  return file_size(parameters, sections);
}

}  // namespace blindtuner::records
