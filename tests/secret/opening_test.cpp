// Decryption by several owners: shares with noise, through each owner's door, and what they add up to.
#include "secret/joint/opening.h"

#include <cmath>
#include <filesystem>
#include <fstream>

#include "base/error.h"
#include "secret/decryption.h"
#include "secret/disclosure.h"
#include "secret/joint_fixture.h"

namespace blindtuner {
namespace {

using namespace testing_support;
namespace fs = std::filesystem;

constexpr double kError = 0x1p-17;
constexpr std::size_t kOwners = 3;
constexpr PlausibleValues kAny{100, 100, 100};

class OpeningTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "blindtuner-opening-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
    for (std::size_t i = 0; i < kOwners; ++i) fs::create_directory(folder_ / std::to_string(i));
  }
  void TearDown() override { fs::remove_all(folder_); }

  struct Owners {
    std::vector<OwnerKeys> keys;
    SecretKeys sum;
  };
  static const Owners& owners() {
    static const Owners all = [] {
      JointOwners made(Parameters::create(find_parameters("InsecureJoint4")), kOwners);
      Owners out{{}, std::move(made.sum)};
      for (SecretKeys& secrets : made.owners)
        out.keys.push_back({std::move(secrets), fresh_key_id()});
      return out;
    }();
    return all;
  }
  static ProductLayout layout() {
    return ProductLayout::create(*owners().sum.parameters, 100, 120, 8, 8);
  }
  static EncryptedModel model(unsigned seed, double scale = 0x1p60) {
    EncryptedModel out{layout(), {}};
    std::mt19937 random(seed);
    std::uniform_real_distribution<double> uniform(-1, 1);
    for (std::size_t i = 0; i < out.layout.packs(); ++i) {
      std::vector<double> c(out.layout.n);
      for (double& x : c) x = uniform(random);
      Poly message = encode_coefficients(owners().sum.parameters->small_ring(), c, 0x1p40, 2);
      mul_integer_inplace(message, static_cast<std::int64_t>(scale / 0x1p40));
      out.weights.push_back(
          encrypt(std::move(message), scale, owners().sum.small, fresh_seed(), 0).expand());
    }
    return out;
  }
  Disclosure door(std::size_t owner) const {
    return {owners().keys[owner], folder_ / std::to_string(owner)};
  }
  static Opening opening() { return {kError, 10, "study 1 of A, B, C", kOwners, 1}; }
  std::vector<OpeningShare> shares(const EncryptedModel& m) const {
    std::vector<OpeningShare> out;
    for (std::size_t i = 0; i < kOwners; ++i) out.push_back(door(i).share(m, {}, opening()));
    return out;
  }
  std::vector<LedgerEntry> entries(std::size_t owner) const {
    return door(owner).ledger().read().value();
  }
  template <typename F>
  static void expect_refusal(F&& f, const std::string& part) {
    try {
      f();
      ADD_FAILURE() << "no DataError about '" << part << "'";
    } catch (const DataError& error) {
      EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
    }
  }
  static bool same(const OpeningShare& a, const OpeningShare& b, std::size_t pack = 0) {
    return same_residues(a.polynomials[pack], b.polynomials[pack]);
  }

  fs::path folder_;
};

TEST(WideGaussian, HasItsDeviationAndEveryLowBit) {
  const ParametersPtr p = Parameters::create(find_parameters("InsecureTest12"));
  const Ring& ring = p->small_ring();
  Prng prng(Seed{3});
  for (const int levels : {1, 2, 20, 47, 48, 49, 62, 80}) {
    std::vector<double> values;
    std::array<std::size_t, 3> odd{};
    for (int i = 0; i < 16; ++i) {
      const Poly x = joint::sample_wide_gaussian(ring, 2, levels, prng);
      for (const double v : to_centred_doubles(x, 2)) {
        values.push_back(v / joint::wide_sigma(levels));
        if (levels > 40) continue;  // beyond what doubles hold
        for (std::size_t bit = 0; bit < odd.size(); ++bit)
          odd[bit] += (static_cast<std::int64_t>(v) >> bit) & 1;
      }
    }
    // 8192 values: variance 1 +- 7 sqrt(2 / 8192), mean 0 +- 7 / sqrt(8192); fourth moment 3 +- 7 sqrt(96 / 8192).
    const Statistics s = statistics(values);
    EXPECT_NEAR(s.std * s.std, 1, 0.11) << levels;
    EXPECT_NEAR(s.mean, 0, 0.08) << levels;
    double fourth = 0;
    for (const double v : values) fourth += v * v * v * v / static_cast<double>(values.size());
    EXPECT_NEAR(fourth, 3, 0.76) << levels;
    if (levels >= 20 && levels <= 40) {
      for (const std::size_t count : odd)  // 7 standard deviations of a coin
        EXPECT_NEAR(static_cast<double>(count), 4096, 7 * 45.3) << levels;
    }
  }
  for (int levels = 1; levels <= joint::kMostLevels; ++levels)
    EXPECT_EQ(joint::wide_levels(joint::wide_sigma(levels)), levels);
  EXPECT_EQ(joint::wide_levels(0), 1);
  EXPECT_THROW((void)joint::wide_levels(0x1p100), ContractError);
  EXPECT_THROW((void)joint::sample_wide_gaussian(ring, 2, 97, prng), ContractError);
}

TEST_F(OpeningTest, SharesOfAllOpenTheModelWithTheirNoise) {
  const EncryptedModel m = model(1);
  const std::vector<OpeningShare> all = shares(m);
  const double noise = all.front().noise;
  const std::uint64_t numbers = m.weights.size() * m.layout.n;
  EXPECT_LE(publication_bits(numbers, kError, noise), kOpeningBits);
  EXPECT_GE(publication_bits(numbers, kError, noise / 2), kOpeningBits) << "no more than that";
  EXPECT_NEAR(publication_bits(numbers, kError, noise_for_bits(numbers, kError, 0.3)), 0.3, 1e-12);
  const std::vector<double> opened = door(0).open(m, all, kAny, {}),
                            exact = decrypt_model(owners().sum, m, kAny);
  ASSERT_EQ(opened.size(), exact.size());
  double square = 0;
  for (std::size_t i = 0; i < opened.size(); ++i)
    square += std::pow((opened[i] - exact[i]) / noise, 2);
  // Three owners' noise, 960 numbers: variance 3 +- 7 deviations of 3 sqrt(2 / 960).
  EXPECT_NEAR(square / static_cast<double>(opened.size()), 3, 7 * 3 * 0.046);
  // Both are in the ledgers.
  ASSERT_EQ(entries(0).size(), std::size_t{2});
  EXPECT_EQ(entries(0)[0].kind, LedgerEntry::Kind::kShared);
  EXPECT_EQ(entries(0)[1].kind, LedgerEntry::Kind::kOpened);
  ASSERT_EQ(entries(1).size(), std::size_t{1});
  const LedgerEntry e = entries(1).front();
  EXPECT_EQ(e.noise, noise);
  EXPECT_EQ(e.error, kError);
  EXPECT_EQ(e.rule, opening().decryptors);
  EXPECT_EQ(e.numbers, m.weights.size() * m.layout.n);
  EXPECT_NEAR(e.bits, publication_bits(e.numbers, kError, noise), 1e-12);
  EXPECT_EQ(e.bits, all[1].bits);
  EXPECT_EQ(totals(entries(1)).published_bits, e.bits);
}

TEST_F(OpeningTest, WithoutOneShareThereIsNothing) {
  const EncryptedModel m = model(2);
  std::vector<OpeningShare> some = shares(m);
  some.pop_back();
  // What the server and all owners but one have is as good as random: uniform in every coefficient modulo q.
  Poly sum = m.weights.front().c0.copy();
  for (const OpeningShare& share : some) add_inplace(sum, share.polynomials.front());
  to_coefficients_inplace(sum);
  std::size_t high = 0, middle = 0;
  const Residues residues(sum);
  const u64 q = sum.ring().q(0).q;
  for (const u64 x : residues[0]) {
    high += x >= q / 2 ? 1 : 0;
    middle += x >= q / 4 && x < q - q / 4 ? 1 : 0;
  }
  const auto n = static_cast<double>(residues[0].size());
  EXPECT_NEAR(static_cast<double>(high), n / 2,
              3.5 * std::sqrt(n));  // 7 standard deviations of a coin
  EXPECT_NEAR(static_cast<double>(middle), n / 2, 3.5 * std::sqrt(n));
  expect_refusal([&] { (void)door(0).open(m, some, kAny, {"'model'"}); }, "not what this training");
  EXPECT_EQ(entries(0).back().kind, LedgerEntry::Kind::kRefused);
  some.front().polynomials.pop_back();
  EXPECT_THROW((void)door(0).open(m, some, kAny, {"'model'"}), ContractError);
}

TEST_F(OpeningTest, AskedAgainAnOwnerGivesTheSameShare) {
  EncryptedModel m = model(3);
  const OpeningShare first = door(0).share(m, {}, opening());
  const OpeningShare again = door(0).share(m, {}, opening());
  EXPECT_TRUE(same(first, again));
  EXPECT_EQ(again.bits, 0);
  // c_0 is no part of the share.
  add_constant_inplace(m.weights.front().c0, 12345);
  EXPECT_TRUE(same(first, door(0).share(m, {}, opening())));
  EXPECT_EQ(entries(0).size(), std::size_t{1});
  // Another owner's noise is its own: c_1 is uniform, so that shares say nothing here; their difference does.
  EXPECT_FALSE(same(first, door(1).share(m, {}, opening())));
}

TEST_F(OpeningTest, OneCiphertextIsOpenedOnceAndForTheSame) {
  const EncryptedModel m = model(4);
  (void)door(0).share(m, {"'model'"}, opening());
  Opening others = opening();
  others.decryptors = "study 1 of A, B";
  expect_refusal([&] { (void)door(0).share(m, {"'model'"}, others); }, "to others");
  Opening noisier = opening();
  noisier.error = 0x1p-10;
  expect_refusal([&] { (void)door(0).share(m, {"'model'"}, noisier); }, "other noise");
  expect_refusal([&] { (void)door(0).share(model(5), {"'model'"}, opening()); },
                 "all that the study opens");
  const auto all = entries(0);
  ASSERT_EQ(all.size(), std::size_t{4});
  for (std::size_t i = 1; i < all.size(); ++i) {
    EXPECT_EQ(all[i].kind, LedgerEntry::Kind::kRefused);
    EXPECT_EQ(all[i].bits, 1);
  }
  // What was given stays given.
  EXPECT_NO_THROW((void)door(0).share(m, {}, opening()));
}

TEST_F(OpeningTest, ACiphertextHasOneShareInWhicheverResultItIs) {
  EncryptedModel m = model(6), other = model(7);
  other.weights.front() = m.weights.front().copy();
  Opening two = opening();
  two.results = 2;
  const OpeningShare a = door(0).share(m, {}, two), b = door(0).share(other, {}, two);
  EXPECT_TRUE(same(a, b));
  ASSERT_GE(m.weights.size(), std::size_t{2});
  EXPECT_FALSE(same(a, b, 1));
  EXPECT_EQ(totals(entries(0)).shared, std::size_t{2});
}

// Two of three, whoever the third is with.
TEST_F(OpeningTest, AsManyAsTheThresholdOpenAndASetIsOneOfThem) {
  const SecretKeys& sum = owners().sum;
  Prng prng(Seed{12});
  std::vector<Poly> parts(kOwners);
  for (const OwnerKeys& own : owners().keys) {
    std::vector<Poly> dealt = joint::deal(own.secrets.small, 2, 2, kOwners, prng);
    for (std::size_t i = 0; i < kOwners; ++i) {
      if (parts[i].empty())
        parts[i] = std::move(dealt[i]);
      else
        add_inplace(parts[i], dealt[i]);
    }
  }
  std::vector<joint::BoxKey> boxes;
  std::vector<joint::PublicBoxKey> keys;
  for (std::size_t i = 0; i < kOwners; ++i) {
    boxes.push_back(joint::BoxKey::generate());
    keys.push_back(boxes.back().public_key());
  }
  const EncryptedModel m = model(12);
  const auto asked = [&](const std::string& decryptors) {
    return Opening{.error = kError,
                   .budget = 10,
                   .decryptors = decryptors,
                   .owners = 2,
                   .sets = kOwners - 2 + 1};
  };
  const auto share = [&](std::size_t owner, std::vector<std::size_t> set,
                         const std::string& decryptors) {
    const joint::OpeningPart part =
        joint::opening_part(parts[owner], owner, set, boxes[owner], keys);
    Opening opening = asked(decryptors);
    opening.part = &part;
    return door(owner).share(m, {"'model'"}, opening);
  };
  std::vector<OpeningShare> shares;
  shares.push_back(share(0, {0, 2}, "A, C"));
  shares.push_back(share(2, {0, 2}, "A, C"));
  const double noise = shares[0].noise;
  const std::uint64_t numbers = m.weights.size() * m.layout.n;
  // Led to open with C in sets of their own, A and B would tell twice as much: booked, and within what a model may tell.
  EXPECT_NEAR(entries(0).front().bits, 2 * publication_bits(numbers, kError, noise), 1e-12);
  EXPECT_LE(entries(0).front().bits, kOpeningBits);
  EXPECT_GE(2 * publication_bits(numbers, kError, noise / 2), kOpeningBits);
  EXPECT_EQ(
      share_noise(*sum.parameters, {m.weights.size(), 2, m.weights[0].scale}, asked("A, C"), ""),
      noise);
  const std::vector<double> opened = door(1).open(m, shares, kAny, {}),
                            exact = decrypt_model(sum, m, kAny);
  double square = 0;
  for (std::size_t i = 0; i < opened.size(); ++i)
    square += std::pow((opened[i] - exact[i]) / noise, 2);
  EXPECT_NEAR(square / static_cast<double>(opened.size()), 2, 7 * 2 * 0.046);
  // Asked again the same; in another set not at all, whoever asks.
  EXPECT_TRUE(same(share(0, {0, 2}, "A, C"), shares[0]));
  expect_refusal([&] { (void)share(0, {0, 1}, "A, B"); }, "was given to others");
  expect_refusal([&] { (void)door(0).share(m, {}, opening()); }, "was given to others");
  // One of a set and one of another, as a server might collect them, open nothing.
  shares[1] = share(1, {0, 1}, "A, B");
  expect_refusal([&] { (void)door(1).open(m, shares, kAny, {"'model'"}); },
                 "not what this training");
}

// One owner reads scores of its rows, by the others' shares and its own secret.
TEST_F(OpeningTest, ScoresAreReadByWhoseRowsTheyAre) {
  const SecretKeys& sum = owners().sum;
  const double scale = 0x1p38;
  const auto encrypted = [&](unsigned seed) {
    EncryptedScores out{layout(), {}};
    std::mt19937 random(seed);
    std::uniform_real_distribution<double> uniform(-9, 9);
    for (std::size_t i = 0; i < out.layout.supers() * out.layout.ratio; ++i) {
      std::vector<double> c(out.layout.n);
      for (double& x : c) x = uniform(random);
      Poly message = encode_coefficients(sum.parameters->small_ring(), c, scale, 1);
      out.scores.push_back(encrypt(std::move(message), scale, sum.small, fresh_seed(), 0).expand());
    }
    return out;
  };
  const EncryptedScores scores = encrypted(1);
  const std::uint64_t numbers = layout().samples * layout().classes;
  const Opening asked{.error = kError,
                      .budget = 10,
                      .decryptors = "A, B, C",
                      .owners = kOwners,
                      .results = 9,
                      .bits = kRoundsBits,
                      .numbers = numbers};
  const Origin round{.name = "'scores'",
                     .data = "01",
                     .run = "01",
                     .round = 1,
                     .rounds = 4,
                     .rule = "A, B, C",
                     .votes = true};
  std::vector<OpeningShare> shares;
  for (const std::size_t other : {1, 2}) shares.push_back(door(other).share(scores, round, asked));
  const double noise = shares[0].noise;
  EXPECT_LE(shares[0].bits, kRoundsBits);
  EXPECT_NEAR(shares[0].bits, publication_bits(numbers, kError, noise), 1e-12);
  const std::vector<double> read = door(0).open(scores, layout().samples, shares, round),
                            exact = decrypt_scores(sum, scores, kAny);
  ASSERT_EQ(read.size(), numbers);
  double square = 0;
  for (std::size_t i = 0; i < read.size(); ++i) square += std::pow((read[i] - exact[i]) / noise, 2);
  // Two others' noise, 800 numbers: variance 2 +- 7 deviations of 2 sqrt(2 / 800).
  EXPECT_NEAR(square / static_cast<double>(read.size()), 2, 7 * 2 * 0.05);
  // Of the coefficients that hold no score nothing is sent.
  std::size_t sent = 0;
  for (const Poly& share : shares[0].polynomials) {
    Poly x = share.copy();
    to_coefficients_inplace(x);
    const Residues residues(x);
    for (const u64 residue : residues[0]) sent += residue != 0 ? 1 : 0;
  }
  EXPECT_LE(sent, numbers);
  EXPECT_GE(sent, numbers - 2);  // residues of 50 bits that are zero by chance

  // A bit a round, and one for a refusal: whatever the votes were.
  door(0).answer(round, true);
  EXPECT_EQ(totals(entries(0)).answered_bits, 2);
  Origin next = round;
  next.round = 2;
  const EncryptedScores later = encrypted(2);
  (void)door(0).open(later, layout().samples, shares, next);
  door(0).answer(next, false);
  EXPECT_EQ(totals(entries(0)).answered_bits, 3);
  // Another ciphertext for a round that was answered, by whoever gives a share and whoever reads.
  expect_refusal([&] { (void)door(1).share(later, round, asked); },
                 "a share of another ciphertext was given for round 1");
  expect_refusal([&] { (void)door(0).open(later, layout().samples, shares, round); },
                 "another ciphertext than");
  expect_refusal([&] { door(0).answer(round, false); }, "a round is answered once");
  EXPECT_NO_THROW((void)door(1).share(scores, round, asked));
  // The same for more of its coefficients.
  EncryptedScores wider{ProductLayout::create(*sum.parameters, 120, 120, 8, 8), {}};
  for (const Ciphertext& c : scores.scores) wider.scores.push_back(c.copy());
  Opening more = asked;
  more.numbers = wider.layout.samples * wider.layout.classes;
  more.bits = asked.bits * 1.2;
  Origin other = round;
  other.data = "02";
  expect_refusal([&] { (void)door(1).share(wider, other, more); }, "was given to others");
}

TEST_F(OpeningTest, TheBudgetIsThatOfAllThatLeaves) {
  const EncryptedModel m = model(8);
  Opening narrow = opening();
  narrow.results = 9;
  const double bits = door(0).share(m, {}, narrow).bits;
  EXPECT_GT(bits, 0);
  narrow.budget = 1.5 * bits;
  expect_refusal([&] { (void)door(0).share(model(9), {}, narrow); }, "the budget is");
  narrow.budget = 2.5 * bits;
  EXPECT_NO_THROW((void)door(0).share(model(9), {}, narrow));
}

TEST_F(OpeningTest, WithoutRoomForNoiseNothingIsGiven) {
  Opening large = opening();
  large.error = 0x1p40;
  expect_refusal([&] { (void)door(0).share(model(10), {}, large); }, "no room");
  large.error = std::nan("");
  expect_refusal([&] { (void)door(0).share(model(10), {}, large); }, "no room");
  EXPECT_FALSE(door(0).ledger().read().has_value());
  EncryptedModel mixed = model(11);
  Opening nobody = opening();
  nobody.decryptors.clear();
  EXPECT_THROW((void)door(0).share(mixed, {}, nobody), ContractError);
  mixed.weights.pop_back();
  EXPECT_THROW((void)door(0).share(mixed, {}, opening()), ContractError);
}

}  // namespace
}  // namespace blindtuner
