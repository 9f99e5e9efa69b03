#include "secret/secret_key_file.h"

#include "io/poly_io.h"

namespace blindtuner {
namespace {

constexpr SectionTag kSecretSection = section_tag("SKEY");

/// Bytes that wipe themselves.
class SecretBytes {
 public:
  explicit SecretBytes(std::size_t count) : bytes_(count) {}
  ~SecretBytes() { wipe(bytes_.data(), bytes_.size()); }
  SecretBytes(const SecretBytes&) = delete;
  SecretBytes& operator=(const SecretBytes&) = delete;
  std::span<std::uint8_t> span() { return bytes_; }

 private:
  std::vector<std::uint8_t> bytes_;
};

void write_coefficients(FileWriter& out, const SecretKey& key) {
  const auto coefficients = key.coefficients();
  SecretBytes packed(coefficients.size() / 4);
  // -1 & 3 = 3 -> 2: without a branch on the value.
  for (std::size_t i = 0; i < coefficients.size(); ++i) {
    const auto two_bits = static_cast<std::uint64_t>(coefficients[i]) & 3;
    const std::uint64_t code = two_bits ^ (two_bits >> 1);
    packed.span()[i / 4] |= static_cast<std::uint8_t>(code << (2 * (i % 4)));
  }
  out.number(static_cast<std::uint8_t>(key.ring().log_n()));
  out.bytes(packed.span());
}

SecretKey read_coefficients(FileReader& in, const Ring& ring, SecretHardness hardness) {
  const auto log_n = static_cast<std::uint64_t>(ring.log_n());
  in.number_in(in.number<std::uint8_t>(), log_n, log_n, "log2 of a secret's dimension");
  SecretBytes packed(ring.n() / 4);
  in.bytes(packed.span());
  SecretCoefficients coefficients(ring.n());
  std::uint64_t invalid = 0;
  for (std::size_t i = 0; i < ring.n(); ++i) {
    const std::uint64_t code = (packed.span()[i / 4] >> (2 * (i % 4))) & 3u;
    invalid |= code & (code >> 1);
    coefficients.span()[i] =
        static_cast<std::int64_t>(code & 1) - static_cast<std::int64_t>(code >> 1);
  }
  if (invalid != 0) in.fail("a secret's coefficient is not -1, 0 or 1");
  return SecretKey::from_coefficients(ring, hardness, coefficients.span());
}

}  // namespace

void write_secret_key(const std::filesystem::path& path, const OwnerKeys& keys) {
  const Parameters& p = *keys.secrets.parameters;
  FileWriter out(path, make_header(FileKind::kSecretKey, p, keys.id), {.secret = true});
  out.begin_section(kSecretSection);
  write_coefficients(out, keys.secrets.big);
  write_coefficients(out, keys.secrets.small);
  out.commit();
}

OwnerKeys read_secret_key(const std::filesystem::path& path, bool allow_insecure) {
  FileReader in(path, FileKind::kSecretKey);
  ParametersPtr p = load_parameters(in, allow_insecure);
  in.enter_section(kSecretSection);
  SecretKey big = read_coefficients(in, p->ring(), p->hardness());
  SecretKey small = read_coefficients(in, p->small_ring(), p->small_hardness());
  in.finish();
  Prng prng = Prng::for_secrets();
  SecretKey sparse = SecretKey::generate(p->ring(), p->sparse_hardness(), prng);
  return {{std::move(p), std::move(big), std::move(small), std::move(sparse)}, in.header().key_id};
}

}  // namespace blindtuner
