// Any t of k owners open what all of them have the secret of, as tests can see who hold all parts.
#include "secret/joint/threshold.h"

#include "secret/decryption.h"
#include "secret/encryption.h"
#include "secret/joint/opening.h"
#include "secret/joint_fixture.h"

namespace blindtuner {
namespace {

using namespace testing_support;

constexpr std::size_t kHolders = 5, kThreshold = 3;

class ThresholdTest : public ::testing::Test {
 protected:
  // S_j of every owner, as each adds up what the others hand it.
  static std::vector<Poly> parts(const JointOwners& o, std::size_t threshold) {
    Prng prng(Seed{7});
    std::vector<Poly> sums;
    for (const SecretKeys& secrets : o.owners) {
      std::vector<Poly> dealt = joint::deal(secrets.small, 2, threshold, o.owners.size(), prng);
      if (sums.empty())
        sums = std::move(dealt);
      else
        for (std::size_t j = 0; j < sums.size(); ++j) add_inplace(sums[j], dealt[j]);
    }
    return sums;
  }
  static Poly together(const std::vector<Poly>& parts, std::span<const std::size_t> decryptors) {
    Poly sum;
    for (const std::size_t owner : decryptors) {
      Poly part = joint::weighted_part(parts[owner], owner, decryptors);
      if (sum.empty())
        sum = std::move(part);
      else
        add_inplace(sum, part);
    }
    return sum;
  }
  static bool same(const Poly& a, const Poly& b) {
    const Residues x(a), y(b);
    for (std::size_t i = 0; i < a.limbs(); ++i)
      if (!std::ranges::equal(x[i], y[i])) return false;
    return true;
  }
  // Every set of decryptors of that size.
  static std::vector<std::vector<std::size_t>> sets(std::size_t size) {
    std::vector<std::vector<std::size_t>> out;
    for (unsigned bits = 0; bits < 1U << kHolders; ++bits) {
      std::vector<std::size_t> set;
      for (std::size_t i = 0; i < kHolders; ++i)
        if ((bits >> i & 1U) != 0) set.push_back(i);
      if (set.size() == size) out.push_back(set);
    }
    return out;
  }

  JointOwners owners_{Parameters::create(find_parameters("InsecureJoint4")), kHolders};
};

TEST_F(ThresholdTest, AsManyAsTheThresholdHaveTheSumOfAllSecrets) {
  for (const std::size_t threshold : {std::size_t{2}, kThreshold, kHolders}) {
    const std::vector<Poly> all = parts(owners_, threshold);
    const Poly secret = owners_.sum.small.ntt().copy_limbs(2, 0);
    for (std::size_t size = 2; size <= kHolders; ++size)
      for (const std::vector<std::size_t>& set : sets(size))
        EXPECT_EQ(same(together(all, set), secret), size >= threshold)
            << size << " with a threshold of " << threshold;
  }
}

// What fewer hold is uniform whatever the secret is: to every other secret there are parts of the
// others that complete theirs.
TEST_F(ThresholdTest, FewerHoldWhatFitsEverySecret) {
  Prng prng(Seed{8});
  const Ring& ring = owners_.parameters->small_ring();
  const std::vector<Poly> dealt =
      joint::deal(owners_.owners[0].small, 2, kThreshold, kHolders, prng);
  const SecretKey other = SecretKey::generate(ring, owners_.owners[0].small.hardness(), prng);
  // A polynomial of degree 2 through the other secret at 0 and through the parts of owners 0 and 1: its value at
  // owner 2's place follows from lambda_0 p_0 + lambda_1 p_1 + lambda_2 p_2 = secret, lambda_2 = 1 for {0, 1, 2}.
  const std::vector<std::size_t> set{0, 1, 2};
  Poly third = other.ntt().copy_limbs(2, 0);
  for (const std::size_t owner : {0, 1})
    sub_inplace(third, joint::weighted_part(dealt[owner], owner, set));
  std::vector<Poly> completed;
  for (const std::size_t owner : {0, 1}) completed.push_back(dealt[owner].copy());
  completed.push_back(std::move(third));
  EXPECT_TRUE(same(together(completed, set), other.ntt().copy_limbs(2, 0)));
  EXPECT_FALSE(same(completed[2], dealt[2]));
  // And no part is the secret or another's, nor the same when it is dealt again.
  const std::vector<Poly> again =
      joint::deal(owners_.owners[0].small, 2, kThreshold, kHolders, prng);
  for (std::size_t i = 0; i < kHolders; ++i) {
    EXPECT_FALSE(same(dealt[i], owners_.owners[0].small.ntt().copy_limbs(2, 0)));
    EXPECT_FALSE(same(dealt[i], again[i]));
    for (std::size_t j = 0; j < i; ++j) EXPECT_FALSE(same(dealt[i], dealt[j]));
  }
}

TEST_F(ThresholdTest, SharesOfTheDecryptorsOpen) {
  const Ring& ring = owners_.parameters->small_ring();
  const std::vector<Poly> all = parts(owners_, kThreshold);
  std::vector<double> message(ring.n());
  for (std::size_t i = 0; i < message.size(); ++i) message[i] = std::sin(static_cast<double>(i));
  const double scale = 0x1p40;
  const Ciphertext c = encrypt(encode_coefficients(ring, message, scale, 2), scale,
                               owners_.sum.small, fresh_seed(), 0)
                           .expand();
  constexpr int kShareLevels = 12;
  Prng prng(Seed{9});
  for (const std::vector<std::size_t>& set : sets(kThreshold)) {
    Poly sum = c.c0.copy();
    for (const std::size_t owner : set)
      add_inplace(sum, joint::decryption_share(c, joint::weighted_part(all[owner], owner, set),
                                               kShareLevels, prng));
    to_coefficients_inplace(sum);
    const std::vector<double> opened = to_centred_doubles(sum, 2);
    double square = 0;
    for (std::size_t i = 0; i < message.size(); ++i)
      square += std::pow(opened[i] - message[i] * scale, 2);
    // Of some thousand numbers: a deviation of a fifth is beyond 8 of this estimate's.
    const double expected = joint::wide_sigma(kShareLevels) * std::sqrt(double(kThreshold));
    EXPECT_NEAR(std::sqrt(square / double(message.size())) / expected, 1, 0.2);
  }
}

// Owners A and B open, C does not and is with the server: what it makes of A's share alone.
TEST_F(ThresholdTest, OneShareTellsNothingToWhoHoldsAnotherPart) {
  const Ring& ring = owners_.parameters->small_ring();
  const std::vector<Poly> all = parts(owners_, 2);
  std::vector<double> message(ring.n());
  for (std::size_t i = 0; i < message.size(); ++i) message[i] = std::sin(static_cast<double>(i));
  const double scale = 0x1p30;
  const Ciphertext c = encrypt(encode_coefficients(ring, message, scale, 2), scale,
                               owners_.sum.small, fresh_seed(), 0)
                           .expand();
  Poly plain = mul(c.c1, owners_.sum.small.ntt().copy_limbs(2, 0));
  add_inplace(plain, c.c0);
  to_coefficients_inplace(plain);
  const std::vector<double> exact = to_centred_doubles(plain, 2);  // m + e

  std::vector<joint::BoxKey> boxes;
  std::vector<joint::PublicBoxKey> keys;
  for (std::size_t i = 0; i < kHolders; ++i) {
    boxes.push_back(joint::BoxKey::generate());
    keys.push_back(boxes.back().public_key());
  }
  const std::vector<std::size_t> set{0, 1};
  const Sha256Digest of{1};
  std::vector<joint::OpeningPart> opening;
  std::vector<Poly> shares;
  Prng prng(Seed{11});
  for (const std::size_t owner : set) {
    opening.push_back(joint::opening_part(all[owner], owner, set, boxes[owner], keys));
    shares.push_back(joint::decryption_share(c, opening.back().secret, 12, prng));
  }
  // S_A = (S_C + 2 s') / 3, and lambda_A = 2: 4 c_0 + 3 d_A - 2 c_1 S_C = 4 (m + e) + 3 eta.
  const auto with_part_of_c = [&](const Poly& share) {
    Poly y = mul(c.c1, all[2]);
    mul_integer_inplace(y, -2);
    mul_integer_add_inplace(y, share, 3);
    mul_integer_add_inplace(y, c.c0, 4);
    to_coefficients_inplace(y);
    return to_centred_doubles(y, 2);
  };
  std::vector<double> seen = with_part_of_c(shares[0]);
  for (std::size_t i = 0; i < seen.size(); ++i)
    ASSERT_EQ(std::fmod(seen[i] - 4 * exact[i], 3), 0) << "m + e modulo 3, whatever the noise";

  // Hidden, it is uniform; both together are what they were.
  const Poly before = [&] {
    Poly sum = shares[0].copy();
    add_inplace(sum, shares[1]);
    return sum;
  }();
  for (std::size_t i = 0; i < 2; ++i) {
    const Poly mask = opening[i].mask(2, of);
    EXPECT_TRUE(mask.wiped());
    EXPECT_FALSE(same(mask, opening[i].mask(2, Sha256Digest{2})));
    EXPECT_TRUE(same(mask, opening[i].mask(2, of)));
    add_inplace(shares[i], mask);
  }
  seen = with_part_of_c(shares[0]);
  const double most = std::exp2(ring.log2_modulus(2, 0));
  std::size_t far = 0;
  for (const double x : seen) far += std::abs(x) > most / 4 ? 1 : 0;
  EXPECT_NEAR(static_cast<double>(far), static_cast<double>(ring.n()) / 2,
              3.5 * std::sqrt(static_cast<double>(ring.n())));  // 7 deviations of a coin
  add_inplace(shares[0], shares[1]);
  EXPECT_TRUE(same(shares[0], before));
}

TEST_F(ThresholdTest, MasksOfAllDecryptorsAddUpToZero) {
  const std::vector<Poly> all = parts(owners_, kThreshold);
  std::vector<joint::BoxKey> boxes;
  std::vector<joint::PublicBoxKey> keys;
  for (std::size_t i = 0; i < kHolders; ++i) {
    boxes.push_back(joint::BoxKey::generate());
    keys.push_back(boxes.back().public_key());
  }
  const std::vector<std::size_t> set{0, 2, 4};
  Poly sum = Poly::zero(owners_.parameters->small_ring(), 2, 0, Domain::kNtt);
  for (const std::size_t owner : set) {
    add_inplace(sum, joint::opening_part(all[owner], owner, set, boxes[owner], keys).mask(2, {3}));
    EXPECT_EQ(same(sum, Poly::zero(sum.ring(), 2, 0, Domain::kNtt)), owner == 4);
  }
  EXPECT_THROW((void)joint::opening_part(all[0], 0, set, boxes[1], keys), ContractError);
  keys[2] = {};  // of small order
  EXPECT_THROW((void)joint::opening_part(all[0], 0, set, boxes[0], keys), DataError);
}

TEST_F(ThresholdTest, RefusesWhatIsNoThresholdAndNoSet) {
  Prng prng(Seed{10});
  const SecretKey& s = owners_.owners[0].small;
  EXPECT_THROW(joint::deal(s, 2, 1, 3, prng), ContractError);
  EXPECT_THROW(joint::deal(s, 2, 4, 3, prng), ContractError);
  const std::vector<Poly> dealt = joint::deal(s, 2, 2, 3, prng);
  using Places = std::vector<std::size_t>;
  EXPECT_THROW(joint::weighted_part(dealt[0], 0, Places{1, 2}), ContractError);
  EXPECT_THROW(joint::weighted_part(dealt[0], 0, Places{1, 0}), ContractError);
  EXPECT_THROW(joint::weighted_part(dealt[0], 0, Places{0, 0}), ContractError);
  EXPECT_TRUE(dealt[0].wiped());
  EXPECT_TRUE(joint::weighted_part(dealt[0], 0, Places{0, 2}).wiped());
}

}  // namespace
}  // namespace blindtuner
