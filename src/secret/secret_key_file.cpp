#include "secret/secret_key_file.h"

#include <cstring>

#include "io/file_stream.h"
#include "io/product_io.h"
#include "secret/passphrase_seal.h"

namespace blindtuner::secret {
namespace {

constexpr SectionTag kLayoutSection = section_tag("LAYT"), kLedgerSection = section_tag("LEDG"),
                     kSecretSection = section_tag("SKEY"), kSealSection = section_tag("SEAL");

std::size_t packed_bytes(const Ring& ring) { return 1 + ring.n() / 4; }
std::size_t packed_bytes(const Parameters& p) {
  return packed_bytes(p.ring()) + packed_bytes(p.small_ring());
}

// out: zeros.
void pack(const SecretKey& key, std::span<std::uint8_t> out) {
  const auto coefficients = key.coefficients();
  out[0] = static_cast<std::uint8_t>(key.ring().log_n());
  // -1 & 3 = 3 -> 2: without a branch on the value.
  for (std::size_t i = 0; i < coefficients.size(); ++i) {
    const auto two_bits = static_cast<std::uint64_t>(coefficients[i]) & 3;
    const std::uint64_t code = two_bits ^ (two_bits >> 1);
    out[1 + i / 4] |= static_cast<std::uint8_t>(code << (2 * (i % 4)));
  }
}

SecretKey unpack(const ContainerReader& in, std::span<const std::uint8_t> packed, const Ring& ring,
                 SecretHardness hardness) {
  const auto log_n = static_cast<std::uint64_t>(ring.log_n());
  in.number_in(packed[0], log_n, log_n, "log2 of a secret's dimension");
  SecretCoefficients coefficients(ring.n());
  std::uint64_t invalid = 0;
  for (std::size_t i = 0; i < ring.n(); ++i) {
    const std::uint64_t code = (packed[1 + i / 4] >> (2 * (i % 4))) & 3u;
    invalid |= code & (code >> 1);
    coefficients.span()[i] =
        static_cast<std::int64_t>(code & 1) - static_cast<std::int64_t>(code >> 1);
  }
  if (invalid != 0) in.fail("a secret's coefficient is not -1, 0 or 1");
  return SecretKey::from_coefficients(ring, hardness, coefficients.span());
}

// What a seal holds in place beside the secrets.
std::vector<std::uint8_t> associated(const FileHeader& header,
                                     const std::optional<ProductLayout>& layout, bool with_ledger) {
  const HeaderBytes bytes = encode_header(header);
  std::vector<std::uint8_t> out(bytes.begin(), bytes.end());
  if (layout)
    for (const std::size_t size : {layout->features, layout->classes, layout->width}) {
      const auto value = static_cast<std::uint32_t>(size);
      out.resize(out.size() + 4);
      std::memcpy(&out[out.size() - 4], &value, 4);
    }
  if (with_ledger) out.push_back(1);
  return out;
}

void write_seal(ContainerWriter& out, const SealedBytes& sealed) {
  out.begin_section(kSealSection);
  out.number(static_cast<std::uint8_t>(sealed.cost.log_n));
  out.number(sealed.cost.r);
  out.number(sealed.cost.p);
  out.bytes(sealed.salt);
  out.bytes(sealed.nonce);
  out.number(static_cast<std::uint32_t>(sealed.bytes.size()));
  out.bytes(sealed.bytes);
}

// For `packed` bytes of secrets.
SealedBytes read_seal(ContainerReader& in, std::size_t packed) {
  const ScryptCost least = kLeastScryptCost, most = kMostScryptCost;
  SealedBytes sealed;
  auto number = [&](std::uint64_t value, std::uint32_t from, std::uint32_t to, const char* what) {
    return static_cast<std::uint32_t>(in.number_in(value, from, to, what));
  };
  sealed.cost.log_n = number(in.number<std::uint8_t>(), least.log_n, most.log_n,
                             "the passphrase's scrypt cost, log2 N,");
  sealed.cost.r =
      number(in.number<std::uint32_t>(), least.r, most.r, "the passphrase's scrypt cost, r,");
  sealed.cost.p =
      number(in.number<std::uint32_t>(), least.p, most.p, "the passphrase's scrypt cost, p,");
  in.bytes(sealed.salt);
  in.bytes(sealed.nonce);
  const std::size_t bytes = packed + kSealTagBytes;
  in.number_in(in.number<std::uint32_t>(), bytes, bytes, "the length of the sealed secrets");
  sealed.bytes.resize(bytes);
  in.bytes(sealed.bytes);
  return sealed;
}

SecretBytes read_sealed(ContainerReader& in, const Parameters& p,
                        const std::optional<ProductLayout>& layout, bool with_ledger,
                        const PassphraseSource& source) {
  const SealedBytes sealed = read_seal(in, packed_bytes(p));
  in.finish();  // damage is told from a wrong passphrase before somebody is asked
  if (!source) in.fail("is protected by a passphrase, and none was given");
  std::optional<SecretBytes> packed =
      open_seal(sealed, source(), associated(in.header(), layout, with_ledger));
  if (!packed) in.fail("the passphrase is wrong, or the file was changed");
  return std::move(*packed);
}

}  // namespace

void write_secret_key(const std::filesystem::path& path, const OwnerKeys& keys,
                      const SecretBytes& passphrase, Links links) {
  const Parameters& p = *keys.secrets.parameters;
  SecretBytes packed(packed_bytes(p));
  const std::size_t first = packed_bytes(p.ring());
  pack(keys.secrets.big, packed.span().first(first));
  pack(keys.secrets.small, packed.span().subspan(first));
  const FileHeader header = make_header(FileKind::kSecretKey, p, keys.id);
  std::optional<SealedBytes> sealed;  // before the file is begun: it takes a while
  if (!passphrase.empty())
    sealed = seal(packed.span(), passphrase, associated(header, keys.layout, keys.with_ledger));
  FileSink sink(path, kForTheOwner, links);
  ContainerWriter out(sink, header);
  if (keys.layout) {
    out.begin_section(kLayoutSection);
    write(out, *keys.layout);
  }
  if (keys.with_ledger) {
    out.begin_section(kLedgerSection);
    out.number(std::uint8_t{1});
  }
  if (sealed) {
    write_seal(out, *sealed);
  } else {
    out.begin_section(kSecretSection);
    out.bytes(packed.span());
  }
  out.commit();
}

OwnerKeys read_secret_key(const std::filesystem::path& path, bool allow_insecure,
                          const PassphraseSource& passphrase) {
  FileSource source(path);
  ContainerReader in(source, FileKind::kSecretKey);
  ParametersPtr p = load_parameters(in, allow_insecure);
  std::optional<ProductLayout> layout;
  if (in.next_section() == kLayoutSection) {
    in.enter_section(kLayoutSection);
    layout = read_layout(in, *p);
  }
  bool with_ledger = false;
  if (in.next_section() == kLedgerSection) {
    in.enter_section(kLedgerSection);
    with_ledger = in.number_in(in.number<std::uint8_t>(), 1, 1, "the mark of a ledger") == 1;
  }
  SecretBytes packed;
  if (in.next_section() == kSealSection) {
    in.enter_section(kSealSection);
    packed = read_sealed(in, *p, layout, with_ledger, passphrase);
  } else {
    in.enter_section(kSecretSection);
    packed = SecretBytes(packed_bytes(*p));
    in.bytes(packed.span());
    in.finish();
  }
  const std::size_t first = packed_bytes(p->ring());
  SecretKey big = unpack(in, packed.span().first(first), p->ring(), p->hardness());
  SecretKey small = unpack(in, packed.span().subspan(first), p->small_ring(), p->small_hardness());
  Prng prng = Prng::for_secrets();
  SecretKey sparse = SecretKey::generate(p->ring(), p->sparse_hardness(), prng);
  return {{std::move(p), std::move(big), std::move(small), std::move(sparse)},
          in.header().key_id,
          layout,
          with_ledger};
}

bool secret_key_sealed(const std::filesystem::path& path) {
  FileSource source(path);
  ContainerReader in(source, FileKind::kSecretKey);
  for (SectionTag tag; (tag = in.next_section()) != kEndTag; in.skip_section()) {
    if (tag == kSealSection) return true;
    in.enter_section(tag);
  }
  return false;
}

void require_keys_in_place(const std::filesystem::path& folder, const KeyId& id) {
  const std::filesystem::path key = folder / "secret.key";
  if (path_exists(key) && read_header(key, FileKind::kSecretKey).key_id != id)
    throw DataError(
        quoted_path(key) +
        ": is another than a moment ago; the earlier one and its records are where it was moved "
        "to ('keygen --force' moves it to a folder old-.. beside it): open that folder");
}

}  // namespace blindtuner::secret
