// An owner's part in opening the model: its share, what is looked at before that is given, and what the model is like.
#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/path.h"
#include "base/scratch_folder.h"
#include "learn/result_shape.h"
#include "party/owner/study/gain.h"
#include "party/owner/study/study_parts.h"
#include "party/owner/study/study_training.h"
#include "party/study/study_run.h"

namespace blindtuner::party {

namespace fs = std::filesystem;

ModelFile StudyTraining::model(Sha256Digest& contents) {
  ModelFile out;
  const int steps = final_steps(owner_, run());
  read_record_of(owner_, kModelRecord, kModel, std::string(kServerName), [&](ByteSource& source) {
    out = read_model(source, run().joint, [&](const ModelFile& head) {
      require_model_of(run(), head, steps, source.name());
    });
    contents = out.contents;
    return contents;
  });
  return out;
}

std::vector<std::string> StudyTraining::decryptors() {
  return decryptors_of(owner_, model_contents(owner_));
}

bool StudyTraining::is_decryptor() {
  if (!owner_.manifest().draft.by_threshold()) return true;
  // Before the server has named them this owner may be one.
  if (!missing_of_server(owner_, nullptr, kModel).empty()) return true;
  const std::vector<std::string> named = decryptors();
  return named.empty() || std::ranges::find(named, owner_.name()) != named.end();
}

Opening StudyTraining::opening(std::span<const std::string> decryptors) {
  Opening out =
      opening_of_model(run(), owner_.manifest().draft.needed(), final_steps(owner_, run()));
  out.decryptors = decryptors_text(owner_, decryptors);
  return out;
}

void StudyTraining::audit(std::span<const Sha256Digest> given) {
  if (!owner_.audit()) return;
  const fs::path path = owner_.session_folder() / "audited";
  // Of another version than the first, whose audits were of what they found.
  Sha256 all;
  all.add("blindtuner study audit 2");
  for (const Sha256Digest& digest : given) all.add(digest);
  const Sha256Digest mark = all.finish();
  if (path_exists(path) && holds_digest(path, mark)) return;
  // The exchange may show whoever audits other messages than this owner has gone by.
  const ScratchFolder folder(owner_.exchange().folder() / ".audit");
  owner_.exchange().copy_heard(folder.path());
  owner_.audit()(folder.path(), given);
  write_digest(path, mark);
}

void StudyTraining::audit_model(const Sha256Digest& contents, const HeldTranscript& transcript) {
  audit(std::array{transcript_digest(transcript.transcript), contents});
}

std::vector<Awaited> StudyTraining::held_back() {
  if (!owner_.holds_answer()) return {};
  return {{owner_.name(), "audit",
           transcript_fingerprint(held_transcript(owner_, study_run(owner_)).transcript)}};
}

void StudyTraining::show_share() {
  // It may have been made by a run that was not told to.
  if (owner_.audit()) {
    Sha256Digest contents{};
    (void)model(contents);
    audit_model(contents, held_transcript(owner_, run()));
  }
  show(kShareRecord);
}

void StudyTraining::say_here() {
  Sha256Digest contents{};
  (void)model(contents);
  audit_model(contents, held_transcript(owner_, run()));
  owner_.say({kHere,
              owner_.name(),
              owner_.manifest().digest,
              owner_.session_number(),
              {{"contents", to_hex(contents)}}});
}

void StudyTraining::answer_model() {
  commit(kShareRecord, kModelAnswer, [&](ByteSink& sink) {
    Sha256Digest contents{};
    const ModelFile file = model(contents);
    const HeldTranscript transcript = held_transcript(owner_, run());
    write_file_atomically(owner_.session_folder() / kTranscript, transcript.text, kForTheOwner);
    audit_model(contents, transcript);
    const std::vector<std::string> named = decryptors_of(owner_, contents);
    Opening asked = opening(named);
    std::optional<secret::joint::OpeningPart> part;
    if (owner_.manifest().draft.by_threshold()) {
      part.emplace(opening_part(owner_, *run().parameters, named));
      asked.part = &*part;
    }
    Disclosure own = door();
    return send_share(sink, run(), {"model", owner_.index(), contents, asked.decryptors},
                      own.share(file.model, origin("model"), asked), readers_of_model(owner_));
  });
}

void StudyTraining::open() {
  const JointRun& r = run();
  Sha256Digest contents{};
  const ModelFile file = model(contents);
  // Who has answered has held it.
  if (const fs::path kept = owner_.session_folder() / kTranscript; !path_exists(kept))
    write_file_atomically(kept, held_transcript(owner_, run()).text, kForTheOwner);
  const bool outside = owner_.is_recipient();
  const std::vector<std::string> named = decryptors_of(owner_, contents);
  const Opening asked = opening(named);
  const CiphertextShape shape = model_shape(*r.parameters, r.arrangement.layout, *r.circuit);
  const double noise = share_noise(*r.parameters, shape, asked, origin("model").name);
  const std::vector<OpeningShare> shares = shares_of(
      named, kShareRecord, kModelAnswer, {"model", 0, contents, asked.decryptors}, shape, noise);
  const PlausibleValues plausible = plausible_weights(*r.parameters, r.arrangement.layout, r.config,
                                                      *r.circuit, file.training.steps);
  const std::vector<double> values =
      outside ? values_of_shares(file.model, shares, plausible)
              : door().open(file.model, shares, plausible, origin("model"));
  ProductLayout columns = r.arrangement.layout;
  const std::vector<double> weights = joint_weights(r.arrangement, values);
  columns.features = weights.size() / columns.classes;
  LinearClassifier classifier = classifier_of(weights, columns);

  nlohmann::json report = {{"study", owner_.manifest().draft.name},
                           {outside ? "recipient" : "owner", owner_.name()},
                           {"rows", r.samples()},
                           {"owners", owner_.manifest().draft.owners},
                           {"steps", file.training.steps},
                           {"noise", noise},
                           {"opened_by", named},
                           {"model", to_hex(contents)}};
  if (!outside) {
    report["own_rows"] = is_left_out() ? 0 : data().train.features.rows();
    if (is_left_out()) report["left_out"] = true;
    report["bits"] = totals(door().ledger().read().value()).published_bits;
  }
  if (run_without_) report["without"] = run_without_->owners;
  if (!voters(r).empty()) report_rounds(report);
  if (path_exists(matching_path())) report["matching"] = read_json(matching_path());
  DecryptedModel out;
  out.limit = LogitLimit::of(*r.circuit);
  out.class_names = owner_.manifest().draft.classes;
  if (!outside) {
    out.label_name = data().train.label_name;
    out.features_member = data().train.features_member;
  }
  const bool by_rows = owner_.manifest().draft.layout == StudyDraft::Layout::kRows;
  if (by_rows) {
    // Who has sent data has the map already.
    if (!path_exists(map_path())) {
      if (pools_statistics(owner_.manifest().draft))
        pooled_whitening().map.save(map_path());
      else if (!outside && data().map)
        data().map->save(map_path());
    }
    if (const std::optional<Whitening> whitening = sent_map()) {
      classifier.weights.conservativeResize(Eigen::NoChange,
                                            static_cast<Eigen::Index>(whitening->output_width()));
      classifier = whitening->unfold(classifier);
    }
    out.feature_names = column_names();
    if (!outside) {
      out.encoder = data().train.encoder;
      out.pooling = data().train.pooling;
    }
    if (!outside)
      report.update(gain_report(owner_.manifest().draft, data(), classifier, out.limit));
    if (const std::optional<Whitening> map = sent_map();
        !outside && map && pools_statistics(owner_.manifest().draft))
      if (const std::string faint = faint_columns(data().train, *map); !faint.empty())
        report.at("together").at("notes").push_back(faint);
    if (!outside && !r.rounds.empty()) judge_rounds(report, classifier);
  }
  if (!by_rows)
    for (std::size_t i = 0; i < owner_.manifest().draft.owners.size(); ++i)
      out.column_owners.insert(out.column_owners.end(), owner_.manifest().draft.columns[i],
                               owner_.manifest().draft.owners[i]);
  out.classifier = std::move(classifier);
  save_classifier(owner_.model_path(), out);
  remove_kept();
  write_file_atomically(owner_.report_path(), json_text(report, 1) + "\n", kForTheOwner);
}

}  // namespace blindtuner::party
