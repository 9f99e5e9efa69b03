// Secrets, encryption and decryption: distributions, sizes of errors, and what is wiped.
#include "secret/encryption.h"

#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <set>

#include "ckks/evaluator.h"
#include "ckks/noise_model.h"
#include "secret/scheme_fixture.h"

namespace blindtuner {
using namespace secret;
using namespace ckks;
namespace {

using namespace testing_support;

TEST(SecretKey, Distributions) {
  const Scheme& s = tiny_scheme();
  std::size_t count[3] = {};
  for (std::int64_t c : s.secrets.big.coefficients()) {
    ASSERT_LE(std::abs(c), 1);
    ++count[c + 1];
  }
  // 1024 trials of probability 1/3: six standard deviations are 90.
  for (std::size_t c : count) EXPECT_NEAR(static_cast<double>(c), 1024.0 / 3, 90);
  std::size_t weight = 0;
  for (std::int64_t c : s.secrets.sparse.coefficients()) weight += std::abs(c) == 1 ? 1 : 0;
  EXPECT_EQ(weight, s.parameters->literal().sparse_weight);
  EXPECT_EQ(s.secrets.small.coefficients().size(), s.parameters->small_ring().n());
}

TEST(SecretKey, HoldsTheSameIntegersModuloEveryPrime) {
  const Scheme& s = tiny_scheme();
  Poly c = s.secrets.big.ntt().copy();
  ASSERT_EQ(c.limbs(), s.ring().q_size() + s.ring().p_size());
  to_coefficients_inplace(c);
  for (std::size_t i = 0; i < c.limbs(); ++i)
    for (std::size_t j = 0; j < c.n(); ++j)
      ASSERT_EQ(c.modulus(i).centred(Residues(c)[i][j]), s.secrets.big.coefficients()[j]);
}

TEST(SecretKey, LiftedIsTheSecretInXToTheRatio) {
  const Scheme& s = tiny_scheme();
  const SecretKey lifted = s.secrets.small.lifted(s.ring());
  const std::size_t ratio = s.parameters->ratio();
  for (std::size_t i = 0; i < s.n(); ++i)
    ASSERT_EQ(lifted.coefficients()[i],
              i % ratio == 0 ? s.secrets.small.coefficients()[i / ratio] : 0);
  // No harder to find than before.
  EXPECT_EQ(lifted.hardness().log_n, s.parameters->literal().log_small_n);
  EXPECT_THROW(s.secrets.big.lifted(s.parameters->small_ring()), ContractError);
}

TEST(SecretKey, AutomorphismAgreesWithPolynomials) {
  const Scheme& s = tiny_scheme();
  for (const u64 g : {u64{5}, u64{25}, u64{2 * 1024 - 1}}) {
    const SecretKey moved = s.secrets.big.automorphism(g);
    EXPECT_TRUE(same_residues(moved.ntt(), automorphism(s.secrets.big.ntt(), g)));
    EXPECT_TRUE(
        same_residues(moved.automorphism(inverse_galois(g, s.n())).ntt(), s.secrets.big.ntt()));
  }
}

TEST(SecretKey, TwoKeysDiffer) {
  const SecretKeys a = SecretKeys::generate(tiny_scheme().parameters);
  EXPECT_FALSE(same_residues(a.big.ntt(), tiny_scheme().secrets.big.ntt()));
}

TEST(SecretKey, EverythingThatShowsASecretIsWiped) {
  const Scheme& s = tiny_scheme();
  EXPECT_TRUE(s.secrets.big.ntt().wiped());
  EXPECT_TRUE(s.secrets.big.ntt().copy_limbs(2, 0).wiped());
  const Poly a = sample_uniform(s.ring(), 2, 0, Seed{1}, 0);
  EXPECT_FALSE(a.wiped());
  EXPECT_TRUE(mul(a, s.secrets.big.ntt().copy_limbs(2, 0)).wiped());
  EXPECT_TRUE(decrypt(Ciphertext{a.copy(), a.copy(), 1}, s.secrets.big).wiped());

  // And the memory really is zero when the pool hands it out again.
  const std::size_t words = 3 * s.n() + 64;  // a size that nothing else here uses
  release_pooled_memory();
  const u64* place = nullptr;
  {
    Buffer secret(words, true);
    std::memset(secret.data(), 0x5a, words * sizeof(u64));
    place = secret.data();
  }
  const Buffer again(words, true);  // secrets have a pool of their own
  ASSERT_EQ(again.data(), place);
  for (std::size_t i = 0; i < words; ++i) ASSERT_EQ(again.data()[i], u64{0});
}

// Where its memory is zero, a ciphertext would be the message with its error, for everybody to read.
TEST(SecretKey, IsNotUsedInAForkedProcess) {
  const SecretKey& key = tiny_scheme().secrets.small;
  const auto refused = [](const auto& use) {
    try {
      (void)use();
    } catch (const ContractError&) {
      return true;
    }
    return false;
  };
  const pid_t child = ::fork();
  if (child == 0)
    ::_exit(refused([&] { return key.ntt().limbs(); }) &&
                    refused([&] { return key.coefficients().size(); })
                ? 0
                : 1);
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST(Encryption, SecretKeyErrorIsTheGaussianAlone) {
  const Scheme& s = tiny_scheme();
  std::vector<double> errors;
  for (u64 i = 0; i < 20; ++i) {
    const SeededCiphertext c =
        encrypt(Poly::zero(s.ring(), 3, 0, Domain::kNtt), 1, s.secrets.big, Seed{7}, i);
    for (double e : coefficients(decrypt(c.expand(), s.secrets.big))) errors.push_back(e);
  }
  const Statistics e = statistics(errors);
  // 20480 samples: the standard deviation is known to 0.5 %, the mean to 0.022.
  EXPECT_NEAR(e.std, kErrorSigma, 6 * 0.005 * kErrorSigma);
  EXPECT_NEAR(e.mean, 0, 6 * 0.022);
  EXPECT_LE(e.worst, 31);  // where the sampler's table ends
  for (double v : errors) ASSERT_EQ(v, std::round(v));
}

TEST(Encryption, PublicKeyError) {
  const Scheme& s = tiny_scheme();
  const PublicKey key = make_public_key(s.secrets.big, 4, true);
  std::vector<double> errors;
  for (int i = 0; i < 20; ++i) {
    const Ciphertext c = encrypt_public(Poly::zero(s.ring(), 3, 0, Domain::kNtt), 1, key);
    EXPECT_EQ(c.q_count(), std::size_t{3});
    for (double e : coefficients(decrypt(c, s.secrets.big))) errors.push_back(e);
  }
  const double expected = noise::fresh_public(s.n());
  // The secret's own weight varies by 2 %, a key's error by as much.
  EXPECT_NEAR(statistics(errors).std, expected, 0.15 * expected);
  EXPECT_THROW(encrypt_public(Poly::zero(s.ring(), 5, 0, Domain::kNtt), 1, key), ContractError);
}

TEST(Encryption, PublicKeysKeepToTheSecretsBound) {
  const Scheme& s = tiny_scheme();
  EXPECT_THROW(make_public_key(s.secrets.big, 4, false), SecurityError);  // 2^10 allows 26 bits
}

TEST(Encryption, MessagesComeBackAtEveryLevel) {
  const Scheme& s = tiny_scheme();
  const auto values = random_slots(s.slots(), 1);
  const double scale = std::ldexp(1.0, 40);
  for (std::size_t q_count = 1; q_count <= s.parameters->top(); ++q_count) {
    const Ciphertext c = s.encrypt_slots(values, scale, q_count);
    EXPECT_EQ(c.q_count(), q_count);
    EXPECT_LT(s.worst_error(c, values), std::ldexp(1.0, -30));
  }
}

TEST(Encryption, FreshEncryptionsOfOneMessageDiffer) {
  const Scheme& s = tiny_scheme();
  const auto zero = [&] { return Poly::zero(s.ring(), 1, 0, Domain::kNtt); };
  const SeededCiphertext a = encrypt(zero(), 1, s.secrets.big, Seed{1}, 0);
  const SeededCiphertext b = encrypt(zero(), 1, s.secrets.big, Seed{1}, 1);
  EXPECT_FALSE(same_residues(a.c0, b.c0));
  EXPECT_FALSE(same_residues(a.expand().c1, b.expand().c1));
}

TEST(Encryption, WrongKeysAndRings) {
  const Scheme& s = tiny_scheme();
  EXPECT_THROW(encrypt(Poly::zero(s.parameters->small_ring(), 1, 0, Domain::kNtt), 1, s.secrets.big,
                       Seed{}, 0),
               ContractError);
  EXPECT_THROW(encrypt(Poly::zero(s.ring(), 1, 1, Domain::kNtt), 1, s.secrets.big, Seed{}, 0),
               ContractError);
  const Ciphertext c = s.encrypt_slots(random_slots(s.slots(), 1), 1e9, 2);
  EXPECT_THROW(decrypt(c, s.secrets.small), ContractError);
  // Another secret shows nothing: the error is as large as the modulus allows.
  const SecretKeys other = SecretKeys::generate(s.parameters);
  EXPECT_GT(statistics(to_centred_doubles(decrypt(c, other.big), 2)).std, std::ldexp(1.0, 95));
}

TEST(Encryption, TensorsDecryptToProducts) {
  const Scheme& s = tiny_scheme();
  const auto a = random_slots(s.slots(), 1), b = random_slots(s.slots(), 2);
  const double scale = std::ldexp(1.0, 40);
  const Tensor t = tensor(s.encrypt_slots(a, scale, 4), s.encrypt_slots(b, scale, 3));
  EXPECT_EQ(t.c0.q_count(), std::size_t{3});
  const auto values = s.encoder.decode(decrypt(t, s.secrets.big), t.scale);
  for (std::size_t i = 0; i < a.size(); ++i)
    ASSERT_LT(std::abs(values[i] - a[i] * b[i]), std::ldexp(1.0, -28));
}

}  // namespace
}  // namespace blindtuner
