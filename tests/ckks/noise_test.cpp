// Holds measured errors to the budget of docs/NOISE.md: every row must stay below 1.5 times its
// formula, and no formula may be more than 4 times too large.
//
// The set is InsecureTest12 unless the environment's BLINDTUNER_TEST_PARAMETERS names another; the
// measured column of the document is this program's output for the standard set.
#include <cstdio>
#include <cstdlib>

#include "ckks/bootstrap_fixture.h"
#include "ckks/noise_model.h"

namespace blindtuner {
using namespace secret;
namespace {

using namespace testing_support;
using std::numbers::pi;

const BootstrapScheme& scheme() {
  static const BootstrapScheme made(std::getenv("BLINDTUNER_TEST_PARAMETERS") == nullptr
                                        ? "InsecureTest12"
                                        : std::getenv("BLINDTUNER_TEST_PARAMETERS"));
  return made;
}

void expect_within(const char* what, double measured, double predicted) {
  std::printf("  %-44s predicted 2^%6.2f  measured 2^%6.2f\n", what, std::log2(predicted),
              std::log2(measured));
  EXPECT_LE(measured, 1.5 * predicted) << what;
  EXPECT_LE(predicted, 4 * measured) << what;
}

double rms(std::span<const double> values) {
  double total = 0;
  for (double v : values) total += v * v;
  return std::sqrt(total / static_cast<double>(values.size()));
}

// The coefficients' standard deviation that slots' distances come from.
double coefficient_error(std::span<const Complex> got, std::span<const Complex> expected,
                         double scale) {
  double total = 0;
  for (std::size_t j = 0; j < got.size(); ++j) total += std::norm(got[j] - expected[j]);
  const double n = static_cast<double>(2 * got.size());
  return std::sqrt(total / static_cast<double>(got.size()) / n) * scale;
}

double prime(std::size_t i) { return static_cast<double>(scheme().ring().q(i).q); }

std::vector<Complex> products(std::span<const Complex> a, std::span<const Complex> b) {
  std::vector<Complex> out(a.begin(), a.end());
  for (std::size_t j = 0; j < out.size(); ++j) out[j] *= b[j];
  return out;
}

TEST(Noise, EncryptionAndAddition) {
  const BootstrapScheme& s = scheme();
  const auto x = random_slots(s.slots(), 1);
  const double scale = std::ldexp(1.0, 40);
  Ciphertext c = s.encrypt_slots(x, scale, 5);
  expect_within("fresh, secret key", coefficient_error(s.decrypt_slots(c), x, scale),
                noise::fresh());
  const PublicKey key = make_public_key(s.secrets.big, 5, s.parameters->insecure());
  const Ciphertext p = encrypt_public(s.encoder.encode(s.ring(), x, scale, 5), scale, key);
  expect_within("fresh, public key", coefficient_error(s.decrypt_slots(p), x, scale),
                noise::fresh_public(s.n()));
  add_inplace(c, s.encrypt_slots(x, scale, 5));
  std::vector<Complex> twice = x;
  for (Complex& v : twice) v *= 2;
  // The messages' roundings are the same: they add as such.
  expect_within("sum of two fresh", coefficient_error(s.decrypt_slots(c), twice, scale),
                noise::sum(noise::fresh(), noise::fresh()));
}

TEST(Noise, Products) {
  const BootstrapScheme& s = scheme();
  const auto x = random_slots(s.slots(), 2), y = random_slots(s.slots(), 3);
  const double scale = std::ldexp(1.0, 36), plain_scale = std::ldexp(1.0, 30);
  const double norm = noise::norm(scale, std::sqrt(2.0 / 3)), weight = noise::ternary_weight(s.n());
  const double plain_norm = noise::norm(plain_scale, std::sqrt(2.0 / 3));
  const std::size_t limbs = s.parameters->circuit_start() - 3;
  const auto xy = products(x, y);

  Ciphertext c = s.encrypt_slots(x, scale, limbs);
  mul_plain_inplace(c, s.encoder.encode(s.ring(), y, plain_scale, limbs), plain_scale);
  expect_within("plaintext product", coefficient_error(s.decrypt_slots(c), xy, c.scale),
                noise::plaintext_product(noise::fresh(), norm, plain_norm));
  rescale_inplace(c);
  expect_within("plaintext product, rescaled", coefficient_error(s.decrypt_slots(c), xy, c.scale),
                noise::rescale(noise::plaintext_product(noise::fresh(), norm, plain_norm),
                               prime(limbs - 1), weight));

  Tensor t = tensor(s.encrypt_slots(x, scale, limbs), s.encrypt_slots(y, scale, limbs));
  const double product = noise::product(noise::fresh(), norm, noise::fresh(), norm, s.n());
  expect_within(
      "tensor product",
      coefficient_error(s.encoder.decode(decrypt(t, s.secrets.big), t.scale), xy, t.scale),
      product);
  const KeySwitchKey& key = s.keys.evaluation.relinearisation;
  const Ciphertext m = relinearise_rescale(t, key);
  const double inner = noise::key_switch_inner(s.ring(), key.shape, limbs);
  expect_within("product, relinearised and rescaled",
                coefficient_error(s.decrypt_slots(m), xy, m.scale),
                noise::rescale(noise::sum(product, inner), prime(limbs - 1), weight));
}

// (c0 + c1 s_to) - c s_from for uniform c.
double switch_error(const KeySwitchKey& key, const Poly& from, const Poly& to, std::size_t limbs) {
  const Poly c = sample_uniform(from.ring(), limbs, 0, Seed{5}, 0);
  auto [c0, c1] = key_switch(c, key);
  mul_inplace(c1, to.copy_limbs(limbs, 0));
  add_inplace(c1, c0);
  return rms(difference(c1, mul(c, from.copy_limbs(limbs, 0))));
}

TEST(Noise, KeySwitchesByShape) {
  const BootstrapScheme& s = scheme();
  const Parameters& p = *s.parameters;
  const Ring& ring = s.ring();
  const double weight = noise::ternary_weight(s.n());
  const double small_weight = noise::ternary_weight(p.small_ring().n());
  const double sparse_weight = static_cast<double>(p.literal().sparse_weight);
  const SecretKey lifted = s.secrets.small.lifted(ring);
  const Poly square = mul(s.secrets.big.ntt(), s.secrets.big.ntt());

  const auto& relinearisation = s.keys.evaluation.relinearisation;
  for (const auto& [what, limbs] : {std::pair{"relinearisation, eval_mod", p.eval_mod_start()},
                                    std::pair{"relinearisation, circuit", p.circuit_start()},
                                    std::pair{"relinearisation, bottom", p.bottom()}})
    expect_within(what, switch_error(relinearisation, square, s.secrets.big.ntt(), limbs),
                  noise::key_switch(ring, relinearisation.shape, limbs, weight));
  const auto& [g, rotation] = *s.keys.evaluation.galois.begin();
  const SecretKey target = s.secrets.big.automorphism(inverse_galois(g, s.n()));
  for (const auto& [what, limbs] : {std::pair{"rotation, top", p.top()},
                                    std::pair{"rotation, slot_to_coeff", p.slot_to_coeff_start()}})
    expect_within(what, switch_error(rotation, s.secrets.big.ntt(), target.ntt(), limbs),
                  noise::key_switch(ring, rotation.shape, limbs, weight));
  expect_within("small to sparse, q_0",
                switch_error(s.keys.small_to_sparse, lifted.ntt(), s.secrets.sparse.ntt(), 1),
                noise::key_switch(ring, s.keys.small_to_sparse.shape, 1, sparse_weight));
  expect_within(
      "dense to sparse, q_0",
      switch_error(s.keys.dense_to_sparse, s.secrets.big.ntt(), s.secrets.sparse.ntt(), 1),
      noise::key_switch(ring, s.keys.dense_to_sparse.shape, 1, sparse_weight));
  expect_within(
      "sparse to dense, top",
      switch_error(s.keys.sparse_to_dense, s.secrets.sparse.ntt(), s.secrets.big.ntt(), p.top()),
      noise::key_switch(ring, s.keys.sparse_to_dense.shape, p.top(), weight));
  expect_within("dense to small, q_0 q_1",
                switch_error(s.keys.dense_to_small, s.secrets.big.ntt(), lifted.ntt(), 2),
                noise::key_switch(ring, s.keys.dense_to_small.shape, 2, small_weight));
}

// Errors after each stage against the exact map of what was encrypted.
void expect_stages(const std::vector<DftStage>& stages, Ciphertext x, double factor,
                   std::span<const std::size_t> baby_counts, const GaloisKeys& keys,
                   const char* what, std::span<const double> predicted,
                   std::vector<Complex> values) {
  const BootstrapScheme& s = scheme();
  for (std::size_t i = 0; i < stages.size(); ++i) {
    const LinearTransform map(s.ring(), s.encoder, stages[i].matrix, stages[i].unit, baby_counts[i],
                              x.q_count(), s.ring().p_size(), factor);
    x = map.apply(x, keys);
    std::vector<Complex> next(values.size());
    for (const auto& [shift, d] : stages[i].matrix.diagonals)
      for (std::size_t j = 0; j < next.size(); ++j)
        next[j] += d[j % stages[i].matrix.period] * values[(j + shift) % next.size()];
    values = std::move(next);
    const std::string row = std::string(what) + ", stage " + std::to_string(i + 1);
    expect_within(row.c_str(), coefficient_error(s.decrypt_slots(x), values, x.scale),
                  predicted[i]);
  }
}

TEST(Noise, SlotToCoeffStages) {
  const BootstrapScheme& s = scheme();
  const BootstrapShape& shape = s.bootstrapper.shape();
  const double in = std::ldexp(1.0, 36), out = s.q0() / 32;
  const double input = noise::real_slots(noise::fresh(), s.n(), in);
  const auto budget =
      noise::bootstrap_budget(*s.parameters, shape, 1.0 / 32, in, std::ldexp(1.0, 39), 7, input);
  const std::vector<int> radices(shape.log_radices.rbegin(), shape.log_radices.rend());
  const std::vector<std::size_t> babies(shape.baby_counts.rbegin(), shape.baby_counts.rend());
  const auto low = random_slots(s.slots(), 4, true), high = random_slots(s.slots(), 5, true);
  std::vector<Complex> w(s.slots());
  for (std::size_t j = 0; j < w.size(); ++j) w[j] = low[j] + Complex(0, 1) * high[j];
  Halves x = s.encrypt_halves(low, high, in, s.parameters->slot_to_coeff_start());
  mul_i_inplace(x.high);
  add_inplace(x.low, x.high);
  expect_stages(slot_to_coeff_stages(s.encoder, radices, 1.0), std::move(x.low),
                std::pow(out / in, 1.0 / static_cast<double>(radices.size())), babies,
                s.keys.evaluation.galois, "slot_to_coeff", budget.slot_to_coeff, w);
}

TEST(Noise, FromCoefficientsToTheSine) {
  const BootstrapScheme& s = scheme();
  const BootstrapShape& shape = s.bootstrapper.shape();
  constexpr double rho = 1.0 / 16;
  const double scale = std::ldexp(1.0, 39), gain = 2 * pi * rho;
  const auto budget =
      noise::bootstrap_budget(*s.parameters, shape, rho, std::ldexp(1.0, 36), scale, 0, 0);
  const auto messages = s.random_messages(6);
  const auto small = s.encrypt_small(messages, rho * s.q0(), 2);
  const Ciphertext raised = s.bootstrapper.mod_raise(
      key_switch(s.bootstrapper.interleave(pointers(small)), s.keys.small_to_sparse), s.keys);
  Ciphertext w = raised.copy();
  w.scale = s.q0();
  // What the circuit really starts from.
  const auto t = decode_coefficients(decrypt(raised, s.secrets.big), s.q0());
  const double factor = s.bootstrapper.eval_mod().input_factor();
  expect_stages(coeff_to_slot_stages(s.encoder, shape.log_radices, 0.5 * factor), w.copy(), 1.0,
                shape.baby_counts, s.keys.evaluation.galois, "coeff_to_slot", budget.coeff_to_slot,
                s.decrypt_slots(w));
  Halves halves = s.bootstrapper.coeff_to_slot(raised, s.keys);
  expect_within("both halves, slots",
                rms(s.half_errors(halves, [&](std::size_t k) { return factor * t[k]; })),
                budget.halves);
  const EvalMod& eval_mod = s.bootstrapper.eval_mod();
  const auto& key = s.keys.evaluation.relinearisation;
  halves = {eval_mod.evaluate(std::move(halves.low), scale / gain, key),
            eval_mod.evaluate(std::move(halves.high), scale / gain, key)};
  expect_within(
      "eval_mod, slots",
      rms(s.half_errors(
          halves, [&](std::size_t k) { return std::sin(2 * pi * (t[k] - std::round(t[k]))); })),
      budget.eval_mod);
  for (Ciphertext* half : {&halves.low, &halves.high}) half->scale *= gain;
  expect_within("half bootstrap, ratio 2^-4, slots",
                rms(s.half_errors(halves,
                                  [&](std::size_t k) {
                                    return std::sin(gain * s.interleaved(messages, k)) / gain;
                                  })),
                budget.half_bootstrap);
}

TEST(Noise, FullBootstrap) {
  const BootstrapScheme& s = scheme();
  const auto low = random_slots(s.slots(), 7, true), high = random_slots(s.slots(), 8, true);
  const double scale = std::ldexp(1.0, 39);
  struct Setting {
    int log_in, log_ratio, arcsine_degree;
  };
  for (const Setting& c : {Setting{36, -7, 3}, Setting{36, -5, 7}}) {
    const double in = std::ldexp(1.0, c.log_in), ratio = std::ldexp(1.0, c.log_ratio);
    const auto budget =
        noise::bootstrap_budget(*s.parameters, s.bootstrapper.shape(), ratio, in, scale,
                                c.arcsine_degree, noise::real_slots(noise::fresh(), s.n(), in));
    const SlotToCoeff down(*s.parameters, s.bootstrapper.shape(), s.encoder, in, ratio * s.q0());
    const Halves x = s.encrypt_halves(low, high, in, s.parameters->slot_to_coeff_start());
    const Halves y = s.bootstrapper.bootstrap(x, down, scale, c.arcsine_degree, s.keys);
    const std::string what = "full bootstrap, ratio 2^" + std::to_string(c.log_ratio) +
                             ", arcsine " + std::to_string(c.arcsine_degree) + ", slots";
    expect_within(what.c_str(), rms(s.slot_errors(y, low, high)), budget.bootstrap);
  }
}

}  // namespace
}  // namespace blindtuner
