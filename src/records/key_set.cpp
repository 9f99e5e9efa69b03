#include "records/key_set.h"

namespace blindtuner::records {

void require_key_set(ContainerReader& reader, const KeySet& keys) {
  require_same_keys(reader, keys.header, keys.name);
}

FileHeader header_for(FileKind kind, const KeySet& keys) {
  return make_header(kind, *keys.parameters, keys.header.key_id);
}

void show_progress(ContainerReader& in, const FractionCallback& progress) {
  if (!progress || !in.file_bytes()) return;
  in.on_progress([&progress, total = static_cast<double>(*in.file_bytes())](std::uint64_t bytes) {
    progress(static_cast<double>(bytes) / total);
  });
}

}  // namespace blindtuner::records
