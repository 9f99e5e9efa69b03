#include "party/server/study/study_server.h"

#include "base/error.h"
#include "base/path.h"
#include "io/file_stream.h"
#include "transport/folder/folder_channel.h"

namespace blindtuner::party {
namespace {

namespace fs = std::filesystem;

/// A file that appears when it is told to, whatever wrote it.
class HeldSink final : public ByteSink {
 public:
  explicit HeldSink(const fs::path& path) : file_(path) {}
  void write(std::span<const std::uint8_t> bytes) override { file_.write(bytes); }
  void flush() override { file_.flush(); }
  void commit() override {}
  void release() { file_.commit(); }

 private:
  FileSink file_;
};

}  // namespace

MadeStudyKeys add_up_shares(StudyMember& member, const fs::path& evaluation_keys,
                            const fs::path& way_in_keys, const FractionCallback& progress) {
  const StudyKeyList& list = member.keys();
  const std::vector<StudyParty>& owners = member.manifest().owners;
  // By their numbers.
  constexpr ShareKind kKinds[] = {ShareKind::kWayIn, ShareKind::kLinear, ShareKind::kFirstRound,
                                  ShareKind::kSecondRound};
  struct Open {
    std::vector<std::unique_ptr<ByteSource>> sources;
    std::vector<ShareReader> readers;
  };
  std::vector<Sha256Digest> committed;
  std::vector<Open> open(owners.size());
  for (std::size_t i = 0; i < owners.size(); ++i)
    for (const ShareKind kind : kKinds) {
      committed.push_back(committed_contents(member, owners[i].name, kind));
      open[i].sources.push_back(member.share_source(kind, owners[i].name));
      read_of(owners[i].name,
              [&] { open[i].readers.emplace_back(*open[i].sources.back(), list, kind, i); });
    }
  const auto next = [&](ShareKind kind, std::size_t i, const std::string& key) {
    return read_of(owners[i].name,
                   [&] { return open[i].readers[static_cast<std::size_t>(kind)].next(key); });
  };
  const auto sum_of = [&](ShareKind kind, const KeyPlan& plan) {
    return sum_shares(list.ring(plan), plan.shape, list.seed(plan.name()), owners.size(),
                      [&](std::size_t i) { return next(kind, i, plan.name()); });
  };
  const std::size_t all = list.way_in.size() + list.linear().size() + list.maps().size() +
                          list.relinearisation().size();
  std::size_t added = 0;
  const auto tell = [&] {
    if (progress) progress(static_cast<double>(added++) / static_cast<double>(all));
  };
  KeyStream stream;
  stream.key = [&](const KeyPlan& plan) {
    tell();
    if (plan.kind != KeyPlan::Kind::kRelinearisation) return sum_of(ShareKind::kLinear, plan);
    // The first halves have done their work, and go; the second ones are the key's uniform half.
    std::vector<Poly> a, b;
    for (std::size_t i = 0; i < owners.size(); ++i) {
      (void)next(ShareKind::kFirstRound, i, plan.name());
      add_share(a, next(ShareKind::kFirstRound, i, plan.name()));
      add_share(b, next(ShareKind::kSecondRound, i, plan.name()));
    }
    KeySwitchKey key{plan.shape, Seed{}, std::move(b), std::move(a)};
    key.seeded = false;
    return key;
  };
  stream.map_key = [&](const ComponentMap& map) {
    tell();
    ComponentMapKey key{map, 2, list.parameters->small_special(), list.seed(key_name(map)), {}, {}};
    for (std::size_t i = 0; i < owners.size(); ++i)
      add_share(key.b, next(ShareKind::kLinear, i, key_name(map)));
    return key;
  };
  HeldSink way_in(way_in_keys), evaluation(evaluation_keys);
  MadeStudyKeys made;
  made.way_in_keys = write_way_in_keys(way_in, list, [&](const KeyPlan& plan) {
    tell();
    return sum_of(ShareKind::kWayIn, plan);
  });
  made.evaluation_keys =
      write_training_keys(evaluation, *list.parameters, list.id, list.layout, list.shapes,
                          /*seeded=*/false, stream);
  for (std::size_t i = 0; i < owners.size(); ++i)
    for (std::size_t k = 0; k < std::size(kKinds); ++k)
      read_of(owners[i].name, [&] {
        if (open[i].readers[k].finish() != committed[i * std::size(kKinds) + k])
          throw DataError(open[i].sources[k]->name() + ": other shares than it has committed to");
      });
  way_in.release();
  evaluation.release();
  if (progress) progress(1);
  return made;
}

std::shared_ptr<Channel> study_server_channel(const fs::path& folder, const fs::path& exchange,
                                              bool changes) {
  const fs::path joined = folder / "said" / study_record_name("join", 0, std::string(kServerName));
  if (!changes) return std::make_shared<FolderChannel>(exchange);
  return std::make_shared<FolderChannel>(exchange, "server", !path_exists(joined));
}

StudyServer::StudyServer(StudyServerOptions options)
    : StudyMember(
          std::string(kServerName), options.channel,
          [&]() -> const fs::path& {
            if (options.changes) make_folder(options.folder);
            return options.folder;
          }(),
          options.allow_insecure, options.changes),
      changes_(options.changes),
      progress_(std::move(options.progress)),
      phases_(setup_phases()) {}

const SigningKey& StudyServer::signing_key() {
  if (signing_) return *signing_;
  require(changes_, "who only looks signs nothing");
  const fs::path path = exchange().folder() / "identity";
  if (!path_exists(path)) write_signing_key(path, SigningKey::generate());
  return signing_.emplace(read_signing_key(path));
}

void StudyServer::add_phases(std::vector<Phase> more) {
  std::ranges::move(more, std::back_inserter(phases_));
}

Advance StudyServer::step() {
  require(changes_, "who only looks does nothing");
  require_exchange();
  while (missing_joins().empty() && newer_session() && (!ready() || given_up())) {
    for (const fs::path& file : {evaluation_keys(), way_in_keys()}) remove_path(file);
    enter_session(session_number() + 1);
  }
  return take_step(phases_);
}

// An owner that has heard of the keys stays with them: where all have begun anew none has, as they were made at that moment, or
// still on their way.
bool StudyServer::given_up() { return missing(kCommit, session_number() + 1).empty(); }

Advance StudyServer::next() {
  require_exchange();
  return take_step(phases_, false);
}

std::optional<std::string> StudyServer::fingerprint() {
  if (!missing_joins().empty()) return std::nullopt;
  return manifest().fingerprint();
}

std::vector<Phase> StudyServer::setup_phases() {
  return {
      {"joins the study", [this] { return exchange().said(study_record_name("join", 0, name())); },
       [this] {
         return draft() ? std::vector<Awaited>() : std::vector<Awaited>{{"", "draft"}};
       },
       [this] { join(); }},
      {"adds up the shares of all", [this] { return missing_joins().empty() && ready(); },
       [this] {
         std::vector<Awaited> out = missing_joins();
         const std::uint64_t session_now = session_number();
         if (out.empty()) out = missing(kAgree, 0);
         for (const char* kind : {kCommit, kNonce, kShares, kAnswer})
           if (out.empty()) out = missing(kind, session_now);
         for (const char* kind : {"ways", "shares", "relin1", "relin2"})
           if (out.empty()) out = missing_records(kind);
         // Before data go out every owner has what the model will be opened with.
         if (out.empty() && manifest().draft.by_threshold()) out = missing_parts(*this);
         return out;
       },
       [this] { make_keys(); }},
  };
}

void StudyServer::join() {
  const SignedMessage drafted = found("draft");
  (void)study_parameters(read_draft(drafted), allow_insecure());
  const StudyParty me{name(), signing_key().public_key(), {}};
  exchange().say(study_record_name("join", 0, name()), [&] {
    return signed_text(join_message(draft_digest(drafted), me), signing_key());
  });
}

void StudyServer::make_keys() {
  keep_joins();
  exchange().say(record(kReady, name()), [&] {
    const MadeStudyKeys made =
        add_up_shares(*this, evaluation_keys(), way_in_keys(), [this](double fraction) {
          if (progress_) progress_("adding up shares", fraction);
        });
    return signed_text({kReady,
                        name(),
                        manifest().digest,
                        session_number(),
                        {{"evaluation_keys", to_hex(made.evaluation_keys)},
                         {"way_in_keys", to_hex(made.way_in_keys)}}},
                       signing_key());
  });
}

}  // namespace blindtuner::party
