// The container: headers, sections, frames, damage.
#include <sys/stat.h>

#include "io/bit_packing.h"
#include "io_fixture.h"

namespace blindtuner::testing {
namespace {

constexpr SectionTag kOne = section_tag("ONE."), kTwo = section_tag("TWO.");

FileHeader header() { return make_header(FileKind::kModel, *tiny_parameters(), KeyId{1, 2, 3}); }

void write_small(const std::filesystem::path& path) {
  FileWriter out(path, header());
  out.begin_section(kOne);
  out.number(std::uint32_t{42});
  out.text("hello");
  out.begin_section(kTwo);
  const std::vector<double> values = {1.5, -2.25};
  out.doubles(values);
  out.commit();
}

void read_small(const std::filesystem::path& path) {
  FileReader in(path, FileKind::kModel);
  in.enter_section(kOne);
  if (in.number<std::uint32_t>() != 42) in.fail("not 42");
  if (in.text(10, "the greeting") != "hello") in.fail("no greeting");
  in.enter_section(kTwo);
  if (in.doubles(10, "the values") != std::vector<double>{1.5, -2.25}) in.fail("other values");
  in.finish();
}

class FormatTest : public IoTest {};

TEST_F(FormatTest, RoundTrip) {
  write_small(path());
  EXPECT_NO_THROW(read_small(path()));
  FileReader in(path());
  EXPECT_EQ(in.header().kind, FileKind::kModel);
  EXPECT_EQ(in.header().parameters_name, "InsecureTiny");
  EXPECT_EQ(in.header().parameters_digest, tiny_parameters()->digest());
  EXPECT_EQ(in.header().key_id, (KeyId{1, 2, 3}));
  const auto sections = scan_sections(in);
  ASSERT_EQ(sections.size(), 2u);
  EXPECT_EQ(sections[0].name, "ONE.");
  EXPECT_EQ(sections[0].bytes, 4u + 4 + 5);
  EXPECT_EQ(sections[1].bytes, 8u + 16);
}

TEST_F(FormatTest, ManyFrames) {
  Bytes large(25 * kFrameBytes + 123);
  for (std::size_t i = 0; i < large.size(); ++i)
    large[i] = static_cast<std::uint8_t>(i * 2654435761u >> 13);
  {
    FileWriter out(path(), header());
    out.begin_section(kOne);
    out.bytes(large);
    out.begin_section(kTwo);
    out.bytes(std::span(large).first(kFrameBytes));  // exactly one frame
    out.commit();
  }
  FileReader in(path());
  std::uint64_t seen = 0;
  in.on_progress([&](std::uint64_t bytes) { seen = bytes; });
  in.enter_section(kOne);
  Bytes back(large.size());
  in.bytes(back);
  EXPECT_EQ(back, large);
  in.enter_section(kTwo);
  back.resize(kFrameBytes);
  in.bytes(back);
  in.finish();
  EXPECT_EQ(seen, in.file_bytes());

  // Two frames exchanged, or one taken out: their numbers are under the checksum.
  const Bytes file = load(path());
  const std::size_t frame = 8 + kFrameBytes + kDigestBytes;
  Bytes exchanged = file;
  std::swap_ranges(exchanged.begin() + kHeaderBytes, exchanged.begin() + kHeaderBytes + frame,
                   exchanged.begin() + kHeaderBytes + frame);
  store(path("exchanged"), exchanged);
  Bytes missing = file;
  missing.erase(missing.begin() + kHeaderBytes, missing.begin() + kHeaderBytes + frame);
  store(path("missing"), missing);
  for (const char* name : {"exchanged", "missing"}) {
    FileReader damaged(path(name));
    EXPECT_THROW(scan_sections(damaged), DataError) << name;
  }
}

TEST_F(FormatTest, EveryTruncation) {
  write_small(path());
  const Bytes file = load(path());
  for (std::size_t length = 0; length < file.size(); ++length) {
    store(path("cut"), Bytes(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(length)));
    EXPECT_THROW(read_small(path("cut")), DataError) << length;
  }
  EXPECT_NE(message_of([&] { read_small(path("cut")); }).find("truncated"), std::string::npos);
}

TEST_F(FormatTest, EveryBitFlip) {
  write_small(path());
  const Bytes file = load(path());
  for (std::size_t bit = 0; bit < 8 * file.size(); ++bit) {
    Bytes flipped = file;
    flipped[bit / 8] ^= static_cast<std::uint8_t>(1u << (bit % 8));
    store(path("flipped"), flipped);
    EXPECT_THROW(read_small(path("flipped")), DataError) << bit;
  }
}

TEST_F(FormatTest, TrailingBytes) {
  write_small(path());
  const Bytes file = load(path());
  for (const std::size_t more : {1u, 7u, 40u, 5000u}) {
    Bytes longer = file;
    longer.insert(longer.end(), more, 0);
    store(path("longer"), longer);
    EXPECT_THROW(read_small(path("longer")), DataError) << more;
  }
}

TEST_F(FormatTest, SaysWhatIsWrong) {
  write_small(path());
  EXPECT_NE(message_of([&] {
              FileReader in(path(), FileKind::kSecretKey);
            }).find("is an encrypted model, expected a secret key"),
            std::string::npos);
  EXPECT_NE(message_of([&] { FileReader in(path("nowhere")); }).find("no such file"),
            std::string::npos);
  EXPECT_NE(message_of([&] { FileReader in(folder_); }).find("not a regular file"),
            std::string::npos);
  EXPECT_THROW(FileReader("/dev/zero"), DataError);
  store(path("text"), Bytes(1000, 'x'));
  EXPECT_NE(message_of([&] { FileReader in(path("text")); }).find("not a BlindTuner file"),
            std::string::npos);
  Bytes newer = load(path());
  newer[8] = 9;
  store(path("newer"), newer);
  EXPECT_NE(message_of([&] { FileReader in(path("newer")); }).find("format version 9, expected 1"),
            std::string::npos);
  FileReader in(path());
  EXPECT_NE(message_of([&] { in.enter_section(kTwo); }).find("'ONE.' where 'TWO.' was expected"),
            std::string::npos);
  in.enter_section(kOne);
  in.number<std::uint8_t>();
  EXPECT_NE(message_of([&] { in.enter_section(kTwo); }).find("longer than its contents"),
            std::string::npos);
  Bytes much(1000);
  EXPECT_NE(message_of([&] { in.bytes(much); }).find("shorter than its contents"),
            std::string::npos);
}

TEST_F(FormatTest, BelievesNoLengthBeyondTheFile) {
  {
    FileWriter out(path(), header());
    out.begin_section(kOne);
    out.number(std::uint64_t{1} << 60);
    out.commit();
  }
  FileReader in(path());
  in.enter_section(kOne);
  EXPECT_THROW(in.doubles(SIZE_MAX, "values"), DataError);
  FileReader again(path());
  again.enter_section(kOne);
  EXPECT_THROW(again.require_available(UINT64_MAX, 16, "items"), DataError);
  EXPECT_NO_THROW(again.require_available(8, 1, "items"));
  EXPECT_THROW(again.require_available(1000, 1, "items"), DataError);
}

TEST_F(FormatTest, NothingIsLeftWithoutCommit) {
  {
    FileWriter out(path(), header());
    out.begin_section(kOne);
    out.bytes(Bytes(20 * kFrameBytes));
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder_));
  EXPECT_THROW(FileWriter(folder_ / "no" / "such", header()), DataError);
}

TEST_F(FormatTest, SecretFilesAreTheOwnersAlone) {
  FileWriter out(path(), header(), {.secret = true});
  out.commit();
  struct stat status {};
  ASSERT_EQ(::stat(path().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
}

TEST(BitPacking, RoundTripAndRange) {
  std::mt19937_64 random(1);
  for (const int bits : {1, 2, 7, 8, 20, 36, 40, 49, 50, 57})
    for (const std::size_t count : {8u, 16u, 24u, 64u, 1024u}) {
      const u64 bound = u64{1} << bits;
      std::vector<u64> values(count), back(count);
      for (u64& value : values) value = random() % bound;
      values[count / 2] = bound - 1;
      Bytes packed(packed_bytes(count, bits));
      pack_bits(values, bits, packed);
      EXPECT_TRUE(unpack_bits(packed, bits, bound, back));
      EXPECT_EQ(back, values) << bits << " " << count;
      EXPECT_FALSE(unpack_bits(packed, bits, bound - 1, back));
    }
}

}  // namespace
}  // namespace blindtuner::testing
