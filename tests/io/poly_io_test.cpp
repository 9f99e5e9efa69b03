// Ciphertexts and keys: round trips, wrong shapes, and mutations behind correct checksums.
#include "medium_fixture.h"
#include "rlwe/written_parameters.h"
#include "secret/bootstrap_keygen.h"
#include "secret/secret_key_file.h"

namespace blindtuner::testing_support {
using namespace secret;
namespace {

constexpr SectionTag kBody = section_tag("BODY");

class PolyIoTest : public MediumTest {
 protected:
  const ParametersPtr parameters_ = tiny_parameters();
  const Parameters& p_ = *parameters_;

  void write_body(const std::function<void(ContainerWriter&)>& f, const std::string& name = "file",
                  std::uint32_t version = kFormatVersion) {
    FileHeader header = tiny_header(FileKind::kEvaluationKeys);
    header.version = version;
    write_file(
        header,
        [&](ContainerWriter& out) {
          out.begin_section(kBody);
          f(out);
        },
        name);
  }
  template <typename F>
  auto read_body(F&& f, const std::string& name = "file") {
    const auto from = source(name);
    ContainerReader in(*from, FileKind::kEvaluationKeys);
    in.enter_section(kBody);
    auto result = f(in);
    in.finish();
    return result;
  }
};

TEST_P(PolyIoTest, Ciphertext) {
  for (const Ring* ring : {&p_.ring(), &p_.small_ring()}) {
    const Ciphertext c{random_poly(*ring, 2, 0, 1), random_poly(*ring, 2, 0, 2), 0x1.8p40};
    write_body([&](ContainerWriter& out) { write(out, p_, c); });
    const Ciphertext back = read_body([&](ContainerReader& in) { return read_ciphertext(in, p_); });
    EXPECT_TRUE(equal(c.c0, back.c0) && equal(c.c1, back.c1));
    EXPECT_EQ(c.scale, back.scale);
  }
}

TEST_P(PolyIoTest, SeededCiphertext) {
  SeededCiphertext c;
  c.c0 = random_poly(p_.small_ring(), 2, 0, 1);
  c.seed = Seed{1, 2, 3};
  c.stream = 77;
  c.scale = 0x1p20;
  write_body([&](ContainerWriter& out) { write(out, p_, c); });
  const auto back = read_body([&](ContainerReader& in) { return read_seeded_ciphertext(in, p_); });
  EXPECT_TRUE(equal(c.c0, back.c0));
  EXPECT_EQ(c.seed, back.seed);
  EXPECT_EQ(c.stream, back.stream);
  EXPECT_EQ(c.scale, back.scale);
  // Half of a whole ciphertext, packed: 49 and 50 bits a coefficient.
  EXPECT_LT(load().size(), 128u * 99 / 8 + 400);
}

TEST_P(PolyIoTest, Keys) {
  const KeySwitchKey key = random_key(p_.ring(), 6, 2, {3, 6}, 1);
  write_body([&](ContainerWriter& out) { write(out, p_, key); });
  EXPECT_TRUE(
      equal(key, read_body([&](ContainerReader& in) { return read_key_switch_key(in, p_); })));

  // Without a seed: in a file that says so, to those who know.
  KeySwitchKey unseeded = random_key(p_.small_ring(), 2, 2, {1, 2}, 2);
  unseeded.seeded = false;
  unseeded.a.front() = random_poly(p_.small_ring(), 2, 2, 999);
  const auto write_unseeded = [&](ContainerWriter& out) { write(out, p_, unseeded); };
  const auto read_key = [&](ContainerReader& in) { return read_key_switch_key(in, p_); };
  EXPECT_THROW(write_body(write_unseeded), ContractError);
  write_body(write_unseeded, "file", kNewestVersion);
  const KeySwitchKey unseeded_back = read_body(read_key);
  EXPECT_EQ(unseeded_back.seed, Seed{});
  EXPECT_FALSE(unseeded_back.seeded);
  EXPECT_TRUE(equal(unseeded_back.a.front(), unseeded.a.front()));
  EXPECT_TRUE(equal(unseeded_back.b.back(), unseeded.b.back()));
  write_body([&](ContainerWriter& out) {
    out.number(std::uint8_t{3});  // a ring that version 1 does not know
  });
  EXPECT_THROW(read_body(read_key), DataError);

  GaloisKeys galois;
  for (const u64 g : {5u, 25u, 2047u})
    galois.emplace(g, random_key(p_.ring(), 4, 2, {3, 4}, g % 64));
  write_body([&](ContainerWriter& out) { write(out, p_, galois); });
  const GaloisKeys back = read_body([&](ContainerReader& in) { return read_galois_keys(in, p_); });
  ASSERT_EQ(back.size(), galois.size());
  for (const auto& [g, k] : galois) EXPECT_TRUE(equal(k, back.at(g)));

  const PublicKey public_key{random_poly(p_.ring(), 6, 0, 1), random_poly(p_.ring(), 6, 0, 2)};
  write_body([&](ContainerWriter& out) { write(out, p_, public_key); });
  const PublicKey again = read_body([&](ContainerReader& in) { return read_public_key(in, p_); });
  EXPECT_TRUE(equal(public_key.a, again.a) && equal(public_key.b, again.b));
}

TEST_P(PolyIoTest, BootstrapKeys) {
  BootstrapKeys keys;
  keys.evaluation.relinearisation = random_key(p_.ring(), 5, 2, {3, 5}, 1);
  keys.evaluation.galois.emplace(5, random_key(p_.ring(), 6, 2, {3, 6}, 2));
  keys.small_to_sparse = random_key(p_.ring(), 1, 1, {1}, 3);
  keys.dense_to_sparse = random_key(p_.ring(), 1, 1, {1}, 4);
  keys.sparse_to_dense = random_key(p_.ring(), 6, 2, {3, 6}, 5);
  keys.dense_to_small = random_key(p_.ring(), 2, 2, {2}, 6);
  write_body([&](ContainerWriter& out) { write(out, p_, keys); });
  const auto back = read_body([&](ContainerReader& in) { return read_bootstrap_keys(in, p_); });
  EXPECT_TRUE(equal(keys.evaluation.relinearisation, back.evaluation.relinearisation));
  EXPECT_TRUE(equal(keys.evaluation.galois.at(5), back.evaluation.galois.at(5)));
  EXPECT_TRUE(equal(keys.small_to_sparse, back.small_to_sparse));
  EXPECT_TRUE(equal(keys.dense_to_sparse, back.dense_to_sparse));
  EXPECT_TRUE(equal(keys.sparse_to_dense, back.sparse_to_dense));
  EXPECT_TRUE(equal(keys.dense_to_small, back.dense_to_small));
}

TEST_P(PolyIoTest, RefusesResiduesAndShapes) {
  const Ciphertext c{random_poly(p_.small_ring(), 2, 0, 1), random_poly(p_.small_ring(), 2, 0, 2),
                     1.0};
  write_body([&](ContainerWriter& out) { write(out, p_, c); });
  const Bytes file = load();
  auto damaged = [&](std::size_t offset, Bytes value) {
    Bytes other = file;
    std::copy(value.begin(), value.end(), &other[kHeaderBytes + 8 + offset]);
    reseal(other);
    store("bad", other);
    return message_of(
        [&] { read_body([&](ContainerReader& in) { return read_ciphertext(in, p_); }, "bad"); });
  };
  EXPECT_NE(damaged(0, {2}).find("the number of a ring is 2"), std::string::npos);
  EXPECT_NE(damaged(1, {0, 0}).find("number of primes is 0, expected 1 to 2"), std::string::npos);
  EXPECT_NE(damaged(1, {9, 0}).find("number of primes is 9"), std::string::npos);
  EXPECT_NE(damaged(3, {0, 0, 0, 0, 0, 0, 0xf0, 0x7f}).find("a scale"), std::string::npos);
  EXPECT_NE(damaged(3, {0, 0, 0, 0, 0, 0, 0, 0}).find("a scale"), std::string::npos);
  EXPECT_NE(damaged(11, Bytes(16, 0xff)).find("not below its prime"), std::string::npos);
  EXPECT_NE(
      damaged(0, {1}).find(knows_size() ? "a polynomial, but only" : "shorter than its contents"),
      std::string::npos);
}

TEST_P(PolyIoTest, TellsKeysAndParametersApart) {
  const FileHeader mine = make_header(FileKind::kDataset, p_, KeyId{1});
  const FileHeader other_keys = make_header(FileKind::kDataset, p_, KeyId{2});
  const ParametersPtr set = Parameters::create(find_parameters("InsecureTest12"));
  write_body([](ContainerWriter&) {});
  const auto from = source();
  ContainerReader in(*from);
  EXPECT_NE(message_of([&] { require_same_keys(in, mine, "'k'"); }).find("belongs to the keys"),
            std::string::npos);
  EXPECT_NE(message_of([&] {
              require_same_keys(in, make_header(FileKind::kDataset, *set, KeyId{}), "'k'");
            }).find("made under the parameters 'InsecureTiny'"),
            std::string::npos);
  EXPECT_NE(message_of([&] { load_parameters(in, true); }).find("no parameter set 'InsecureTiny'"),
            std::string::npos);

  FileHeader forged = make_header(FileKind::kDataset, *set, KeyId{});
  write_file(
      forged, [](ContainerWriter&) {}, "test12");
  const auto from_good = source("test12");
  ContainerReader good(*from_good);
  EXPECT_EQ(load_parameters(good, true)->digest(), set->digest());
  EXPECT_NE(message_of([&] { load_parameters(good, false); }).find("--allow-insecure-parameters"),
            std::string::npos);
  forged.parameters_digest[0] = forged.parameters_digest[0] == 'a' ? 'b' : 'a';
  write_file(
      forged, [](ContainerWriter&) {}, "other");
  const auto from_other = source("other");
  ContainerReader other(*from_other);
  EXPECT_NE(message_of([&] { load_parameters(other, true); }).find("made under other parameters"),
            std::string::npos);
}

// A digest alone would do; but whatever reads a file by its name or by the set that it holds is to see the same.
TEST_P(PolyIoTest, HoldsTheParametersOfItsKeysUnderTheirName) {
  const ParametersPtr set = Parameters::create(find_parameters("InsecureTest12"));
  const FileHeader mine = make_header(FileKind::kDataset, *set, KeyId{});
  const auto message = [&](const std::string& name, const std::string& held) {
    FileHeader said = mine;
    said.parameters_name = name;
    said.written_parameters = held;
    write_file(
        said, [](ContainerWriter&) {}, "said");
    const auto from = source("said");
    ContainerReader in(*from);
    return message_of([&] { require_same_keys(in, mine, "'k'"); });
  };
  EXPECT_EQ(message("InsecureTest12", ""), "");
  EXPECT_NE(message("Standard", "").find("made under the parameters 'Standard'"),
            std::string::npos);
  EXPECT_NE(message("InsecureTest12", "[[[").find("not JSON"), std::string::npos);
  EXPECT_NE(message("InsecureTest12", "{}").find("parameters"), std::string::npos);
  EXPECT_NE(message("InsecureTest12", to_text(set->literal())).find("holds other parameters"),
            std::string::npos);
}

TEST_P(PolyIoTest, NothingIsHiddenBehindAName) {
  const FileHeader header = make_header(FileKind::kDataset, p_, KeyId{});
  write_file(
      header, [](ContainerWriter&) {}, "plain");
  const Bytes plain = load("plain");
  for (std::size_t at = 48 + header.parameters_name.size(); at < 80; ++at) {
    Bytes file = plain;
    file[at] = at + 1 == 80 ? 'A' : 27;
    const auto digest = Sha256().add(file.data(), kHeaderBytes - kDigestBytes).finish();
    std::copy(digest.begin(), digest.end(), &file[kHeaderBytes - kDigestBytes]);
    store("hidden", file);
    const auto from = source("hidden");
    EXPECT_NE(message_of([&] { ContainerReader in(*from); }).find("parameters' name"),
              std::string::npos)
        << at;
  }
}

TEST_P(PolyIoTest, CarriesAParameterSetThatAUserWroteDown) {
  ParametersLiteral literal = find_parameters("InsecureTest10");
  literal.name = "Insecure-mine";
  literal.sparse_weight = 24;
  const ParametersPtr mine = Parameters::create(literal);
  const auto write_under = [&](const FileHeader& header, const std::string& name) {
    write_file(
        header,
        [](ContainerWriter& out) {
          out.begin_section(kBody);
          out.number(std::uint8_t{7});
        },
        name);
  };
  const auto message = [&](const std::string& name, bool allow_insecure = true) {
    return message_of([&] {
      const auto from = source(name);
      ContainerReader in(*from);
      load_parameters(in, allow_insecure);
    });
  };
  const FileHeader header = make_header(FileKind::kDataset, *mine, KeyId{1});
  write_under(header, "mine");
  const auto from = source("mine");
  ContainerReader in(*from);
  EXPECT_EQ(load_parameters(in, true)->literal(), literal);
  in.enter_section(kBody);  // the set is no section of the kind's own
  EXPECT_EQ(in.number<std::uint8_t>(), 7);
  in.finish();
  const auto again = source("mine");
  ContainerReader scanned(*again);
  ASSERT_EQ(scan_sections(scanned).size(), 1u);
  EXPECT_NE(message("mine", false).find("--allow-insecure-parameters"), std::string::npos);

  // Another set than the digest is of; another name than the header's; no set; one below 128 bits whose
  // name does not say so.
  const auto forged = [&](auto&& change) {
    FileHeader other = header;
    change(other);
    write_under(other, "forged");
    return message("forged");
  };
  ParametersLiteral weight = literal, secret = literal;
  weight.sparse_weight = 25;
  secret.name = "Mine";
  EXPECT_NE(forged([&](FileHeader& h) { h.written_parameters = to_text(weight); }).find("digest"),
            std::string::npos);
  EXPECT_NE(forged([&](FileHeader& h) { h.parameters_name = "Insecure-yours"; }).find("names the"),
            std::string::npos);
  EXPECT_NE(forged([&](FileHeader& h) { h.written_parameters.clear(); }).find("no parameter set"),
            std::string::npos);
  EXPECT_NE(forged([&](FileHeader& h) { h.written_parameters = to_text(secret); }).find("refused"),
            std::string::npos);
  EXPECT_NE(forged([&](FileHeader& h) { h.written_parameters = "{}"; }).find("'name' is missing"),
            std::string::npos);
  // The sets that every program knows are named alone.
  EXPECT_TRUE(make_header(FileKind::kDataset,
                          *Parameters::create(find_parameters("InsecureTest10")), KeyId{})
                  .written_parameters.empty());
}

// Every reader against mutations that pass the checksums: it must succeed or throw DataError.
TEST_P(PolyIoTest, Fuzz) {
  const Ciphertext c{random_poly(p_.small_ring(), 2, 0, 1), random_poly(p_.small_ring(), 2, 0, 2),
                     1.0};
  GaloisKeys galois;
  for (const u64 g : {5u, 25u}) galois.emplace(g, random_key(p_.small_ring(), 2, 2, {1, 2}, g));
  SeededCiphertext seeded;
  seeded.c0 = random_poly(p_.small_ring(), 1, 0, 3);
  struct Case {
    std::function<void(ContainerWriter&)> write;
    std::function<void(ContainerReader&)> read;
  };
  const Case cases[] = {
      {[&](ContainerWriter& out) { write(out, p_, c); },
       [&](ContainerReader& in) { read_ciphertext(in, p_); }},
      {[&](ContainerWriter& out) { write(out, p_, seeded); },
       [&](ContainerReader& in) { read_seeded_ciphertext(in, p_); }},
      {[&](ContainerWriter& out) { write(out, p_, galois.at(5)); },
       [&](ContainerReader& in) { read_key_switch_key(in, p_); }},
      {[&](ContainerWriter& out) { write(out, p_, galois); },
       [&](ContainerReader& in) { read_galois_keys(in, p_); }},
      {[&](ContainerWriter& out) {
         write(out, p_, PublicKey{c.c0.copy(), c.c1.copy()});
       },
       [&](ContainerReader& in) { read_public_key(in, p_); }},
      {[&](ContainerWriter& out) { out.text("some text"); },
       [&](ContainerReader& in) { in.text(100, "text"); }},
      {[&](ContainerWriter& out) { out.doubles(std::vector<double>(9, 1.0)); },
       [&](ContainerReader& in) { in.doubles(100, "values"); }},
  };
  std::mt19937_64 random(20240817);
  for (const Case& test : cases) {
    write_body(test.write);
    const Bytes file = load();
    for (int i = 0; i < 300; ++i) {
      Bytes mutated = file;
      const int changes = 1 + static_cast<int>(random() % 4);
      for (int j = 0; j < changes; ++j) {
        // Mostly where lengths and shapes are.
        const std::size_t reach = random() % 2 == 0
                                      ? std::min<std::size_t>(64, file.size() - kHeaderBytes)
                                      : file.size() - kHeaderBytes;
        const std::size_t at = kHeaderBytes + random() % reach;
        if (at >= mutated.size()) continue;
        switch (random() % 4) {
          case 0:
            mutated[at] = static_cast<std::uint8_t>(random());
            break;
          case 1:
            mutated[at] = random() % 2 == 0 ? 0xff : 0;
            break;
          case 2:
            mutated[at] ^= static_cast<std::uint8_t>(1u << (random() % 8));
            break;
          default:
            mutated.resize(at + 1);
        }
      }
      reseal(mutated);
      store("mutated", mutated);
      try {
        const auto from = source("mutated");
        ContainerReader in(*from, FileKind::kEvaluationKeys);
        in.enter_section(in.next_section());
        test.read(in);
        in.finish();
      } catch (const DataError&) {
      }
    }
  }
}

BLINDTUNER_IN_EVERY_MEDIUM(PolyIoTest);

class SecretKeyFileTest : public IoTest {};

TEST_F(SecretKeyFileTest, RoundTrip) {
  const ParametersPtr parameters = Parameters::create(find_parameters("InsecureTest12"));
  const OwnerKeys keys{SecretKeys::generate(parameters), fresh_key_id()};
  write_secret_key(path(), keys);
  const OwnerKeys back = read_secret_key(path(), true);
  EXPECT_EQ(back.id, keys.id);
  EXPECT_TRUE(std::ranges::equal(back.secrets.big.coefficients(), keys.secrets.big.coefficients()));
  EXPECT_TRUE(
      std::ranges::equal(back.secrets.small.coefficients(), keys.secrets.small.coefficients()));
  EXPECT_THROW(read_secret_key(path(), false), SecurityError);

  Bytes file = load(path());
  file[kHeaderBytes + 8 + 1] = 0xff;  // four coefficients of 3
  reseal(file);
  store(path("bad"), file);
  EXPECT_NE(message_of([&] { read_secret_key(path("bad"), true); }).find("not -1, 0 or 1"),
            std::string::npos);
}

}  // namespace
}  // namespace blindtuner::testing_support
