// No file and no message of a study, from its draft to its model, has what an owner keeps to itself.
#include "base/input_file.h"
#include "io/bit_packing.h"
#include "io/file_size.h"
#include "party/owner/study/boxes.h"
#include "party/owner/study/row_matching.h"
#include "party/owner/study_training_fixture.h"
#include "secret/joint/threshold.h"

namespace blindtuner::study_training_test {
namespace {

/// Looks for many strings of bytes at once.
class Search {
 public:
  /// As they are, and in hexadecimal.
  void add(const std::string& what, std::span<const std::uint8_t> bytes) {
    needles_.push_back({what, std::string(bytes.begin(), bytes.end())});
    needles_.push_back({what + " in hexadecimal", to_hex(bytes)});
  }
  /// "what in file", file's path from the folder on.
  std::set<std::string> found_in(const fs::path& folder) const {
    std::vector<std::vector<const Needle*>> by_begin(1 << 16);
    for (const Needle& needle : needles_) by_begin[begin_of(needle.bytes, 0)].push_back(&needle);
    // Tests are not optimised: of a hundred million bytes one array alone is asked.
    std::vector<std::uint8_t> any(1 << 16);
    for (std::size_t i = 0; i < any.size(); ++i) any[i] = !by_begin[i].empty();
    const std::uint8_t* begins = any.data();
    std::set<std::string> found;
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(folder)) {
      if (!entry.is_regular_file()) continue;
      const std::vector<std::uint8_t> loaded = read_file(entry.path(), std::uint64_t{1} << 30);
      const std::string_view all(reinterpret_cast<const char*>(loaded.data()), loaded.size());
      const std::uint8_t* bytes = loaded.data();
      for (std::size_t at = 0, last = all.size(); at + 1 < last; ++at) {
        if (!begins[bytes[at] << 8 | bytes[at + 1]]) continue;
        for (const Needle* needle : by_begin[begin_of(all, at)])
          if (all.substr(at).starts_with(needle->bytes))
            found.insert(needle->what + " in " + fs::relative(entry.path(), folder).string());
      }
    }
    return found;
  }

 private:
  struct Needle {
    std::string what, bytes;
  };
  static std::size_t begin_of(std::string_view text, std::size_t at) {
    return static_cast<std::uint8_t>(text[at]) << 8 | static_cast<std::uint8_t>(text[at + 1]);
  }
  std::vector<Needle> needles_;
};

class StudySecrecy : public StudyTrainingTest {
 protected:
  /// The whole study, of which seeds are seen before they are destroyed.
  void run_whole() {
    run([&] {
      for (const std::string& name : draft_.owners)
        if (const fs::path file = path(name) / "s1" / "session.seed";
            fs::exists(file) && !seeds_.contains(name)) {
          const SecretBytes bytes = read_private(file, "a study's set-up seed", 32, {});
          std::ranges::copy(bytes.span(), seeds_[name].begin());
        }
      return false;
    });
    for (const std::string& name : draft_.parties())
      if (name != "server") {
        ASSERT_EQ(complaint(name), "") << name;
        ASSERT_EQ(step(name).kind, Advance::Kind::kFinished) << name;
      }
  }
  void add_identity(const std::string& name) {
    const SecretBytes both = read_private(path(name) / "identity", "a study's identity", 64, {});
    search_.add(name + "'s signing key", both.span().first(32));
    search_.add(name + "'s sealing key", both.span().last(32));
  }
  /// In the forms that programs and files have it in.
  void add_secret(const std::string& what, const SecretKey& secret, bool sparse) {
    // From where a sparse one is not zero.
    const auto all = secret.coefficients();
    std::size_t begin = 0;
    while (all[begin] == 0) ++begin;
    begin = std::min(begin, all.size() - 256) / 4 * 4;
    std::vector<std::uint8_t> words, bytes, pairs(64);
    for (std::size_t i = 0; i < 256; ++i) {
      const auto x = static_cast<std::uint64_t>(all[begin + i]);
      for (int b = 0; i < 16 && b < 8; ++b)
        words.push_back(static_cast<std::uint8_t>(x >> (8 * b)));
      if (i < 64) bytes.push_back(static_cast<std::uint8_t>(x));
      pairs[i / 4] |= static_cast<std::uint8_t>(((x & 3) ^ ((x & 3) >> 1)) << (2 * (i % 4)));
    }
    if (!sparse) {  // whose begin is one number and zeros
      search_.add(what + ", words", words);
      search_.add(what + ", bytes", bytes);
      search_.add(what + ", pairs of bits", pairs);
    }
    const Residues residues(secret.ntt());
    std::vector<std::uint8_t> packed(packed_bytes(secret.ring().n(), secret.ring().q(0).bits));
    pack_bits(residues[0], secret.ring().q(0).bits, packed);
    search_.add(what + ", residues", std::span(packed).first(64));
  }
  void add_secrets(const std::string& name) {
    search_.add(name + "'s set-up seed", seeds_.at(name));
    const ParametersPtr p = Parameters::create(find_parameters(draft_.parameters));
    const Randomness randomness =
        session_randomness(seeds_.at(name), party(draft_.owners.front()).owner->keys().session);
    const SecretKeys keys = SecretKeys::generate(p, randomness);
    add_secret(name + "'s secret", keys.small, false);
    add_secret(name + "'s big secret", keys.big, false);
    add_secret(name + "'s sparse secret", keys.sparse, true);
    if (!draft_.by_threshold()) return;
    const std::size_t bytes = residues_bytes(p->small_ring(), 2, 0);
    const SecretBytes part = read_private(path(name) / "s1" / "opening.part",
                                          "a study's part of all secrets", bytes, {});
    search_.add(name + "'s part of all secrets", part.span().first(64));
    Prng prng = randomness.prng("parts of the small secret");
    for (const Poly& dealt :
         secret::joint::deal(keys.small, 2, draft_.needed(), draft_.owners.size(), prng)) {
      SecretBytes packed(bytes);
      pack_residues(dealt, packed.span());
      search_.add("a part of " + name + "'s secret", packed.span().first(64));
    }
  }

  std::map<std::string, Seed> seeds_;
  Search search_;
};

TEST_F(StudySecrecy, NobodyHasASecretOfAnother) {
  create(StudyDraft::Whitening::kPooled, false, false, 2, "lab");
  ASSERT_NO_FATAL_FAILURE(run_whole());
  for (const std::string& name : draft_.owners) {
    add_identity(name);
    add_secrets(name);
  }
  add_identity("lab");
  for (const std::string& who : {std::string("exchange"), std::string("server")})
    EXPECT_EQ(search_.found_in(path(who)), std::set<std::string>()) << who;
  // Everybody has its own, and that where it belongs alone: in this way the search is seen to find it, too.
  const auto identity = [](const std::string& name) {
    return std::set<std::string>{name + "'s signing key in hexadecimal in identity",
                                 name + "'s sealing key in hexadecimal in identity"};
  };
  EXPECT_EQ(search_.found_in(path("lab")), identity("lab"));
  for (const std::string& name : draft_.owners) {
    std::set<std::string> own = identity(name);
    own.insert(name + "'s secret, pairs of bits in s1/secret.key");
    own.insert(name + "'s part of all secrets in hexadecimal in s1/opening.part");
    EXPECT_EQ(search_.found_in(path(name)), own) << name;
  }
}

TEST_F(StudySecrecy, NobodyHasIdentifiersNorTheirKey) {
  create(StudyDraft::Whitening::kPooled, true, true);
  ASSERT_NO_FATAL_FAILURE(run_whole());
  {
    const Party a = party("a");
    StudyOwner& owner = *a.owner;
    const auto said =
        hex_member<32>(JsonIn(owner.heard(kMatchKeyCommit, "a").body, "a"), "contents");
    const SecretBytes key =
        open_sent_box(owner, "a", kMatchKeyRecord, "record", 32, said,
                      bound_words({"blindtuner study rows 1", to_hex(owner.manifest().digest), "1",
                                   kMatchKeyRecord, "a"}));
    search_.add("the key", key.span());
    const RowHashes hashes = row_hashes(owner, known_columns_of(0).train.ids);
    for (const auto& [hash, row] : hashes) search_.add("a hash", hash);
  }
  for (const std::string& begin : {std::string("patient "), std::string("nobody else's")})
    search_.add("an identifier",
                {reinterpret_cast<const std::uint8_t*>(begin.data()), begin.size()});
  for (const char* who : {"exchange", "server", "a", "b"})
    EXPECT_EQ(search_.found_in(path(who)), std::set<std::string>()) << who;
}

}  // namespace
}  // namespace blindtuner::study_training_test
