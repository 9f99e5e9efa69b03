#include "party/owner/study/study_training.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/hmac.h"
#include "base/path.h"
#include "features/samples/class_names.h"
#include "io/file_stream.h"
#include "party/owner/study/contributing.h"
#include "party/owner/study/gain.h"
#include "party/owner/study/leaving_out.h"
#include "party/owner/study/row_matching.h"
#include "party/owner/study/study_parts.h"
#include "party/study/joint_statistics.h"
#include "party/study/study_run.h"

namespace blindtuner::party {
namespace {

namespace fs = std::filesystem;

}  // namespace

StudyTraining::StudyTraining(StudyOwner& owner, std::function<StudyData()> data)
    : owner_(owner), load_(std::move(data)) {
  std::vector<Phase> all = phases();
  // Opening is all that a recipient does.
  for (std::size_t i = 0; i + 1 < all.size(); ++i)
    all[i].done = [this, done = std::move(all[i].done)] { return owner_.is_recipient() || done(); };
  owner_.add_phases(std::move(all));
}

std::vector<Phase> StudyTraining::phases() {
  // From there on the exchange may be gone.
  const auto sent = [this](const char* kind) {
    return through() || owner_.exchange().said(owner_.record(kind, owner_.name()));
  };
  const auto sent_record = [this, sent](const char* kind, const char* commit) {
    return sent(commit) &&
           (through() || owner_.exchange().channel().begun(owner_.record(kind, owner_.name())));
  };
  const auto matches = [this] { return owner_.manifest().draft.identifiers; };
  const auto validates = [this] { return owner_.manifest().draft.validate_every > 0; };
  const auto pooled = [this] { return pools_statistics(owner_.manifest().draft); };
  const auto threshold = [this] { return owner_.manifest().draft.by_threshold(); };
  const auto offered = [this] {
    std::vector<Awaited> out = missing_of_server(owner_, kModelRecord, kModel);
    if (!out.empty()) {
      // It is not the server that is waited for as long as it waits itself.
      if (std::vector<Awaited> own = spoiled(); !own.empty()) return own;
      std::vector<Awaited> data = missing_of(owner_, kDataRecord, kDataCommit, Stage::kData);
      return data.empty() ? out : data;
    }
    out = missing_transcript(owner_);
    if (out.empty()) out = missing_to_tell_whose(owner_);
    return out.empty() ? held_back() : out;
  };
  return {
      {"goes on without who is away",
       [this] { return path_exists(owner_.report_path()) || !leaves_out(owner_); },
       [this] { return missing_without(owner_); }, [this] { leave_out(owner_); }},
      {"sends the key of the identifiers",
       [=, this] {
         const StudyDraft& draft = owner_.manifest().draft;
         return !draft.identifiers || draft.coordinator != owner_.name() ||
                sent_record(kMatchKeyRecord, kMatchKeyCommit);
       },
       [] { return std::vector<Awaited>(); }, [this] { send_match_key(); }},
      {"sends its rows' identifiers",
       [=] { return !matches() || sent_record(kMatchRecord, kMatchCommit); },
       [this] {
         return with_data(missing_of(owner_, kMatchKeyRecord, kMatchKeyCommit,
                                     std::span(&owner_.manifest().draft.coordinator, 1)));
       },
       [this] { send_match(); }},
      {"says what its rows are", [=, this] { return sent(kRows) || !counts(Stage::kRows); },
       [=, this] {
         return with_data(matches() ? missing_of(owner_, kMatchRecord, kMatchCommit, Stage::kRows)
                                    : std::vector<Awaited>());
       },
       [this] { say_rows(); }},
      {"sends its statistics",
       [=, this] {
         return !pooled() || sent_record(kStatsRecord, kStatsCommit) || !counts(Stage::kStatistics);
       },
       [this] { return with_data(missing_of(owner_, nullptr, kRows, Stage::kRows)); },
       [this] { send_statistics(); }},
      {"answers the statistics of all",
       [=, this] { return !pooled() || sent(kStatsAnswer) || !counts(Stage::kStatistics); },
       [this] { return missing_statistics(owner_); }, [this] { answer_statistics(); }},
      {"shows its share of the statistics",
       [=, this] {
         return !pooled() || sent_record(kStatsShareRecord, kStatsAnswer) ||
                !counts(Stage::kStatistics);
       },
       [this] { return missing_of(owner_, nullptr, kStatsAnswer, Stage::kStatistics); },
       [this] { show(kStatsShareRecord); }},
      {"says which map it has",
       [=, this] {
         // Whose data are out has the map that it has.
         return !pooled() || sent(kMap) || sent(kDataCommit) || !counts(Stage::kData);
       },
       [this] {
         return with_data(missing_of(owner_, kStatsShareRecord, kStatsAnswer, Stage::kStatistics));
       },
       [this] { say_map(); }},
      {"sends its data",
       [=, this] { return sent_record(kDataRecord, kDataCommit) || !counts(Stage::kData); },
       [=, this] {
         return with_data(pooled() ? missing_of(owner_, nullptr, kMap, Stage::kData)
                                   : missing_of(owner_, nullptr, kRows, Stage::kRows));
       },
       [this] { send_data(); }},
      {"sends its held-out rows",
       [=, this] {
         return !validates() || path_exists(owner_.report_path()) || !has_vote() ||
                sent_record(kHeldOutRecord, kHeldOutCommit);
       },
       [this] { return with_data({}); }, [this] { send_held_out(); }},
      {"takes part in a round of validation",
       [=, this] {
         return !validates() || path_exists(owner_.report_path()) ||
                rounds_of(owner_, told_run()).over;
       },
       [this] { return missing_in_round(); }, [this] { act_in_round(); }},
      {"says that it is there to open the model",
       [=, this] {
         return !threshold() || sent(kHere) ||
                missing_of_server(owner_, nullptr, kDecryptors).empty();
       },
       offered, [this] { say_here(); }},
      {"answers the model",
       [this] {
         // Who does not read it is through with the rest as soon as it has said its answer, which is to be there.
         return (reads() && through()) || !is_decryptor() ||
                owner_.exchange().said(owner_.record(kModelAnswer, owner_.name()));
       },
       [=, this] {
         std::vector<Awaited> out = offered();
         return out.empty() && threshold() ? missing_of_server(owner_, nullptr, kDecryptors) : out;
       },
       [this] { answer_model(); }},
      {"shows its share of the model",
       [this] {
         StudyExchange& exchange = owner_.exchange();
         return (reads() && through()) || !is_decryptor() ||
                (exchange.said(owner_.record(kModelAnswer, owner_.name())) &&
                 exchange.channel().begun(owner_.record(kShareRecord, owner_.name())));
       },
       [this] {
         // The answer tells nothing; the share does.
         std::vector<Awaited> out = held_back();
         return out.empty() ? missing_of(owner_, nullptr, kModelAnswer, decryptors()) : out;
       },
       [this] { show_share(); }},
      {"removes what the model was made of",
       [this] { return reads() || !through() || kept_to_send().empty(); },
       [] { return std::vector<Awaited>(); }, [this] { remove_kept(); }},
      {"opens the model", [this] { return owner_.opened() || !reads(); },
       [this] {
         if (owner_.is_recipient()) return missing_for_recipient();
         std::vector<Awaited> out = missing_of_server(owner_, kModelRecord, kModel);
         if (out.empty()) out = missing_of(owner_, kShareRecord, kModelAnswer, decryptors());
         return with_data(std::move(out));
       },
       [this] { open(); }},
  };
}

bool StudyTraining::reads() {
  return owner_.is_recipient() || !owner_.manifest().draft.recipient_alone;
}

bool StudyTraining::through() {
  if (reads()) return path_exists(owner_.model_path()) || path_exists(owner_.report_path());
  return owner_.exchange().has_said(owner_.record(kModelAnswer, owner_.name())) || !is_decryptor();
}

bool StudyTraining::is_left_out() const {
  return run_without_ &&
         std::ranges::find(run_without_->owners, owner_.name()) != run_without_->owners.end();
}

std::vector<fs::path> StudyTraining::kept_to_send() {
  std::vector<fs::path> out;
  for (const char* record : {kStatsRecord, kStatsShareRecord, kDataRecord, kHeldOutRecord})
    if (fs::path file = owner_.session_folder() / record; path_exists(file))
      out.push_back(std::move(file));
  if (owner_.is_recipient() || owner_.manifest().draft.validate_every == 0) return out;
  for (std::size_t round = 1; round <= told_run().rounds.size(); ++round)
    for (const std::size_t place : voters(told_run()))
      if (fs::path file =
              owner_.session_folder() / score_share_record(static_cast<int>(round), place);
          path_exists(file))
        out.push_back(std::move(file));
  return out;
}

void StudyTraining::remove_kept() {
  for (const fs::path& file : kept_to_send()) remove_path(file);
}

std::vector<Awaited> StudyTraining::spoiled() {
  std::vector<Awaited> out;
  for (const fs::path& file : kept_to_send()) {
    const std::string name = owner_.record(file.filename().string(), owner_.name());
    if (sound_.contains(name) || !owner_.exchange().channel().begun(name)) continue;
    if (owner_.exchange().holds(name, file))
      sound_.insert(name);
    else
      out.push_back({owner_.name(), name,
                     "is there, but is not what was sent from here: remove " +
                         owner_.exchange().channel().place(name) +
                         ", and 'study run' sends it again"});
  }
  return out;
}

std::vector<Awaited> StudyTraining::missing_for_recipient() {
  std::vector<Awaited> out = owner_.missing(kAgree, 0);
  for (const char* kind : {kCommit, kNonce})
    if (out.empty()) out = owner_.missing(kind, owner_.session_number());
  if (out.empty()) out = missing_of(owner_, nullptr, kRows, Stage::kRows);
  if (out.empty() && pools_statistics(owner_.manifest().draft)) {
    out = missing_statistics(owner_);
    if (out.empty()) out = missing_of(owner_, kStatsShareRecord, kStatsAnswer, Stage::kStatistics);
  }
  if (out.empty() && owner_.manifest().draft.validate_every > 0)
    out = missing_votes(owner_, told_run());
  if (out.empty()) out = missing_of_server(owner_, kModelRecord, kModel);
  if (out.empty()) out = missing_transcript(owner_);
  if (out.empty()) out = missing_to_tell_whose(owner_);
  if (out.empty() && owner_.manifest().draft.by_threshold())
    out = missing_of_server(owner_, nullptr, kDecryptors);
  if (out.empty()) out = missing_of(owner_, kShareRecord, kModelAnswer, decryptors());
  return out;
}

std::vector<Awaited> StudyTraining::with_data(std::vector<Awaited> others) const {
  if (others.empty() && !load_) return {{owner_.name(), "data"}};
  return others;
}

namespace {

Sha256Digest digest_of(const Dataset& rows) {
  Sha256 hash;
  hash.add("blindtuner study rows 1")
      .add_number(static_cast<std::uint64_t>(rows.features.rows()))
      .add_number(static_cast<std::uint64_t>(rows.features.cols()));
  hash.add({reinterpret_cast<const std::uint8_t*>(rows.features.data()),
            static_cast<std::size_t>(rows.features.size()) * sizeof(float)});
  for (const int label : rows.labels) hash.add_number(static_cast<std::uint64_t>(label));
  for (const std::string& id : rows.ids) hash.add_number(id.size()).add(id);
  return hash.finish();
}

}  // namespace

bool StudyTraining::holds_digest(const fs::path& file, const Sha256Digest& digest) {
  const std::vector<std::uint8_t> text = read_file(file, 1000);
  return std::string(text.begin(), text.end()) == to_hex(digest) + "\n";
}

void StudyTraining::write_digest(const fs::path& file, const Sha256Digest& digest) {
  write_file_atomically(file, to_hex(digest) + "\n", kForTheOwner);
}

std::vector<std::string> StudyTraining::column_names() {
  if (!path_exists(columns_path())) return owner_.manifest().draft.column_names;
  const nlohmann::json kept = read_json(columns_path());
  return JsonIn(kept, quoted_path(columns_path())).as<std::vector<std::string>>();
}

bool StudyTraining::are_told(const Dataset& rows) {
  return holds_digest(told_path(), digest_of(in_study_order(Dataset(rows), owner_)));
}

const StudyData& StudyTraining::given() {
  if (data_) return *data_;
  if (!load_) throw DataError("this owner's data are needed for what is due, and were not given");
  StudyData loaded = load_();
  require_study_rows(owner_.manifest().draft, owner_.name(), loaded.train);
  rows_ = digest_of(loaded.train);
  const fs::path kept = told_path();
  if (path_exists(kept) && !holds_digest(kept, rows_))
    throw DataError("these are other rows than '" + owner_.name() +
                    "' has told the others of: give the same data at every step");
  return data_.emplace(std::move(loaded));
}

void StudyTraining::hold_rows() {
  (void)given();
  const fs::path kept = told_path();
  if (path_exists(kept)) return;
  if (const std::vector<std::string>& names = given().train.feature_names; !names.empty())
    write_file_atomically(columns_path(), json_text(nlohmann::json(names), 1) + "\n", kForTheOwner);
  write_digest(kept, rows_);
}

const StudyData& StudyTraining::data() {
  (void)given();
  if (matched_) return *data_;
  const StudyDraft& draft = owner_.manifest().draft;
  Dataset& train = data_->train;
  if (draft.identifiers) {
    const RowMatch match = match_rows(owner_, train.ids);
    train = rows_of(std::move(train), match.rows);
    if (!path_exists(matching_path()))
      write_file_atomically(matching_path(), json_text(to_json(match), 1) + "\n", kForTheOwner);
  }
  const Labels& labels = train.labels;
  if (draft.layout == StudyDraft::Layout::kColumns && !labels.empty() &&
      std::ranges::all_of(labels, [&](int label) { return label == labels.front(); }))
    throw DataError("the rows of the study are of one class alone: they train nothing");
  if (!data_->map && draft.whitening == StudyDraft::Whitening::kPooled &&
      draft.layout == StudyDraft::Layout::kColumns)
    data_->map = Whitening::fit(train.features, draft.epsilon);
  if (draft.validate_every > 0) hold_out();
  matched_ = true;
  return *data_;
}

const JointRun& StudyTraining::told_run() {
  if (!told_run_) told_run_.emplace(study_run(owner_));
  return *told_run_;
}

const JointRun& StudyTraining::run() {
  std::optional<LeftOut> without = left_out(owner_);
  if (run_ && run_without_ == without) return *run_;
  run_.emplace(study_run(owner_));
  run_without_ = std::move(without);
  if (owner_.is_recipient()) return *run_;
  // One object of the parameters, whose rings the key's polynomials are of.
  run_->parameters = keys().secrets.parameters;
  run_->joint.parameters = run_->parameters;
  for (KeySet& own : run_->own) own.parameters = run_->parameters;
  return *run_;
}

const OwnerKeys& StudyTraining::keys() {
  if (!keys_) keys_.emplace(owner_.own_keys());
  return *keys_;
}

Disclosure StudyTraining::door() { return {keys(), owner_.session_folder()}; }

Origin StudyTraining::origin(const std::string& what) {
  return {.name = "the study's " + what, .data = to_string(run().data)};
}

void StudyTraining::commit(const char* record_kind, const char* commit_kind,
                           const std::function<Sha256Digest(ByteSink&)>& write,
                           const nlohmann::json& more) {
  const fs::path file = owner_.session_folder() / record_kind;
  // Once something was said of it, it stays what it is.
  if (!path_exists(file)) {
    if (owner_.exchange().has_said(owner_.record(commit_kind, owner_.name())))
      throw DataError(quoted_path(file) + ": is gone, although the others were told of it");
    FileSink sink(file, kForTheOwner);
    (void)write(sink);
  }
  owner_.exchange().say(owner_.record(commit_kind, owner_.name()), [&] {
    StudyMessage message = commitment(owner_, commit_kind, file);
    message.body.update(more);
    return signed_text(message, owner_.signing_key());
  });
}

void StudyTraining::show(const char* record_kind) {
  owner_.exchange().send_file(owner_.record(record_kind, owner_.name()),
                              owner_.session_folder() / record_kind);
}

void StudyTraining::send(const char* record_kind, const char* commit_kind,
                         const std::function<Sha256Digest(ByteSink&)>& write,
                         const nlohmann::json& more) {
  commit(record_kind, commit_kind, write, more);
  show(record_kind);
}

bool StudyTraining::counts(Stage stage) {
  const std::vector<std::string> all = contributors(owner_, stage);
  return std::ranges::find(all, owner_.name()) != all.end();
}

void StudyTraining::send_match_key() {
  send(kMatchKeyRecord, kMatchKeyCommit,
       [&](ByteSink& sink) { return party::send_match_key(sink, owner_); });
}

void StudyTraining::send_match() {
  hold_rows();
  const std::vector<std::string>& ids = given().train.ids;
  send(kMatchRecord, kMatchCommit,
       [&](ByteSink& sink) { return send_row_hashes(sink, owner_, ids); },
       {{"rows", std::ranges::count_if(ids, [](const std::string& id) { return !id.empty(); })}});
}

void StudyTraining::say_rows() {
  const StudyDraft& draft = owner_.manifest().draft;
  const StudyData& own = data();
  const Parameters& parameters = *owner_.manifest().parameters;
  require_trainable(draft, parameters, own);
  const auto sized_rows = [&](const FeatureMatrix& features) {
    return rows_as_they_are(own.map ? own.map->apply(features) : features, parameters,
                            draft.key_layout(parameters));
  };
  OwnerRows rows;
  if (pools_statistics(draft))
    rows = rows_to_pool(own.train.features);
  else
    rows = sized_rows(own.train.features);
  if (held_out_) {
    rows.held_out = held_out_->features.rows();
    // Errors of scores depend on these, too.
    if (rows.sizes && *rows.held_out > 0) {
      const OwnerRows more = sized_rows(held_out_->features);
      for (std::size_t i = 0; i < rows.sizes->size(); ++i)
        (*rows.sizes)[i] = std::max((*rows.sizes)[i], (*more.sizes)[i]);
    }
  }
  rows.names = names_to_compare(draft, own.train);
  hold_rows();
  if (held_out_) keep_held_out();
  owner_.say(
      {kRows, owner_.name(), owner_.manifest().digest, owner_.session_number(), to_json(rows)});
}

void StudyTraining::send_statistics() {
  send(kStatsRecord, kStatsCommit, [&](ByteSink& sink) {
    return party::send_statistics(sink, run(), owner_.index(), keys().secrets.small,
                                  data().train.features, pooled_exponents(study_rows(owner_)));
  });
}

void StudyTraining::answer_statistics() {
  commit(kStatsShareRecord, kStatsAnswer, [&](ByteSink& sink) {
    const JointStatistics all = joint_statistics(owner_, run());
    Opening asked = statistics_opening();
    std::optional<secret::joint::OpeningPart> part;
    if (asked.owners < run().owners()) {
      part.emplace(
          opening_part(owner_, *run().parameters, contributors(owner_, Stage::kStatistics)));
      asked.part = &*part;
    }
    Disclosure own = door();
    return send_share(sink, run(), {"sums", owner_.index(), all.parts, asked.decryptors},
                      own.share(all.sums, origin("statistics"), asked),
                      readers_of_statistics(owner_));
  });
}

Opening StudyTraining::statistics_opening() {
  const std::vector<std::string> by = contributors(owner_, Stage::kStatistics);
  Opening out = opening_of_statistics(run(), owner_.manifest().draft.needed(), by.size());
  out.decryptors = decryptors_text(owner_, by);
  return out;
}

std::vector<OpeningShare> StudyTraining::shares_of(std::span<const std::string> owners,
                                                   const char* record_kind, const char* commit_kind,
                                                   ShareName name, const CiphertextShape& shape,
                                                   double noise) {
  std::vector<OpeningShare> out;
  const secret::joint::BoxKey key = owner_.box_key();
  for (const std::string& from : owners) {
    name.owner = owner_.manifest().draft.index(from);
    read_record_of(owner_, record_kind, commit_kind, from, [&](ByteSource& source) {
      Sha256Digest contents{};
      out.push_back(receive_share(source, run(), name, shape, noise, key, contents));
      return contents;
    });
  }
  return out;
}

static_assert(kDefaultStudyEpsilon == Whitening::kDefaultEpsilon);

StudyTraining::PooledMap StudyTraining::pooled_whitening() {
  const JointRun& r = run();
  const JointStatistics all = joint_statistics(owner_, r);
  const EncryptedSums& sums = all.sums;
  const Origin from = origin("statistics");
  const CiphertextShape shape{sums.packs.size(), 2, sums.shape.scale(*r.parameters)};
  const Opening asked = statistics_opening();
  const double noise = share_noise(*r.parameters, shape, asked, from.name);
  std::vector<OpeningShare> shares;
  try {
    shares = shares_of(contributors(owner_, Stage::kStatistics), kStatsShareRecord, kStatsAnswer,
                       {"sums", 0, all.parts, asked.decryptors}, shape, noise);
  } catch (const SecurityError&) {
    throw;
  } catch (const DataError& error) {
    // Who answered another sum may be honest, and a third the one who has sent each its own.
    throw DataError(std::string(error.what()) +
                    "; if what it and this owner have in their folders as 'seen/" +
                    owner_.record(kStatsCommit, "OWNER") +
                    "' is not the same, it is that owner who has signed two");
  }
  PooledMap out{pooled_map(r,
                           owner_.is_recipient() ? values_of_shares(sums, shares)
                                                 : door().open(sums, shares, from),
                           pooled_exponents(study_rows(owner_)), owner_.manifest().draft.epsilon),
                {}};
  // The statistics could be guessed, and a digest of their map would tell whether they were guessed right.
  Sha256 key;
  key.add("blindtuner study map key 1");
  for (const OpeningShare& share : shares) key.add(share_content(share.polynomials, share.noise));
  out.digest = hmac_sha256(key.finish(), digest_of_map(out.map));
  require_one_map(out.digest);
  return out;
}

void StudyTraining::require_one_map(const Sha256Digest& own) {
  std::vector<std::string> others;
  for (const std::string& owner : contributors(owner_, Stage::kData))
    if (owner != owner_.name() &&
        owner_.exchange().hear(owner_.manifest(), kMap, owner_.session_number(), owner) &&
        said_digest(owner_, kMap, owner, "map") != own)
      others.push_back(owner);
  if (!others.empty())
    throw DataError("'" + owner_.name() + "' has another map of the pooled statistics than " +
                    list_of_names(others) +
                    ": rows that go through different maps cannot be trained on together; owners "
                    "whose programs were built alike have the same");
}

void StudyTraining::say_map() {
  const PooledMap pooled = pooled_whitening();
  pooled.map.save(map_path());
  if (const std::string faint = faint_columns(data().train, pooled.map); !faint.empty())
    owner_.listener().warn(faint);
  owner_.say({kMap,
              owner_.name(),
              owner_.manifest().digest,
              owner_.session_number(),
              {{"map", to_hex(pooled.digest)}}});
}

std::optional<Whitening> StudyTraining::sent_map() {
  if (!path_exists(map_path())) return std::nullopt;
  return Whitening::load(map_path());
}

void StudyTraining::send_data() {
  const JointRun& r = run();
  const StudyData& own = data();
  require_room_in_rounds();
  std::optional<Whitening> map = own.map;
  if (pools_statistics(owner_.manifest().draft)) {
    require_one_map(said_digest(owner_, kMap, owner_.name(), "map"));
    map = sent_map();
  } else if (map) {
    map->save(map_path());
  }
  send(kDataRecord, kDataCommit, [&](ByteSink& sink) {
    Disclosure at = door();
    const Task task(owner_.listener(), "encrypting");
    const Sha256Digest contents =
        party::send_data(sink, r, owner_.index(), keys(), at,
                         features_for(r, owner_.index(), own.train.features, map), own.train.labels,
                         "the owner's data", [&](double fraction) { task.update(fraction); });
    task.finish();
    return contents;
  });
}

}  // namespace blindtuner::party
