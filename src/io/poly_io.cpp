#include "io/poly_io.h"

#include "base/error.h"
#include "io/residues.h"
#include "rlwe/written_parameters.h"

namespace blindtuner::io {
namespace {

// Added to a ring's number: the key that follows has no seed.
constexpr std::uint8_t kWithoutSeed = 2;

void write_ring(ContainerWriter& out, const Parameters& parameters, const Ring& ring,
                std::uint8_t added = 0) {
  require(&ring == &parameters.ring() || &ring == &parameters.small_ring(),
          "a polynomial of a ring that is not the parameters'");
  out.number(static_cast<std::uint8_t>((&ring == &parameters.ring() ? 1 : 0) + added));
}

const Ring& read_ring(ContainerReader& in, const Parameters& parameters) {
  const auto ring = in.number_in(in.number<std::uint8_t>(), 0, 1, "the number of a ring");
  return ring == 1 ? parameters.ring() : parameters.small_ring();
}

std::size_t read_count(ContainerReader& in, std::size_t least, std::size_t most, const char* what) {
  return static_cast<std::size_t>(in.number_in(in.number<std::uint16_t>(), least, most, what));
}

void write_count(ContainerWriter& out, std::size_t count) {
  require(count <= UINT16_MAX, "a count beyond 16 bits");
  out.number(static_cast<std::uint16_t>(count));
}

double read_scale(ContainerReader& in) {
  const double scale = in.finite("a scale");
  // Wide enough for every product of two messages at the top of the chain, and far from overflow.
  if (!(scale >= 0x1p-64 && scale <= 0x1p512)) in.fail("a scale is out of range");
  return scale;
}

CiphertextHead read_head(ContainerReader& in, const Parameters& parameters) {
  const Ring& ring = read_ring(in, parameters);
  const std::size_t q_count = read_count(in, 1, ring.q_size(), "a ciphertext's number of primes");
  return {&ring, q_count, read_scale(in)};
}

}  // namespace

FileHeader make_header(FileKind kind, const Parameters& parameters, const KeyId& key_id,
                       bool seeded) {
  const ParametersLiteral& literal = parameters.literal();
  return {kind,
          literal.name,
          parameters.digest(),
          key_id,
          built_in(literal) ? std::string() : to_text(literal),
          seeded ? kFormatVersion : kNewestVersion};
}

ParametersPtr load_parameters(ContainerReader& reader, bool allow_insecure) {
  (void)reader.next_section();
  const FileHeader& header = reader.header();
  ParametersPtr parameters;
  try {
    parameters =
        Parameters::create(header.written_parameters.empty()
                               ? find_parameters(header.parameters_name)
                               : parse_parameters(header.written_parameters, "parameters"));
  } catch (const SecurityError& error) {
    throw SecurityError(reader.name() + ": " + error.what());
  } catch (const DataError& error) {
    reader.fail(error.what());
  }
  if (parameters->literal().name != header.parameters_name)
    reader.fail("names the parameters '" + header.parameters_name + "' and holds '" +
                parameters->literal().name + "'");
  if (parameters->digest() != header.parameters_digest)
    reader.fail("made under other parameters of the name '" + header.parameters_name +
                "' than this program's: digest " + header.parameters_digest.substr(0, 16) +
                ".., expected " + parameters->digest().substr(0, 16) + "..");
  if (parameters->insecure() && !allow_insecure)
    throw SecurityError(reader.name() + ": made under '" + header.parameters_name +
                        "', which is below 128 bits of security; refused without "
                        "--allow-insecure-parameters");
  return parameters;
}

namespace {

/// The parameter set that a header comes with, as this version writes it; empty: none.
std::string written(const ContainerReader& reader, const FileHeader& header) {
  if (header.written_parameters.empty()) return {};
  try {
    return to_text(parse_parameters(header.written_parameters, "parameters"));
  } catch (const DataError& error) {
    reader.fail(error.what());
  }
}

}  // namespace

void require_same_keys(ContainerReader& reader, const FileHeader& expected,
                       const std::string& others) {
  (void)reader.next_section();
  const FileHeader& header = reader.header();
  if (header.parameters_digest != expected.parameters_digest ||
      header.parameters_name != expected.parameters_name)
    reader.fail("made under the parameters '" + header.parameters_name + "', but " + others +
                " under '" + expected.parameters_name + "'");
  if (header.key_id != expected.key_id)
    reader.fail("belongs to the keys " + to_string(header.key_id).substr(0, 8) + ".., but " +
                others + " to the keys " + to_string(expected.key_id).substr(0, 8) + "..");
  if (header.written_parameters != expected.written_parameters &&
      written(reader, header) != written(reader, expected))
    reader.fail("holds other parameters than those that " + others + " are of, under one name");
}

void write(ContainerWriter& out, const Parameters& parameters, const Ciphertext& c) {
  require(c.c0.q_count() == c.c1.q_count() && c.c0.p_count() == 0 && c.c1.p_count() == 0,
          "a ciphertext has two polynomials of one level");
  write_ring(out, parameters, c.ring());
  write_count(out, c.q_count());
  out.number(c.scale);
  write_residues(out, c.c0);
  write_residues(out, c.c1);
}

Ciphertext read_ciphertext(ContainerReader& in, const Parameters& parameters,
                           const AcceptCiphertext& accept) {
  const CiphertextHead head = read_head(in, parameters);
  if (accept) accept(head);
  Poly c0 = read_residues(in, *head.ring, head.q_count, 0);
  Poly c1 = read_residues(in, *head.ring, head.q_count, 0);
  return {std::move(c0), std::move(c1), head.scale};
}

void write(ContainerWriter& out, const Parameters& parameters, const SeededCiphertext& c) {
  require(c.c0.p_count() == 0 && c.c1.empty(), "a seeded ciphertext without special limbs");
  write_ring(out, parameters, c.c0.ring());
  write_count(out, c.c0.q_count());
  out.number(c.scale);
  out.number(c.stream);
  out.bytes(c.seed);
  write_residues(out, c.c0);
}

SeededCiphertext read_seeded_ciphertext(ContainerReader& in, const Parameters& parameters,
                                        const AcceptCiphertext& accept) {
  const CiphertextHead head = read_head(in, parameters);
  if (accept) accept(head);
  SeededCiphertext c;
  c.scale = head.scale;
  c.stream = in.number_in(in.number<std::uint64_t>(), 0, UINT32_MAX, "a ciphertext's stream");
  in.bytes(c.seed);
  c.c0 = read_residues(in, *head.ring, head.q_count, 0);
  return c;
}

void write(ContainerWriter& out, const Parameters& parameters, const KeySwitchKey& key) {
  require(key.b.size() == key.shape.digits() && !key.b.empty(), "a key has one b for each digit");
  require(key.seeded || out.version() >= kNewestVersion,
          "a key without a seed in a file of an earlier version");
  write_ring(out, parameters, key.ring(), key.seeded ? 0 : kWithoutSeed);
  write_count(out, key.shape.q_count);
  write_count(out, key.shape.p_count);
  write_count(out, key.shape.digits());
  for (const std::size_t end : key.shape.digit_ends) write_count(out, end);
  const auto write_halves = [&](const std::vector<Poly>& halves) {
    require(halves.size() == key.shape.digits(), "a key has one of each half for each digit");
    for (const Poly& x : halves) {
      require(x.q_count() == key.shape.q_count && x.p_count() == key.shape.p_count,
              "a key's polynomials have its shape");
      write_residues(out, x);
    }
  };
  if (key.seeded) out.bytes(key.seed);
  write_halves(key.b);
  if (!key.seeded) write_halves(key.a);
}

KeySwitchKey read_key_switch_key(ContainerReader& in, const Parameters& parameters) {
  KeySwitchKey key;
  const std::uint8_t last = in.header().version >= kNewestVersion ? 1 + kWithoutSeed : 1;
  const auto place = in.number_in(in.number<std::uint8_t>(), 0, last, "the number of a ring");
  const Ring& ring = place % kWithoutSeed == 1 ? parameters.ring() : parameters.small_ring();
  key.seeded = place < kWithoutSeed;
  key.shape.q_count = read_count(in, 1, ring.q_size(), "a key's number of primes");
  key.shape.p_count = read_count(in, 1, ring.p_size(), "a key's number of special primes");
  const std::size_t digits = read_count(in, 1, key.shape.q_count, "a key's number of digits");
  // inner_product and base conversion hold at most 32 of each.
  in.number_in(digits, 1, 32, "a key's number of digits");
  std::size_t begin = 0;
  for (std::size_t d = 0; d < digits; ++d) {
    const std::size_t most = std::min(begin + 32, key.shape.q_count);
    begin = read_count(in, begin + 1, most, "the end of a key's digit");
    key.shape.digit_ends.push_back(begin);
  }
  if (begin != key.shape.q_count)
    in.fail("a key's digits end at prime " + std::to_string(begin) + ", expected " +
            std::to_string(key.shape.q_count));
  const auto read_halves = [&](std::vector<Poly>& halves) {
    for (std::size_t d = 0; d < digits; ++d)
      halves.push_back(read_residues(in, ring, key.shape.q_count, key.shape.p_count));
  };
  if (key.seeded) in.bytes(key.seed);
  read_halves(key.b);
  if (key.seeded)
    key.expand();
  else
    read_halves(key.a);
  return key;
}

void write(ContainerWriter& out, const Parameters& parameters, const GaloisKeys& keys) {
  out.number(static_cast<std::uint32_t>(keys.size()));
  for (const auto& [g, key] : keys) {
    out.number(g);
    write(out, parameters, key);
  }
}

GaloisKeys read_galois_keys(ContainerReader& in, const Parameters& parameters) {
  const auto count = in.number<std::uint32_t>();
  in.require_available(count, 64, "rotation keys");
  GaloisKeys keys;
  u64 last = 0;
  for (std::uint32_t i = 0; i < count; ++i) {
    const u64 g = in.number_in(in.number<u64>(), last + 1, 2 * parameters.ring().n() - 1,
                               "a rotation key's Galois element");
    if (g % 2 == 0) in.fail("a rotation key's Galois element is even");
    KeySwitchKey key = read_key_switch_key(in, parameters);
    in.number_in(g, 1, 2 * key.ring().n() - 1, "a rotation key's Galois element");
    keys.emplace(g, std::move(key));
    last = g;
  }
  return keys;
}

void write(ContainerWriter& out, const Parameters& parameters, const BootstrapKeys& keys) {
  write(out, parameters, keys.evaluation.relinearisation);
  write(out, parameters, keys.evaluation.galois);
  for (const KeySwitchKey* key :
       {&keys.small_to_sparse, &keys.dense_to_sparse, &keys.sparse_to_dense, &keys.dense_to_small})
    write(out, parameters, *key);
}

BootstrapKeys read_bootstrap_keys(ContainerReader& in, const Parameters& parameters) {
  BootstrapKeys keys;
  keys.evaluation.relinearisation = read_key_switch_key(in, parameters);
  keys.evaluation.galois = read_galois_keys(in, parameters);
  for (KeySwitchKey* key :
       {&keys.small_to_sparse, &keys.dense_to_sparse, &keys.sparse_to_dense, &keys.dense_to_small})
    *key = read_key_switch_key(in, parameters);
  // The circuits require shapes and elements themselves; that every key is of the big ring is said
  // here.
  bool big = &keys.evaluation.relinearisation.ring() == &parameters.ring();
  for (const auto& [g, key] : keys.evaluation.galois) big &= &key.ring() == &parameters.ring();
  for (const KeySwitchKey* key :
       {&keys.small_to_sparse, &keys.dense_to_sparse, &keys.sparse_to_dense, &keys.dense_to_small})
    big &= &key->ring() == &parameters.ring();
  if (!big) in.fail("a bootstrapping key is not of the big ring");
  return keys;
}

void write(ContainerWriter& out, const Parameters& parameters, const PublicKey& key) {
  require(key.b.q_count() == key.a.q_count() && key.b.p_count() == 0 && key.a.p_count() == 0,
          "a public key has two polynomials of one level");
  write_ring(out, parameters, key.b.ring());
  write_count(out, key.b.q_count());
  write_residues(out, key.b);
  write_residues(out, key.a);
}

PublicKey read_public_key(ContainerReader& in, const Parameters& parameters) {
  const Ring& ring = read_ring(in, parameters);
  const std::size_t q_count = read_count(in, 1, ring.q_size(), "a public key's number of primes");
  Poly b = read_residues(in, ring, q_count, 0);
  Poly a = read_residues(in, ring, q_count, 0);
  return {std::move(b), std::move(a)};
}

}  // namespace blindtuner::io
