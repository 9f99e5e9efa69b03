// The container: headers, sections, frames, damage.
#include <sys/stat.h>

#include "io/bit_packing.h"
#include "medium_fixture.h"

namespace blindtuner::testing_support {
namespace {

constexpr SectionTag kOne = section_tag("ONE."), kTwo = section_tag("TWO.");

FileHeader header() { return tiny_header(FileKind::kModel, KeyId{1, 2, 3}); }

class FormatTest : public MediumTest {
 protected:
  void write_small() {
    write_file(header(), [](ContainerWriter& out) {
      out.begin_section(kOne);
      out.number(std::uint32_t{42});
      out.text("hello");
      out.begin_section(kTwo);
      const std::vector<double> values = {1.5, -2.25};
      out.doubles(values);
    });
  }
  void read_small(const std::string& name = "file") const {
    const auto from = source(name);
    ContainerReader in(*from, FileKind::kModel);
    in.enter_section(kOne);
    if (in.number<std::uint32_t>() != 42) in.fail("not 42");
    if (in.text(10, "the greeting") != "hello") in.fail("no greeting");
    in.enter_section(kTwo);
    if (in.doubles(10, "the values") != std::vector<double>{1.5, -2.25}) in.fail("other values");
    in.finish();
  }
};

TEST_P(FormatTest, RoundTrip) {
  write_small();
  EXPECT_NO_THROW(read_small());
  const auto from = source();
  ContainerReader in(*from);
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

TEST_P(FormatTest, AsManySectionsAsMayBe) {
  const auto scanned = [&](std::size_t count) {
    write_file(header(), [&](ContainerWriter& out) {
      for (std::size_t i = 0; i < count; ++i) out.begin_section(i % 2 == 0 ? kOne : kTwo);
    });
    return message_of([&] {
      const auto from = source();
      ContainerReader in(*from);
      EXPECT_EQ(scan_sections(in).size(), count);
    });
  };
  EXPECT_EQ(scanned(kMostSections), "");
  EXPECT_NE(scanned(kMostSections + 1).find("more than 256 sections"), std::string::npos);
}

TEST_P(FormatTest, ManyFrames) {
  Bytes large(25 * kFrameBytes + 123);
  for (std::size_t i = 0; i < large.size(); ++i)
    large[i] = static_cast<std::uint8_t>(i * 2654435761u >> 13);
  write_file(header(), [&](ContainerWriter& out) {
    out.begin_section(kOne);
    out.bytes(large);
    out.begin_section(kTwo);
    out.bytes(std::span(large).first(kFrameBytes));  // exactly one frame
  });
  const auto from = source();
  ContainerReader in(*from);
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
  EXPECT_EQ(seen, load().size());
  EXPECT_EQ(in.file_bytes(), knows_size() ? std::optional<std::uint64_t>(seen) : std::nullopt);

  // Two frames exchanged, or one taken out: their numbers are under the checksum.
  const Bytes file = load();
  const std::size_t frame = 8 + kFrameBytes + kDigestBytes;
  Bytes exchanged = file;
  std::swap_ranges(exchanged.begin() + kHeaderBytes, exchanged.begin() + kHeaderBytes + frame,
                   exchanged.begin() + kHeaderBytes + frame);
  store("exchanged", exchanged);
  Bytes missing = file;
  missing.erase(missing.begin() + kHeaderBytes, missing.begin() + kHeaderBytes + frame);
  store("missing", missing);
  for (const char* name : {"exchanged", "missing"}) {
    const auto bad = source(name);
    ContainerReader damaged(*bad);
    EXPECT_THROW(scan_sections(damaged), DataError) << name;
  }
}

TEST_P(FormatTest, EveryTruncation) {
  write_small();
  const Bytes file = load();
  for (std::size_t length = 0; length < file.size(); ++length) {
    store("cut", Bytes(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(length)));
    EXPECT_THROW(read_small("cut"), DataError) << length;
  }
  EXPECT_NE(message_of([&] { read_small("cut"); }).find("truncated"), std::string::npos);
}

TEST_P(FormatTest, EveryBitFlip) {
  write_small();
  const Bytes file = load();
  for (std::size_t bit = 0; bit < 8 * file.size(); ++bit) {
    Bytes flipped = file;
    flipped[bit / 8] ^= static_cast<std::uint8_t>(1u << (bit % 8));
    store("flipped", flipped);
    EXPECT_THROW(read_small("flipped"), DataError) << bit;
  }
}

TEST_P(FormatTest, TrailingBytes) {
  write_small();
  const Bytes file = load();
  for (const std::size_t more : {1u, 7u, 40u, 5000u}) {
    Bytes longer = file;
    longer.insert(longer.end(), more, 0);
    store("longer", longer);
    EXPECT_THROW(read_small("longer"), DataError) << more;
  }
}

TEST_P(FormatTest, SaysWhatIsWrong) {
  write_small();
  EXPECT_NE(message_of([&] {
              const auto from = source();
              ContainerReader in(*from, FileKind::kSecretKey);
            }).find("is an encrypted model, expected a secret key"),
            std::string::npos);
  store("text", Bytes(1000, 'x'));
  EXPECT_NE(message_of([&] { ContainerReader in(*source("text")); }).find("not a BlindTuner file"),
            std::string::npos);
  Bytes newer = load();
  newer[8] = 9;
  store("newer", newer);
  EXPECT_NE(message_of([&] {
              ContainerReader in(*source("newer"));
            }).find("format version 9, expected 1 to 2"),
            std::string::npos);
  FileHeader later = header();
  later.version = kNewestVersion;
  const HeaderBytes of_a_model = encode_header(later);
  store("later", Bytes(of_a_model.begin(), of_a_model.end()));
  EXPECT_NE(message_of([&] {
              ContainerReader in(*source("later"));
            }).find("format version 2 of an encrypted model, expected 1"),
            std::string::npos);
  const auto from = source();
  ContainerReader in(*from);
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

TEST_P(FormatTest, BelievesNoLengthBeyondTheFile) {
  write_file(header(), [](ContainerWriter& out) {
    out.begin_section(kOne);
    out.number(std::uint64_t{1} << 60);
  });
  const auto from = source();
  ContainerReader in(*from);
  in.enter_section(kOne);
  EXPECT_THROW(in.doubles(SIZE_MAX, "values"), DataError);
  const auto once_more = source();
  ContainerReader again(*once_more);
  again.enter_section(kOne);
  // What does not know its size refuses nothing beforehand: memory grows with what arrives.
  const auto need = [&](std::uint64_t count, std::uint64_t bytes) {
    again.require_available(count, bytes, "items");
  };
  EXPECT_EQ(message_of([&] { need(UINT64_MAX, 16); }).empty(), !knows_size());
  EXPECT_EQ(message_of([&] { need(1000, 1); }).empty(), !knows_size());
  EXPECT_NO_THROW(need(8, 1));
}

TEST_P(FormatTest, NumbersOfManyPieces) {
  std::vector<double> values(200000);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<double>(i) / 3;
  write_file(header(), [&](ContainerWriter& out) {
    out.begin_section(kOne);
    out.doubles(values);
  });
  const auto from = source();
  ContainerReader in(*from);
  in.enter_section(kOne);
  EXPECT_EQ(in.doubles(values.size(), "the values"), values);
  in.finish();
}

BLINDTUNER_IN_EVERY_MEDIUM(FormatTest);

// A source that ends with an error, as a connection does.
TEST(ByteSourceTest, ItsErrorsArePassedOn) {
  class Broken final : public ByteSource {
   public:
    const std::string& name() const override { return name_; }
    std::optional<std::uint64_t> size() const override { return std::nullopt; }
    std::size_t read_some(std::span<std::uint8_t> /*out*/) override {
      throw DataError(name_ + ": connection lost");
    }

   private:
    std::string name_ = "'peer'";
  };
  Broken broken;
  try {
    const ContainerReader in(broken);
    FAIL();
  } catch (const DataError& error) {
    EXPECT_STREQ(error.what(), "'peer': connection lost");
  }
}

TEST(MemoryStream, ShowsNothingBeforeCommit) {
  MemorySink sink;
  ContainerWriter out(sink, header());
  out.begin_section(kOne);
  out.number(std::uint8_t{1});
  out.complete();
  EXPECT_THROW((void)sink.bytes(), ContractError);
  out.commit();
  MemorySource source(sink.bytes(), "'memory'");
  ContainerReader in(source);
  EXPECT_EQ(scan_sections(in).size(), 1u);
  EXPECT_EQ(in.contents(), out.contents());
  const Bytes more(1);
  EXPECT_THROW(sink.write(more), ContractError);
  EXPECT_THROW(sink.commit(), ContractError);
}

// What only files on disk do.
class FileStreamTest : public IoTest {};

TEST_F(FileStreamTest, SaysWhatIsNoFile) {
  EXPECT_NE(message_of([&] { FileSource in(path("nowhere")); }).find("no such file"),
            std::string::npos);
  EXPECT_NE(message_of([&] { FileSource in(folder_); }).find("not a regular file"),
            std::string::npos);
  EXPECT_THROW(FileSource("/dev/zero"), DataError);
}

TEST_F(FileStreamTest, NothingIsLeftWithoutCommit) {
  {
    FileSink sink(path());
    ContainerWriter out(sink, header());
    out.begin_section(kOne);
    out.bytes(Bytes(20 * kFrameBytes));
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder_));
  EXPECT_THROW(FileSink(folder_ / "no" / "such"), DataError);
}

TEST_F(FileStreamTest, SecretFilesAreTheOwnersAlone) {
  FileSink sink(path(), kForTheOwner);
  ContainerWriter out(sink, header());
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
}  // namespace blindtuner::testing_support
