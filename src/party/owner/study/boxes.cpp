#include "party/owner/study/boxes.h"

namespace blindtuner::party {

std::vector<std::uint8_t> bound_words(std::initializer_list<std::string_view> words) {
  std::vector<std::uint8_t> out;
  for (const std::string_view word : words) {
    const std::string length = std::to_string(word.size()) + " ";
    out.insert(out.end(), length.begin(), length.end());
    out.insert(out.end(), word.begin(), word.end());
  }
  return out;
}

Sha256Digest write_box(ByteSink& sink, const KeySet& keys, const joint::SealedBox& box) {
  SealedShare record;
  record.ephemeral = box.ephemeral;
  for (const auto& receiver : box.receivers)
    record.receivers.push_back({receiver.key, receiver.wrapped});
  record.bytes = box.bytes;
  return write_sealed_share(sink, keys, record);
}

joint::SealedBox read_box(ByteSource& source, const KeySet& keys, std::uint64_t bytes,
                          Sha256Digest& contents) {
  const SealedShare record = read_sealed_share(source, keys, bytes, contents);
  joint::SealedBox box;
  box.ephemeral = record.ephemeral;
  for (const auto& receiver : record.receivers)
    box.receivers.push_back({receiver.key, receiver.wrapped});
  box.bytes = record.bytes;
  return box;
}

}  // namespace blindtuner::party
