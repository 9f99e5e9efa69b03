#include "party/study/study_run.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "io/file_stream.h"
#include "learn/head.h"
#include "linalg/encrypted_dataset.h"
#include "party/study/rounds.h"
#include "records/sections.h"

namespace blindtuner::party {

bool pools_statistics(const StudyDraft& draft) {
  // Owners of columns have all rows of theirs: each has a map of its own.
  return draft.whitening == StudyDraft::Whitening::kPooled &&
         draft.layout == StudyDraft::Layout::kRows;
}

namespace {

/// The sizes of features that nobody could have sent, as they are kMaxFeature at most, would leave the model's opening no room,
/// which would be found out once it is trained.
void require_possible_sizes(const OwnerRows& rows, std::size_t columns, const std::string& where) {
  if (!rows.sizes) return;
  const double largest = kMaxFeature;
  const std::array<int, 3> most = said_sizes(
      {largest, largest, std::sqrt(largest * largest * static_cast<double>(columns) + 1)});
  for (std::size_t i = 0; i < most.size(); ++i)
    if ((*rows.sizes)[i] > most[i])
      throw DataError(where + ": sizes of features beyond 4096, which nobody may send");
}

/// What follows from them is listed block by block.
void require_possible_counts(const OwnerRows& rows, std::size_t most, const std::string& where) {
  for (const std::uint64_t count : {rows.rows, rows.held_out.value_or(0)})
    if (count > most)
      throw DataError(where + ": " + std::to_string(count) +
                      " rows, a study like this has at most " + std::to_string(most));
}

}  // namespace

std::vector<OwnerRows> study_rows(StudyMember& member) {
  const StudyDraft& draft = member.manifest().draft;
  const std::size_t most = most_arranged_rows(draft.key_layout(*member.manifest().parameters));
  const std::size_t pooled = pools_statistics(draft) ? draft.columns.front() : 0;
  const std::vector<std::string> counted = contributors(member, Stage::kRows);
  std::vector<OwnerRows> out;
  for (const std::string& owner : draft.owners) {
    if (std::ranges::find(counted, owner) == counted.end()) {
      out.push_back(no_rows(pooled));
      continue;
    }
    const StudyMessage said = member.heard(kRows, owner);
    const std::string where = member.exchange().channel().place(member.record(kRows, owner));
    read_of(owner, [&] {
      out.push_back(
          owner_rows_from_json(JsonIn(said.body, where), pooled, draft.validate_every > 0));
      require_possible_counts(out.back(), most, where);
      require_possible_sizes(
          out.back(),
          draft.columns[draft.layout == StudyDraft::Layout::kRows ? 0 : draft.index(owner)], where);
    });
  }
  std::optional<std::size_t> first;  // of those who say what their columns are called
  for (std::size_t i = 0; i < out.size(); ++i) {
    if (!out[i].names) continue;
    if (!first) first = i;
    if (out[i].names != out[*first].names)
      throw DataError(
          "the columns of '" + draft.owners[i] + "' are called otherwise than those of '" +
          draft.owners[*first] +
          "', are in another order, were made by another encoder or pooling, or are "
          "at other places of a table without a header: tables with a header of a study "
          "with '--column-names' are put in one order, of others the same columns are "
          "to be left out (--drop-columns), and features are to be of one 'extract', "
          "with the same model and options");
  }
  return out;
}

namespace {

Arrangement arranged(const StudyManifest& manifest, std::span<const std::size_t> rows) {
  const StudyDraft& draft = manifest.draft;
  const Parameters& p = *manifest.parameters;
  const ProductLayout shape = draft.key_layout(p);
  if (draft.layout == StudyDraft::Layout::kRows) {
    std::uint64_t sum = 0;
    for (const std::size_t own : rows) sum += own + shape.rows();
    const std::size_t most = most_arranged_rows(shape);
    if (sum > most) throw DataError("the owners' rows together are beyond " + std::to_string(most));
    return arrange_rows(p, rows, draft.columns.front(), shape.classes, shape.width,
                        (draft.config.batch_size + shape.rows() - 1) / shape.rows());
  }
  for (std::size_t i = 1; i < rows.size(); ++i)
    if (rows[i] != rows[0])
      throw DataError("'" + draft.owners[i] + "' has " + std::to_string(rows[i]) + " rows, and '" +
                      draft.owners[0] + "' " + std::to_string(rows[0]) +
                      (draft.identifiers
                           ? ": of the rows whose identifiers all owners have, one of them has "
                             "counted others"
                           : ": owners of columns have the same samples in the same order"));
  return arrange_columns(p, rows[0], draft.columns, draft.index(draft.labels), shape.classes,
                         shape.width);
}

}  // namespace

JointRun study_run(StudyMember& member) {
  const StudyManifest& manifest = member.manifest();
  const StudyDraft& draft = manifest.draft;
  const StudySession& session = member.session();
  const std::vector<OwnerRows> rows = study_rows(member);
  std::vector<std::size_t> counts;
  for (const OwnerRows& own : rows) counts.push_back(own.rows);
  JointRun run;
  run.parameters = manifest.parameters;
  run.arrangement = arranged(manifest, counts);
  const ProductLayout& l = run.arrangement.layout;
  require(same_shape(l, member.keys().layout), "a study's keys are for its data");
  if (const std::optional<LeftOut> out = left_out(member)) {
    run.without.resize(run.owners());
    for (const std::string& owner : out->owners) run.without[draft.index(owner)] = true;
    run.statistics_of_all = out->from > Stage::kStatistics;
  }
  run.config =
      for_places(draft.config, l.rows(), run.arrangement.filled(run.without), draft.rate_by_batch);
  run.circuit = &circuit_named(draft.circuit);
  Sha256 hash;
  const Sha256Digest id = hash.add("blindtuner study data 1").add(session.seed).finish();
  std::copy_n(id.begin(), run.data.size(), run.data.begin());
  run.joint = member.key_set(session.joint);
  for (const KeyId& own : session.owners) run.own.push_back(member.key_set(own));
  // What a whitening leaves of a column, over all rows, is a variance of 1 at most.
  if (pools_statistics(draft))
    run.sizes = {1, 1, std::sqrt(static_cast<double>(l.features))};
  else
    run.sizes = pooled_sizes(rows);
  run.decryptors = decryptors_text(member, draft.owners);
  if (draft.validate_every > 0) {
    for (const OwnerRows& own : rows) run.held_out.push_back(own.held_out.value());
    TrainingConfig rounds = run.config;
    rounds.validation_every = draft.validate_every;
    run.rounds = validation_steps(rounds, l.samples);
    if (run.rounds.size() > static_cast<std::size_t>(kMaxRounds))
      throw DataError("a study has " + std::to_string(kMaxRounds) +
                      " rounds of validation at most, expected larger steps from one to the next");
  }
  return run;
}

std::string decryptors_text(StudyMember& member, std::span<const std::string> owners) {
  std::string out = "study " + to_hex(member.manifest().digest) + ", session " +
                    std::to_string(member.session().number) + ":";
  for (const std::string& owner : owners) out += " " + owner;
  return out;
}

std::vector<Awaited> missing_of(StudyMember& member, const char* record_kind,
                                const char* commit_kind, Stage stage) {
  return missing_of(member, record_kind, commit_kind, contributors(member, stage));
}

std::vector<Awaited> missing_of_server(StudyMember& member, const char* record_kind,
                                       const char* commit_kind) {
  const std::string server(kServerName);
  return missing_of(member, record_kind, commit_kind, std::span(&server, 1));
}

std::vector<Awaited> missing_of(StudyMember& member, const char* record_kind,
                                const char* commit_kind, std::span<const std::string> parties) {
  const StudyManifest& manifest = member.manifest();
  std::vector<Awaited> out;
  for (const std::string& party : parties) {
    if (!member.exchange().hear(manifest, commit_kind, member.session_number(), party))
      out.push_back({party, member.record(commit_kind, party)});
    else if (record_kind && !member.exchange().there(member.record(record_kind, party)))
      out.push_back(member.awaited(party, member.record(record_kind, party)));
  }
  return out;
}

void read_record_of(StudyMember& member, const char* record_kind, const char* commit_kind,
                    const std::string& from, const std::function<Sha256Digest(ByteSource&)>& read) {
  Channel& channel = member.exchange().channel();
  const StudyMessage said = member.heard(commit_kind, from);
  const JsonIn body(said.body, channel.place(member.record(commit_kind, from)));
  require_members(body, {"contents"});
  const auto contents = hex_member<32>(body, "contents");
  const std::string name = member.record(record_kind, from);
  read_of(from, [&] {
    const std::unique_ptr<ByteSource> source = channel.find(name);
    if (!source) throw DataError(channel.place(name) + ": is not there");
    if (read(*source) != contents)
      throw DataError(source->name() + ": another record than it has said it is");
  });
}

Sha256Digest contents_of_file(const std::filesystem::path& file) {
  FileSource source(file);
  ContainerReader in(source);
  (void)scan_sections(in);
  return in.contents();
}

StudyMessage commitment(StudyMember& member, const char* commit_kind,
                        const std::filesystem::path& file) {
  return {commit_kind,
          member.name(),
          member.manifest().digest,
          member.session_number(),
          {{"contents", to_hex(contents_of_file(file))}}};
}

namespace {

std::optional<std::string> transcript_there(StudyMember& member) {
  const std::unique_ptr<ByteSource> source =
      member.exchange().channel().find(member.record(kTranscript, std::string(kServerName)));
  return source ? read_text(*source) : std::nullopt;
}

}  // namespace

Sha256Digest said_digest(StudyMember& member, const char* kind, const std::string& from,
                         const char* name) {
  const StudyMessage said = member.heard(kind, from);
  return hex_member<32>(
      JsonIn(said.body, member.exchange().channel().place(member.record(kind, from))), name);
}

Sha256Digest model_contents(StudyMember& member) {
  return said_digest(member, kModel, std::string(kServerName), "contents");
}

std::optional<std::vector<std::string>> first_here(StudyMember& member) {
  const StudyDraft& draft = member.manifest().draft;
  std::vector<std::string> out;
  for (const std::string& owner : draft.owners)
    if (out.size() < draft.needed() &&
        member.exchange().hear(member.manifest(), kHere, member.session_number(), owner) &&
        said_digest(member, kHere, owner, "contents") == model_contents(member))
      out.push_back(owner);
  if (out.size() < draft.needed()) return std::nullopt;
  return out;
}

std::vector<std::string> decryptors_of(StudyMember& member, const Sha256Digest& model) {
  const StudyManifest& manifest = member.manifest();
  const StudyDraft& draft = manifest.draft;
  if (!draft.by_threshold()) return draft.owners;
  const std::string server(kServerName);
  const std::optional<StudyMessage> said =
      member.exchange().hear(manifest, kDecryptors, member.session_number(), server);
  if (!said) return {};
  const std::string where = member.exchange().channel().place(member.record(kDecryptors, server));
  const auto refuse = [&](const std::string& what) {
    throw DataError("what 'server' has sent is refused: " + where + ": " + what);
  };
  const JsonIn body(said->body, where);
  require_members(body, {"contents", "owners"});
  std::vector<std::string> named;
  body.take("owners", named);
  if (hex_member<32>(body, "contents") != model) refuse("names who opens another model");
  std::vector<std::string> known;  // those of them that are owners, each once, in the draft's order
  std::ranges::copy_if(draft.owners, std::back_inserter(known), [&](const std::string& owner) {
    return std::ranges::find(named, owner) != named.end();
  });
  if (named.size() != draft.needed() || named != known)
    refuse("names no " + std::to_string(draft.needed()) + " owners in their order");
  for (const std::string& owner : named)
    if (!member.exchange().hear(manifest, kHere, member.session_number(), owner) ||
        said_digest(member, kHere, owner, "contents") != model)
      refuse("names '" + owner + "', who has not said that it is there for this model");
  return named;
}

std::optional<Transcript> transcript_of_server(StudyMember& member) {
  const std::optional<std::string> text = transcript_there(member);
  if (!text) return std::nullopt;
  try {
    Transcript out = parse_transcript(*text, "a transcript");
    if (out.server == member.manifest().server.signing) return out;
  } catch (const DataError&) {  // is told by who needs it
  }
  return std::nullopt;
}

Sha256Digest data_contents_of(StudyMember& member, std::span<const std::string> counted) {
  Sha256 hash;
  hash.add("blindtuner study contents 1");
  hash.add(said_digest(member, kReady, std::string(kServerName), "way_in_keys"));
  for (const std::string& owner : member.manifest().draft.owners)
    if (std::ranges::find(counted, owner) != counted.end())
      hash.add(said_digest(member, kDataCommit, owner, "contents"));
    else
      hash.add("without").add_number(owner.size()).add(owner);
  return hash.finish();
}

Sha256Digest study_data_contents(StudyMember& member) {
  return data_contents_of(member, contributors(member, Stage::kData));
}

std::vector<Awaited> missing_transcript(StudyMember& member) {
  const std::string server(kServerName);
  if (transcript_there(member)) return {};
  return {{server, member.record(kTranscript, server)}};
}

HeldTranscript held_transcript(StudyMember& member, const JointRun& run) {
  const std::string server(kServerName);
  const std::string where = member.exchange().channel().place(member.record(kTranscript, server));
  const std::optional<std::string> text = transcript_there(member);
  if (!text) throw DataError(where + ": is not there");
  const auto hold = [&](bool same, const char* what) {
    if (!same) throw DataError(where + ": a transcript of " + what + " than the study's");
  };
  HeldTranscript out{*text, {}};
  read_of(server, [&] {
    const Transcript& said = out.transcript = parse_transcript(*text, where);
    hold(said.server == member.manifest().server.signing, "another server");
    hold(to_hex(said.parameters) == run.parameters->digest(), "other parameters");
    hold(said.key_set == run.joint.header.key_id &&
             said.keys == said_digest(member, kReady, server, "evaluation_keys"),
         "other keys");
    hold(said.data_id == run.data && said.data == study_data_contents(member), "other data");
    hold(said.training.config == run.config && said.training.circuit == run.circuit->name,
         "another configuration");
    hold(said.training.steps == final_steps(member, run), "another number of steps");
    hold(said.model == model_contents(member), "another model");
  });
  return out;
}

}  // namespace blindtuner::party
