#include "party/owner/study/study_parts.h"

#include "base/error.h"
#include "base/path.h"
#include "base/secret_bytes.h"
#include "io/file_size.h"
#include "io/file_stream.h"
#include "party/owner/study/boxes.h"
#include "secret/private_file.h"

namespace blindtuner::party {
namespace {

namespace fs = std::filesystem;

constexpr const char* kPart = "a study's part of all secrets";
constexpr std::size_t kResultPrimes = 2;  // learn/result_shape.h: no result has more

std::size_t part_bytes(const Parameters& p) {
  return residues_bytes(p.small_ring(), kResultPrimes, 0);
}

std::vector<std::uint8_t> bound_to(StudyOwner& owner, std::size_t from, std::size_t to) {
  return bound_words({"blindtuner study part 1", to_hex(owner.manifest().digest),
                      to_string(owner.keys().id), std::to_string(from), std::to_string(to)});
}

}  // namespace

std::vector<joint::PublicBoxKey> readers_of_statistics(StudyOwner& owner) {
  std::vector<joint::PublicBoxKey> out = sealing_keys(owner);
  if (const auto& recipient = owner.manifest().recipient) out.push_back(recipient->sealing);
  return out;
}

std::vector<joint::PublicBoxKey> readers_of_model(StudyOwner& owner) {
  if (owner.manifest().draft.recipient_alone) return {owner.manifest().recipient->sealing};
  return readers_of_statistics(owner);
}

std::vector<Sha256Digest> write_parts(StudyOwner& owner, const SecretKey& small,
                                      const Randomness& randomness) {
  const StudyKeyList& list = owner.keys();
  const std::vector<joint::PublicBoxKey> keys = sealing_keys(owner);
  Prng prng = randomness.prng("parts of the small secret");
  const std::vector<Poly> parts =
      joint::deal(small, kResultPrimes, owner.manifest().draft.needed(), keys.size(), prng);
  std::vector<Sha256Digest> out;
  for (std::size_t to = 0; to < parts.size(); ++to) {
    SecretBytes content(part_bytes(*list.parameters));
    pack_residues(parts[to], content.span());
    const joint::SealedBox box = joint::seal_box(content.span(), std::span(&keys[to], 1),
                                                 bound_to(owner, owner.index(), to));
    FileSink sink(owner.session_folder() / part_record(to), kForTheOwner);
    out.push_back(write_box(sink, owner.key_set(list.id), box));
  }
  return out;
}

void keep_sum_of_parts(StudyOwner& owner) {
  const StudyKeyList& list = owner.keys();
  const Ring& ring = list.parameters->small_ring();
  const std::size_t place = owner.index();
  const std::string kind = part_record(place);
  Poly sum;
  for (const std::string& from : owner.manifest().draft.owners) {
    const SecretBytes content =
        open_sent_box(owner, from, kind, "part", part_bytes(*list.parameters),
                      committed_parts(owner, from)[place],
                      bound_to(owner, owner.manifest().draft.index(from), place));
    Poly part(ring, kResultPrimes, 0, Domain::kNtt, /*wiped=*/true);
    read_of(from, [&] {
      unpack_residues(content.span(), part,
                      owner.exchange().channel().place(owner.record(kind, from)));
    });
    if (sum.empty())
      sum = std::move(part);
    else
      add_inplace(sum, part);
  }
  SecretBytes bytes(part_bytes(*list.parameters));
  pack_residues(sum, bytes.span());
  write_private(owner.session_folder() / kOpeningPart, kPart, bytes, owner.passphrase());
}

joint::OpeningPart opening_part(StudyOwner& owner, const Parameters& parameters,
                                std::span<const std::string> decryptors) {
  const fs::path path = owner.session_folder() / kOpeningPart;
  const SecretBytes bytes = read_private(path, kPart, part_bytes(parameters),
                                         [&] { return secret_copy(owner.passphrase().span()); });
  Poly part(parameters.small_ring(), kResultPrimes, 0, Domain::kNtt, /*wiped=*/true);
  unpack_residues(bytes.span(), part, quoted_path(path));
  std::vector<std::size_t> places;
  for (const std::string& name : decryptors) places.push_back(owner.manifest().draft.index(name));
  return joint::opening_part(part, owner.index(), places, owner.box_key(), sealing_keys(owner));
}

}  // namespace blindtuner::party
