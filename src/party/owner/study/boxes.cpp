#include "party/owner/study/boxes.h"

#include "base/path.h"
#include "io/file_stream.h"

namespace blindtuner::party {
namespace {

/// A source that writes what is read of it into a file.
class CopiedSource final : public ByteSource {
 public:
  CopiedSource(std::unique_ptr<ByteSource> from, const std::filesystem::path& copy)
      : from_(std::move(from)), copy_(copy, kForTheOwner) {}
  const std::string& name() const override { return from_->name(); }
  std::optional<std::uint64_t> size() const override { return from_->size(); }
  std::size_t read_some(std::span<std::uint8_t> out) override {
    const std::size_t got = from_->read_some(out);
    copy_.write(out.first(got));
    return got;
  }
  /// Of all that was read.
  void keep() { copy_.commit(); }

 private:
  std::unique_ptr<ByteSource> from_;
  FileSink copy_;
};

}  // namespace

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

SecretBytes open_sent_box(StudyOwner& owner, const std::string& from, const std::string& record,
                          const std::string& what, std::uint64_t bytes,
                          const Sha256Digest& committed, std::span<const std::uint8_t> bound,
                          const std::filesystem::path& kept) {
  Channel& channel = owner.exchange().channel();
  const std::string name = owner.record(record, from);
  std::unique_ptr<ByteSource> source;
  CopiedSource* copied = nullptr;
  if (!kept.empty() && path_exists(kept)) {
    source = std::make_unique<FileSource>(kept);
  } else {
    source = channel.find(name);
    if (!source)
      throw DataError(channel.place(name) + ": is not there any more; '" + from +
                      "' has sent it before");
    if (!kept.empty()) {
      auto copy = std::make_unique<CopiedSource>(std::move(source), kept);
      copied = copy.get();
      source = std::move(copy);
    }
  }
  return read_of(from, [&] {
    Sha256Digest contents{};
    const joint::SealedBox box =
        read_box(*source, owner.key_set(owner.session().joint), bytes, contents);
    if (contents != committed)
      throw DataError(source->name() + ": another " + what + " than it has committed to");
    std::optional<SecretBytes> out = joint::open_box(box, owner.box_key(), bound);
    if (!out)
      throw DataError(source->name() + ": a " + what +
                      " that is sealed to others, or of another session");
    if (copied != nullptr) copied->keep();
    return std::move(*out);
  });
}

std::vector<joint::PublicBoxKey> sealing_keys(StudyOwner& owner) {
  std::vector<joint::PublicBoxKey> out;
  for (const StudyParty& party : owner.manifest().owners) out.push_back(party.sealing);
  return out;
}

}  // namespace blindtuner::party
