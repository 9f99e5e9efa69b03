#include "records/study/message.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "features/data/test_files.h"
#include "io/memory_stream.h"

namespace blindtuner::records {
namespace {

StudyMessage message() { return {"nonce", "clinic-a", Sha256Digest{1}, 2, {{"nonce", "\n\"ä"}}}; }
ExpectedMessage expected() { return {"nonce", "clinic-a", Sha256Digest{1}, 2}; }

/// What reading it says; "" when it is taken.
std::string complaint(const std::string& text, const ExpectedMessage& expected,
                      const PublicSigningKey& key) {
  try {
    (void)open_message(parse_message(text, "'x'"), expected, key);
    return "";
  } catch (const DataError& error) {
    return error.what();
  }
}

TEST(StudyMessage, IsReadAsItWasSigned) {
  const SigningKey key = SigningKey::generate();
  const std::string text = signed_text(message(), key);
  EXPECT_EQ(text, signed_text(message(), key));
  EXPECT_EQ(text.find('\n'), text.size() - 1);
  const StudyMessage read = open_message(parse_message(text, "'x'"), expected(), key.public_key());
  EXPECT_EQ(read.body, message().body);
}

TEST(StudyMessage, IsRefusedByAWordOnWhoAndWhat) {
  const SigningKey key = SigningKey::generate(), other = SigningKey::generate();
  const std::string text = signed_text(message(), key);
  const std::string begin = "'x': not what 'clinic-a' was to send: ";
  EXPECT_EQ(complaint(text, expected(), other.public_key()),
            begin + "the signature is not that of 'clinic-a'");
  ExpectedMessage e = expected();
  e.kind = "join";
  EXPECT_EQ(complaint(text, e, key.public_key()),
            begin + "a message of the kind 'nonce', expected 'join'");
  e = expected();
  e.study[0] = 2;
  EXPECT_EQ(complaint(text, e, key.public_key()),
            begin + "it is about the study 0100000000000000.., expected 0200000000000000..");
  e = expected();
  e.session = 3;
  EXPECT_EQ(complaint(text, e, key.public_key()), begin + "it is of session 2, expected 3");
  e = expected();
  e.from = "b";
  EXPECT_EQ(complaint(text, e, key.public_key()),
            "'x': not what 'b' was to send: it says that it is from 'clinic-a'");
}

TEST(StudyMessage, AByteThatWasChangedIsSeen) {
  const SigningKey key = SigningKey::generate();
  const std::string text = signed_text(message(), key);
  ASSERT_EQ(complaint(text, expected(), key.public_key()), "");
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::string changed = text;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_NE(complaint(changed, expected(), key.public_key()), "") << i << ": " << changed;
  }
}

TEST(StudyMessage, HasItsMembersAndNoOther) {
  const auto parsed = [](const std::string& inner, const std::string& more = "") {
    const std::string text =
        plain_json_text({{"message", inner}, {"signature", std::string(128, '0')}});
    return parse_message(text.substr(0, text.size() - 1) + more + "}", "'x'").message;
  };
  const std::string study = std::string(64, '0'),
                    good = R"({"kind":"a","from":"b","session":0,"study":")" + study +
                           R"(","body":{}})";
  EXPECT_EQ(parsed(good).from, "b");
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string changed = good;
    return parsed(changed.replace(changed.find(from), from.size(), to));
  };
  EXPECT_EQ(with(R"("from":"b")", R"("from":"abcdefghijklmnop")").from.size(), 16u);
  EXPECT_EQ(with(R"("session":0)", R"("session":1000000)").session, kMaxSession);
  EXPECT_THROW((void)parsed(good, R"(,"more":1)"), DataError);
  EXPECT_THROW((void)parsed(good + " x"), DataError);
  for (const auto& [from, to] : std::vector<std::pair<std::string, std::string>>{
           {R"("kind":"a")", R"("kind":"A")"},
           {R"("kind":"a",)", ""},
           {R"("from":"b")", R"("from":"b.c")"},
           {R"("from":"b")", R"("from":"abcdefghijklmnopq")"},
           {R"("from":"b")", R"("from":"")"},
           {R"("from":"b")", R"("from":"1")"},
           {R"("session":0)", R"("session":-1)"},
           {R"("session":0)", R"("session":1000001)"},
           {R"("session":0)", R"("session":0.5)"},
           {R"("body":{})", R"("body":[])"},
           {R"("body":{})", R"("body":{},"more":0)"},
           {study, study + "0"},
       }) {
    std::string changed = good;
    changed.replace(changed.find(from), from.size(), to);
    EXPECT_THROW((void)parsed(changed), DataError) << changed;
  }
  StudyMessage nameless = message();
  nameless.from = "A";
  EXPECT_THROW((void)signed_text(nameless, SigningKey::generate()), ContractError);
}

TEST(StudyMessage, IsWaitedForUntilItsLastByteIsThere) {
  const auto read = [](const std::string& text) {
    MemorySource source({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}, "'x'");
    return read_text(source);
  };
  EXPECT_EQ(read("{}\n"), "{}\n");
  EXPECT_EQ(read("{}"), std::nullopt);
  EXPECT_EQ(read(""), std::nullopt);
  EXPECT_EQ(read(std::string(kMaxMessageBytes - 1, ' ') + "\n")->size(), kMaxMessageBytes);
  EXPECT_THROW((void)read(std::string(kMaxMessageBytes, ' ') + "\n"), DataError);
}

TEST(StudyMessage, TakesTheMemoryOfTwoValuesForEveryColumn) {
  const std::string signature(128, '0');
  const auto with = [&](std::size_t lists) {
    std::string body = R"({\"x\":[[])";
    for (std::size_t i = 1; i < lists; ++i) body += ",[]";
    return R"({"message":"{\"body\":)" + body +
           R"(]},\"from\":\"a\",\"kind\":\"rows\",\"session\":1,\"study\":\")" +
           std::string(64, '0') + R"(\"}","signature":")" + signature + "\"}\n";
  };
  constexpr std::size_t kMemory = std::size_t{1} << 29,
                        kOthers = 13;  // the list, its name, body, ...
  EXPECT_EQ(
      within_memory(kMemory, [&] { (void)parse_message(with(kMaxMessageValues - kOthers), "x"); }),
      "good");
  EXPECT_EQ(within_memory(kMemory, [&] { (void)parse_message(with(kMaxMessageValues), "x"); }),
            "x: more than 2097152 values and names in its JSON");
}

TEST(StudyMessage, OfManyBytesAreThoseThatHaveAWordOnEveryColumn) {
  for (const char* name : {"draft", "rows", "rows-s12-a"})
    EXPECT_EQ(max_message_bytes(name), kMaxMessageBytes) << name;
  for (const char* name : {"join-a", "agree-draft", "nonce-commit-s2-rows", "ready-s1-server"})
    EXPECT_EQ(max_message_bytes(name), kMaxShortMessageBytes) << name;
  StudyMessage large = message();
  large.body["nonce"] = std::string(kMaxShortMessageBytes, '0');
  EXPECT_THROW((void)signed_text(large, SigningKey::generate()), ContractError);
  large.kind = "rows";
  EXPECT_NO_THROW((void)signed_text(large, SigningKey::generate()));
}

TEST(StudyMessage, RecordsAreCalledByKindSessionAndParty) {
  EXPECT_EQ(study_record_name("draft", 0, ""), "draft");
  EXPECT_EQ(study_record_name("join", 0, "a"), "join-a");
  EXPECT_EQ(study_record_name("nonce", 3, "a"), "nonce-s3-a");
}

}  // namespace
}  // namespace blindtuner::records
