// The statistics of several owners' rows, added up under encryption and opened together: everybody's whitening map.
#include <cstdio>
#include <filesystem>

#include "features/data/whitening.h"
#include "secret/dataset_encryption.h"
#include "secret/disclosure.h"
#include "secret/encryption.h"
#include "secret/joint_fixture.h"

namespace blindtuner {
using namespace features;
namespace {

using namespace testing_support;
namespace fs = std::filesystem;

constexpr std::size_t kOwners = 3;

class JointStatistics : public ::testing::TestWithParam<std::size_t> {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "blindtuner-statistics-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
    for (std::size_t i = 0; i < kOwners; ++i) fs::create_directory(folder_ / std::to_string(i));
  }
  void TearDown() override { fs::remove_all(folder_); }

  struct Owners {
    ParametersPtr parameters;
    std::vector<KeySwitchKey> way_in;
    SecretKey sum;
    std::vector<OwnerKeys> keys;
  };
  static const Owners& owners() {
    static const Owners all = [] {
      JointOwners made(Parameters::create(find_parameters("InsecureJoint4")), kOwners);
      std::vector<KeySwitchKey> way_in;
      for (const KeyPlan& plan : way_in_plans(*made.parameters, kOwners))
        way_in.push_back(made.key(plan));
      Owners out{made.parameters, std::move(way_in), std::move(made.sum.small), {}};
      for (SecretKeys& secrets : made.owners)
        out.keys.push_back({std::move(secrets), fresh_key_id()});
      return out;
    }();
    return all;
  }
  Disclosure door(std::size_t owner) const {
    return {owners().keys[owner], folder_ / std::to_string(owner)};
  }

  fs::path folder_;
};

// Correlated columns in all units, one of them constant.
FeatureMatrix rows_of_all(Eigen::Index rows, Eigen::Index columns) {
  Prng prng(Seed{5});
  FeatureMatrix x(rows, columns);
  for (Eigen::Index i = 0; i < rows; ++i) {
    double common = normal_pair(prng).first;
    for (Eigen::Index j = 0; j < columns; ++j) {
      const float value = static_cast<float>(0.5 * common + normal_pair(prng).first + 0.3);
      x(i, j) = std::ldexp(value, static_cast<int>(j % 3 - 1) * 60);
    }
  }
  if (columns > 7) x.col(7).setConstant(0.3f);
  return x;
}

TEST_P(JointStatistics, GiveEverybodyTheMapOfAllRows) {
  const Parameters& p = *owners().parameters;
  const std::size_t columns = GetParam();
  const FeatureMatrix x = rows_of_all(200, static_cast<Eigen::Index>(columns));
  const std::vector<Eigen::Index> ends = {1, 60, x.rows()};
  std::vector<FeatureMatrix> parts;
  std::vector<int> exponents(columns, kNoExponent);
  for (std::size_t k = 0; k < kOwners; ++k) {
    const Eigen::Index begin = k == 0 ? 0 : ends[k - 1];
    parts.push_back(x.middleRows(begin, ends[k] - begin));
    const std::vector<int> own = column_exponents(parts.back());
    for (std::size_t j = 0; j < columns; ++j) exponents[j] = std::max(exponents[j], own[j]);
  }

  const SumsShape shape = sums_shape(p, 200, moment_count(columns));
  EncryptedSums sum{shape, {}};
  std::vector<double> exact(shape.numbers);
  for (std::size_t k = 0; k < kOwners; ++k) {
    const std::vector<double> own = moment_numbers(moments_of(parts[k], exponents));
    for (std::size_t i = 0; i < own.size(); ++i) exact[i] += own[i];
    add_sums(sum, p, encrypt_sums(owners().keys[k].secrets.small, p, shape, own),
             owners().way_in[k]);
  }

  // The error is what is said of it: where there is no number there is nothing else.
  const std::size_t n = p.small_ring().n();
  ASSERT_NE(shape.numbers % n, 0u);
  const std::vector<double> last = to_centred_doubles(decrypt(sum.packs.back(), owners().sum), 2);
  const std::vector<double> errors(last.begin() + static_cast<std::ptrdiff_t>(shape.numbers % n),
                                   last.end());
  const double predicted = sums_error(p, kOwners), measured = statistics(errors).std;
  std::printf("%zu columns: error 2^%.2f units, predicted 2^%.2f\n", columns, std::log2(measured),
              std::log2(predicted));
  EXPECT_LT(measured, 1.5 * predicted);
  EXPECT_LT(predicted, 1.5 * measured);

  const Opening opening = opening_of_sums(p, shape, kOwners, "study 1 of A, B, C", 1);
  EXPECT_LT(opening.noise, 0x1p-58 * 200);
  std::vector<OpeningShare> shares;
  for (std::size_t k = 0; k < kOwners; ++k) {
    shares.push_back(door(k).share(sum, {"'sums'"}, opening));
    EXPECT_LT(shares.back().bits, 0.02);
    EXPECT_GE(shares.back().noise, 0x1p12 * opening.error);
  }
  std::vector<Whitening> maps;
  for (std::size_t k = 0; k < kOwners; ++k) {
    const std::vector<double> opened = door(k).open(sum, shares, {"'sums'"});
    ASSERT_EQ(opened.size(), exact.size());
    for (std::size_t i = 0; i < opened.size(); ++i) ASSERT_NEAR(opened[i], exact[i], 200 * 0x1p-50);
    maps.push_back(Whitening::fit(moments_from(opened, 200, exponents)));
    EXPECT_EQ(maps[k].digest(), maps[0].digest()) << "owner " << k;
  }
  const Whitening rows = Whitening::fit(x);
  EXPECT_EQ(maps[0].unused_columns(), rows.unused_columns());
  EXPECT_EQ(maps[0].output_width(), rows.output_width());
  // Directions of nearly one eigenvalue may be turned; what the map makes of two samples is not.
  const auto inner = [&](const Whitening& map) -> Eigen::MatrixXd {
    const Eigen::MatrixXd z = map.apply(x.topRows(20)).cast<double>();
    return z * z.transpose();
  };
  const Eigen::MatrixXd expected = inner(rows);
  EXPECT_LT((inner(maps[0]) - expected).cwiseAbs().maxCoeff(),
            1e-3 * expected.cwiseAbs().maxCoeff());

  // Both are in the ledgers, and that is all that the study opens of the kind.
  const auto entries = door(1).ledger().read().value();
  ASSERT_EQ(entries.size(), 2u);
  EXPECT_EQ(entries[0].kind, LedgerEntry::Kind::kShared);
  EXPECT_EQ(entries[0].what, "sums");
  EXPECT_EQ(entries[0].numbers, sum.packs.size() * n);
  EXPECT_EQ(entries[1].kind, LedgerEntry::Kind::kOpened);
  EXPECT_TRUE(
      same_residues(door(1).share(sum, {}, opening).polynomials[0], shares[1].polynomials[0]));
  EncryptedSums other{shape, {}};
  add_sums(other, p, encrypt_sums(owners().keys[0].secrets.small, p, shape, exact),
           owners().way_in[0]);
  EXPECT_THROW((void)door(1).share(other, {}, opening), DataError);
  // Without one share there is nothing.
  shares.pop_back();
  EXPECT_THROW((void)door(0).open(sum, shares, {}), DataError);
}

INSTANTIATE_TEST_SUITE_P(Columns, JointStatistics, ::testing::Values(1, 20, 768));

TEST(SumsShape, TakesWhatFits) {
  const ParametersPtr p = Parameters::create(find_parameters("InsecureJoint4"));
  EXPECT_THROW(sums_shape(*p, 0, 1), ContractError);
  EXPECT_THROW(sums_shape(*p, std::uint64_t{1} << 32, 1), ContractError);
  EXPECT_THROW(sums_shape(*p, 5, 0), ContractError);
  // However many rows, their sum is one size.
  for (const std::uint64_t rows :
       {std::uint64_t{1}, std::uint64_t{1000}, std::uint64_t{UINT32_MAX}}) {
    const SumsShape shape = sums_shape(*p, rows, 3);
    const double bits =
        p->small_ring().log2_modulus(2, 0) - std::log2(shape.scale(*p) * static_cast<double>(rows));
    EXPECT_GE(bits, 12);
    EXPECT_LE(bits, 15);
    const std::vector<double> most = {static_cast<double>(rows), -static_cast<double>(rows), 0};
    EXPECT_NO_THROW(encode_sums(p->small_ring(), *p, shape, most, 0));
    const std::vector<double> more = {static_cast<double>(rows) * 1.01, 0, 0};
    EXPECT_THROW(encode_sums(p->small_ring(), *p, shape, more, 0), ContractError);
  }
}

}  // namespace
}  // namespace blindtuner
