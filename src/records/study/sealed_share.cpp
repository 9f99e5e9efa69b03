#include "records/study/sealed_share.h"

#include <cmath>
#include <cstring>

#include "io/bit_packing.h"
#include "io/file_size.h"
#include "records/sections.h"

namespace blindtuner::records {
namespace {

constexpr SectionTag kKeysSection = section_tag("BOXK"), kContentSection = section_tag("BOXC");
constexpr std::uint64_t kTag = 16;

}  // namespace

Sha256Digest write_sealed_share(ByteSink& sink, const KeySet& keys, const SealedShare& share) {
  require(!share.receivers.empty() && share.receivers.size() <= kMostReceivers,
          "1 to 17 receivers");
  ContainerWriter out(sink, header_for(FileKind::kSealedShare, keys));
  out.begin_section(kKeysSection);
  out.bytes(share.ephemeral);
  out.number(static_cast<std::uint16_t>(share.receivers.size()));
  for (const SealedShare::Receiver& receiver : share.receivers) {
    out.bytes(receiver.key);
    out.bytes(receiver.wrapped);
  }
  out.begin_section(kContentSection);
  out.number(static_cast<std::uint64_t>(share.bytes.size()));
  out.bytes(share.bytes);
  out.commit();
  return out.contents();
}

SealedShare read_sealed_share(ByteSource& source, const KeySet& keys, std::uint64_t content,
                              Sha256Digest& contents) {
  ContainerReader in(source, FileKind::kSealedShare);
  require_key_set(in, keys);
  SealedShare out;
  in.enter_section(kKeysSection);
  in.bytes(out.ephemeral);
  out.receivers.resize(
      in.number_in(in.number<std::uint16_t>(), 1, kMostReceivers, "the number of receivers"));
  for (SealedShare::Receiver& receiver : out.receivers) {
    in.bytes(receiver.key);
    in.bytes(receiver.wrapped);
  }
  in.enter_section(kContentSection);
  const auto size = in.number<std::uint64_t>();
  if (size != content + kTag)
    in.fail("a share of " + std::to_string(size) + " bytes, expected " +
            std::to_string(content + kTag));
  in.require_available(size, 1, "a share");
  out.bytes.resize(size);
  in.bytes(out.bytes);
  in.finish();
  contents = in.contents();
  return out;
}

std::uint64_t sealed_share_bytes(const Parameters& parameters, const CiphertextShape& shape,
                                 std::size_t receivers) {
  using Receiver = SealedShare::Receiver;
  constexpr std::uint64_t kReceiver = sizeof(Receiver::key) + sizeof(Receiver::wrapped);
  const std::uint64_t sections[] = {
      sizeof(SealedShare::ephemeral) + sizeof(std::uint16_t) + receivers * kReceiver,
      sizeof(std::uint64_t) + share_content_bytes(parameters, shape) + kTag};
  return file_size(parameters, sections);
}

std::uint64_t share_content_bytes(const Parameters& parameters, const CiphertextShape& shape) {
  return sizeof(double) + shape.count * residues_bytes(parameters.small_ring(), shape.q_count, 0);
}

void pack_residues(const Poly& x, std::span<std::uint8_t> out) {
  require(x.domain() == Domain::kNtt && x.p_count() == 0 &&
              out.size() == residues_bytes(x.ring(), x.q_count(), 0),
          "a polynomial's residues, in NTT domain");
  const Residues residues(x);
  for (std::size_t i = 0; i < x.limbs(); ++i) {
    const int bits = x.modulus(i).bits;
    const std::size_t bytes = packed_bytes(x.n(), bits);
    pack_bits(residues[i], bits, out.first(bytes));
    out = out.subspan(bytes);
  }
}

void unpack_residues(std::span<const std::uint8_t> bytes, Poly& x, const std::string& where) {
  require(bytes.size() == residues_bytes(x.ring(), x.q_count(), 0), "a polynomial's residues");
  set_residues(x, [&](WritableResidues residues) {
    for (std::size_t i = 0; i < x.limbs(); ++i) {
      const Modulus& q = x.modulus(i);
      const std::size_t count = packed_bytes(x.n(), q.bits);
      if (!unpack_bits(bytes.first(count), q.bits, q.q, residues[i]))
        throw DataError(where + ": a residue is not below its prime");
      bytes = bytes.subspan(count);
    }
  });
}

std::vector<std::uint8_t> share_content(const std::vector<Poly>& polynomials, double noise) {
  std::vector<std::uint8_t> out(sizeof noise);
  std::memcpy(out.data(), &noise, sizeof noise);
  for (const Poly& x : polynomials) {
    const std::size_t bytes = residues_bytes(x.ring(), x.q_count(), 0);
    out.resize(out.size() + bytes);
    pack_residues(x, std::span(out).last(bytes));
  }
  return out;
}

std::vector<Poly> share_of_content(const Parameters& parameters, const CiphertextShape& shape,
                                   std::span<const std::uint8_t> content, double& noise,
                                   const std::string& where) {
  if (content.size() != share_content_bytes(parameters, shape))
    throw DataError(where + ": a share of another size than its result's");
  std::memcpy(&noise, content.data(), sizeof noise);
  if (!(noise > 0 && std::isfinite(noise))) throw DataError(where + ": a share without noise");
  content = content.subspan(sizeof noise);
  std::vector<Poly> out;
  for (std::size_t k = 0; k < shape.count; ++k) {
    Poly x(parameters.small_ring(), shape.q_count, 0, Domain::kNtt);
    const std::size_t bytes = residues_bytes(x.ring(), x.q_count(), 0);
    unpack_residues(content.first(bytes), x, where);
    content = content.subspan(bytes);
    out.push_back(std::move(x));
  }
  return out;
}

}  // namespace blindtuner::records
