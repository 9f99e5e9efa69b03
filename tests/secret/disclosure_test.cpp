#include "secret/disclosure.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <cmath>
#include <fstream>
#include <random>
#include <set>
#include <thread>

#include "base/error.h"
#include "base/hmac.h"
#include "base/memory_limit.h"
#include "ckks/encoder.h"
#include "secret/decryption.h"
#include "secret/derived_key.h"

namespace blindtuner {
using namespace secret;
namespace {

namespace fs = std::filesystem;

std::string text_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

void write(const fs::path& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

template <typename F>
void expect_refusal(F&& f, const std::string& part) {
  try {
    f();
    ADD_FAILURE() << "no DataError about '" << part << "'";
  } catch (const DataError& error) {
    EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
  }
}

class DisclosureTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "blindtuner-door-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { fs::remove_all(folder_); }

  static const OwnerKeys& keys() {
    static const OwnerKeys keys{
        SecretKeys::generate(Parameters::create(find_parameters("InsecureTest12"))),
        fresh_key_id()};
    return keys;
  }
  static ProductLayout layout() {
    return ProductLayout::create(*keys().secrets.parameters, 100, 40, 5, 8);
  }
  /// Random weights, of size `size`, encrypted as a server would send them.
  static EncryptedModel model(unsigned seed, double size = 1) {
    std::mt19937 random(seed);
    std::normal_distribution<double> normal(0, size);
    EncryptedModel out{layout(), {}};
    for (std::size_t i = 0; i < out.layout.packs(); ++i) {
      std::vector<double> c(out.layout.n);
      for (double& x : c) x = normal(random);
      out.weights.push_back(encrypted(c, 0x1p40));
    }
    return out;
  }
  static EncryptedScores scores(unsigned seed) {
    EncryptedScores out{layout(), {}};
    std::mt19937 random(seed);
    for (std::size_t i = 0; i < out.layout.supers() * out.layout.ratio; ++i) {
      std::vector<double> c(out.layout.n);
      for (double& x : c) x = std::normal_distribution<double>()(random);
      out.scores.push_back(encrypted(c, 0x1p30));
    }
    return out;
  }
  static Ciphertext encrypted(const std::vector<double>& c, double scale) {
    return encrypt(encode_coefficients(keys().secrets.parameters->small_ring(), c, scale, 2), scale,
                   keys().secrets.small, fresh_seed(), 0)
        .expand();
  }

  static Poly in_ring_of(const OwnerKeys& k, const Poly& x) {
    Poly out(k.secrets.parameters->small_ring(), x.q_count(), 0, Domain::kNtt);
    const Residues from(x);
    set_residues(out, [&](WritableResidues to) {
      for (std::size_t i = 0; i < x.limbs(); ++i) std::ranges::copy(from[i], to[i].begin());
    });
    return out;
  }
  Disclosure door() const { return {keys(), folder_}; }
  static constexpr int kRounds = 5;
  static Origin round(int number, const std::string& run = "0c") {
    return {"'round'", "0a", run, number, kRounds, "patience 3"};
  }
  std::vector<LedgerEntry> entries() const { return door().ledger().read().value(); }

  fs::path folder_;
  static constexpr double kError = 0x1p-17;
  /// Random coefficients are nothing that a run leaves.
  static constexpr PlausibleValues kAny{1e30, 1e30, 1e30};
};

TEST_F(DisclosureTest, NoiseIsAPowerOfTwoAndEnough) {
  EXPECT_EQ(publication_noise(0), 0x1p-8);
  EXPECT_EQ(publication_noise(0x1p-17), 0x1p-8);
  EXPECT_EQ(publication_noise(0x1p-16), 0x1p-8);
  EXPECT_EQ(publication_noise(std::nextafter(0x1p-16, 1)), 0x1p-7);
  for (double error = 1e-9; error < 1e6; error *= 1.37) {
    const double noise = publication_noise(error);
    EXPECT_GE(noise, 256 * error);
    EXPECT_LE(noise, std::max(0x1p-8, 512 * error));
    EXPECT_EQ(noise, std::exp2(std::round(std::log2(noise))));
  }
  EXPECT_NEAR(publication_bits(7690, 0x1p-16, 0x1p-8), 7690 / 2.0 * std::log2(1 + 0x1p-16), 1e-12);
}

TEST_F(DisclosureTest, PublishesTheSameNumbersHoweverOften) {
  const EncryptedModel m = model(1);
  const Published first = door().publish(m, kAny, {}, {kError, kPublicationBudget, {}});
  EXPECT_GT(first.bits, 0);
  EXPECT_EQ(first.noise, 0x1p-8);
  const std::vector<double> exact = decrypt_model(keys().secrets, m, kAny);
  ASSERT_EQ(first.values.size(), exact.size());
  double square = 0;
  for (std::size_t i = 0; i < exact.size(); ++i) {
    const double units = first.values[i] / first.noise;
    EXPECT_EQ(units, std::nearbyint(units));
    square += std::pow((first.values[i] - exact[i]) / first.noise, 2);
  }
  // Noise of variance 1 and rounding of 1/12, 200 numbers: 13/12 +- 7 standard deviations.
  EXPECT_NEAR(square / static_cast<double>(exact.size()), 13.0 / 12, 7 * 13.0 / 12 * 0.1);

  // Another door, another folder, a layout that says another number of samples, keys from their file.
  const fs::path other = folder_ / "other";
  fs::create_directory(other);
  EncryptedModel renamed = model(1);
  for (std::size_t i = 0; i < m.weights.size(); ++i) renamed.weights[i] = m.weights[i].copy();
  renamed.layout.samples = 77;
  EXPECT_EQ(door().publish(m, kAny, {"", "data"}, {kError, 1, {}}).values, first.values);
  EXPECT_EQ(door().publish(m, kAny, {}, {kError / 3, 1, {}}).values, first.values);
  EXPECT_EQ(Disclosure(keys(), other).publish(renamed, kAny, {}, {kError, 1, {}}).values,
            first.values);
  write_secret_key(other / "secret.key", keys());
  const OwnerKeys again = read_secret_key(other / "secret.key", true);
  EncryptedModel read_again{m.layout, {}};
  for (const Ciphertext& c : m.weights)
    read_again.weights.push_back({in_ring_of(again, c.c0), in_ring_of(again, c.c1), c.scale});
  EXPECT_EQ(Disclosure(again, other).publish(read_again, kAny, {}, {kError, 1, {}}).values,
            first.values);

  // And it costs nothing more.
  EXPECT_EQ(door().publish(m, kAny, {}, {kError, 1, {}}).bits, 0);
  EXPECT_EQ(totals(entries()).published_bits, first.bits);
}

TEST_F(DisclosureTest, NoiseIsIndependentWhereAnythingThatMattersDiffers) {
  const EncryptedModel m = model(1);
  const auto copy = [&] {
    EncryptedModel out{m.layout, {}};
    for (const Ciphertext& c : m.weights) out.weights.push_back(c.copy());
    return out;
  };
  const std::vector<double> exact = decrypt_model(keys().secrets, m, kAny);
  const auto noise_of = [&](const EncryptedModel& x, double error, const OwnerKeys& k) {
    const Published p = Disclosure(k, folder_).publish(x, kAny, {}, {error, 1e6, {}});
    const std::vector<double> values = decrypt_model(k.secrets, x, kAny);
    std::vector<double> out;
    for (std::size_t i = 0; i < values.size(); ++i)
      out.push_back((p.values[i] - values[i]) / p.noise);
    return out;
  };
  std::vector<std::vector<double>> all = {noise_of(m, kError, keys())};
  all.push_back(noise_of(m, 64 * kError, keys()));  // larger noise, not the same noise enlarged
  EncryptedModel x = copy();                        // the message by one unit of 2^-40
  add_constant_inplace(x.weights[0].c0, 1);
  all.push_back(noise_of(x, kError, keys()));
  x = copy();
  x.weights[0].scale *= 2;
  all.push_back(noise_of(x, kError, keys()));
  const OwnerKeys other{SecretKeys::generate(keys().secrets.parameters), fresh_key_id()};
  all.push_back(noise_of(m, kError, other));
  // Correlations of 200 numbers: standard deviation 1 / sqrt(200).
  for (std::size_t a = 0; a < all.size(); ++a)
    for (std::size_t b = 0; b < a; ++b) {
      double product = 0;
      for (std::size_t i = 0; i < exact.size(); ++i) product += all[a][i] * all[b][i];
      EXPECT_LT(std::abs(product) / static_cast<double>(exact.size()),
                7 * 13.0 / 12 / std::sqrt(200))
          << a << " " << b;
    }
}

TEST_F(DisclosureTest, RefusesBeyondTheBudget) {
  const double one = publication_bits(200, kError, 0x1p-8);
  for (unsigned seed = 1; seed <= 3; ++seed)
    EXPECT_NEAR(door().publish(model(seed), kAny, {}, {kError, 3.5 * one, {}}).bits, one, 1e-15);
  expect_refusal(
      [&] {
        door().publish(model(4), kAny, {}, {kError, 3.5 * one, {}});
      },
      "larger budget");
  EXPECT_EQ(entries().size(), 4u);
  EXPECT_EQ(totals(entries()).published, 3u);
  // What is out already may be given again, and the owner may say otherwise.
  const EncryptedModel m = model(5);
  EXPECT_GT(door().publish(m, kAny, {}, {kError, 4.5 * one, {}}).bits, 0);
  EXPECT_EQ(door().publish(m, kAny, {}, {kError, 0, {}}).bits, 0);
  EXPECT_NEAR(totals(entries()).published_bits, 4 * one, 1e-12);
  EXPECT_EQ(totals(entries()).published, 5u);
}

TEST_F(DisclosureTest, RecordsEverythingThatIsOpened) {
  const EncryptedModel m = model(1);
  EXPECT_EQ(door().ledger().read(), std::nullopt);
  Disclosure d = door();
  EXPECT_EQ(d.open(m, kAny, {"", "0a0b"}), decrypt_model(keys().secrets, m, kAny));
  EXPECT_TRUE(d.began_ledger());
  const EncryptedScores s = scores(2);
  EXPECT_EQ(d.open(s, kAny, {"", "0a0b", "0c", 3, 5}), decrypt_scores(keys().secrets, s, kAny));
  EXPECT_FALSE(d.began_ledger());
  const auto list = entries();
  ASSERT_EQ(list.size(), 2u);
  EXPECT_EQ(list[0].what, "model");
  EXPECT_EQ(list[0].data, "0a0b");
  EXPECT_EQ(list[0].numbers, 200u);
  EXPECT_EQ(list[1].what, "scores");
  EXPECT_EQ(list[1].run, "0c");
  EXPECT_EQ(list[1].round, 3);
  EXPECT_EQ(list[1].numbers, 500u);
  EXPECT_EQ(list[1].kind, LedgerEntry::Kind::kAsked);
  EXPECT_EQ(list[1].rounds, 5);
  EXPECT_EQ(list[1].time.size(), 20u);
  EXPECT_NE(list[0].ciphertext, list[1].ciphertext);
  struct stat info {};
  ASSERT_EQ(stat(door().ledger().path().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
}

// A refusal tells whoever sent the ciphertext one bit, so that it is counted before it is told.
TEST_F(DisclosureTest, WhatIsNotPlausibleIsRecordedAndDoesNotLeave) {
  const EncryptedModel m = model(1);
  const PlausibleValues none{.largest = 1e30, .padding = 1e30, .empty = 0x1p-20};
  expect_refusal([&] { door().open(m, none, {"'m.enc'"}); },
                 "'m.enc': not what this training can have produced");
  expect_refusal([&] { door().publish(m, none, {}, {kError, 1, {}}); }, "not what this training");
  const auto list = entries();
  ASSERT_EQ(list.size(), 2u);
  for (const LedgerEntry& e : list) {
    EXPECT_EQ(e.kind, LedgerEntry::Kind::kRefused);
    EXPECT_EQ(e.what, "model");
    EXPECT_EQ(e.bits, 1);
    EXPECT_EQ(e.ciphertext.size(), 64u);
    EXPECT_NE(e.reason.find("numbers where there are none"), std::string::npos);
    EXPECT_EQ(e.reason.find("2^"), std::string::npos) << "tells by how much";
  }
  EXPECT_EQ(totals(list).refused, 2u);
  EXPECT_EQ(totals(list).refused_bits, 2);
  EXPECT_EQ(totals(list).opened, 0u);
}

TEST_F(DisclosureTest, WhatCannotBeRefusedOnTheRecordIsNotReported) {
  const EncryptedModel m = model(1);
  const PlausibleValues none{.largest = 1e30, .padding = 1e30, .empty = 0x1p-20};
  Disclosure d(keys(), folder_ / "gone");
  expect_refusal([&] { d.open(m, none, {}); }, "recorded beside the keys");
}

TEST_F(DisclosureTest, ARefusalEndsItsRun) {
  const PlausibleValues none{.largest = 1e30, .padding = 1e30, .empty = 0x1p-20};
  const EncryptedScores s = scores(1);
  const Origin first = round(1), second = round(2);
  EXPECT_EQ(door().most_rounds(), 0);
  door().open(s, kAny, first);
  door().answer(first, false);
  expect_refusal([&] { door().open(s, none, second); }, "not what this training");
  // Good ones come too late, and other runs are others.
  expect_refusal([&] { door().open(s, kAny, second); }, "ends its run");
  expect_refusal([&] { door().answer(second, false); }, "ends its run");
  EXPECT_EQ(totals(entries()).refused, 1u);
  EXPECT_EQ(totals(entries()).refused_bits, 0) << "the run is booked with its refusal";
  EXPECT_EQ(totals(entries()).answered_bits, std::log2(2 * kRounds));
  door().open(s, kAny, round(2, "0d"));
  EXPECT_EQ(door().most_rounds(), kRounds);
}

// Another ciphertext for a round that was asked is another question, answered or not; and so is the
// same one under another rule.
TEST_F(DisclosureTest, ARoundIsAskedOnce) {
  const Origin origin = round(1);
  const EncryptedScores s = scores(1);
  for (int i = 0; i < 2; ++i) door().open(s, kAny, origin);
  expect_refusal([&] { door().open(scores(2), kAny, origin); }, "asked and answered once");
  for (int i = 0; i < 2; ++i) {
    door().open(s, kAny, origin);
    door().answer(origin, false);
  }
  const std::size_t before = entries().size();
  expect_refusal([&] { door().open(scores(2), kAny, origin); }, "asked and answered once");
  for (const int number : {1, 2}) {
    Origin other = round(number);
    other.rule = "more patience";
    expect_refusal([&] { door().open(s, kAny, other); }, "another patience");
    other = round(number);
    other.rounds = kRounds + 1;
    expect_refusal([&] { door().open(s, kAny, other); }, "another patience");
  }
  EXPECT_EQ(before, 2u);
  EXPECT_EQ(entries().size(), before) << "nothing was decrypted";
  EXPECT_EQ(totals(entries()).answered_bits, std::log2(2 * kRounds));
  // Nothing follows after stop.
  door().open(s, kAny, round(2));
  door().answer(round(2), true);
  expect_refusal([&] { door().open(s, kAny, round(3)); }, "told to stop at round 2");
  EXPECT_EQ(totals(entries()).answered_bits, std::log2(2 * kRounds));
}

// Two doors at once: of different questions for one round, one is decrypted.
TEST_F(DisclosureTest, OfTwoQuestionsAtOnceOneIsAsked) {
  std::atomic<int> opened = 0, refused = 0;
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      const EncryptedScores mine = scores(t);
      for (int number = 1; number <= kRounds; ++number) try {
          door().open(mine, kAny, round(number));
          ++opened;
        } catch (const DataError&) {
          ++refused;
        }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(opened, kRounds);
  EXPECT_EQ(refused, 3 * kRounds);
  EXPECT_EQ(entries().size(), static_cast<std::size_t>(kRounds));
}

// Whatever is opened might have been refused: N of them tell N bits, whichever they are.
TEST_F(DisclosureTest, EveryResultCountsAsUsedOrRefused) {
  const PlausibleValues none{.largest = 1e30, .padding = 1e30, .empty = 0x1p-20};
  const EncryptedModel m1 = model(1), m2 = model(2), m3 = model(3);
  const auto bits = [&] { return totals(entries()).refused_bits; };
  door().open(m1, kAny, {});
  expect_refusal([&] { door().open(m2, none, {}); }, "not what this training");
  door().publish(m3, kAny, {}, {kError, 1, {}});
  EXPECT_EQ(bits(), 3);
  // The same question has the same outcome; other limits are another, and so is a publication.
  door().open(m1, kAny, {});
  expect_refusal([&] { door().open(m2, none, {}); }, "not what this training");
  EXPECT_EQ(bits(), 3);
  expect_refusal([&] { door().open(m1, none, {}); }, "not what this training");
  EXPECT_EQ(bits(), 4);
  door().publish(m3, kAny, {}, {kError, 1, {}});
  EXPECT_EQ(bits(), 5);
  // By another limit than it was judged by before, whether it is beyond that is another question.
  const Origin judged = {.name = "m", .rule = "24"};
  for (int i = 0; i < 2; ++i) door().open(m1, kAny, judged);
  EXPECT_EQ(bits(), 6);
  // Which models there is budget for.
  expect_refusal([&] { door().publish(model(4), kAny, {}, {kError, 0, {}}); }, "larger budget");
  EXPECT_EQ(bits(), 7);
  EXPECT_EQ(entries().back().reason, "not published: beyond the budget");
}

// Entries as earlier versions wrote them: one bit each covers what they did not count.
TEST_F(DisclosureTest, LedgersOfEarlierVersionsAreRead) {
  const KeyId& id = keys().id;
  std::string text = R"({"key_id":")" + to_string(id) +
                     R"(","ledger":1,"parameters":"InsecureTest12"})"
                     "\n";
  const std::string common = R"("time":"2026-11-26T17:16:08Z","ciphertext":"ab","what":"scores",)"
                             R"("numbers":1,"data":"0a",)";
  const auto add = [&](const std::string& more) { text += "{" + common + more + "}\n"; };
  for (int i = 1; i <= 3; ++i) {
    const std::string number = R"(,"run":"0c","round":)" + std::to_string(i);
    add(R"("kind":"opened","bits":0)" + number);
    add(R"("kind":"answered","stop":false,"bits":)" + std::to_string(1.0 / i) + number);
  }
  add(R"("kind":"answered","stop":false,"bits":0,"run":"0c","round":3)");
  add(R"("kind":"refused","reason":"weights","bits":1)");
  add(R"("kind":"published","noise":1,"error":0.001,"bits":0.25)");
  const Seed key = derived_key(keys(), "blindtuner ledger 1");
  const std::vector<std::uint8_t> bytes(text.begin(), text.end());
  text += R"({"mac":")" + to_hex(hmac_sha256(key, bytes)) + "\"}\n";
  write(door().ledger().path(), text);
  for (int i = 0; i < 2; ++i) {
    const LedgerTotals t = totals(entries());
    EXPECT_EQ(t.answered_bits, 3 + i * std::log2(2 * kRounds));
    EXPECT_EQ(t.refused_bits, 3 + 1 + 1);
    EXPECT_EQ(t.published_bits, 0.25);
    // A run goes on under the new rules.
    if (i == 1) continue;
    expect_refusal([&] { door().open(scores(1), kAny, round(3)); }, "another ciphertext");
    door().open(scores(1), kAny, round(4));
    door().answer(round(4), false);
  }
}

TEST_F(DisclosureTest, WhichOfSeveralWasPublishedIsAnAnswer) {
  const EncryptedModel m = model(1);
  for (int i = 0; i < 2; ++i) door().publish(m, kAny, {}, {kError, 1, {}, 4});
  EXPECT_EQ(totals(entries()).answered_bits, 2);
  EXPECT_EQ(totals(entries()).published_bits, publication_bits(200, kError, 0x1p-8));
}

TEST_F(DisclosureTest, WhatOthersRefuseIsOnTheRecord) {
  const EncryptedModel m = model(1);
  door().refuse(m, {"'m.enc'", "0a"}, "not published: not trusted");
  const auto list = entries();
  ASSERT_EQ(list.size(), 1u);
  EXPECT_EQ(list[0].kind, LedgerEntry::Kind::kRefused);
  EXPECT_EQ(list[0].ciphertext.size(), 64u);
  EXPECT_EQ(totals(list).refused_bits, 1);
}

// Keys that were set aside while a command was at work with them: it does not begin a second ledger.
TEST_F(DisclosureTest, ALedgerIsWhereItsKeysAre) {
  write_secret_key(folder_ / "secret.key", keys());
  door().open(model(1), kAny, {});
  const OwnerKeys other{SecretKeys::generate(keys().secrets.parameters), fresh_key_id()};
  fs::rename(door().ledger().path(), folder_ / "aside");
  write_secret_key(folder_ / "secret.key", other, {}, Links::kReplace);
  expect_refusal([&] { door().publish(model(1), kAny, {}, {kError, 1, {}}); }, "old-..");
  EXPECT_FALSE(fs::exists(door().ledger().path()));
}

TEST_F(DisclosureTest, AFullLedgerIsNotWritten) {
  constexpr std::uintmax_t kMost = 1 << 26;
  const EncryptedModel m = model(1);
  const fs::path path = door().ledger().path();
  const auto size_after = [&](std::size_t reason) {
    door().refuse(m, {}, std::string(reason, 'x'));
    return fs::file_size(path);
  };
  const std::uintmax_t first = size_after(1), second = size_after(1), entry = second - first - 1;
  EXPECT_EQ(size_after(kMost - second - entry), kMost);
  {
    const testing_support::MemoryLimit limit(700'000'000);
    EXPECT_EQ(entries().size(), 3u);
  }
  expect_refusal([&] { size_after(1); }, "is full");
  EXPECT_EQ(fs::file_size(path), kMost);
  fs::resize_file(path, kMost + 1);
  expect_refusal([&] { entries(); }, "67108865 bytes, expected at most 67108864");
}

TEST_F(DisclosureTest, NoNoiseIsNoPublication) {
  const EncryptedModel m = model(1);
  for (const double error : {HUGE_VAL, std::nan(""), 1e308, -1.0})
    expect_refusal([&] { door().publish(m, kAny, {}, {error, 1e6, {}}); }, "no noise is enough");
  EXPECT_EQ(door().ledger().read(), std::nullopt) << "nothing was decrypted";
  // 200 weights of size 1: nothing of them is left under noise of 16.
  expect_refusal([&] { door().publish(m, kAny, {}, {0x1p-4, 1e6, {}}); }, "nothing would be left");
  const auto check = [](std::span<const double>) { throw DataError("not for anybody"); };
  expect_refusal([&] { door().publish(m, kAny, {}, {kError, 1e6, check}); }, "not for anybody");
  EXPECT_EQ(totals(entries()).refused, 2u);
  EXPECT_EQ(totals(entries()).published, 0u);
}

TEST_F(DisclosureTest, NothingLeavesUnrecorded) {
  const EncryptedModel m = model(1);
  for (const fs::path& folder : {folder_ / "gone", folder_ / "file" / "in-a-file"}) {
    write(folder_ / "file", "");
    Disclosure d(keys(), folder);
    expect_refusal([&] { d.open(m, kAny, {}); }, "recorded beside the keys");
    expect_refusal([&] { d.publish(m, kAny, {}, {kError, 1, {}}); }, "recorded beside the keys");
    expect_refusal([&] { d.open(scores(1), kAny, round(1)); }, "recorded beside the keys");
    expect_refusal([&] { d.answer(round(1), true); }, "recorded beside the keys");
  }
}

TEST_F(DisclosureTest, NoticesEveryChange) {
  for (unsigned seed = 1; seed <= 4; ++seed) door().open(model(seed), kAny, {});
  const fs::path path = door().ledger().path();
  const std::string good = text_of(path);
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < good.size();) {
    const std::size_t end = good.find('\n', at) + 1;
    lines.push_back(good.substr(at, end - at));
    at = end;
  }
  ASSERT_EQ(lines.size(), 6u);
  std::vector<std::string> bad = {"", "\n", good + "\n", good + good, good.substr(1)};
  for (std::size_t i = 0; i < good.size(); i += 7) {
    bad.push_back(good);
    bad.back()[i] ^= 1;
    bad.push_back(good.substr(0, i));
  }
  for (std::size_t i = 0; i < lines.size(); ++i) {
    std::string text;
    for (std::size_t j = 0; j < lines.size(); ++j)
      if (j != i) text += lines[j];
    bad.push_back(text);
    if (i > 0) {
      auto swapped = lines;
      std::swap(swapped[i - 1], swapped[i]);
      text.clear();
      for (const auto& line : swapped) text += line;
      bad.push_back(text);
    }
  }
  // Of other keys, under this name.
  const OwnerKeys other{SecretKeys::generate(keys().secrets.parameters), keys().id};
  fs::create_directory(folder_ / "other");
  Disclosure(other, folder_ / "other").open(model(1), kAny, {});
  bad.push_back(text_of(folder_ / "other" / path.filename()));
  const EncryptedModel m = model(1);
  for (const std::string& text : bad) {
    write(path, text);
    expect_refusal([&] { door().ledger().read(); }, "changed or cut short");
    expect_refusal([&] { door().open(m, kAny, {}); }, "changed or cut short");
    EXPECT_EQ(text_of(path), text) << "overwritten";
  }
  write(path, good);
  EXPECT_EQ(entries().size(), 4u);
}

TEST_F(DisclosureTest, ARoundIsAnsweredOnce) {
  Disclosure d = door();
  const auto bits = [&] { return totals(entries()).answered_bits; };
  // The run counts in full from its first question, as when it will end follows from what is encrypted.
  for (int number = 1; number <= kRounds; ++number) {
    d.open(scores(static_cast<unsigned>(number)), kAny, round(number));
    EXPECT_EQ(bits(), std::log2(2 * kRounds));
    d.answer(round(number), number == kRounds);
    EXPECT_EQ(bits(), std::log2(2 * kRounds));
  }
  EXPECT_EQ(entries().back().ciphertext, entries()[2 * kRounds - 2].ciphertext);
  EXPECT_TRUE(entries().back().stop);
  // Repeated; refused; another run.
  d.answer(round(2), false);
  EXPECT_EQ(entries().size(), std::size_t{2 * kRounds});
  expect_refusal([&] { d.answer(round(2), true); }, "answered once");
  expect_refusal([&] { d.answer(round(kRounds), false); }, "with stop");
  d.open(scores(1), kAny, round(1, "0d"));
  d.answer(round(1, "0d"), true);
  EXPECT_EQ(bits(), 2 * std::log2(2 * kRounds));
  // Which answer it would have been depends on what was decrypted.
  EXPECT_EQ(totals(entries()).refused, 2u);
  EXPECT_EQ(totals(entries()).refused_bits, 2);
  EXPECT_EQ(totals(entries()).runs, 2u);
  // One that was asked by an earlier version.
  d.answer(round(1, "0e"), true);
  EXPECT_EQ(bits(), 2 * std::log2(2 * kRounds) + 1);
}

TEST_F(DisclosureTest, TwoAtOnceLoseNothing) {
  constexpr int kThreads = 4, kEach = 8;
  const EncryptedModel m = model(1);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t)
    threads.emplace_back([&, t] {
      Disclosure d = door();
      for (int i = 0; i < kEach; ++i) d.open(m, kAny, {"", std::to_string(100 * t + i)});
    });
  for (std::thread& thread : threads) thread.join();
  std::set<std::string> seen;
  for (const LedgerEntry& e : entries()) seen.insert(e.data);
  EXPECT_EQ(seen.size(), static_cast<std::size_t>(kThreads * kEach));
  EXPECT_EQ(entries().size(), static_cast<std::size_t>(kThreads * kEach));
}

}  // namespace
}  // namespace blindtuner
