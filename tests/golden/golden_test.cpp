// The library's keys, ciphertexts, key switches and files, bit for bit as reference.py has them. The
// linker puts generators with known seeds in the place of the random ones (CMakeLists.txt).
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>

#include "base/parallel.h"
#include "base/sha256.h"
#include "ckks/bootstrap/key_plans.h"
#include "golden/known_seeds.h"
#include "io/file_stream.h"
#include "io/poly_io.h"
#include "linalg/key_plans.h"
#include "rlwe/key_switch.h"
#include "secret/bootstrap_keygen.h"
#include "secret/encryption.h"
#include "secret/product_keygen.h"

namespace blindtuner {
using namespace secret;
using namespace io;
namespace {

const nlohmann::json& vectors() {
  static const nlohmann::json json = nlohmann::json::parse(std::ifstream(BLINDTUNER_VECTORS));
  return json;
}

/// The smallest chain; all happens in its small ring, n = 32, modulo q_0 q_1 p_0 p_1.
const Parameters& parameters() {
  static const ParametersPtr p = [] {
    ParametersLiteral literal = standard_parameters();
    literal.name = "InsecureGolden";
    literal.log_n = 10;
    literal.log_small_n = 5;
    literal.slot_to_coeff_bits = {40};
    literal.circuit_bits = {41};
    literal.eval_mod_bits = {45};
    literal.coeff_to_slot_bits = {46};
    literal.special_bits = {50, 50};
    literal.digit_ends = {3, 6};
    return Parameters::create(literal);
  }();
  return *p;
}

nlohmann::json limbs(const Poly& x) {
  const Residues residues(x);
  nlohmann::json out = nlohmann::json::array();
  for (std::size_t i = 0; i < x.limbs(); ++i) {
    nlohmann::json limb = nlohmann::json::array();
    for (const u64 residue : residues[i]) limb.push_back(std::to_string(residue));
    out.push_back(limb);
  }
  return out;
}

// All from the start of every stream.
struct Known {
  Prng prng;
  SecretKey secret, other;
  SeededCiphertext ciphertext;
  KeySwitchKey key;

  static Known make() {
    deal_known_seeds_anew();
    const Ring& ring = parameters().small_ring();
    Prng prng = Prng::for_secrets();
    SecretKey secret = SecretKey::generate(ring, {5, 0}, prng);
    SecretKey other = SecretKey::generate(ring, {5, 0}, prng);
    std::vector<std::int64_t> message;
    for (const auto& x : vectors()["message"]) message.push_back(std::stoll(x.get<std::string>()));
    SeededCiphertext c = encrypt(from_signed(ring, message, 2, 0), 0x1p20, other, fresh_seed(), 7);
    KeySwitchKey key = make_key_switch_key(other.ntt(), secret, {2, 2, {1, 2}}, true, "key");
    return {std::move(prng), std::move(secret), std::move(other), std::move(c), std::move(key)};
  }
};

TEST(Golden, Parameters) {
  const Parameters& p = parameters();
  nlohmann::json primes = nlohmann::json::array();
  for (std::size_t i = 0; i < p.ring().q_size(); ++i)
    primes.push_back(std::to_string(p.ring().q(i).q));
  for (std::size_t i = 0; i < p.ring().p_size(); ++i)
    primes.push_back(std::to_string(p.ring().p(i).q));
  EXPECT_EQ(primes, vectors()["primes"]);
  EXPECT_EQ(p.digest(), vectors()["digest"]);
}

TEST(Golden, Secrets) {
  const Known known = Known::make();
  EXPECT_EQ(nlohmann::json(known.secret.coefficients()), vectors()["secret"]);
  EXPECT_EQ(nlohmann::json(known.other.coefficients()), vectors()["other"]);
}

TEST(Golden, Ciphertext) { EXPECT_EQ(limbs(Known::make().ciphertext.c0), vectors()["ciphertext"]); }

TEST(Golden, Key) {
  const Known known = Known::make();
  ASSERT_EQ(known.key.b.size(), vectors()["key"].size());
  for (std::size_t d = 0; d < known.key.b.size(); ++d)
    EXPECT_EQ(limbs(known.key.b[d]), vectors()["key"][d]) << "digit " << d;
}

void add(Sha256& hash, const Seed& seed, const std::vector<Poly>& b, const std::vector<Poly>& a) {
  hash.add(seed.data(), seed.size());
  for (const std::vector<Poly>* halves : {&b, &a})
    for (const Poly& x : *halves) {
      const Residues residues(x);
      for (std::size_t i = 0; i < x.limbs(); ++i)
        hash.add(residues[i].data(), residues[i].size_bytes());
    }
}

std::string digest_of(const BootstrapKeys& bootstrap, const ProductKeys& products) {
  Sha256 hash;
  const auto add_key = [&](const KeySwitchKey& key) { add(hash, key.seed, key.b, key.a); };
  add_key(bootstrap.evaluation.relinearisation);
  for (const auto& [g, key] : bootstrap.evaluation.galois) add_key(key);
  for (const KeySwitchKey* key : {&bootstrap.small_to_sparse, &bootstrap.dense_to_sparse,
                                  &bootstrap.sparse_to_dense, &bootstrap.dense_to_small})
    add_key(*key);
  add_key(products.relinearisation);
  for (const auto& [g, key] : products.galois) add_key(key);
  for (const auto* maps : {&products.pack, &products.unpack})
    for (const ComponentMapKey& key : *maps) add(hash, key.seed, key.b, key.a);
  return to_hex(hash.finish());
}

// Every kind of evaluation key, with the randomness in the order in which it is drawn: as an owner makes
// them who is alone, and as those of several are made, where there is one.
TEST(Golden, EvaluationKeys) {
  constexpr char kDigest[] = "babc55ee8530a73c5bad0a538ee900331637c5a7172d9f263817302e0e80f179";
  const ParametersPtr p = Parameters::create(find_parameters("InsecureTest10"));
  const ProductLayout layout = ProductLayout::create(*p, 64, 9, 3, 4);
  const Bootstrapper bootstrapper(p);
  const std::size_t extra[] = {3};
  const int threads = max_threads();
  set_max_threads(1);  // seeds are dealt in the order of the calls
  {
    deal_known_seeds_anew();
    const SecretKeys secrets = SecretKeys::generate(p);
    const BootstrapKeys bootstrap = make_bootstrap_keys(secrets, bootstrapper, extra, 5);
    EXPECT_EQ(digest_of(bootstrap, make_product_keys(secrets, layout)), kDigest);
  }
  deal_known_seeds_anew();
  const SecretKeys secrets = SecretKeys::generate(p);
  const auto share_of_one = [&](const Ring& ring, const KeyPlan& plan) {
    const KeyShape& shape = plan.shape;
    const Seed seed = fresh_seed();
    return sum_shares(ring, shape, seed, 1, [&](std::size_t owner) {
      return ShareMaker(secrets, owner, 1)
          .make(plan, uniform_halves(ring, shape.q_count, shape.p_count, shape.digits(), seed));
    });
  };
  BootstrapKeys bootstrap;
  for (const KeyPlan& plan :
       ckks::key_plans(BootstrapKeyShapes(*p, bootstrapper.rotations(), extra, 5)))
    key_in(bootstrap, plan) = share_of_one(p->ring(), plan);
  ProductKeys products;
  for (const KeyPlan& plan : linalg::key_plans(*p, layout))
    key_in(products, plan) = share_of_one(p->small_ring(), plan);
  for (const bool reversed : {false, true})
    for (const ComponentMap& map :
         reversed ? ProductKeys::unpack_maps(layout) : ProductKeys::pack_maps(layout)) {
      ComponentMapKey key{map, 2, p->small_special(), fresh_seed(), {}, {}};
      key.a = uniform_halves(p->small_ring(), 2, key.p_count, map.width, key.seed);
      add_share(key.b, make_share(key.a, map, secrets.small, true));
      (reversed ? products.unpack : products.pack).push_back(std::move(key));
    }
  set_max_threads(threads);
  EXPECT_EQ(digest_of(bootstrap, products), kDigest);
}

TEST(Golden, KeySwitch) {
  const Known known = Known::make();
  const Ciphertext switched = key_switch(known.ciphertext.expand(), known.key);
  EXPECT_EQ(limbs(switched.c0), vectors()["switched"][0]);
  EXPECT_EQ(limbs(switched.c1), vectors()["switched"][1]);
}

TEST(Golden, File) {
  const Known known = Known::make();
  const std::filesystem::path path =
      std::filesystem::path(testing::TempDir()) / ("golden." + std::to_string(::getpid()));
  KeyId id;
  for (std::size_t i = 0; i < id.size(); ++i) id[i] = static_cast<std::uint8_t>(i);
  FileSink sink(path);
  ContainerWriter out(sink, make_header(FileKind::kEvaluationKeys, parameters(), id));
  out.begin_section(section_tag("CIPH"));
  write(out, parameters(), known.ciphertext);
  out.begin_section(section_tag("KEY."));
  write(out, parameters(), known.key);
  out.commit();
  std::ifstream in(path, std::ios::binary);
  const std::vector<char> bytes((std::istreambuf_iterator<char>(in)), {});
  std::filesystem::remove(path);
  EXPECT_EQ(to_hex({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()}),
            vectors()["file"]);
}

}  // namespace
}  // namespace blindtuner
