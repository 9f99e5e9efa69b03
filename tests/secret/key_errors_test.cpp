// Every kind of key that owners make together is off by what docs/NOISE.md says ("Several owners").
#include "secret/key_errors.h"

namespace blindtuner {
namespace {

using namespace testing_support;

struct Owners {
  const char* parameters;
  std::size_t count;
};

class JointKeyNoise : public ::testing::TestWithParam<Owners> {};

TEST_P(JointKeyNoise, IsThatOfTheFormulas) {
  const JointOwners owners(Parameters::create(find_parameters(GetParam().parameters)),
                           GetParam().count);
  const std::vector<KeyErrors> all = JointKeyErrors(owners).of_each_kind(8);
  EXPECT_EQ(all.size(), std::size_t{12});
  for (const KeyErrors& e : all) {
    // A Gaussian's standard deviation is known to sqrt(1 / 2m) by m samples. Six of these are exceeded once in 5 10^8
    // times. Relinearisation's errors are s e_0 + u e_1: in every slot a product of two exponential
    // magnitudes, of which the secret's is the same in all digits, known to sqrt((1 + 2 / digits) / 4N); of that ten, since
    // products have longer tails. 36 keys, so less than once in 10^7 runs.
    const auto samples = static_cast<double>(e.values.size());
    const auto digits = static_cast<double>(e.digits);
    const double allowed = e.relinearisation
                               ? 10 * std::sqrt((1 + 2 / digits) * digits / (4 * samples))
                               : 6 * std::sqrt(1 / (2 * samples));
    EXPECT_NEAR(statistics(e.values).std / e.expected, 1, allowed) << e.key;
  }
}

INSTANTIATE_TEST_SUITE_P(Owners, JointKeyNoise,
                         ::testing::Values(Owners{"InsecureJoint4", 2}, Owners{"InsecureJoint4", 4},
                                           Owners{"InsecureJoint16", 16}),
                         [](const auto& owners) {
                           return "Of" + std::to_string(owners.param.count);
                         });

}  // namespace
}  // namespace blindtuner
