#include "records/study/manifest.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/error.h"
#include "features/data/test_files.h"
#include "records/study/session.h"
#include "records/study/study_fixture.h"

namespace blindtuner::records {
namespace {

using testing_support::small_draft, testing_support::within_memory;

/// All that is sent before the manifest is there.
struct Parties {
  StudyDraft draft = small_draft();
  std::vector<SigningKey> keys;  // owners', then the server's
  std::vector<SignedMessage> joins;

  explicit Parties(const std::string& recipient = "") {
    draft.recipient = recipient;
    for (std::size_t i = 0; i < draft.parties().size(); ++i) keys.push_back(SigningKey::generate());
    for (std::size_t i = 0; i < keys.size(); ++i) joins.push_back(join(i, keys[i]));
  }
  std::string name(std::size_t i) const { return draft.parties()[i]; }
  SignedMessage drafted() const {
    return parse_message(signed_text(draft_message(draft), keys[0]), "'draft'");
  }
  /// A point that is of no small order.
  static SealingKey sealing(std::size_t i) { return {static_cast<std::uint8_t>(i + 2)}; }
  SignedMessage join(std::size_t i, const SigningKey& key) const {
    return join(i, key, sealing(i));
  }
  SignedMessage join(std::size_t i, const SigningKey& key, const SealingKey& sealing) const {
    const StudyParty party{name(i), key.public_key(), sealing};
    return parse_message(signed_text(join_message(draft_digest(drafted()), party), key),
                         "'join-" + name(i) + "'");
  }
  std::string complaint() const {
    try {
      (void)make_manifest(drafted(), joins, true);
      return "";
    } catch (const DataError& error) {
      return error.what();
    }
  }
};

TEST(StudyManifest, IsTheSameForAllAndOfEveryByte) {
  Parties parties;
  const StudyManifest m = make_manifest(parties.drafted(), parties.joins, true);
  EXPECT_EQ(m.digest, make_manifest(parties.drafted(), parties.joins, true).digest);
  EXPECT_EQ(m.party("b").signing, parties.keys[1].public_key());
  EXPECT_EQ(m.party("server").signing, parties.keys[3].public_key());
  EXPECT_EQ(to_json(m.draft), to_json(parties.draft));
  EXPECT_THROW((void)make_manifest(parties.drafted(), parties.joins, false), SecurityError);
  parties.joins[1] = parties.join(1, SigningKey::generate());
  EXPECT_NE(m.fingerprint(), make_manifest(parties.drafted(), parties.joins, true).fingerprint());
}

TEST(StudyManifest, NamesWhoseJoinIsNotWhatItMustBe) {
  Parties parties;
  parties.joins[1] = parties.joins[2];
  EXPECT_EQ(parties.complaint(), "'join-c': not what 'b' was to send: it says that it is from 'c'");
  parties.joins[1] = parties.join(1, parties.keys[0]);
  EXPECT_EQ(parties.complaint(), "'join-b': 'b' has the key of another party");
  // Of another draft.
  parties = Parties();
  parties.draft.name = "Another";
  EXPECT_NE(parties.complaint().find("'join-a': not what 'a' was to send: it is about the study"),
            std::string::npos)
      << parties.complaint();
  // A draft that its coordinator has not signed.
  parties = Parties();
  std::swap(parties.keys[0], parties.keys[1]);
  EXPECT_NE(parties.complaint(), "");
}

TEST(StudyManifest, NamesForWhomNothingCanBeSealed) {
  Parties parties("lab");
  const auto complaint = [&](std::size_t i, const SealingKey& sealing) {
    const SignedMessage honest =
        std::exchange(parties.joins[i], parties.join(i, parties.keys[i], sealing));
    std::string said = parties.complaint();
    parties.joins[i] = honest;
    return said;
  };
  EXPECT_EQ(complaint(1, Parties::sealing(0)), "'join-b': 'b' has the key of another party");
  EXPECT_EQ(complaint(3, Parties::sealing(2)), "'join-lab': 'lab' has the key of another party");
  EXPECT_EQ(complaint(1, Parties::sealing(20)), "");
  // All u of small order, which are 0, 1, p - 1 and two of order 8, and p and p + 1; X25519 does not read the last bit.
  const auto near_p = [](std::uint8_t first) {
    SealingKey out;
    out.fill(0xff);
    out.front() = first;
    out.back() = 0x7f;
    return out;
  };
  SealingKey of_order_8{}, other_of_order_8{};
  ASSERT_TRUE(
      from_hex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800", of_order_8));
  ASSERT_TRUE(from_hex("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
                       other_of_order_8));
  for (const SealingKey& key : {SealingKey{0}, SealingKey{1}, near_p(0xec), near_p(0xed),
                                near_p(0xee), of_order_8, other_of_order_8})
    for (const std::uint8_t last_bit : {0x00, 0x80}) {
      SealingKey told = key;
      told.back() |= last_bit;
      EXPECT_EQ(complaint(2, told),
                "'join-c': nothing can be sealed for 'c': its X25519 key is of small order");
    }
}

TEST(StudyManifest, ARecipientIsPartOfIt) {
  Parties parties("lab");
  const StudyManifest m = make_manifest(parties.drafted(), parties.joins, true);
  EXPECT_EQ(m.owners.size(), 3u);
  EXPECT_EQ(m.party("lab").signing, parties.keys[3].public_key());
  EXPECT_EQ(m.party("lab").sealing, Parties::sealing(3));
  EXPECT_EQ(m.server.signing, parties.keys[4].public_key());
  // Somebody else's keys in its place are another study.
  parties.joins[3] = parties.join(3, SigningKey::generate());
  EXPECT_NE(m.fingerprint(), make_manifest(parties.drafted(), parties.joins, true).fingerprint());
  parties.joins[3] = parties.joins[2];
  EXPECT_EQ(parties.complaint(),
            "'join-c': not what 'lab' was to send: it says that it is from 'c'");
}

TEST(StudyDraft, IsReadAsItWasWritten) {
  StudyDraft d = small_draft();
  d.column_names = {"age", "height", "weight", "größe", "x y"};
  d.whitening = StudyDraft::Whitening::kFile;
  d.whitening_file = {7};
  d.encoder = Sha256Digest{9};
  const auto again = [](const StudyDraft& draft) {
    const nlohmann::json json = to_json(draft);
    return to_json(draft_from_json(JsonIn(json, "'x'")));
  };
  EXPECT_EQ(again(d), to_json(d));
  nlohmann::json earlier = to_json(d);
  EXPECT_EQ(earlier.erase("rate_by_batch"), 1u);
  EXPECT_FALSE(draft_from_json(JsonIn(earlier, "'x'")).rate_by_batch);
  d.whitening = StudyDraft::Whitening::kPooled;
  d.whitening_file = {};
  EXPECT_FALSE(to_json(d).contains("epsilon"));
  d.epsilon = 0.1;
  EXPECT_EQ(to_json(d).at("epsilon"), 0.1);
  EXPECT_EQ(again(d), to_json(d));
  EXPECT_FALSE(to_json(d).contains("recipient"));
  d.recipient = "lab";
  EXPECT_EQ(again(d), to_json(d));
  d.recipient_alone = true;
  EXPECT_EQ(to_json(d).at("readers"), "recipient");
  EXPECT_EQ(again(d), to_json(d));
  EXPECT_FALSE(to_json(d).contains("validation"));
  d.validate_every = 2;
  d.patience = 5;
  EXPECT_THROW(d.validate(), DataError) << "owners would see scores by a model that is not theirs";
  d.recipient_alone = false;
  EXPECT_EQ(to_json(d).at("validation"), (nlohmann::json{{"every", 2}, {"patience", 5}}));
  EXPECT_EQ(again(d), to_json(d));
  d.validate_every = d.config.steps;
  EXPECT_THROW(d.validate(), DataError) << "of one round's model none can be chosen";
  d.validate_every = 2;
  d.threshold = 2;
  EXPECT_THROW(d.validate(), DataError) << "any two would do, and rounds take all";
  d.threshold = 0;
  d.patience = 0;
  EXPECT_THROW(d.validate(), DataError);
  d.validate_every = 0;
  d.patience = 3;
  EXPECT_EQ(to_json(d).at("threshold"), 3);
  d.threshold = 3;
  EXPECT_FALSE(d.by_threshold());
  d.threshold = 2;
  EXPECT_TRUE(d.by_threshold());
  EXPECT_EQ(to_json(d).at("threshold"), 2);
  EXPECT_EQ(again(d), to_json(d));
  d.whitening = StudyDraft::Whitening::kNone;
  EXPECT_THROW(d.validate(), DataError) << "it says nothing there";
  d.epsilon = kDefaultStudyEpsilon;
  d.layout = StudyDraft::Layout::kColumns;
  d.columns = {3, 2, 1};
  d.column_names.clear();
  d.labels = "c";
  EXPECT_EQ(again(d), to_json(d));
  d.threshold = 0;
  EXPECT_NO_THROW(d.validate());
  d.validate_every = 1;
  EXPECT_THROW(d.validate(), DataError) << "nobody has rows to hold out";
}

TEST(StudyDraft, RefusesWhatNoStudyIs) {
  const nlohmann::json good = to_json(small_draft());
  const auto taken = [](const nlohmann::json& json) {
    try {
      (void)draft_from_json(JsonIn(json, "'x'"));
      return true;
    } catch (const DataError&) {
      return false;
    }
  };
  ASSERT_TRUE(taken(good));
  const std::vector<std::pair<std::string, nlohmann::json>> bad = {
      {"name", ""},
      {"name", std::string(101, 'x')},
      {"name", "a\nb"},
      {"owners", {"a"}},
      {"owners", {"a", "a", "b"}},
      {"owners", {"a", "b", "server"}},
      {"owners", {"a", "b", "C"}},
      {"owners", {"a", "b", "c", "d", "e"}},  // InsecureJoint4
      {"coordinator", "d"},
      {"classes", {"no"}},
      {"classes", {"no", "no"}},
      {"classes", {"no", std::string(1001, 'x')}},
      {"classes", {"no", " yes"}},
      {"classes", {"no", "yes", "maybe"}},
      {"layout", "cells"},
      {"layout", "columns"},
      {"columns", {0}},
      {"columns", {5, 5, 5}},
      {"columns", {1 << 20}},
      {"columns", 5},
      {"column_names", {"a"}},
      {"parameters", "InsecureTest10"},
      {"parameters", "none"},
      {"training", nlohmann::json::object()},
      {"circuit", "none"},
      {"whitening", "some"},
      {"epsilon", 0.1},  // of no whitening
      {"encoder", "00"},
      {"threshold", 1},
      {"threshold", 4},
      {"rate_by_batch", "yes"},
      {"recipient", "a"},
      {"recipient", "server"},
      {"recipient", "X"},
      {"readers", "recipient"},  // there is none
      {"readers", "some"},
      {"results", 2},
      {"more", 1},
  };
  for (const auto& [name, value] : bad) {
    nlohmann::json json = good;
    json[name] = value;
    if (name == "owners") json["threshold"] = value.size();
    EXPECT_FALSE(taken(json)) << name << ": " << value;
  }
  for (const auto& member : good.items()) {
    if (member.key() == "rate_by_batch") continue;  // drafts of earlier versions
    nlohmann::json json = good;
    json.erase(member.key());
    EXPECT_FALSE(taken(json)) << member.key();
  }
}

TEST(StudyDraft, NamesAsLongAsMayBe) {
  StudyDraft d = small_draft();
  d.name = std::string(kMaxStudyName, 'x');
  d.classes = {"no", std::string(kMaxStudyWord, 'x')};
  EXPECT_NO_THROW(d.validate());
  const auto sent = [&d](std::vector<std::string> names) {
    d.column_names = std::move(names);
    d.columns = {d.column_names.size()};
    d.validate();
    return signed_text(draft_message(d), SigningKey::generate()).size();
  };
  // All but the last as long as may be.
  const auto names_of = [](std::size_t bytes) {
    std::vector<std::string> out;
    for (; bytes > 0; bytes -= out.back().size())
      out.push_back(std::to_string(100'000 + out.size()) +
                    std::string(std::min(bytes, kMaxStudyWord) - 6, 'x'));
    return out;
  };
  EXPECT_LT(sent(names_of(kMaxDraftNames)), kMaxMessageBytes);
  EXPECT_THROW(sent(names_of(kMaxDraftNames + 1)), DataError);
  // Quotes and backslashes take four times their room in the message: a number's bits, of 20 bytes.
  const auto quotes = [](std::size_t count) {
    std::vector<std::string> out(count, std::string(20, '"'));
    for (std::size_t i = 0; i < count; ++i)
      for (std::size_t bit = 0; bit < 20; ++bit)
        if ((i >> bit & 1) != 0) out[i][bit] = '\\';
    return out;
  };
  EXPECT_LT(sent(quotes(kMaxDraftNames / 80)), kMaxMessageBytes);
  EXPECT_THROW(sent(quotes(kMaxDraftNames / 20)), DataError);
}

TEST(StudyDraft, OwnersAsManyAsMayBe) {
  const auto of = [](std::size_t owners) {
    nlohmann::json json = to_json(small_draft({"a", "b"}, StudyDraft::parameters_for(kMostOwners)));
    std::vector<std::string> names(1, "a");
    while (names.size() < owners) names.push_back("owner-" + std::to_string(names.size()));
    json["owners"] = names;
    json["threshold"] = std::clamp(owners, kLeastOwners, kMostOwners);
    return within_memory(std::size_t{64} << 20, [&] {
      throw DataError(std::to_string(draft_from_json(JsonIn(json, "'x'")).owners.size()));
    });
  };
  EXPECT_EQ(of(kLeastOwners), "2");
  EXPECT_EQ(of(kMostOwners), "16");
  for (const std::size_t owners : {kLeastOwners - 1, kMostOwners + 1})
    EXPECT_NE(of(owners).find("'owners' are 2 to 16"), std::string::npos) << of(owners);
}

TEST(StudyDraft, KeysAreForWholeGroupsOfEveryOwnerButTheLast) {
  const ParametersPtr p = Parameters::create(find_parameters("InsecureJoint4"));
  StudyDraft d = small_draft();
  EXPECT_EQ(d.key_layout(*p).features, 6u);
  d.layout = StudyDraft::Layout::kColumns;
  d.columns = {3, 9, 2};
  d.labels = "a";
  const ProductLayout layout = d.key_layout(*p);
  const std::size_t w = layout.width;
  EXPECT_EQ(layout.features, (3 + w - 1) / w * w + (9 + w - 1) / w * w + 3);
}

TEST(StudySession, IsACoinOfAll) {
  const Parties parties;
  const StudyManifest m = make_manifest(parties.drafted(), parties.joins, true);
  std::vector<Nonce> nonces = {{1}, {2}, {3}};
  const StudySession s = study_session(m, 1, nonces);
  EXPECT_NE(s.joint, s.owners[0]);
  EXPECT_NE(s.owners[0], s.owners[1]);
  EXPECT_NE(s.seed, study_session(m, 2, nonces).seed);
  nonces[2][31] ^= 1;
  EXPECT_NE(s.seed, study_session(m, 1, nonces).seed);
  EXPECT_NE(nonce_commitment(m, 1, 0, nonces[0]), nonce_commitment(m, 1, 1, nonces[0]));
  EXPECT_NE(nonce_commitment(m, 1, 0, nonces[0]), nonce_commitment(m, 2, 0, nonces[0]));
  EXPECT_NE(nonce_commitment(m, 1, 0, nonces[0]), nonce_commitment(m, 1, 0, nonces[1]));
}

}  // namespace
}  // namespace blindtuner::records
