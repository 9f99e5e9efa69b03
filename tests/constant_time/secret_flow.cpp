// What the owner's side does with secrets, for valgrind: the seeds of secrets and errors are marked as
// undefined memory, so that valgrind reports every branch and every address that depends on them, in
// any function and in the machine code that is run. constant_time_test.py judges the reports.
//
//   secret_flow all       keys of every kind, encryption, decryption up to the decoding, the secret
//                         key's file written and read, and an owner's part in a study out of its one seed
//   secret_flow branch    the same of a secret only, then a branch on it: must be reported
//   secret_flow address   likewise, an address
//
// What leaves a step must be undefined (else the marks were lost and the run shows nothing); what is
// public by design (keys, ciphertexts, the bytes handed to the system) is then marked as defined.
// Exit codes: 0, 77 when the processor lacks the kernels that BLINDTUNER_KERNELS names, 1 otherwise.
#include <unistd.h>
#include <valgrind/memcheck.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "device/lookup.h"
#include "io/container_reader.h"
#include "secret/dataset_encryption.h"
#include "secret/encryption.h"
#include "secret/joint/opening.h"
#include "secret/joint/relinearisation.h"
#include "secret/joint/threshold.h"
#include "secret/secret_key_file.h"

namespace blindtuner {
using namespace secret;

// In the place of Prng::for_secrets (see CMakeLists.txt), of what reads a file's bytes, and of write(2).
Prng undefined_secrets() __asm__("__wrap__ZN10blindtuner4Prng11for_secretsEv");
Prng undefined_secrets() {
  Seed seed = fresh_seed();
  VALGRIND_MAKE_MEM_UNDEFINED(seed.data(), seed.size());
  return Prng(seed);
}

// The packed secrets that are read next, but for their first bytes, which are the rings' dimensions.
std::size_t packed_secrets = 0, second_packed = 0;

void read_bytes(io::ContainerReader* in, std::span<std::uint8_t> out) __asm__(
    "__real__ZN10blindtuner2io15ContainerReader5bytesESt4spanIhLm18446744073709551615EE");
void read_secret_bytes(io::ContainerReader* in, std::span<std::uint8_t> out) __asm__(
    "__wrap__ZN10blindtuner2io15ContainerReader5bytesESt4spanIhLm18446744073709551615EE");
void read_secret_bytes(io::ContainerReader* in, std::span<std::uint8_t> out) {
  read_bytes(in, out);
  if (packed_secrets == 0 || out.size() != packed_secrets) return;
  packed_secrets = 0;
  VALGRIND_MAKE_MEM_UNDEFINED(out.data(), out.size());
  for (const std::size_t dimension : {std::size_t{0}, second_packed})
    VALGRIND_MAKE_MEM_DEFINED(&out[dimension], 1);
}

}  // namespace blindtuner

namespace {

std::size_t secret_bytes_written = 0;

// How many of the bytes have undefined bits.
std::size_t undefined_bytes(const void* data, std::size_t bytes) {
  std::vector<unsigned char> bits(bytes);
  (void)VALGRIND_GET_VBITS(data, bits.data(), bytes);
  VALGRIND_MAKE_MEM_DEFINED(bits.data(), bytes);
  std::size_t count = 0;
  for (const unsigned char b : bits) count += b != 0 ? 1 : 0;
  return count;
}

}  // namespace

extern "C" {
ssize_t __real_write(int descriptor, const void* data, std::size_t bytes);
ssize_t __wrap_write(int descriptor, const void* data, std::size_t bytes);
ssize_t __wrap_write(int descriptor, const void* data, std::size_t bytes) {
  secret_bytes_written += undefined_bytes(data, bytes);
  VALGRIND_MAKE_MEM_DEFINED(data, bytes);
  return __real_write(descriptor, data, bytes);
}
}

namespace blindtuner {
namespace {

void fail(const std::string& what) {
  std::fprintf(stderr, "secret_flow: %s\n", what.c_str());
  std::exit(1);
}

// Every word of the polynomial depends on a secret; whether it may be seen afterwards.
void expect_secret(const Poly& x, const std::string& what, bool published) {
  const Residues residues(x);
  for (std::size_t i = 0; i < x.limbs(); ++i) {
    for (const u64& residue : residues[i])
      if (undefined_bytes(&residue, sizeof(u64)) == 0)
        fail(what + ": a coefficient does not depend on a secret");
    if (published) VALGRIND_MAKE_MEM_DEFINED(residues[i].data(), residues[i].size_bytes());
  }
}

void publish(const KeySwitchKey& key, const std::string& what) {
  for (const Poly& b : key.b) expect_secret(b, what, true);
}

void flow_keys(const SecretKeys& secrets) {
  const Parameters& p = *secrets.parameters;
  const bool insecure = p.insecure();
  const SecretKey lifted = secrets.small.lifted(p.ring());
  expect_secret(lifted.ntt(), "the small secret in the big ring", false);
  const BootstrapKeyShapes shapes(p, std::vector<std::size_t>{1}, {}, 0);
  publish(make_relinearisation_key(secrets.big, shapes.relinearisation, insecure),
          "relinearisation key");
  for (const auto& [g, shape] : shapes.galois)
    publish(make_galois_key(g, secrets.big, shape, insecure), "rotation key");
  const struct {
    const char* name;
    const SecretKey &from, &to;
    const KeyShape& shape;
  } kSwitches[] = {
      {"small to sparse", lifted, secrets.sparse, shapes.small_to_sparse},
      {"dense to sparse", secrets.big, secrets.sparse, shapes.dense_to_sparse},
      {"sparse to dense", secrets.sparse, secrets.big, shapes.sparse_to_dense},
      {"dense to small", secrets.big, lifted, shapes.dense_to_small},
  };
  for (const auto& s : kSwitches)
    publish(make_key_switch_key(s.from.ntt(), s.to, s.shape, insecure, s.name), s.name);
  const ProductKeys products = make_product_keys(secrets, ProductLayout::create(p, 64, 9, 3, 4));
  publish(products.relinearisation, "relinearisation key of the products");
  for (const auto& [g, key] : products.galois) publish(key, "rotation key of the products");
  for (const auto* keys : {&products.pack, &products.unpack})
    for (const ComponentMapKey& key : *keys)
      for (const Poly& b : key.b) expect_secret(b, "component map key", true);
  // As one of several owners.
  const KeyShape bottom{2, p.small_special(), {2}};
  const std::vector<Poly> a = uniform_halves(p.small_ring(), 2, bottom.p_count, 1, fresh_seed());
  const auto publish_share = [](const KeyShare& share, const std::string& what) {
    for (const Poly& x : share) expect_secret(x, what, true);
  };
  for (const u64 owner : {0, 1})
    publish_share(ShareMaker(secrets, 1, 2).make({KeyPlan::Kind::kWayIn, bottom, owner, true}, a),
                  "share of a way-in key");
  joint::Relinearisation part(secrets.small, {KeyPlan::Kind::kRelinearisation, bottom, 1, true},
                              insecure);
  const joint::FirstRound round = part.first(a);
  publish_share(round.h0, "first round, h0");
  publish_share(round.h1, "first round, h1");
  publish_share(part.second(round), "second round");
  Prng prng = Prng::for_secrets();
  const std::vector<std::size_t> both{0, 1};
  const std::vector<Poly> dealt = joint::deal(secrets.small, 2, 2, 2, prng);
  for (const std::size_t owner : both)
    expect_secret(joint::weighted_part(dealt[owner], owner, both), "part of a secret", false);
  const PublicKey key = make_public_key(secrets.small, 2, insecure);
  expect_secret(key.b, "public key", true);
}

void flow_messages(const SecretKeys& secrets) {
  const Ring& ring = secrets.small.ring();
  SecretCoefficients message(ring.n());
  for (std::size_t i = 0; i < ring.n(); ++i)
    message.span()[i] = (static_cast<std::int64_t>(i) - 50) << 30;
  VALGRIND_MAKE_MEM_UNDEFINED(message.span().data(), ring.n() * sizeof(std::int64_t));
  const SeededCiphertext c = encrypt(from_signed(ring, message.span(), 2, 0, true), 0x1p30,
                                     secrets.small, fresh_seed(), 0);
  expect_secret(c.c0, "ciphertext", true);
  const Ciphertext whole = c.expand();
  expect_secret(decrypt(whole, secrets.small), "decrypted message", false);
  Prng prng = Prng::for_secrets();
  expect_secret(joint::decryption_share(whole, secrets.small, 60, prng), "share of a decryption",
                true);
  // Up to here: decoding branches on the message (docs/SECURITY.md).
  const Tensor tensor{whole.c0.copy(), whole.c1.copy(), whole.c1.copy(), 0x1p60};
  expect_secret(decrypt(tensor, secrets.small), "decrypted product", false);
}

void flow_file() {
  // Whose parameters can be read.
  SecretKeys secrets = SecretKeys::generate(Parameters::create(find_parameters("InsecureTest10")));
  const std::filesystem::path path =
      std::filesystem::temp_directory_path() / ("secret_flow." + std::to_string(::getpid()));
  const std::size_t big = secrets.big.ring().n() / 4, small = secrets.small.ring().n() / 4;
  const OwnerKeys keys{std::move(secrets), fresh_key_id()};
  write_secret_key(path, keys);
  if (secret_bytes_written < big + small)
    fail("the secret key's file does not depend on the secrets");
  packed_secrets = 1 + big + 1 + small;
  second_packed = 1 + big;
  const OwnerKeys read = read_secret_key(path, true, {});
  std::filesystem::remove(path);
  for (const SecretKey* key : {&read.secrets.big, &read.secrets.small})
    expect_secret(key->ntt(), "secret key that was read", false);
}

// Secrets, errors and masks out of one seed, which a killed owner takes up again.
void flow_study(const ParametersPtr& parameters) {
  Seed seed = fresh_seed();
  VALGRIND_MAKE_MEM_UNDEFINED(seed.data(), seed.size());
  const Randomness randomness(seed);
  const SecretKeys secrets = SecretKeys::generate(parameters, randomness);
  for (const SecretKey* key : {&secrets.big, &secrets.small, &secrets.sparse})
    expect_secret(key->ntt(), "secret key of a study", false);
  const KeyShape bottom{2, parameters->small_special(), {2}};
  const std::vector<Poly> a =
      uniform_halves(parameters->small_ring(), 2, bottom.p_count, 1, fresh_seed());
  const KeyShare share =
      ShareMaker(secrets, 1, 2, randomness).make({KeyPlan::Kind::kGalois, bottom, 5, true}, a);
  for (const Poly& x : share) expect_secret(x, "share out of a seed", true);
  joint::Relinearisation part(secrets.small, {KeyPlan::Kind::kRelinearisation, bottom, 1, true},
                              true, randomness);
  const joint::FirstRound round = part.first(a);
  for (const Poly& x : round.h0) expect_secret(x, "first round out of a seed", false);
  Prng prng = randomness.prng("parts");
  const std::vector<std::size_t> both{0, 1};
  const std::vector<Poly> dealt = joint::deal(secrets.small, 2, 2, 2, prng);
  // Of fewer than all who open it: the masks' keys come from a shared secret.
  joint::OpeningPart opening{joint::weighted_part(dealt[0], 0, both), {}};
  opening.others.emplace_back(seed, true);
  expect_secret(opening.mask(2, Sha256Digest{}), "mask of a share", false);
}

// What must be reported.
[[gnu::noinline]] void control_branch(std::int64_t coefficient, volatile int* sink) {
  if (coefficient == 1) *sink = 1;
}
[[gnu::noinline]] void control_address(std::int64_t coefficient, volatile int* sink) {
  static volatile int table[3] = {5, 6, 7};
  *sink = table[coefficient + 1];
}

// The smallest rings, a prime or two in each section.
ParametersLiteral tiny_literal() {
  ParametersLiteral p = standard_parameters();
  p.name = "InsecureFlow";
  p.log_n = 10;
  p.log_small_n = 7;
  p.slot_to_coeff_bits = {40};
  p.circuit_bits = {40};
  p.eval_mod_bits = {50};
  p.coeff_to_slot_bits = {50};
  p.special_bits = {50, 50};
  p.digit_ends = {3, 6};
  return p;
}

int run(const std::string& what) {
  if (RUNNING_ON_VALGRIND == 0) fail("shows something under valgrind only");
  if (const char* name = std::getenv("BLINDTUNER_KERNELS");
      name == nullptr || !testing_support::has_kernels(name))
    return 77;
  const ParametersPtr parameters = Parameters::create(tiny_literal());
  if (what == "all") {
    SecretKeys secrets = SecretKeys::generate(parameters);
    for (const SecretKey* key : {&secrets.big, &secrets.small, &secrets.sparse})
      expect_secret(key->ntt(), "secret key", false);
    flow_keys(secrets);
    flow_messages(secrets);
    flow_file();
    flow_study(parameters);
    return 0;
  }
  Prng prng = Prng::for_secrets();
  const SecretCoefficients secret = sample_ternary(64, prng);
  volatile int sink = 0;
  if (what == "branch")
    control_branch(secret.span()[3], &sink);
  else if (what == "address")
    control_address(secret.span()[3], &sink);
  else
    fail("expected all, branch or address");
  return 0;
}

}  // namespace
}  // namespace blindtuner

int main(int argc, char** argv) {
  try {
    return blindtuner::run(argc == 2 ? argv[1] : "");
  } catch (const std::exception& error) {
    blindtuner::fail(error.what());
  }
}
