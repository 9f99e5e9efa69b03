// A study's set-up, all parties in one process over one folder: every party is thrown away after each of its
// phases and made anew from its folder, as if it had been killed.
#include <fstream>
#include <random>
#include <set>

#include "base/secret_bytes.h"
#include "io/file_size.h"
#include "io/file_stream.h"
#include "io/io_fixture.h"
#include "io/memory_stream.h"
#include "party/owner/study/boxes.h"
#include "party/owner/study/study_owner.h"
#include "party/owner/study/study_parts.h"
#include "party/owner/study/study_place.h"
#include "party/server/study/study_server.h"
#include "party/study/study_run.h"
#include "records/study/study_fixture.h"
#include "secret/joint_fixture.h"
#include "secret/private_file.h"
#include "transport/folder/folder_channel.h"

namespace blindtuner {
using namespace party;
namespace {

using namespace testing_support;
namespace fs = std::filesystem;

class StudySetup : public testing_support::IoTest {
 protected:
  void use(std::vector<std::string> owners, const std::string& parameters = "InsecureJoint4") {
    set_max_threads(0);
    draft_ = small_draft(std::move(owners), parameters);
  }
  fs::path exchange(const std::string& name = "") const { return path("exchange") / name; }
  fs::path own(const std::string& party, const std::string& name = "") const {
    return path(party) / name;
  }

  std::unique_ptr<StudyOwner> owner(const std::string& name, bool changes = true) {
    StudyOwnerOptions o;
    o.name = name;
    o.folder = own(name);
    o.channel = std::make_shared<FolderChannel>(exchange(), "owner-" + name);
    o.allow_insecure = true;
    o.changes = changes;
    o.fingerprint = heard_;
    o.listener.progress = progress_;
    return std::make_unique<StudyOwner>(std::move(o));
  }
  std::unique_ptr<StudyServer> server() {
    return std::make_unique<StudyServer>(
        StudyServerOptions{own("server"), std::make_shared<FolderChannel>(exchange(), "server"),
                           true, true, progress_});
  }
  struct Stopped {};
  /// One phase of a party that is made for it, or what it does of one before progress_ stops it.
  Advance step(const std::string& party) {
    if (heard_.empty() && party != "server") {
      const auto looks = owner(party);
      if (const auto all_joined = looks->fingerprint()) heard_ = *all_joined;
    }
    try {
      return party == "server" ? server()->step() : owner(party)->step();
    } catch (const Stopped&) {
      return {Advance::Kind::kActed, {}, {}};
    }
  }
  /// Phases of these, in an order by chance, until none of them has one that is due; or, before that, `enough`.
  void run(std::vector<std::string> parties, const std::function<bool()>& enough = {}) {
    std::set<std::string> idle;
    while (idle.size() < parties.size()) {
      if (enough && enough()) return;
      const std::string& party = parties[chance_() % parties.size()];
      const Advance done = step(party);
      keep_seeds();
      if (done.kind == Advance::Kind::kActed)
        idle.clear();
      else
        idle.insert(party);
    }
  }
  std::vector<std::string> all() const {
    std::vector<std::string> out = draft_.owners;
    out.emplace_back("server");
    return out;
  }
  void create() { owner(draft_.coordinator)->create(draft_); }

  /// What a party says when it is to go on; "" for nothing.
  std::string complaint(const std::string& party) {
    try {
      while (step(party).kind == Advance::Kind::kActed) keep_seeds();
      return "";
    } catch (const DataError& error) {
      const std::string what = error.what();
      EXPECT_EQ(what.find('\n'), std::string::npos);
      return what;
    }
  }
  SigningKey key_of(const std::string& party) {
    const SecretBytes both = read_private(own(party, "identity"), "a study's identity", 64, {});
    SecretBytes signing(32);
    std::copy_n(both.span().begin(), 32, signing.span().begin());
    return SigningKey(std::move(signing));
  }
  static std::string text(const fs::path& file) {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  static void put(const fs::path& file, const std::string& text) {
    std::ofstream(file, std::ios::binary | std::ios::trunc) << text;
  }
  /// Before they are destroyed.
  void keep_seeds() {
    for (const std::string& name : draft_.owners)
      for (const char* session : {"s1", "s2"})
        for (const char* seed : {"session.seed", "setup.seed"})
          if (const fs::path file = own(name, session) / seed;
              fs::exists(file) && !seeds_.contains(name + session)) {
            const SecretBytes bytes = read_private(file, "a study's set-up seed", 32, {});
            std::ranges::copy(bytes.span(), seeds_[name + session].begin());
          }
  }
  Randomness randomness(const std::string& name, const Seed& session_seed,
                        const std::string& session = "s1") const {
    const Seed& own = seeds_.at(name + session);
    return of_before_.contains(name) ? Randomness(own) : session_randomness(own, session_seed);
  }
  /// The keys that the fixture adds up from the owners' seeds, as the server writes them.
  std::string expected_keys(const std::string& session) {
    const auto first = owner(draft_.owners.front());
    const StudyKeyList& list = first->keys();
    std::vector<Randomness> from;
    for (const std::string& name : draft_.owners)
      from.push_back(randomness(name, list.session, session));
    const JointOwners joint(list.parameters, std::move(from), list.session);
    const Bootstrapper bootstrapper(list.parameters);
    const TrainingKeys keys{
        list.layout,
        joint.bootstrap_keys(bootstrapper,
                             class_sum_rotations(*list.parameters, list.layout.class_stride),
                             list.parameters->circuit_start()),
        joint.product_keys(list.layout)};
    MemorySink sink;
    write_training_keys(sink, *list.parameters, list.id, keys);
    return {sink.bytes().begin(), sink.bytes().end()};
  }
  bool server_has_keys() const {
    for (const char* session : {"s1", "s2"})
      for (const char* file : {"evaluation.keys", "way-in.keys"})
        if (fs::exists(own("server", session) / file)) return true;
    return false;
  }

  StudyDraft draft_;
  std::string heard_;  // the fingerprint, which the owners told each other
  std::map<std::string, Seed> seeds_;
  std::set<std::string> of_before_;  // whose session an earlier version has begun
  std::mt19937 chance_{11};
  std::function<void(const std::string&, double)> progress_;
};

TEST_F(StudySetup, GivesTheKeysThatTheSumOfSharesIs) {
  use({"a", "b", "c"});
  // Each task tells how far it is, key by key, and one of each is stopped in its midst.
  std::map<std::string, std::vector<double>> told;
  std::set<std::string> stopped;
  progress_ = [&](const std::string& task, double fraction) {
    std::vector<double>& all = told[task];
    EXPECT_TRUE(fraction == 0 || (!all.empty() && fraction >= all.back())) << task;
    all.push_back(fraction);
    if (fraction > 0.4 && fraction < 1 && stopped.insert(task).second) throw Stopped();
  };
  create();
  // A session that an earlier version has begun goes on as that one would.
  of_before_ = {"c"};
  fs::create_directories(own("c", "s1"));
  write_private(own("c", "s1") / "setup.seed", "a study's set-up seed", random_secret(32), {});
  run(all());
  const std::set<std::string> tasks = {"making shares", "answering the first round",
                                       "adding up shares"};
  EXPECT_EQ(stopped, tasks);
  for (const auto& [task, fractions] : told) {
    EXPECT_EQ(fractions.front(), 0) << task;
    EXPECT_EQ(fractions.back(), 1) << task;
  }
  for (const std::string& party : all()) EXPECT_EQ(complaint(party), "") << party;
  EXPECT_TRUE(text(own("server", "s1") / "evaluation.keys") == expected_keys("s1"));

  // Way-in keys, and the owner's secret that they lead from.
  const auto b = owner("b");
  const StudyKeyList& list = b->keys();
  std::vector<Randomness> from;
  for (const std::string& name : draft_.owners) from.push_back(randomness(name, list.session));
  const JointOwners joint(list.parameters, std::move(from), list.session);
  FileSource source(own("server", "s1") / "way-in.keys");
  const FileHeader header = make_header(FileKind::kEvaluationKeys, *list.parameters, list.id);
  const std::vector<KeySwitchKey> way_in =
      read_way_in_keys(source, {list.parameters, header, "'keys'"}, 3);
  for (std::size_t i = 0; i < 3; ++i) {
    const KeySwitchKey expected = joint.key(list.way_in[i]);
    EXPECT_EQ(way_in[i].seed, expected.seed);
    for (std::size_t d = 0; d < expected.b.size(); ++d)
      EXPECT_TRUE(same_residues(way_in[i].b[d], expected.b[d]));
  }
  const OwnerKeys keys = b->own_keys();
  EXPECT_TRUE(
      std::ranges::equal(keys.secrets.small.coefficients(), joint.owners[1].small.coefficients()));
  EXPECT_TRUE(std::ranges::all_of(keys.secrets.big.coefficients(), [](auto x) { return x == 0; }));

  // Nothing of what made the keys is left, and nothing was kept that is not needed.
  for (const std::string& name : draft_.owners)
    for (const char* file : {"session.seed", "ways", "shares", "relin1", "relin2"})
      EXPECT_FALSE(fs::exists(own(name, "s1") / file)) << name << file;
}

TEST(SessionRandomness, IsOfOneSessionAlone) {
  // Else a folder that was put back would make shares with the same errors under two uniform halves.
  Seed setup{}, first{}, second{};
  second[31] = 1;
  const auto drawn = [](const Randomness& randomness) { return randomness.prng("u").next(); };
  EXPECT_EQ(drawn(session_randomness(setup, first)), drawn(session_randomness(setup, first)));
  EXPECT_NE(drawn(session_randomness(setup, first)), drawn(session_randomness(setup, second)));
  EXPECT_NE(drawn(session_randomness(setup, first)), drawn(Randomness(setup)));
  setup[0] = 1;
  EXPECT_NE(drawn(session_randomness(setup, first)), drawn(session_randomness({}, first)));
}

TEST_F(StudySetup, OwnersOfAThresholdKeepTheSumOfTheirParts) {
  use({"a", "b", "c"});
  draft_.threshold = 2;
  create();
  run(all());
  for (const std::string& party : all()) EXPECT_EQ(complaint(party), "") << party;
  const auto a = owner("a"), b = owner("b"), c = owner("c");
  std::vector<Randomness> from;
  for (const std::string& name : draft_.owners) from.push_back(randomness(name, a->keys().session));
  const JointOwners joint(a->keys().parameters, std::move(from), a->keys().session);
  // Whoever two of them are, together they have the secret of all.
  for (const std::vector<StudyOwner*>& two : std::vector<std::vector<StudyOwner*>>{
           {a.get(), b.get()}, {a.get(), c.get()}, {b.get(), c.get()}}) {
    std::vector<std::string> set;
    for (const StudyOwner* one : two) set.push_back(one->name());
    Poly sum = Poly::zero(joint.parameters->small_ring(), 2, 0, Domain::kNtt);
    for (StudyOwner* one : two) {
      const joint::OpeningPart part = opening_part(*one, *joint.parameters, set);
      EXPECT_EQ(part.others.size(), 1u);
      add_inplace(sum, part.secret);
    }
    EXPECT_TRUE(same_residues(sum, joint.sum.small.ntt().copy_limbs(2, 0))) << set[0] << set[1];
  }
  for (const std::string& name : draft_.owners) {
    const fs::path kept = own(name, "s1") / "opening.part";
    EXPECT_EQ(fs::status(kept).permissions() & fs::perms::mask,
              fs::perms::owner_read | fs::perms::owner_write);
    for (const char* file : {"session.seed", "shares", "relin2", "part1", "part2", "part3"})
      EXPECT_FALSE(fs::exists(own(name, "s1") / file)) << name << file;
  }
}

TEST_F(StudySetup, APartThatIsNoneIsNotAddedUp) {
  use({"a", "b", "c"});
  draft_.threshold = 2;
  create();
  run(all(), [&] {
    return std::ranges::all_of(draft_.owners, [&](const std::string& name) {
      return fs::exists(exchange("part1-s1-" + name)) &&
             fs::exists(exchange("parts-commit-s1-" + name));
    });
  });
  const std::string commit = text(exchange("parts-commit-s1-c")),
                    good = text(exchange("part1-s1-c"));
  const auto refused = [&](const std::string& part, bool signs, const std::string& why) {
    put(exchange("part1-s1-c"), part);
    if (signs) {
      StudyMessage changed = parse_message(commit, "'x'").message;
      MemorySource source({reinterpret_cast<const std::uint8_t*>(part.data()), part.size()}, "'x'");
      ContainerReader in(source);
      (void)scan_sections(in);
      changed.body["parts"][0] = to_hex(in.contents());
      put(exchange("parts-commit-s1-c"), signed_text(changed, key_of("c")));
    }
    fs::remove(own("a", "seen") / "parts-commit-s1-c");
    const std::string said = complaint("a");
    EXPECT_NE(said.find("what 'c' has sent is refused: "), std::string::npos) << said;
    EXPECT_NE(said.find(why), std::string::npos) << said;
    EXPECT_FALSE(fs::exists(own("a", "s1") / "opening.part")) << why;
    put(exchange("parts-commit-s1-c"), commit);
    fs::remove(own("a", "seen") / "parts-commit-s1-c");
  };
  std::string altered = good;
  altered[good.size() / 2] = static_cast<char>(altered[good.size() / 2] ^ 1);
  refused(altered, false, "part1-s1-c");
  // b's under c's name, whether c has said so before or not; and c's for another owner.
  refused(text(exchange("part1-s1-b")), false, "another part than it has committed to");
  refused(text(exchange("part1-s1-b")), true, "sealed to others, or of another session");
  refused(text(exchange("part2-s1-c")), true, "sealed to others, or of another session");
  // What c seals for a, and is no part: of another length, no residues, of an earlier session.
  const auto sealed = [&](std::size_t bytes, const KeyId& id) {
    const auto c = owner("c");
    const std::vector<joint::PublicBoxKey> keys = sealing_keys(*c);
    const std::vector<std::uint8_t> context = bound_words(
        {"blindtuner study part 1", to_hex(c->manifest().digest), to_string(id), "2", "0"});
    MemorySink sink;
    (void)write_box(
        sink, c->key_set(id),
        joint::seal_box(std::vector<std::uint8_t>(bytes, 0xff), std::span(&keys[0], 1), context));
    return std::string(sink.bytes().begin(), sink.bytes().end());
  };
  const KeyId id = owner("c")->keys().id;
  const std::size_t length = residues_bytes(owner("c")->keys().parameters->small_ring(), 2, 0);
  refused(sealed(length - 8, id), true, "a share of");
  refused(sealed(length, id), true, "a residue is not below its prime");
  refused(sealed(length, KeyId{7}), true, "belongs to the keys 07");
  // One that ends early is not there yet.
  put(exchange("part1-s1-c"), good.substr(0, good.size() - 1));
  const Advance waits = step("a");
  ASSERT_EQ(waits.kind, Advance::Kind::kWaits);
  EXPECT_EQ(waits.awaited.at(0).what, "part1-s1-c");
  put(exchange("part1-s1-c"), good);
  EXPECT_EQ(step("a").kind, Advance::Kind::kActed);
  EXPECT_TRUE(fs::exists(own("a", "s1") / "opening.part"));
}

TEST_F(StudySetup, ANewSessionHasNewSecretsAndTheOthersFollow) {
  use({"a", "b"});
  create();
  // a has answered, b is lost before.
  run(all(), [&] { return fs::exists(exchange("relin2-commit-s1-a")); });
  owner("b")->begin_session();
  // Asked for once more before a has followed, it is the same.
  (void)step("b");
  owner("b")->begin_session();
  EXPECT_EQ(owner("b")->session_number(), 2u);
  run(all());
  EXPECT_TRUE(text(own("server", "s2") / "evaluation.keys") == expected_keys("s2"));
  EXPECT_NE(seeds_.at("as1"), seeds_.at("as2"));
  EXPECT_FALSE(fs::exists(own("a", "s1") / "session.seed"));
  EXPECT_FALSE(fs::exists(own("b", "s1") / "session.seed"));
  EXPECT_THROW(owner("a")->begin_session(), DataError);  // the keys are there
}

TEST_F(StudySetup, TheServerFollowsOwnersWhoDoNotKnowOfItsKeys) {
  use({"a", "b"});
  create();
  run(all(), [&] { return fs::exists(exchange("ready-s1-server")); });
  // On their way, or made at that moment.
  fs::rename(exchange("ready-s1-server"), path("late"));
  owner("b")->begin_session();
  (void)step("b");
  fs::rename(path("late"), exchange("ready-s1-server"));
  EXPECT_EQ(server()->step().kind, Advance::Kind::kFinished);  // a may have them
  EXPECT_EQ(split_words(*owner("b", false)), "");
  const StudyMessage rows{kRows, "a", owner("a", false)->manifest().digest, 1, {{"rows", 1}}};
  put(exchange("rows-s1-a"), signed_text(rows, key_of("a")));
  for (const char* name : {"a", "b"})
    EXPECT_NE(split_words(*owner(name, false)).find("'b' has begun session 2, and 'a' goes on"),
              std::string::npos);
  fs::remove(exchange("rows-s1-a"));
  (void)step("a");
  run(all());
  EXPECT_EQ(server()->session_number(), 2u);
  EXPECT_TRUE(owner("a")->ready() && owner("b")->ready());
  EXPECT_FALSE(fs::exists(own("server", "s1") / "evaluation.keys"));
}

TEST_F(StudySetup, SixteenOwnersMakeKeys) {
  std::vector<std::string> names;
  for (int i = 1; i <= 16; ++i) names.push_back("longest-name-" + std::to_string(100 + i));
  use(names, "InsecureJoint16");
  create();
  for (const std::string& party : all()) (void)step(party);
  (void)step("server");
  heard_ = owner(names[0])->fingerprint().value();
  std::vector<std::unique_ptr<StudyOwner>> owners;
  for (const std::string& name : names) owners.push_back(owner(name));
  const auto at_work = server();
  for (bool acted = true; acted;) {
    acted = false;
    for (const auto& one : owners) {
      while (one->step().kind == Advance::Kind::kActed) acted = true;
      keep_seeds();
    }
    while (at_work->step().kind == Advance::Kind::kActed) acted = true;
  }
  for (const auto& one : owners) EXPECT_TRUE(one->ready()) << one->name();
  const StudyKeyList& list = owners[0]->keys();
  std::vector<Randomness> from;
  for (const std::string& name : names) from.push_back(randomness(name, list.session));
  const JointOwners joint(list.parameters, std::move(from), list.session);
  FileSource source(own("server", "s1") / "way-in.keys");
  const FileHeader header = make_header(FileKind::kEvaluationKeys, *list.parameters, list.id);
  const std::vector<KeySwitchKey> way_in =
      read_way_in_keys(source, {list.parameters, header, "'keys'"}, 16);
  EXPECT_TRUE(same_residues(way_in[15].b[0], joint.key(list.way_in[15]).b[0]));
}

TEST_F(StudySetup, WhoIsMissingIsNamed) {
  use({"a", "b", "c"});
  create();
  run({"a", "b", "server"});
  const Advance waits = owner("a", false)->next();
  EXPECT_EQ(waits.kind, Advance::Kind::kWaits);
  EXPECT_EQ(waits.phase, "agrees to the manifest");
  ASSERT_EQ(waits.awaited.size(), 1u);
  EXPECT_EQ(waits.awaited[0].from, "c");
  EXPECT_EQ(waits.awaited[0].what, "join-c");
  // Who looks changes nothing.
  EXPECT_FALSE(fs::exists(own("a", "s1")));
}

TEST_F(StudySetup, AnotherFingerprintIsRefused) {
  use({"a", "b"});
  create();
  heard_ = "0000 1111 2222 3333 4444 5555 6666 7777 8888 9999 aaaa bbbb cccc dddd eeee ffff";
  while (step("server").kind == Advance::Kind::kActed) {
  }
  (void)step("a");
  (void)step("b");
  EXPECT_NE(complaint("b").find("the fingerprint that was given is not that of the study"),
            std::string::npos);
  EXPECT_FALSE(fs::exists(exchange("agree-b")));
  // Nor a part of it, however many of its digits are right.
  const std::string whole = owner("b")->fingerprint().value();
  for (const std::size_t digits : {std::size_t{4}, std::size_t{39}, whole.size() - 1}) {
    heard_ = whole.substr(0, digits);
    EXPECT_NE(complaint("b").find(" of 64 digits, and all are compared"), std::string::npos);
  }
  EXPECT_FALSE(fs::exists(exchange("agree-b")));
  heard_ = whole;
  std::erase(heard_, ' ');
  EXPECT_EQ(step("b").kind, Advance::Kind::kActed);
  EXPECT_TRUE(fs::exists(exchange("agree-b")));
}

TEST_F(StudySetup, OfTwoProgramsInOneFolderTheSecondIsToldSo) {
  use({"a", "b"});
  create();
  (void)step("server");
  // Each by another way to the exchange, whose locks say nothing of the other.
  const fs::path copy = path("copy");
  fs::copy(exchange(), copy, fs::copy_options::recursive);
  const auto elsewhere = [&](const std::string& party, bool changes) {
    const auto channel = changes ? std::make_shared<FolderChannel>(
                                       copy, party == "server" ? party : "owner-" + party)
                                 : std::make_shared<FolderChannel>(copy);
    if (party == "server") {
      StudyServer({own(party), channel, true, changes, {}});
      return;
    }
    StudyOwnerOptions o;
    o.name = party;
    o.folder = own(party);
    o.channel = channel;
    o.allow_insecure = true;
    o.changes = changes;
    StudyOwner{std::move(o)};
  };
  const auto refused = [&](const std::string& party) {
    try {
      elsewhere(party, true);
      return std::string();
    } catch (const DataError& error) {
      return std::string(error.what());
    }
  };
  {
    const auto at_work = owner("a");
    const auto server_at_work = server();
    for (const std::string party : {"a", "server"}) {
      EXPECT_TRUE(refused(party).starts_with(quoted_path(own(party)) + ": is in use by "))
          << party << ": " << refused(party);
      EXPECT_NO_THROW(elsewhere(party, false));
    }
  }
  EXPECT_EQ(refused("a"), "");
  EXPECT_EQ(refused("server"), "");
}

TEST_F(StudySetup, WhoOnlyLooksIsInNobodysWay) {
  fs::create_directories(exchange());
  const auto channel = [&](const std::string& name, bool changes) {
    return study_channel({own(name), exchange(), name}, changes);
  };
  const auto at_work = channel("a-looks", true),
             of_server = study_server_channel({}, exchange(), true);
  const auto looks = channel("a", false), looks_too = channel("a", false);
  EXPECT_NO_THROW((void)study_server_channel({}, exchange(), false));
  EXPECT_NO_THROW((void)channel("a", true));
  EXPECT_FALSE(looks->begun("draft"));
}

TEST_F(StudySetup, DifferentManifestsNameWhoDiffers) {
  use({"a", "b", "c"});
  create();
  for (const std::string& party : all()) (void)step(party);
  const std::string join = text(exchange("join-c"));
  // b is shown another c, and is told by nobody.
  const SigningKey other = SigningKey::generate();
  const auto draft = parse_message(text(exchange("draft")), "'draft'");
  put(exchange("join-c"),
      signed_text(join_message(draft_digest(draft), {"c", other.public_key(), SealingKey{9}}),
                  other));
  heard_ = *owner("b")->fingerprint();
  (void)step("b");
  put(exchange("join-c"), join);
  heard_ = *owner("a")->fingerprint();
  EXPECT_NE(complaint("a").find("agree-b': not what 'b' was to send: it is about the study"),
            std::string::npos);
  EXPECT_NE(complaint("b").find("join-c': another message than 'c' has sent before"),
            std::string::npos);
  EXPECT_FALSE(fs::exists(exchange("nonce-commit-s1-a")));
  // Where another study has the exchange by now, 'a' has not sent another message.
  StudyDraft another = read_draft(draft);
  another.name = "another";
  put(exchange("draft"), signed_text(draft_message(another), other));
  try {
    (void)owner("b")->draft();
    ADD_FAILURE() << "another study's draft";
  } catch (const DataError& error) {
    EXPECT_NE(std::string(error.what()).find("another study is in this exchange"),
              std::string::npos)
        << error.what();
  }
}

TEST_F(StudySetup, NobodyKeepsALongMessageOfOneWhoHasNothingToSay) {
  use({"a", "b"});
  create();
  run(all(), [&] { return fs::exists(exchange("agree-b")); });
  const std::string agree = text(exchange("agree-b"));
  fs::remove(own("a", "seen") / "agree-b");
  put(exchange("agree-b"), std::string(kMaxShortMessageBytes, ' ') + agree);
  EXPECT_NE(complaint("a").find("agree-b': more than the 65536 bytes that such a message"),
            std::string::npos);
  EXPECT_FALSE(fs::exists(own("a", "seen") / "agree-b"));
  put(exchange("agree-b"), std::string(kMaxShortMessageBytes - agree.size(), ' ') + agree);
  run(all());
  EXPECT_TRUE(fs::exists(exchange("ready-s1-server")));
}

TEST_F(StudySetup, MessagesOfOthersAndOfEarlierSessionsAreRefused) {
  use({"a", "b"});
  create();
  run(all(), [&] {
    return fs::exists(exchange("nonce-commit-s1-b")) && fs::exists(exchange("nonce-commit-s1-a"));
  });
  // Under b's name, with another key.
  const std::string commit = text(exchange("nonce-commit-s1-b"));
  StudyMessage forged = parse_message(commit, "'x'").message;
  put(exchange("nonce-commit-s1-b"), signed_text(forged, key_of("a")));
  fs::remove(own("a", "seen") / "nonce-commit-s1-b");
  EXPECT_NE(complaint("a").find(
                "nonce-commit-s1-b': not what 'b' was to send: the signature is not that of 'b'"),
            std::string::npos);
  put(exchange("nonce-commit-s1-b"), commit);
  // A nonce that was not committed to.
  forged.kind = "nonce";
  forged.body = {{"nonce", std::string(64, '0')}};
  put(exchange("nonce-s1-b"), signed_text(forged, key_of("b")));
  EXPECT_NE(complaint("a").find("nonce-s1-b': 'b' shows another nonce than it has committed to"),
            std::string::npos);
  fs::remove(exchange("nonce-s1-b"));
  fs::remove(own("a", "seen") / "nonce-s1-b");
  // b's of session 1, in session 2.
  owner("a")->begin_session();
  put(exchange("nonce-commit-s2-b"), commit);
  EXPECT_NE(complaint("a").find("nonce-commit-s2-b': not what 'b' was to send: it is of session "
                                "1, expected 2"),
            std::string::npos);
  EXPECT_FALSE(fs::exists(exchange("nonce-s2-a")));
}

/// Of the last of three, whom the others do not trust; when all have committed to their shares.
class RogueShares : public StudySetup {
 protected:
  RogueShares() {
    use({"a", "b", "c"});
    create();
    run(all(), [&] {
      return std::ranges::all_of(draft_.owners, [&](const std::string& name) {
        return fs::exists(exchange("shares-commit-s1-" + name));
      });
    });
  }
  /// A share that c might have made as well, with other errors.
  std::string other_share(ShareKind kind, Sha256Digest* contents = nullptr) {
    const auto c = owner("c");
    const StudyKeyList& list = c->keys();
    const Randomness other(Seed{9});
    const SecretKeys secrets = SecretKeys::generate(list.parameters, other);
    MemorySink sink;
    ShareWriter out(sink, list, kind, 2);
    if (kind == ShareKind::kFirstRound) {
      for (const KeyPlan& plan : list.relinearisation()) {
        secret::joint::Relinearisation part(plan.small ? secrets.small : secrets.big, plan, true);
        const secret::joint::FirstRound round = part.first(list.uniform(plan));
        out.put(plan.name(), round.h0);
        out.put(plan.name(), round.h1);
      }
    } else {
      ShareMaker maker(secrets, 2, 3);
      for (const KeyPlan& plan : kind == ShareKind::kWayIn ? list.way_in : list.linear())
        out.put(plan.name(), maker.make(plan, list.uniform(plan)));
      for (const ComponentMap& map :
           kind == ShareKind::kWayIn ? std::vector<ComponentMap>() : list.maps())
        out.put(key_name(map), make_share(list.uniform(map), map, secrets.small, true));
    }
    const Sha256Digest digest = out.commit();
    if (contents != nullptr) *contents = digest;
    return {sink.bytes().begin(), sink.bytes().end()};
  }
};

TEST_F(RogueShares, ACommitmentIsNotChangedOnceTheOthersHaveCommitted) {
  run({"a", "b", "c"}, [&] {  // all have seen the commitments, and sent their shares
    return std::ranges::all_of(draft_.owners, [&](const std::string& name) {
      return fs::exists(exchange("relin1-s1-" + name));
    });
  });
  StudyMessage changed = parse_message(text(exchange("shares-commit-s1-c")), "'x'").message;
  changed.body["shares"] = std::string(64, '0');
  const std::string honest = text(exchange("shares-commit-s1-c"));
  put(exchange("shares-commit-s1-c"), signed_text(changed, key_of("c")));
  std::string said = complaint("a");
  EXPECT_NE(said.find("shares-commit-s1-c': another message than 'c' has sent before"),
            std::string::npos)
      << said;
  EXPECT_NE(said.find("signed by it, too: it says two things"), std::string::npos) << said;
  // Of another's making, or damaged: c has nothing to do with it.
  std::string damaged = honest;
  damaged[honest.size() / 2] = damaged[honest.size() / 2] == '0' ? '1' : '0';
  for (const std::string& other : {signed_text(changed, key_of("b")), damaged}) {
    put(exchange("shares-commit-s1-c"), other);
    said = complaint("a");
    EXPECT_NE(said.find("is damaged, or somebody else has changed it: 'c' has not signed"),
              std::string::npos)
        << said;
    EXPECT_EQ(said.find("another message"), std::string::npos);
  }
  EXPECT_FALSE(fs::exists(own("a", "s1") / "answered"));
}

TEST_F(RogueShares, AFirstRoundThatWasNotCommittedToIsNotAnswered) {
  run({"a", "b", "c"}, [&] { return fs::exists(exchange("relin1-s1-c")); });
  put(exchange("relin1-s1-c"), other_share(ShareKind::kFirstRound));
  run({"b"});
  EXPECT_NE(complaint("a").find("what 'c' has sent is refused: "), std::string::npos);
  EXPECT_NE(complaint("a").find("another first round than it has committed to"), std::string::npos);
  EXPECT_FALSE(fs::exists(own("a", "s1") / "answered"));
  EXPECT_FALSE(fs::exists(exchange("relin2-s1-a")));
}

TEST_F(RogueShares, SharesThatWereNotCommittedToMakeNoKeys) {
  run({"a", "b", "c"});
  const std::string good = text(exchange("shares-s1-c"));
  put(exchange("shares-s1-c"), other_share(ShareKind::kLinear));
  EXPECT_NE(complaint("server").find("shares-s1-c': other shares than it has committed to"),
            std::string::npos);
  EXPECT_FALSE(server_has_keys());
  std::string changed = good;
  changed[good.size() / 2] = static_cast<char>(changed[good.size() / 2] ^ 1);
  put(exchange("shares-s1-c"), changed);
  EXPECT_NE(complaint("server").find("what 'c' has sent is refused: "), std::string::npos);
  EXPECT_FALSE(server_has_keys());
  // One that ends early is not there yet.
  put(exchange("shares-s1-c"), good.substr(0, good.size() - 1));
  const Advance waits = step("server");
  ASSERT_EQ(waits.kind, Advance::Kind::kWaits);
  EXPECT_EQ(waits.awaited.at(0).what, "shares-s1-c");
  EXPECT_NE(waits.awaited.at(0).state.find("not whole"), std::string::npos);
  // Another owner's.
  put(exchange("shares-s1-c"), text(exchange("shares-s1-b")));
  EXPECT_NE(complaint("server").find("the shares of owner 2, expected those of owner 3"),
            std::string::npos);
  put(exchange("shares-s1-c"), good);
  EXPECT_EQ(complaint("server"), "");
  EXPECT_TRUE(server_has_keys());
}

TEST_F(RogueShares, ASessionIsNotAnsweredTwice) {
  run({"a", "b", "c"}, [&] { return fs::exists(exchange("relin2-commit-s1-a")); });
  // Its folder is put back from a copy that has not seen c's commitment yet, and c sends another first round.
  Sha256Digest contents{};
  put(exchange("relin1-s1-c"), other_share(ShareKind::kFirstRound, &contents));
  StudyMessage changed = parse_message(text(exchange("shares-commit-s1-c")), "'x'").message;
  changed.body["relin1"] = to_hex(contents);
  put(exchange("shares-commit-s1-c"), signed_text(changed, key_of("c")));
  fs::remove(own("a", "seen") / "shares-commit-s1-c");
  fs::remove(own("a", "said") / "relin2-commit-s1-a");
  fs::remove(exchange("relin2-commit-s1-a"));
  fs::remove(exchange("relin2-s1-a"));
  EXPECT_NE(complaint("a").find("session 1 was answered already, for other first rounds"),
            std::string::npos);
  EXPECT_FALSE(fs::exists(exchange("relin2-s1-a")));
}

}  // namespace
}  // namespace blindtuner
