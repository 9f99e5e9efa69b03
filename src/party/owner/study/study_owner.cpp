#include "party/owner/study/study_owner.h"

#include <algorithm>

#include "base/error.h"
#include "base/hmac.h"
#include "base/path.h"
#include "base/private_file.h"
#include "base/secret_bytes.h"
#include "io/file_stream.h"
#include "party/owner/study/study_parts.h"
#include "secret/disclosure.h"
#include "secret/joint/relinearisation.h"
#include "secret/private_file.h"
#include "secret/product_keygen.h"

namespace blindtuner::party {
namespace {

namespace fs = std::filesystem;

constexpr const char *kIdentity = "a study's identity", *kSetupSeed = "a study's set-up seed";
constexpr const char *kSeed = "session.seed", *kUnboundSeed = "setup.seed";
constexpr std::size_t kSealingBytes = 32;
constexpr const char* kShareRecords[] = {"ways", "shares", "relin1", "relin2"};

/// What it has committed to before anybody's was to be seen.
constexpr ShareKind kFirstKinds[] = {ShareKind::kWayIn, ShareKind::kLinear, ShareKind::kFirstRound};

const fs::path& made(const fs::path& folder, bool changes) {
  if (changes) make_private_folder(folder);
  return folder;
}

/// What session N's secrets and errors follow from, wiped with this.
class SetupSeed {
 public:
  explicit SetupSeed(const SecretBytes& bytes) { std::ranges::copy(bytes.span(), seed_.begin()); }
  ~SetupSeed() { wipe(seed_.data(), seed_.size()); }
  SetupSeed(const SetupSeed&) = delete;
  SetupSeed& operator=(const SetupSeed&) = delete;

  /// Shown to everybody once all have committed; tells nothing of what else follows.
  Nonce nonce() const {
    Nonce out{};
    Randomness(seed_).prng("nonce").fill(std::span<std::uint8_t>(out));
    return out;
  }
  const Seed& seed() const { return seed_; }

 private:
  Seed seed_{};
};

/// A session that an earlier version began goes on with what follows from its seed alone.
fs::path seed_path(const fs::path& session) {
  const fs::path before = session / kUnboundSeed;
  return path_exists(before) ? before : session / kSeed;
}

SetupSeed setup_seed(StudyOwner& owner) {
  return SetupSeed(read_private(seed_path(owner.session_folder()), kSetupSeed, 32, [&] {
    const SecretBytes& passphrase = owner.passphrase();
    return secret_copy(passphrase.span());
  }));
}

Randomness own_randomness(StudyOwner& owner) {
  const SetupSeed setup = setup_seed(owner);
  if (path_exists(owner.session_folder() / kUnboundSeed)) return Randomness(setup.seed());
  return session_randomness(setup.seed(), owner.keys().session);
}

struct Sums {
  std::vector<secret::joint::FirstRound> sums;  // of each key
  Sha256Digest digest{};
};

/// All owners' first rounds, each against what it was committed to, and their sums: made here, so that no server can
/// choose them.
Sums sum_first_rounds(StudyOwner& owner, const std::function<void()>& each) {
  const StudyKeyList& list = owner.keys();
  const std::vector<KeyPlan> plans = list.relinearisation();
  Sums out;
  out.sums.resize(plans.size());
  std::vector<Sha256Digest> contents;
  const std::vector<StudyParty>& owners = owner.manifest().owners;
  for (std::size_t i = 0; i < owners.size(); ++i) {
    const std::string& from = owners[i].name;
    const Sha256Digest committed = committed_contents(owner, from, ShareKind::kFirstRound);
    read_of(from, [&] {
      const std::unique_ptr<ByteSource> source = owner.share_source(ShareKind::kFirstRound, from);
      ShareReader in(*source, list, ShareKind::kFirstRound, i);
      for (std::size_t k = 0; k < plans.size(); ++k) {
        each();
        secret::joint::FirstRound part;
        part.h0 = in.next(plans[k].name());
        part.h1 = in.next(plans[k].name());
        secret::joint::add_share(out.sums[k], std::move(part));
      }
      contents.push_back(in.finish());
      if (contents.back() != committed)
        throw DataError(source->name() + ": another first round than it has committed to");
    });
  }
  out.digest = sums_digest(contents);
  return out;
}

}  // namespace

Randomness session_randomness(const Seed& setup, const Seed& session) {
  constexpr std::string_view kSalt = "blindtuner study session randomness 1";
  Seed own = hkdf_sha256(setup, {reinterpret_cast<const std::uint8_t*>(kSalt.data()), kSalt.size()},
                         {reinterpret_cast<const char*>(session.data()), session.size()});
  Randomness out(own);
  wipe(own.data(), own.size());
  return out;
}

StudyOwner::StudyOwner(StudyOwnerOptions options)
    : StudyMember(options.name, options.channel, made(options.folder, options.changes),
                  options.allow_insecure, options.changes),
      options_(std::move(options)),
      phases_(setup_phases()) {
  // Of no use to it any more; it may be another study's by now.
  if (opened() && of_another_study()) exchange().leave();
  if (path_exists(report_path()) && !opened())
    listener().warn(quoted_path(model_path()) +
                    ": the model was opened, and is gone: put it back from a copy; without one "
                    "'study run' opens it again, as long as the exchange is there");
  if (options_.changes && options_.passphrase_at_hand) try_passphrase();
  // Joining and agreeing are everybody's.
  for (std::size_t i = 2; i < phases_.size(); ++i)
    phases_[i].done = [this, done = std::move(phases_[i].done)] {
      return is_recipient() || done();
    };
}

// --- Identity and passphrase ----------------------------------------------------------------------

const SecretBytes& StudyOwner::passphrase() {
  if (passphrase_) return *passphrase_;
  const fs::path path = exchange().folder() / "identity";
  if (!private_sealed(path)) return passphrase_.emplace();
  if (!options_.passphrase)
    throw DataError(quoted_path(path) + ": is protected by a passphrase, and none was given");
  return passphrase_.emplace(options_.passphrase());
}

void StudyOwner::try_passphrase() {
  const fs::path path = exchange().folder() / "identity";
  if (!path_exists(path)) return;
  if (!private_sealed(path))
    throw DataError(quoted_path(path) + ": is under no passphrase, and one was given");
  load_identity();
}

void StudyOwner::make_identity() {
  const fs::path path = exchange().folder() / "identity";
  if (path_exists(path)) return;
  passphrase_.emplace(options_.new_passphrase ? options_.new_passphrase() : SecretBytes());
  write_private(path, kIdentity, random_secret(SigningKey::kBytes + kSealingBytes), *passphrase_);
}

void StudyOwner::load_identity() {
  if (signing_) return;
  require(options_.changes, "who only looks signs nothing");
  const SecretBytes both =
      read_private(exchange().folder() / "identity", kIdentity, SigningKey::kBytes + kSealingBytes,
                   [&] { return secret_copy(passphrase().span()); });
  sealing_ = secret_copy(both.span().subspan(SigningKey::kBytes));
  signing_.emplace(secret_copy(both.span().first(SigningKey::kBytes)));
  warn_if_readable_by_others(exchange().folder() / "identity");
}

void StudyOwner::warn_if_readable_by_others(const fs::path& secret) {
  if (const std::string readable = told_if_readable_by_others(secret); !readable.empty())
    listener().warn(readable);
}

const SigningKey& StudyOwner::signing_key() {
  load_identity();
  return *signing_;
}

secret::joint::BoxKey StudyOwner::box_key() {
  load_identity();
  return secret::joint::BoxKey(secret_copy(sealing_.span()));
}

void StudyOwner::say(const StudyMessage& message) {
  const std::string record_name =
      message.kind == "draft" ? "draft"
                              : study_record_name(message.kind, message.session, message.from);
  exchange().say(record_name, [&] { return signed_text(message, signing_key()); });
}

bool StudyOwner::said(const char* kind) { return exchange().has_said(record(kind, name())); }

// --- What is asked of it --------------------------------------------------------------------------

void StudyOwner::create(const StudyDraft& draft) {
  require(options_.changes && draft.coordinator == name(), "the coordinator creates a study");
  (void)study_parameters(draft, allow_insecure());
  if (exchange().channel().begun("draft") && !exchange().said("draft"))
    throw DataError(exchange().channel().place("draft") +
                    ": a study is in this exchange already; another one needs another exchange");
  if (const std::optional<StudyDraft> before = this->draft();
      before && to_json(*before) != to_json(draft))
    throw DataError(exchange().channel().place("draft") +
                    ": was written down otherwise before, and stays as it is: another study needs "
                    "another folder and another exchange");
  make_identity();
  say(draft_message(draft));
}

void StudyOwner::prepare() {
  if (const std::string agree = study_record_name(kAgree, 0, name());
      !agreed_ && exchange().has_said(agree) && missing_joins().empty()) {
    const fs::path said_agree = exchange().folder() / "said" / agree;
    // What it kept then says what was changed; this says that something was.
    const std::vector<std::uint8_t> bytes = read_file(said_agree, kMaxMessageBytes);
    const SignedMessage said =
        parse_message(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()),
                      quoted_path(said_agree));
    if (said.message.study != manifest().digest)
      throw DataError("the draft or a join in the exchange is another one than '" + name() +
                      "' agreed to");
    agreed_ = true;
  }
}

void StudyOwner::add_phases(std::vector<Phase> more) {
  std::ranges::move(more, std::back_inserter(phases_));
}

Advance StudyOwner::step() {
  require(options_.changes, "who only looks does nothing");
  if (opened()) return {Advance::Kind::kFinished, {}, {}};
  require_exchange();
  prepare();
  if (agreed_ && !ready() && newer_session()) {
    enter_session(session_number() + 1);
    options_.listener.tell("session " + std::to_string(session_number()) + " was begun");
  }
  return take_step(phases_);
}

Advance StudyOwner::next() {
  if (opened()) return {Advance::Kind::kFinished, {}, {}};
  require_exchange();
  prepare();
  return take_step(phases_, false);
}

void StudyOwner::begin_session() {
  require(options_.changes, "who only looks begins nothing");
  prepare();
  if (is_recipient()) throw DataError("the owners make the keys of a study, not its recipient");
  if (!agreed_) throw DataError("no session has begun yet that could be given up");
  if (exchange().hear(manifest(), kReady, session_number(), std::string(kServerName)))
    throw DataError("the server has the keys of session " + std::to_string(session_number()) +
                    " already: a study has one set of keys");
  if (session_number() > 1 && !missing(kCommit, session_number()).empty()) {
    options_.listener.tell("session " + std::to_string(session_number()) +
                           " was begun already, and waits for others to follow: it goes on");
    return;
  }
  enter_session(session_number() + 1);
}

void StudyOwner::require_fingerprint(const std::string& heard) {
  const std::optional<std::string> ours = fingerprint();
  if (!ours)
    throw DataError("not all have joined yet: there is no fingerprint that could be compared");
  const std::string digits = fingerprint_digits(heard), all = fingerprint_digits(*ours);
  if (digits == all) return;
  if (all.starts_with(digits))
    throw DataError(
        "the fingerprint that was given has " + std::to_string(digits.size()) + " of " +
        std::to_string(all.size()) +
        " digits, and all are compared: somebody who stands between owners can make what each is "
        "shown agree in the first ones (an earlier version shows 32; 'study status' of this one "
        "shows all)");
  throw DataError("the fingerprint that was given is not that of the study in this exchange, " +
                  *ours + ": somebody was shown another study, or misread it");
}

std::optional<std::string> StudyOwner::fingerprint() {
  if (!missing_joins().empty()) return std::nullopt;
  return manifest().fingerprint();
}

bool StudyOwner::is_recipient() {
  const std::optional<StudyDraft> found = draft();
  return found && found->recipient == name();
}

bool StudyOwner::ready() { return exchange().kept(record(kReady, std::string(kServerName))); }

OwnerKeys StudyOwner::own_keys() {
  OwnerKeys out = read_secret_key(session_folder() / "secret.key", allow_insecure(),
                                  [&] { return secret_copy(passphrase().span()); });
  if (out.id != session().owners[index()])
    throw DataError(quoted_path(session_folder() / "secret.key") +
                    ": is not the key of this study's session");
  warn_if_readable_by_others(session_folder() / "secret.key");
  return out;
}

// --- Phases ---------------------------------------------------------------------------------------

std::vector<Phase> StudyOwner::setup_phases() {
  const auto none = [] { return std::vector<Awaited>(); };
  return {
      {"joins the study", [this] { return exchange().said(study_record_name("join", 0, name())); },
       [this] {
         return draft() ? std::vector<Awaited>() : std::vector<Awaited>{{"", "draft"}};
       },
       [this] { join(); }},
      {"agrees to the manifest",
       [this] { return exchange().said(study_record_name(kAgree, 0, name())); },
       [this] {
         std::vector<Awaited> out = missing_joins();
         if (out.empty() && options_.fingerprint.empty() &&
             !exchange().has_said(study_record_name(kAgree, 0, name())))
           out.push_back({name(), "fingerprint"});
         return out;
       },
       [this] { agree(); }},
      {"commits to a nonce", [this] { return ready() || sent(kCommit); },
       [this] { return missing(kAgree, 0); }, [this] { commit(); }},
      {"shows its nonce", [this] { return ready() || sent(kNonce); },
       [this] { return missing(kCommit, session_number()); }, [this] { reveal(); }},
      {"makes its shares", [this] { return ready() || sent(kShares); },
       [this] { return missing(kNonce, session_number()); }, [this] { make_shares(); }},
      {"sends its shares",
       [this] {
         return ready() || std::ranges::all_of(kFirstKinds, [this](ShareKind kind) {
                  return exchange().channel().begun(record(share_record(kind), name()));
                });
       },
       [this] { return missing(kShares, session_number()); }, [this] { send_shares(); }},
      {"answers the first round", [this] { return ready() || sent(kAnswer); },
       [this] { return missing_records("relin1"); }, [this] { answer(); }},
      // Nobody sees another's before all have committed to theirs.
      {"sends its second round",
       [this] {
         return ready() ||
                exchange().channel().begun(record(share_record(ShareKind::kSecondRound), name()));
       },
       [this] { return missing(kAnswer, session_number()); },
       [this] { send_share(ShareKind::kSecondRound); }},
      {"hands out parts of its secret",
       [this] {
         if (!manifest().draft.by_threshold() || ready()) return true;
         if (!sent(kParts)) return false;
         for (std::size_t i = 0; i < keys().owners; ++i)
           if (!exchange().channel().begun(record(part_record(i), name()))) return false;
         return true;
       },
       none, [this] { deal(); }},
      {"keeps its own key",
       [this] {
         return path_exists(session_folder() / "secret.key") &&
                !path_exists(seed_path(session_folder()));
       },
       none, [this] { keep_secret(); }},
      {"keeps its part of all secrets",
       [this] {
         return !manifest().draft.by_threshold() || path_exists(session_folder() / kOpeningPart);
       },
       [this] { return missing_parts(*this, index()); }, [this] { keep_sum_of_parts(*this); }},
      {"has made keys with all",
       [this] { return ready() && kept_to_send(session_folder()).empty(); },
       [this] {
         return exchange().hear(manifest(), kReady, session_number(), std::string(kServerName))
                    ? std::vector<Awaited>()
                    : std::vector<Awaited>{
                          {std::string(kServerName), record(kReady, std::string(kServerName))}};
       },
       [this] { finish(); }},
  };
}

void StudyOwner::join() {
  const SignedMessage drafted = found("draft");
  (void)study_parameters(read_draft(drafted), allow_insecure());
  require_part();
  make_identity();
  StudyParty me{name(), signing_key().public_key(), box_key().public_key()};
  say(join_message(draft_digest(drafted), me));
}

void StudyOwner::require_part() {
  const std::optional<StudyDraft> read = draft();
  if (!read) return;
  if (std::ranges::find(read->owners, name()) == read->owners.end() && name() != read->recipient)
    throw DataError("the study '" + read->name + "' has no owner '" + name() + "'");
  const std::string joined = study_record_name("join", 0, name());
  if (exchange().channel().begun(joined) && !exchange().has_said(joined))
    throw DataError(exchange().channel().place(joined) + ": somebody has joined as '" + name() +
                    "' already, from another folder, where it goes on");
}

void StudyOwner::agree() {
  const StudyManifest& m = manifest();
  const std::string said_name = study_record_name(kAgree, 0, name());
  if (!exchange().has_said(said_name)) require_fingerprint(options_.fingerprint);
  keep_joins();
  say({kAgree, name(), m.digest, 0});
  agreed_ = true;
}

std::vector<fs::path> StudyOwner::kept_to_send(const fs::path& folder) {
  std::vector<fs::path> out;
  for (const char* file : kShareRecords) out.push_back(folder / file);
  for (std::size_t i = 0; i < manifest().owners.size(); ++i) out.push_back(folder / part_record(i));
  std::erase_if(out, [](const fs::path& file) { return !path_exists(file); });
  return out;
}

void StudyOwner::drop_earlier_sessions() {
  for (std::uint64_t n = 1; n < session_number(); ++n) {
    const fs::path folder = exchange().folder() / ("s" + std::to_string(n));
    for (const char* file : {kSeed, kUnboundSeed, kOpeningPart}) destroy_private(folder / file);
    for (const fs::path& file : kept_to_send(folder)) remove_path(file);
  }
}

void StudyOwner::commit() {
  drop_earlier_sessions();
  const fs::path path = seed_path(session_folder());
  if (!said(kCommit) && !path_exists(path)) {
    load_identity();
    write_private(path, kSetupSeed, random_secret(32), passphrase());
  }
  exchange().say(record(kCommit, name()), [&] {
    const Sha256Digest commitment =
        nonce_commitment(manifest(), session_number(), index(), setup_seed(*this).nonce());
    return signed_text({kCommit,
                        name(),
                        manifest().digest,
                        session_number(),
                        {{"commitment", to_hex(commitment)}}},
                       signing_key());
  });
}

void StudyOwner::reveal() {
  exchange().say(record(kNonce, name()), [&] {
    return signed_text({kNonce,
                        name(),
                        manifest().digest,
                        session_number(),
                        {{"nonce", to_hex(setup_seed(*this).nonce())}}},
                       signing_key());
  });
}

void StudyOwner::make_shares() {
  exchange().say(record(kShares, name()), [&] {
    const StudyKeyList& list = keys();
    const ParametersPtr& p = list.parameters;
    const Randomness randomness = own_randomness(*this);
    const SecretKeys secrets = SecretKeys::generate(p, randomness);
    const std::size_t place = index();
    const std::vector<KeyPlan> linear = list.linear();
    const Task task(options_.listener, "making shares");
    const std::vector<ComponentMap> maps = list.maps();
    const std::vector<KeyPlan> products = list.relinearisation();
    const std::size_t all = list.way_in.size() + linear.size() + maps.size() + products.size();
    std::size_t done = 0;
    const auto tell = [&] { task.update(static_cast<double>(done++) / static_cast<double>(all)); };
    ShareMaker maker(secrets, place, list.owners, randomness);
    FileSink ways(session_folder() / "ways", kForTheOwner);
    ShareWriter way_in(ways, list, ShareKind::kWayIn, place);
    for (const KeyPlan& plan : list.way_in) {
      tell();
      way_in.put(plan.name(), maker.make(plan, list.uniform(plan)));
    }
    const Sha256Digest ways_contents = way_in.commit();
    FileSink shares(session_folder() / "shares", kForTheOwner);
    ShareWriter out(shares, list, ShareKind::kLinear, place);
    for (const KeyPlan& plan : linear) {
      tell();
      out.put(plan.name(), maker.make(plan, list.uniform(plan)));
    }
    for (const ComponentMap& map : maps) {
      tell();
      out.put(key_name(map),
              make_share(list.uniform(map), map, secrets.small, p->insecure(), randomness));
    }
    const Sha256Digest shares_contents = out.commit();
    FileSink first(session_folder() / "relin1", kForTheOwner);
    ShareWriter rounds(first, list, ShareKind::kFirstRound, place);
    for (const KeyPlan& plan : products) {
      tell();
      secret::joint::Relinearisation part(plan.small ? secrets.small : secrets.big, plan,
                                          p->insecure(), randomness);
      const secret::joint::FirstRound round = part.first(list.uniform(plan));
      rounds.put(plan.name(), round.h0);
      rounds.put(plan.name(), round.h1);
    }
    const Sha256Digest first_contents = rounds.commit();
    task.finish();
    return signed_text({kShares,
                        name(),
                        manifest().digest,
                        session_number(),
                        {{"keys", to_string(list.id)},
                         {"ways", to_hex(ways_contents)},
                         {"shares", to_hex(shares_contents)},
                         {"relin1", to_hex(first_contents)}}},
                       signing_key());
  });
}

void StudyOwner::send_share(ShareKind kind) {
  const std::string record_name = record(share_record(kind), name());
  exchange().send_file(record_name, session_folder() / share_record(kind));
}

void StudyOwner::send_shares() {
  // All have committed, and to shares of one session: otherwise nothing of them goes out.
  for (const StudyParty& owner : manifest().owners)
    (void)committed_contents(*this, owner.name, ShareKind::kLinear);
  for (const ShareKind kind : kFirstKinds) send_share(kind);
}

void StudyOwner::answer() {
  const fs::path answered = session_folder() / "answered";
  if (!said(kAnswer)) {
    const Task task(options_.listener, "answering the first round");
    // Each owner's part of each key, and the key's answer.
    const std::size_t all = keys().relinearisation().size() * (keys().owners + 1);
    std::size_t done = 0;
    const auto tell = [&] { task.update(static_cast<double>(done++) / static_cast<double>(all)); };
    const Sums first = sum_first_rounds(*this, tell);
    const std::string text = to_hex(first.digest) + "\n";
    // Two answers to different sums would tell the secret: what is answered is on the disk before the answer is made.
    if (path_exists(answered)) {
      const std::vector<std::uint8_t> before = read_file(answered, 1000);
      if (std::string(before.begin(), before.end()) != text)
        throw DataError(quoted_path(answered) + ": session " + std::to_string(session_number()) +
                        " was answered already, for other first rounds than are there now: it is "
                        "not answered again; only a new session can go on");
    } else {
      write_file_atomically(answered, std::string_view(text));
    }
    const StudyKeyList& list = keys();
    const Randomness randomness = own_randomness(*this);
    const SecretKeys secrets = SecretKeys::generate(list.parameters, randomness);
    FileSink second(session_folder() / "relin2", kForTheOwner);
    ShareWriter out(second, list, ShareKind::kSecondRound, index());
    const std::vector<KeyPlan> plans = list.relinearisation();
    for (std::size_t k = 0; k < plans.size(); ++k) {
      tell();
      secret::joint::Relinearisation part(plans[k].small ? secrets.small : secrets.big, plans[k],
                                          list.parameters->insecure(), randomness);
      part.resume();
      out.put(plans[k].name(), part.second(first.sums[k]));
    }
    const Sha256Digest contents = out.commit();
    task.finish();
    say({kAnswer,
         name(),
         manifest().digest,
         session_number(),
         {{"sums", to_hex(first.digest)}, {"relin2", to_hex(contents)}}});
    return;
  }
  exchange().say(record(kAnswer, name()), {});
}

void StudyOwner::deal() {
  exchange().say(record(kParts, name()), [&] {
    const Randomness randomness = own_randomness(*this);
    const SecretKeys secrets = SecretKeys::generate(keys().parameters, randomness);
    nlohmann::json contents = nlohmann::json::array();
    for (const Sha256Digest& digest : write_parts(*this, secrets.small, randomness))
      contents.push_back(to_hex(digest));
    return signed_text({kParts, name(), manifest().digest, session_number(), {{"parts", contents}}},
                       signing_key());
  });
  for (std::size_t i = 0; i < keys().owners; ++i)
    exchange().send_file(record(part_record(i), name()), session_folder() / part_record(i));
}

void StudyOwner::keep_secret() {
  const fs::path folder = session_folder(), path = folder / "secret.key";
  if (!path_exists(path)) {
    if (!path_exists(seed_path(folder)))
      throw DataError(quoted_path(path) +
                      ": is gone, and nothing makes it again: put it back from a copy");
    const StudyKeyList& list = keys();
    const ParametersPtr& p = list.parameters;
    SecretKeys secrets = SecretKeys::generate(p, own_randomness(*this));
    // The big ring's secret has done its work.
    const SecretCoefficients zero(p->ring().n());
    secrets.big = SecretKey::from_coefficients(p->ring(), p->hardness(), zero.span());
    const OwnerKeys own{std::move(secrets), session().owners[index()], list.layout, true};
    Disclosure(own, folder).ledger().begin();
    write_secret_key(path, own, passphrase());
  }
  destroy_private(seed_path(folder));
}

void StudyOwner::finish() {
  const std::string server(kServerName);
  const StudyMessage message = heard(kReady, server);
  require_members(JsonIn(message.body, exchange().channel().place(record(kReady, server))),
                  {"evaluation_keys", "way_in_keys"});
  for (const fs::path& file : kept_to_send(session_folder())) remove_path(file);
}

}  // namespace blindtuner::party
