// Secrets in files for their owner alone, and what follows from one seed.
#include "secret/private_file.h"

#include <sys/stat.h>

#include <fstream>

#include "features/data/test_files.h"
#include "io/io_fixture.h"
#include "secret/randomness.h"

namespace blindtuner::private_file_test {
using namespace secret;
namespace {

constexpr ScryptCost kCheap = {10, 1, 1};

SecretBytes secret(std::string_view text) {
  SecretBytes out(text.size());
  std::copy(text.begin(), text.end(), out.span().begin());
  return out;
}

class PrivateFile : public testing_support::IoTest {
 protected:
  std::string read(const std::string& what, std::size_t count,
                   const PassphraseSource& passphrase = {}) const {
    const SecretBytes bytes = read_private(path(), what, count, passphrase);
    return {bytes.span().begin(), bytes.span().end()};
  }
};

TEST_F(PrivateFile, IsReadAsWhatItIsOnly) {
  write_private(path(), "a seed", secret("12345"), {});
  struct stat status {};
  ASSERT_EQ(::stat(path().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  EXPECT_FALSE(private_sealed(path()));
  EXPECT_EQ(read("a seed", 5), "12345");
  EXPECT_THROW((void)read("a seed", 4), DataError);
  EXPECT_THROW((void)read("another", 5), DataError);
  const std::string text = "blindtuner private 1\na seed\nplain\n3132333435\n";
  EXPECT_EQ(load(path()), testing_support::Bytes(text.begin(), text.end()));
  for (const auto& [from, to] :
       std::vector<std::pair<std::string, std::string>>{{"private 1", "private 2"},
                                                        {"plain", "open"},
                                                        {"plain", "sealed 10 1 1 00 00"},
                                                        {"3132333435", "313233343"},
                                                        {"3132333435", "31323334xx"},
                                                        {"35\n", "35"},
                                                        {"35\n", "35\n\n"}}) {
    std::string changed = text;
    changed.replace(changed.find(from), from.size(), to);
    write_file_atomically(path(), std::string_view(changed));
    EXPECT_THROW((void)read("a seed", 5), DataError) << changed;
  }
}

TEST_F(PrivateFile, AsLargeAsMayBe) {
  const SecretBytes most(kMaxPrivateBytes), more(kMaxPrivateBytes + 1);
  write_private(path(), "a seed", most, {});
  EXPECT_EQ(testing_support::within_memory(std::size_t{64} << 20,
                                           [&] { (void)read("a seed", kMaxPrivateBytes); }),
            "good");
  EXPECT_THROW(write_private(path(), "a seed", more, {}), ContractError);
  std::filesystem::resize_file(path(), 4 * kMaxPrivateBytes + 1);
  EXPECT_NE(message_of([&] {
              (void)read("a seed", kMaxPrivateBytes);
            }).find("2097153 bytes, expected at most 2097152"),
            std::string::npos);
}

TEST_F(PrivateFile, TakesItsPassphrase) {
  const auto word = [](const char* text) { return [text] { return secret(text); }; };
  write_private(path(), "a seed", secret("12345"), secret("open"), kCheap);
  EXPECT_TRUE(private_sealed(path()));
  EXPECT_EQ(read("a seed", 5, word("open")), "12345");
  EXPECT_THROW((void)read("a seed", 5, word("opens")), DataError);
  EXPECT_THROW((void)read("a seed", 5), DataError);
  // What it is belongs to what is sealed.
  testing_support::Bytes bytes = load(path());
  const std::string kind = "a seed";
  *std::search(bytes.begin(), bytes.end(), kind.begin(), kind.end()) = 'b';
  write_file_atomically(path(), std::span<const std::uint8_t>(bytes));
  EXPECT_THROW((void)read("b seed", 5, word("open")), DataError);
}

TEST_F(PrivateFile, IsOverwrittenBeforeItGoes) {
  write_private(path(), "a seed", secret("12345"), {});
  const std::ifstream before(path());  // the file, whatever its name
  std::filesystem::create_hard_link(path(), path("second"));
  destroy_private(path());
  EXPECT_FALSE(std::filesystem::exists(path()));
  for (const std::uint8_t byte : load(path("second"))) EXPECT_EQ(byte, 0);
  EXPECT_NO_THROW(destroy_private(path()));
}

TEST(Randomness, FollowsFromItsSeedAndThePurpose) {
  const Randomness one(Seed{1}), two(Seed{2});
  EXPECT_EQ(one.prng("a").next(), Randomness(Seed{1}).prng("a").next());
  EXPECT_NE(one.prng("a").next(), one.prng("b").next());
  EXPECT_NE(one.prng("a").next(), two.prng("a").next());
  EXPECT_NE(Randomness().prng("a").next(), Randomness().prng("a").next());
}

}  // namespace
}  // namespace blindtuner::private_file_test
