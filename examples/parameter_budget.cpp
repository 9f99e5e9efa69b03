// Prints the level, security and noise budget of a parameter set: the tables of docs/NOISE.md.
//
//   parameter_budget [SET]        SET: Standard (default), InsecureTest12, InsecureTest13
#include <cmath>
#include <cstdio>
#include <exception>
#include <string>

#include "ckks/noise_model.h"

using namespace blindtuner;
using namespace blindtuner::ckks;

namespace {

void print_levels(const Parameters& p) {
  const ParametersLiteral& l = p.literal();
  struct Section {
    const char* name;
    std::size_t begin, end;
  };
  const Section kSections[] = {
      {"q_0: messages at the bottom", 0, 1},
      {"q_1: products in the small ring", 1, 2},
      {"slot_to_coeff", 2, p.slot_to_coeff_start()},
      {"circuit", p.slot_to_coeff_start(), p.circuit_start()},
      {"eval_mod", p.circuit_start(), p.eval_mod_start()},
      {"coeff_to_slot", p.eval_mod_start(), p.top()},
  };
  std::printf("%s: N = 2^%d, n = 2^%d, digest %s\n\n", l.name.c_str(), l.log_n, l.log_small_n,
              p.digest().c_str());
  std::printf("| limbs | count | bits each | bits | consumed by |\n|---|---|---|---|---|\n");
  for (std::size_t s = std::size(kSections); s-- > 0;) {
    const Section& section = kSections[s];
    // Runs of primes of one size, from above.
    for (std::size_t end = section.end; end > section.begin;) {
      std::size_t begin = end - 1;
      while (begin > section.begin && p.ring().q(begin - 1).bits == p.ring().q(end - 1).bits)
        --begin;
      const double bits = p.ring().log2_modulus(end, 0) - p.ring().log2_modulus(begin, 0);
      std::printf("| %zu..%zu | %zu | %d | %.1f | %s |\n", begin, end - 1, end - begin,
                  p.ring().q(end - 1).bits, bits, section.name);
      end = begin;
    }
  }
  std::printf("| special | %zu | %d | %.1f | key switching |\n", p.ring().p_size(),
              p.ring().p(0).bits, p.ring().log2_modulus(0, p.ring().p_size()));
}

void print_key(const Parameters& p, const char* name, const SecretHardness& hardness,
               std::size_t q_count, std::size_t p_count, std::size_t digits) {
  const double bits = p.ring().log2_modulus(q_count, p_count);
  const double bound = max_log2_modulus(hardness);
  const std::string secret =
      "2^" + std::to_string(hardness.log_n) +
      (hardness.sparse_weight == 0 ? std::string(", ternary")
                                   : ", weight " + std::to_string(hardness.sparse_weight));
  std::printf("| %s | %s | %zu | %zu | %zu | %.1f | %.0f |\n", name, secret.c_str(), q_count,
              p_count, digits, bits, bound);
}

void print_keys(const Parameters& p) {
  const std::size_t special = p.ring().p_size();
  std::printf("\n| key | secret it is under | limbs | special | digits | log2(QP) | bound |\n");
  std::printf("|---|---|---|---|---|---|---|\n");
  print_key(p, "rotations, sparse to dense", p.hardness(), p.top(), special,
            p.digit_ends(p.top()).size());
  print_key(p, "relinearisation, conjugation", p.hardness(), p.eval_mod_start(), special,
            p.digit_ends(p.eval_mod_start()).size());
  print_key(p, "dense to small; all of the small ring", p.small_hardness(), 2, p.small_special(),
            1);
  print_key(p, "small to sparse, dense to sparse", p.sparse_hardness(), 1, p.sparse_special(), 1);
}

void row(const char* what, double value, const char* unit) {
  std::printf("| %s | 2^%.2f | %s |\n", what, std::log2(value), unit);
}

void print_noise(const Parameters& p) {
  const Ring& ring = p.ring();
  const std::size_t n = ring.n();
  const double weight = noise::ternary_weight(n);
  const BootstrapShape shape = BootstrapShape::standard(p);
  const KeyShape top{p.top(), ring.p_size(), p.digit_ends(p.top())};
  const char* kUnits = "coefficients, units";
  const char* kSlots = "real slots, values";

  std::printf("\n| operation | predicted std | of |\n|---|---|---|\n");
  row("fresh, secret key", noise::fresh(), kUnits);
  row("fresh, public key", noise::fresh_public(n), kUnits);
  row("rescale's rounding, dense secret", noise::rounding(weight), kUnits);
  row("the same at scale 2^36", noise::real_slots(noise::rounding(weight), n, std::exp2(36)),
      kSlots);
  row("the same at scale 2^39", noise::real_slots(noise::rounding(weight), n, std::exp2(39)),
      kSlots);
  row("key switch at the top", noise::key_switch(ring, top, p.top(), weight), kUnits);
  row("key switch at slot_to_coeff", noise::key_switch(ring, top, p.slot_to_coeff_start(), weight),
      kUnits);

  struct Setting {
    int log_ratio, arcsine_degree;
  };
  for (const Setting& s : {Setting{-4, 0}, Setting{-7, 3}, Setting{-5, 7}}) {
    const double in = std::exp2(36);
    const auto b =
        noise::bootstrap_budget(p, shape, std::exp2(s.log_ratio), in, std::exp2(39),
                                s.arcsine_degree, noise::real_slots(noise::fresh(), n, in));
    std::printf("\nmessage ratio 2^%d, input scale 2^36, output scale 2^39, arcsine degree %d\n\n",
                s.log_ratio, s.arcsine_degree);
    std::printf("| step | predicted std | of |\n|---|---|---|\n");
    for (std::size_t i = 0; i < b.slot_to_coeff.size(); ++i)
      row(("slot_to_coeff, stage " + std::to_string(i + 1)).c_str(), b.slot_to_coeff[i], kUnits);
    row("slot_to_coeff together", b.down, "coefficients, values");
    row("key switch to the small secret", b.to_small, kUnits);
    row("key switch to the sparse secret", b.to_sparse, kUnits);
    row("key switch to the dense secret", b.raised, kUnits);
    for (std::size_t i = 0; i < b.coeff_to_slot.size(); ++i)
      row(("coeff_to_slot, stage " + std::to_string(i + 1)).c_str(), b.coeff_to_slot[i], kUnits);
    row("both halves, t / (K + 1/4)", b.halves, kSlots);
    row("eval_mod, sin(2 pi t)", b.eval_mod, kSlots);
    row("half bootstrap", b.half_bootstrap, kSlots);
    row("full bootstrap", b.bootstrap, kSlots);
  }
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const ParametersPtr p = Parameters::create(find_parameters(argc > 1 ? argv[1] : "Standard"));
    print_levels(*p);
    print_keys(*p);
    print_noise(*p);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "parameter_budget: %s\n", error.what());
    return 1;
  }
  return 0;
}
